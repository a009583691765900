/* All kernels in the vocabulary that was included before, and the tier's table of them. */
extern const FM_TABLE FM(table);
#ifndef FM_FEW_TABLE
#define FM_FEW_TABLE FM(table)
#endif

#include "linear.inc.c"
#include "gemm_tile.inc.c"
#include "gemm.inc.c"
#include "panels.inc.c"
#include "gather.inc.c"

#include "../simd/math.h"
#include "activations.inc.c"
#include "map.inc.c"
#include "recurrent.inc.c"
#include "softmax.inc.c"
#include "losses.inc.c"
#include "dropout.inc.c"
#include "update.inc.c"

const FM_TABLE FM(table) = {
#define K(result, name, args) .name = FM(name),
#include "kernels.def"
    .act_fwd =
        {
#define ACT(name, saves) FM(name##_fwd),
#include "kernels.def"
        },
    .act_bwd =
        {
#define ACT(name, saves) FM(name##_bwd),
#include "kernels.def"
        },
    .map =
        {
#define MAP(name, operands) FM(map_##name),
#include "kernels.def"
        },
    .update =
        {
#define UPDATE(name, slots) FM(update_##name),
#include "kernels.def"
        },
    .gather =
        {
#define GATHER(name, type) FM(gather_##name),
#include "kernels.def"
        },
    .panel = FM_PANEL,
    .few = &FM_FEW_TABLE,
};

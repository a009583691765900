/* The names in kernels.def, for Python and for messages. */
#include "kernels.h"

const char *const fm_act_names[FM_ACT_COUNT] = {
#define ACT(name, saves) #name,
#include "kernels.def"
};
const char fm_act_saves[FM_ACT_COUNT] = {
#define ACT(name, saves) (#saves)[0],
#include "kernels.def"
};
const char *const fm_map_names[FM_MAP_COUNT] = {
#define MAP(name, operands) #name,
#include "kernels.def"
};
const int fm_map_operands[FM_MAP_COUNT] = {
#define MAP(name, operands) operands,
#include "kernels.def"
};
const char *const fm_update_names[FM_UPDATE_COUNT] = {
#define UPDATE(name, slots) #name,
#include "kernels.def"
};
const int fm_update_slots[FM_UPDATE_COUNT] = {
#define UPDATE(name, slots) slots,
#include "kernels.def"
};
const char *const fm_gather_names[FM_GATHER_COUNT] = {
#define GATHER(name, type) #name,
#include "kernels.def"
};

"""Pass 8: who multiplies which matrices, and into which tasks a step is cut.

Every choice here depends on sizes and the SIMD tier, never on the number of threads: the same tasks make the
same sums in the same order, so weights agree to the bit for any number of threads.
"""

from __future__ import annotations

import math
from operator import itemgetter

from fastmlp._core import _native
from fastmlp.plan import panels, phases, shares
from fastmlp.plan.fuse import fuse_gates
from fastmlp.plan.ir import CHANGES_WEIGHTS, Group, Op, Phase, Plan
from fastmlp.plan.python import PYTHON

# Below this many floating-point operations a step is one task a phase: cutting costs more.
_SMALL_STEP = 400_000
# Elements of a weight's tile. At the most: its gradient, the weight and two slots stay in a core's
# L2 cache. At the least: fewer are not worth a task.
_LARGEST_TILE, _SMALLEST_TILE = 16_384, 1_024
_FEW_WEIGHTS = 4_096  # elements of a small step's weights that are updated together
_TILES = 8  # that a stage is cut into if it can be: what the last worker does alone is an eighth
# From these sizes on BLAS is faster than the micro-kernel, as measured.
_BLAS_WEIGHT = 2_000_000  # k · n in float32, of weights not kept in panels: 8 MB of them; with
# panels, in training, the micro-kernel wins at any width (at 2048 by 13 to 25 %, at 4096 by 26 %)
_BLAS_PRODUCT = (
    1_000  # m · n · k in float64 and on the scalar tier, which have no SIMD micro-kernel
)
GEMM_RULE = (
    f"auto: BLAS outside training from {_BLAS_WEIGHT:,} weights a layer on, in float64 and on the "
    f"scalar tier from {_BLAS_PRODUCT:,} multiplications on; else native"
)
# From so many weights on, in float32 6 MB with the copies for both directions, each task of the row phase
# reads them from L3 or from memory.
# Of fewer, a worker keeps its own tasks from step to step, if tiles are tall. (Of two cores of Emerald Rapids one
# reads what the other has changed slowly: 784-128-128-10, 28-300×4-1 and 784-512-512-10 took 3, 4 and up to 1.6 % less,
# 1024-2048-2048-1000 0.5 % more; of Zen 3, whose cores share a cache, no less.)
_FAR_WEIGHTS = 1_000_000
# Rows between those of two workers: a core fetches ahead, and what it takes from behind its own rows the
# other one has to take back (without any 16-64-64-1 took 10 % longer on two cores of Emerald Rapids).
_APART = 32
# Samples of tasks that a worker may take as one, if tiles are tall: it then reads weights once.
# (784-512-512-10: 3 to 5 % less with 64 samples instead of 32 and 32.)
_JOINED = 128
# Tasks that may turn weights for their gradients themselves, if tiles are tall. Transposed copies cost more: one
# core writes what the other one reads. (28-300×4-1 took 4.5 % less without them, 784-128-128-10 and
# 784-512-512-10 1 to 2 %; 1024-2048-2048-1000, whose weights come from far, 1.5 % more.)
_TURNING_TASKS = 4
# Below this many floating-point operations a step runs on the calling thread alone.
PARALLEL_STEP = 1_500_000
# From so many samples on, weights that are only read are copied into panels before the first step.
MANY_ROWS = 192
# Samples and operations of a step of a plan with private rows that only fetches outputs.
LONG_STEP, _LONG_WORK = 65_536, 4_000_000_000


def cut_rows(plan: Plan, workers: int, gemm: str = "auto", training: bool = False) -> None:
    """Chooses who multiplies, and the samples of a task; before memory is laid out.

    Where there is one row phase and nothing after it looks at samples, nothing that a task leaves of them is
    read again. Then all tasks of a worker use the same rows, which stay in its core's cache, and memory does not grow with
    the batch. (Random numbers count on a row being the sample's own.)

    Args:
        workers: As many as there may ever be.
        gemm: `'auto'`, `'blas'` or `'native'`.
        training: Whether the plan has a backward half (for the size of a step).
    """
    _choose_gemm(plan, gemm, training)
    small = plan.work(training) < _SMALL_STEP
    recurrent = any(op.name == "rnn_fwd" for op in plan.rows)
    by_shares = not small and shares.pay(plan)
    if not small:  # products of a small network have tiles without gates
        fuse_gates(plan)
    cut = recurrent_chunk if recurrent else shares_chunk if by_shares else row_chunk
    weights = _weights(plan)
    if not recurrent and weights >= _FAR_WEIGHTS:
        cut = far_chunk
    plan.own_tasks = by_shares or (training and weights < _FAR_WEIGHTS and _tall_tiles())
    plan.chunk = plan.capacity if small else cut(plan.capacity)
    if not small:
        shares.add_shares(plan, plan.chunk, by_shares)
        if not by_shares:
            panels.leave_out_zeros(plan)
    tasks = -(-plan.capacity // plan.chunk)
    near = tasks <= _TURNING_TASKS and weights < _FAR_WEIGHTS
    if training and near and not (small or by_shares) and _tall_tiles():
        panels.turn_weights(plan)
    of_all = [
        op
        for op in plan.rows
        if (op.batch and op.per_sample) or op.name in PYTHON or "stream" in op.attrs
    ]
    after = (op for stage in plan.stages for _, ops in stage for op in ops)
    alone = not of_all and not any(op.per_sample for op in after)
    alone = alone and sum(not ops[0].batch for ops in phases.cut(plan.rows)) == 1
    plan.private = plan.chunk + _APART if alone and plan.capacity > plan.chunk else 0
    plan.room = plan.private * min(workers, tasks) or plan.capacity
    apart = plan.private or any(  # BLAS has other bits for other numbers of rows
        op.name in ("share_matmul", "share_bias") or op.attrs.get("blas") for op in plan.rows
    )
    plan.joined = _JOINED if training and _tall_tiles() and not apart else 0


def long_step(plan: Plan) -> int:
    """Samples of a step that takes no more memory than a short one: 50 ms of one core's work."""
    return min(LONG_STEP, max(MANY_ROWS, _LONG_WORK // max(1, plan.flops)))


def schedule(plan: Plan, training: bool = False) -> None:
    """Fills `plan.phases`, `plan.prologue` and `plan.epilogue`.

    Args:
        training: Whether the plan has a backward half (for the size of a step).
    """
    small = plan.work(training) < _SMALL_STEP
    trained = any(op.name in CHANGES_WEIGHTS for op in plan.ops())
    forward = not small and (trained or plan.capacity >= MANY_ROWS)
    before, after = panels.add_weight_copies(plan, forward)
    plan.prologue = [_tiles(variable, [op]) for variable, op in before]
    plan.epilogue = [_tiles(variable, [op]) for variable, op in after]
    by_shares = not small and shares.pay(plan)
    if not small and not by_shares:
        panels.add_gradient_copies(plan)
        panels.descend(plan)
    plan.phases = [Phase([_rows(plan, ops, plan.chunk)]) for ops in phases.cut(plan.rows)]
    for stage in plan.stages:
        elements = sum(math.prod(v.shape) for v, _ in stage)
        tile = min(_LARGEST_TILE, max(_SMALLEST_TILE, elements // _TILES))
        groups = [_tiles(v, ops, 2**62 if small else tile, by_shares) for v, ops in stage]
        code = any(op.name in PYTHON for group in groups for op in group.ops)
        few = small and elements <= _FEW_WEIGHTS and not code
        plan.phases.append(Phase([_together(groups)] if few else groups))


def _rows(plan: Plan, ops: list[Op], chunk: int) -> Group:
    """A phase of row ops in chunks, or of batch ops as one task."""
    if not ops[0].batch:
        return Group(ops, -1, chunk, "rows")
    return (
        Group(ops, -1, plan.capacity, "batch") if ops[0].per_sample else Group(ops, 1, 1, "batch")
    )


def _tall_tiles() -> bool:
    """Whether the micro-kernel's tiles have 8 rows, as with 16 lanes, not 6."""
    return _native.tier() == "avx512"


def row_chunk(capacity: int) -> int:
    """Samples of one task: with tall tiles 32 to 63, an even number of tasks; else 24 to 96, about eight tasks.

    Without tall tiles, if two cores share that well: multiples of 24 are whole tiles of 6 and of 8 rows. But of 32 samples by 24 and 8 one core computes
    three quarters: by 16 and 16 a step of 784-128-128-10 took 20 % less, by 12 and 12 of 24 samples
    35 %, by 22 of 128 samples 5 %.

    With tall tiles arithmetic takes half the time, but weights come from a shared cache no faster. Of 128 samples with 32 instead of 22
    784-128-128-10 took 5 % less and 784-512-512-10 4 %, of 100 with 50 instead of 24 28-300×4-1 10 %.
    """
    if _tall_tiles():
        return _even(capacity, 63)
    most = min(96, max(24, -(-capacity // (8 * 24)) * 24))
    whole, rest = divmod(capacity, most)
    longest = (whole + 1) // 2 * most + (rest if whole % 2 == 0 else 0)  # of two cores' shares
    return most if longest <= 0.53 * capacity else _even(capacity, most)


def far_chunk(capacity: int) -> int:
    """Samples of one task whose weights come from far: about four tasks a batch, of 24 to 128 samples.

    With 72 and 24 samples a step of 784-1024-1024-10 took 13 % longer, one of 1024-2048-2048-1000 and
    1024-4096-4096-10 10 %. Two tasks would take another 3 to 9 % less, but of two cores that another
    process slows down one would wait for the other.
    """
    return _even(capacity, min(128, max(24, -(-capacity // 4))))


def recurrent_chunk(capacity: int) -> int:
    """Samples of one task with a recurrent layer.

    Each step of time reads the recurrent weights once a task; the loop over time is long, so that
    two cores that share 32 samples by 24 and 8 would take half as long again as by 16 and 16.
    """
    return _even(capacity, 24)


def shares_chunk(capacity: int) -> int:
    """Samples of one task that adds up its gradients.

    Fewer tasks leave fewer shares to sum: with tasks of 128 samples a step of 16-64-64-1 took 6 % less
    than with 64 on one core. But a batch of 256 is work for four cores.
    """
    return _even(capacity, 64 if capacity <= 256 else 128)


def _weights(plan: Plan) -> int:
    """Elements of the weights that samples are multiplied with."""
    factors = {op.ins[1] for op in plan.rows if op.name in ("dense_fwd", "rnn_fwd")}
    return sum(math.prod(w.variable.shape) for w in factors if w is not None and w.variable)


def _even(capacity: int, most: int) -> int:
    """Samples of one of an even number of equal tasks, `most` at the most; fewer than 8 are one task."""
    if capacity < 8:
        return capacity
    tasks = 2 * -(-capacity // (2 * most))
    return -(-capacity // tasks)


def uses_blas(m: int, n: int, k: int, dtype: str, training: bool) -> bool:
    """The `'auto'` rule of who computes an (m, k) · (k, n) product."""
    if n == 1 or k == 1:
        return False  # reads each weight once: the micro-kernel is 4 to 13 times as fast
    if dtype == "float64" or _native.tier() == "scalar":
        return m * n * k >= _BLAS_PRODUCT
    return not training and k * n >= _BLAS_WEIGHT


def _choose_gemm(plan: Plan, gemm: str, training: bool) -> None:
    """Marks products with `blas`."""
    for op in plan.ops():
        if op.name in ("dense_fwd", "dense_bwd", "grad_matmul"):
            m = plan.capacity * op.attrs["rep"]
            op.attrs["blas"] = gemm == "blas" or (
                gemm == "auto" and uses_blas(m, op.attrs["n"], op.attrs["k"], plan.dtype, training)
            )


def _together(groups: list[Group]) -> Group:
    """One task for all weights of a stage: first their gradients, then their updates.

    What a task and an update cost beside arithmetic is a tenth of a step of 8-12-8-1. Updates that
    stand side by side become one where their weights lie so, too (fastmlp/runtime.py).
    """
    entries: list[tuple[int, Op, int]] = []
    for group in groups:
        names = [op.name for op in group.ops]
        update = names.index("update") if "update" in names else len(names)
        for number, op in enumerate(group.ops):
            entries.append(((number > update) - (number < update), op, group.items))
            for out in op.outs:
                if out.kind == "scratch":
                    out.kind = "gradient"
    entries.sort(key=itemgetter(0))
    ops = [op for _, op, _ in entries]
    return Group(ops, 1, 1, "weights", tuple(items for *_, items in entries))


def _tiles(
    variable: object, ops: list[Op], tile: int = _LARGEST_TILE, by_shares: bool = False
) -> Group:
    """A weight's ops on tiles of its rows; norms, traced updates and constraints on more."""
    shape = getattr(variable, "shape", ())
    rows = shape[0] if shape else 1
    width = max(1, math.prod(shape) // max(1, rows))
    whole = any(op.name in ("sumsq", "clip_factor", "assign", "average") for op in ops)
    if whole:
        return Group(ops, 1, 1, ops[0].label)
    for op in ops:
        if op.name == "constrain":
            outer, _, inner = op.attrs["constraint"].blocks(shape)
            return Group(ops, outer * inner, outer * inner, op.label)
    if rows * width <= tile:
        return Group(ops, rows, rows, ops[0].label)
    if by_shares:  # rows are columns of transposed copies: whole lines of them
        return Group(ops, rows, max(16, tile // width // 16 * 16), ops[0].label)
    # Every tile reads the right factor, (batch, width), anew: its rows must pay for that. Of tall tiles 64
    # rows do (784-128-128-10: 2 % less than with 96, 1024-2048-2048-1000 3 %).
    most = 64 if _tall_tiles() else 96
    chunk = max(32, min(most, rows // 64 * 8), tile // width // 8 * 8)
    return Group(ops, rows, min(rows, chunk), ops[0].label)

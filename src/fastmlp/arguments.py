"""The native arguments of every op: what its buffers, sizes and scalars are in a program.

What they mean stands at the top of the op's module in `_core`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from fastmlp._core import _native, losses
from fastmlp.ops.moves import blocks
from fastmlp.plan.ir import Buffer, Op
from fastmlp.plan.strides import is_like, is_one_run, merged

# Buffers, sizes, scalars. An array among the buffers holds numbers that never change.
Arguments = tuple[list[Buffer | np.ndarray | None], list[int], list[float]]

UPDATES = {name: index for index, name in enumerate(_native.UPDATES)}
_ACTIVATIONS = {name: index for index, name in enumerate(_native.ACTIVATIONS)}
_MAPS = {name: index for index, name in enumerate(_native.MAPS)}
_ROWS = {name: index for index, name in enumerate(losses.ROWS)}
_GRADIENTS = {"relu": "gated", "tanh": "curved"}  # gemm's flags
_RANDOM_BITS = 16  # of one element's decision in dropout

# Ops that only rename a buffer.
NO_CODE = {"reshape", "activity_penalty", "stop_gradient"}


def row_width(buffer: Buffer) -> int:
    """Elements of one row of a weight."""
    return buffer.width // buffer.shape[0] if buffer.shape else 1


def _g_stride(g: Buffer) -> int:
    return 0 if g.kind == "scratch" else row_width(g)


def _g_sizes(g: Buffer) -> list[int]:
    return [row_width(g), _g_stride(g)]


def _padded_slots(op: Op) -> list[Buffer | np.ndarray | None]:
    w, g, *slots, scalars = op.ins
    return [w, g, *slots, *[None] * (3 - len(slots)), scalars]


def _constraint_arguments(op: Op) -> Arguments:
    from fastmlp._core.constraints import KINDS

    w = op.ins[0]
    assert w is not None
    constraint = op.attrs["constraint"]
    return (
        [w],
        [KINDS.index(constraint.kind), *constraint.blocks(w.shape)],
        list(constraint.params),
    )


def _width(op: Op) -> int:
    return _width_of(op.outs[0] if op.outs else op.ins[0])


def _width_of(buffer: Buffer | None) -> int:
    assert buffer is not None
    return buffer.width


def _simple(sizes: Callable[[Op], list[int]], *scalars: str) -> Callable[[Op], Arguments]:
    """Outputs, inputs; sizes as told; the named attributes as scalars."""
    return lambda op: ([*op.outs, *op.ins], sizes(op), [op.attrs[s] for s in scalars])


def _attrs(*names: str) -> Callable[[Op], list[int]]:
    return lambda op: [op.attrs[name] for name in names]


def _activation(op: Op) -> Arguments:
    sizes = [_ACTIVATIONS[op.attrs["kind"]], _width(op)]
    return [*op.outs, *op.ins], sizes, list(op.attrs["params"])


def _rows_sizes(op: Op) -> list[int]:
    return [_ROWS[op.attrs["kind"]], *_attrs("rep", "n", "tn", "wrep")(op)]


def _loss(op: Op) -> Arguments:
    dp = op.outs[0] if op.outs else None
    scalars = [op.attrs["factor"], *op.attrs["params"]]
    return [dp, *op.ins], [*_rows_sizes(op)[:4], op.attrs["mean"], op.attrs["wrep"]], scalars


def _loss_values(op: Op) -> Arguments:
    dv = op.outs[0] if op.outs else None
    if op.name == "loss_values":
        sizes = _attrs("rep", "wrep", "mean")(op)
    else:
        sizes = [_width_of(op.ins[0]), *_attrs("wrep", "mean", "by_batch")(op)]
    return [dv, *op.ins], sizes, [op.attrs["factor"]]


def _dropout(op: Op) -> Arguments:
    scale, sizes = op.attrs["scale"], [_width(op)]
    if op.name != "dropout_bwd":
        sizes += [op.attrs["stream"], round(op.attrs["rate"] * 2**_RANDOM_BITS)]
    if op.name == "dropout_noise_fwd":
        noise = op.attrs["noise_shape"]
        sizes += [math.prod(noise[1:]), noise[0] is not None]
        return [*op.outs, *op.ins, _noise_map(op)], sizes, [scale]
    without_mask = [None] * (op.name == "dropout_fwd" and len(op.outs) == 1)
    return [*op.outs, *without_mask, *op.ins], sizes, [scale]


def _noise_map(op: Op) -> np.ndarray:
    """Which decision of its sample each element follows."""
    noise = op.attrs["noise_shape"][1:]
    decisions = np.arange(math.prod(noise), dtype=np.int32).reshape(noise)
    return np.ascontiguousarray(np.broadcast_to(decisions, op.outs[0].shape))


def _grad_sizes(op: Op) -> list[int]:
    names = ("rep", "k", "n") if op.name == "grad_matmul" else ("rep", "n")
    sizes = [*_attrs(*names)(op), op.attrs["accumulate"], _g_stride(op.outs[0])]
    if op.name == "grad_bias":
        return sizes
    return [*sizes, op.attrs["blas"], op.attrs.get("packed", False)]


def _whole_grad_sizes(op: Op) -> list[int]:
    g = op.outs[0]
    size = [g.width] if op.name == "grad_samples" else []
    return [row_width(g), *size, op.attrs["accumulate"], _g_stride(g)]


def _shares_sizes(op: Op) -> list[int]:
    g = op.outs[0]
    return [row_width(g), *_attrs("stride", "chunk", "accumulate")(op), _g_stride(g)]


def _dense_bwd(op: Op) -> Arguments:
    dx, *again = op.outs
    ins = [*op.ins, *[None] * (4 - len(op.ins))]
    how = ["turned"] if op.attrs.get("turned") else ["panels"] * op.attrs.get("packed", False)
    how += [_GRADIENTS[op.attrs["act"]]] if "act" in op.attrs else []
    flags = sum(_native.GEMM_FLAGS[name] for name in (*how, *["again"] * len(again)))
    own = op.attrs.get("own", (0, False))
    sizes = [*_attrs("rep", "k", "n")(op), flags, op.attrs["blas"], *own]
    return [dx, *ins, *again], sizes, [op.attrs.get("factor", 1.0)]


def _dense_sizes(op: Op) -> list[int]:
    return [*_attrs("rep", "k", "n", "relu", "blas")(op), op.attrs.get("packed", False)]


def _map(op: Op) -> Arguments:
    y = op.outs[0]
    operands = [x for x in op.ins if x is not None]
    sizes, strides = merged(y, operands)
    absent = 3 - len(operands)
    if is_one_run(y, operands):
        axes, widths = 0, [x.width if is_like(x, y) else 0 for x in operands]
    else:
        axes, widths = len(sizes), [x.width if x.per_sample else 0 for x in operands]
    table = np.array([sizes, *strides, *[[0] * len(sizes)] * absent], np.int64)
    numbers = [_MAPS[op.attrs["kind"]], axes, y.width, *widths, *[0] * absent]
    return [y, *operands, *[None] * absent, table], numbers, []


def _reduce(op: Op) -> Arguments:
    from fastmlp._core.reductions import KINDS

    sizes = [KINDS.index(op.attrs["kind"]), *_attrs("outer", "n", "inner", "over_batch")(op)]
    return [*op.outs, *op.ins], sizes, []


def _move(op: Op) -> Arguments:
    y, x = op.outs[0], op.ins[0]
    assert x is not None
    run, start = blocks(op.attrs["index"])
    flags = _attrs("zero", "add")(op) if op.name == "put" else []
    return [y, x, start], [y.width, x.width, run, len(start), *flags], []


def _bmm(op: Op) -> Arguments:
    widths = [x.width if x is not None and x.per_sample else 0 for x in op.ins]
    return [*op.outs, *op.ins], [*_attrs("stack", "m", "n", "k", "transposed")(op), *widths], []


def _along(op: Op) -> Arguments:
    widths = [x.width if x is not None and x.per_sample else 0 for x in op.ins]
    return [*op.outs, *op.ins], [*_attrs("outer", "n", "inner", "k")(op), *widths], []


def _recurrent(op: Op) -> Arguments:
    from fastmlp._core.recurrent import GIVEN, KINDS

    attrs = op.attrs
    kinds = [_ACTIVATIONS[attrs[name]] for name in ("activation", "recurrent_activation")]
    sizes = [KINDS.index(attrs["kind"]), attrs["steps"], attrs["units"], *kinds]
    if op.name == "rnn_fwd":
        hc, gates = op.outs[0], op.outs[1] if len(op.outs) > 1 else None
        return [hc, gates, *op.ins], sizes, []
    dx, dh0 = op.outs[:2]
    other = op.outs[2] if len(op.outs) > 2 else None
    return [dx, other, dh0, *op.ins], [*sizes, attrs["first"], GIVEN.index(attrs["given"])], []


# Arguments of each native op: pointers, sizes, scalars.
ARGUMENTS: dict[str, Callable[[Op], Arguments]] = {
    "gather": _simple(lambda op: [_width(op)]),
    "store": _simple(lambda op: [_width(op)]),
    "affine": _simple(lambda op: [_width(op)], "scale", "offset"),
    "add": _simple(lambda op: [_width(op)]),
    "activity_loss": _simple(lambda op: [_width(op)], "l1", "l2"),
    "activity_penalty_bwd": _simple(lambda op: [_width(op)], "l1", "l2"),
    "dense_fwd": _simple(_dense_sizes),
    "dense_bwd": _dense_bwd,
    "grad_matmul": _simple(_grad_sizes),
    "descend": _simple(_attrs("rep", "k", "n")),
    "grad_bias": _simple(_grad_sizes),
    "state_read": _simple(lambda op: [_width(op)]),
    "state_write": _simple(lambda op: [_width_of(op.ins[1])]),
    "share_matmul": _simple(_attrs("rep", "k", "n", "blas", "stride")),
    "share_bias": _simple(_attrs("rep", "n", "stride")),
    "grad_shares": _simple(_shares_sizes),
    "grad_samples": _simple(_whole_grad_sizes),
    "grad_value": _simple(_whole_grad_sizes),
    "sum_samples": _simple(lambda op: [_width(op)]),
    "repeat_samples": _simple(lambda op: [_width(op)]),
    "copy_rows": _simple(
        lambda op: [_width_of(op.outs[0] if op.outs[0].per_sample else op.ins[0])]
    ),
    "pack": _simple(_attrs("n", "k", "transposed", "panels")),
    "unpack": _simple(_attrs("n", "k")),
    "pack_samples": _simple(_attrs("rep", "n", "skip")),
    "act_fwd": _activation,
    "act_bwd": _activation,
    "softmax_fwd": _simple(_attrs("rep", "n")),
    "softmax_bwd": _simple(_attrs("rep", "n")),
    "log_softmax_fwd": _simple(_attrs("rep", "n")),
    "log_softmax_bwd": _simple(_attrs("rep", "n")),
    "sparsemax_fwd": _simple(_attrs("rep", "n")),
    "sparsemax_bwd": _simple(_attrs("rep", "n")),
    "dropout_fwd": _dropout,
    "dropout_noise_fwd": _dropout,
    "dropout_bwd": _dropout,
    "loss": _loss,
    "loss_values": _loss_values,
    "loss_scalar": _loss_values,
    "metric_values": _simple(_attrs("rep", "wrep")),
    "metric_scalar": _simple(lambda op: []),
    "metric_sums": _simple(_attrs("n")),
    "python_metric": lambda op: ([], [], []),  # has accumulators; its code is not native
    "metric_mean": lambda op: ([*op.ins], _rows_sizes(op), list(op.attrs["params"])),
    "metric_confusion": lambda op: (
        [*op.ins, np.array(op.attrs["thresholds"], np.float64)],
        [len(op.attrs["thresholds"]), *_attrs("rep", "n", "tn", "wrep", "columns")(op)],
        [],
    ),
    "penalty_loss": _simple(lambda op: [row_width(op.ins[0])], "l1", "l2"),  # type: ignore[arg-type]
    "penalty": _simple(lambda op: _g_sizes(op.outs[0]), "l1", "l2"),
    "clip": _simple(lambda op: _g_sizes(op.outs[0]), "limit"),
    "sumsq": _simple(lambda op: [op.ins[0].width, op.attrs["accumulate"]]),  # type: ignore[union-attr]
    "clip_factor": _simple(_attrs("all"), "limit"),
    "scale": _simple(lambda op: _g_sizes(op.outs[0])),
    "accumulate": _simple(lambda op: [*_g_sizes(op.outs[0]), op.attrs["every"]]),
    "decay": _simple(lambda op: [row_width(op.ins[0]), op.attrs["every"]], "weight_decay"),  # type: ignore[arg-type]
    "ema": _simple(
        lambda op: [row_width(op.ins[0]), *_attrs("every", "frequency")(op)],  # type: ignore[arg-type]
        "momentum",
    ),
    "update": lambda op: (
        _padded_slots(op),
        [UPDATES[op.attrs["kind"]], *_g_sizes(op.ins[1]), *_attrs("every", "panels")(op)],  # type: ignore[arg-type]
        [],
    ),
    "scalar": _simple(_attrs("number")),
    "assign": _simple(lambda op: [_width_of(op.ins[0]), op.attrs["every"]]),
    "constrain": _constraint_arguments,
    "map": _map,
    "reduce": _reduce,
    "reduce_bwd": _reduce,
    "cumsum": _simple(_attrs("outer", "n", "inner", "reverse")),
    "take": _move,
    "put": _move,
    "bmm": _bmm,
    "normal": _simple(lambda op: [_width(op), op.attrs["stream"]]),
    "argsort": _simple(_attrs("outer", "n", "inner", "k", "descending")),
    "take_along": _along,
    "take_along_bwd": _along,
    "average": lambda op: ([op.ins[0], op.ins[1]], [_width_of(op.ins[0])], [op.attrs["momentum"]]),
    "embed": _simple(_attrs("rep", "n", "rows")),
    "sort_rows": _simple(_attrs("rep", "rows")),
    "grad_rows": _simple(
        lambda op: [*_attrs("rep", "n", "rows", "samples", "accumulate")(op), _g_stride(op.outs[0])]
    ),
    "rnn_fwd": _recurrent,
    "rnn_bwd": _recurrent,
}

"""A plan's step in NumPy: every op's twin, and an interpreter that runs them in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastmlp._reference import activations, dropout, embedding, losses, maps, parameters, recurrent
from fastmlp.plan.ir import Buffer, Op, Plan
from fastmlp.plan.python import PYTHON
from fastmlp.variables import Variable


@dataclass
class State:
    """What a step reads and writes.

    Attributes:
        feeds: Arrays of the batch, in the plan's order.
        weights: Current values; replaced by updates.
        slots: The optimizer's state.
        hyper: The optimizer's learning rate or schedule, and its constants.
        t: Steps done before.
        seed: Of dropout.
        sums: What ops have accumulated.
        outputs: What `store` ops have copied.
        dtype: Type that values are rounded to, as natively; `None`: they stay as they come.
    """

    feeds: Sequence[np.ndarray]
    weights: dict[Variable, np.ndarray]
    slots: dict[Variable, list[np.ndarray]] = field(default_factory=dict)
    hyper: tuple[Any, ...] = ()
    t: int = 0
    seed: int = 0
    sums: dict[Op, np.ndarray] = field(default_factory=dict)
    outputs: dict[int, np.ndarray] = field(default_factory=dict)
    values: dict[Buffer, np.ndarray] = field(default_factory=dict)
    dtype: str | None = None

    @property
    def m(self) -> int:
        return len(self.feeds[0])

    def __getitem__(self, buffer: Buffer | None) -> np.ndarray:
        assert buffer is not None
        if buffer.kind in ("weight", "packed") and buffer.variable is not None:
            return self.weights.get(buffer.variable, buffer.variable.value)
        if buffer.data is not None:
            return buffer.data
        return self.values[buffer]

    def read(self, buffer: Buffer) -> np.ndarray:
        """A copy of a value, for Python code."""
        return np.array(self[buffer])

    def write(self, buffer: Buffer, value: np.ndarray) -> None:
        """Sets a value that Python code has computed."""
        if buffer.kind == "weight" and buffer.variable is not None:
            self.weights[buffer.variable] = value
        else:
            self.put(buffer, value)

    def sums_of(self, op: Op) -> np.ndarray:
        """The accumulators of an op."""
        return self.sums.setdefault(op, np.zeros(op.n_acc))

    def rows(self, buffer: Buffer | None, n: int) -> np.ndarray:
        """A value as a matrix of rows of n."""
        return self[buffer].reshape(-1, n)

    def put(self, buffer: Buffer, value: np.ndarray) -> None:
        shape: tuple[int, ...] = value.shape
        if buffer.per_sample:
            shape = (self.m, *buffer.shape)
        elif buffer.kind == "batch":
            shape = buffer.shape
        if self.dtype is not None and buffer.kind not in ("mask", "cell"):
            value = np.asarray(value, self.dtype)
        self.values[buffer] = np.asarray(value).reshape(shape)

    def add_sums(self, op: Op, *values: float) -> None:
        known = self.sums.setdefault(op, np.zeros(op.n_acc))
        known[: len(values)] += values


def run_step(plan: Plan, state: State, ops: Sequence[Op] | None = None) -> State:
    """Runs the ops of one step.

    Args:
        plan: Before or after any pass.
        state: Changed in place.
        ops: Some of the plan's ops, in order; `None`: all.
    """
    for op in plan.ops() if ops is None else ops:
        OPS[op.name](op, state)
    return state


def _gather(op: Op, s: State) -> None:
    s.put(op.outs[0], np.asarray(s.feeds[op.attrs["feed"]]))


def _store(op: Op, s: State) -> None:
    s.outputs[op.attrs["index"]] = s[op.ins[0]].copy()


def _affine(op: Op, s: State) -> None:
    s.put(op.outs[0], s[op.ins[0]] * op.attrs["scale"] + op.attrs["offset"])


def _add(op: Op, s: State) -> None:
    s.put(op.outs[0], s[op.ins[0]] + s[op.ins[1]])


def _same(op: Op, s: State) -> None:
    s.put(op.outs[0], s[op.ins[0]])


def _pack_samples(op: Op, s: State) -> None:
    rep, n, skip = (op.attrs[name] for name in ("rep", "n", "skip"))
    s.put(op.outs[0], s[op.ins[0]].reshape(-1, rep + skip, n)[:, skip:])


def _activity_loss(op: Op, s: State) -> None:
    x = s[op.ins[0]]
    value = op.attrs["l1"] * np.abs(x).sum() + op.attrs["l2"] * np.square(x).sum()
    s.add_sums(op, value, s.m)


def _activity_penalty_bwd(op: Op, s: State) -> None:
    dy, x = 0 if op.ins[0] is None else s[op.ins[0]], s[op.ins[1]]
    s.put(op.outs[0], dy + (op.attrs["l1"] * np.sign(x) + 2 * op.attrs["l2"] * x) / s.m)


def _dense_fwd(op: Op, s: State) -> None:
    y = s.rows(op.ins[0], op.attrs["k"]) @ s[op.ins[1]]
    if op.ins[2] is not None:
        y = y + s[op.ins[2]]
    s.put(op.outs[0], np.where(y < 0, 0, y) if op.attrs["relu"] else y)


def _dense_bwd(op: Op, s: State) -> None:
    dx = s.rows(op.ins[0], op.attrs["n"]) @ s[op.ins[1]].T
    if len(op.ins) > 2 and op.ins[2] is not None:
        y = s.rows(op.ins[2], op.attrs["k"])
        gate = op.attrs["act"] == "relu"
        dx = np.where(y <= 0, 0, dx * op.attrs["factor"]) if gate else dx * (1 - y * y)
    for out in op.outs:  # the second one is the same in panels
        s.put(out, dx)


def _accumulate(op: Op, s: State, g: np.ndarray) -> None:
    tile = op.outs[0]
    s.put(tile, s[tile] + g if op.attrs["accumulate"] else g)


def _grad_matmul(op: Op, s: State) -> None:
    x, dy = s.rows(op.ins[0], op.attrs["k"]), s.rows(op.ins[1], op.attrs["n"])
    _accumulate(op, s, x.T @ dy)


def _grad_bias(op: Op, s: State) -> None:
    _accumulate(op, s, s.rows(op.ins[0], op.attrs["n"]).sum(axis=0))


def _share_matmul(op: Op, s: State) -> None:
    """All samples' share at once: here tasks do not exist."""
    x, dy = s.rows(op.ins[0], op.attrs["k"]), s.rows(op.ins[1], op.attrs["n"])
    s.put(op.outs[0], x.T @ dy)


def _share_bias(op: Op, s: State) -> None:
    s.put(op.outs[0], s.rows(op.ins[0], op.attrs["n"]).sum(axis=0))


def _grad_shares(op: Op, s: State) -> None:
    _accumulate(op, s, s[op.ins[0]])


def _grad_samples(op: Op, s: State) -> None:
    _accumulate(op, s, s[op.ins[0]].sum(axis=0))


def _grad_value(op: Op, s: State) -> None:
    _accumulate(op, s, s[op.ins[0]])


def _sum_samples(op: Op, s: State) -> None:
    s.put(op.outs[0], s[op.ins[0]].sum(axis=0))


def _repeat_samples(op: Op, s: State) -> None:
    x = s[op.ins[0]]
    s.put(op.outs[0], np.broadcast_to(x, (s.m, *x.shape)).copy())


def _copy_rows(op: Op, s: State) -> None:
    y = op.outs[0]
    s.put(y, s[op.ins[0]].reshape(s.m, *y.shape) if y.per_sample else s[op.ins[0]].reshape(y.shape))


def _state_read(op: Op, s: State) -> None:
    s.put(op.outs[0], s[op.ins[0]][: s.m].copy())


def _state_write(op: Op, s: State) -> None:
    s.weights[parameters.weight_of(op)] = np.concatenate([s[op.ins[1]], s[op.ins[0]][s.m :]])


def _act_fwd(op: Op, s: State) -> None:
    s.put(op.outs[0], activations.forward(op.attrs["kind"], s[op.ins[0]], op.attrs["params"]))


def _act_bwd(op: Op, s: State) -> None:
    dy, saved = s[op.ins[0]], s[op.ins[1]]
    s.put(op.outs[0], activations.backward(op.attrs["kind"], dy, saved, op.attrs["params"]))


def _rows_fwd(op: Op, s: State) -> None:
    name = op.name.removesuffix("_fwd")
    s.put(op.outs[0], activations.forward(name, s.rows(op.ins[0], op.attrs["n"])))


def _rows_bwd(op: Op, s: State) -> None:
    n = op.attrs["n"]
    dy, y = s.rows(op.ins[0], n), s.rows(op.ins[1], n)
    s.put(op.outs[0], activations.backward(op.name.removesuffix("_bwd"), dy, y))


def _dropout_fwd(op: Op, s: State) -> None:
    x = s[op.ins[0]]
    rate = op.attrs["rate"]
    noise = op.attrs["noise_shape"]
    drawn = (s.m, *x.shape[1:]) if noise is None else (s.m if noise[0] is None else 1, *noise[1:])
    size = int(np.prod(drawn))
    keep = dropout.keep(size, rate, s.seed, op.attrs["stream"], s.t).reshape(drawn)
    kept = _kept(x, keep, op.attrs["scale"])
    for mask in op.outs[1:]:
        s.put(mask, np.broadcast_to(keep, x.shape).copy())
    s.put(op.outs[0], kept)


def _normal(op: Op, s: State) -> None:
    y = op.outs[0]
    values = dropout.normal((s.m if y.per_sample else 1) * y.width, s.seed, op.attrs["stream"], s.t)
    s.put(y, values)


def _dropout_bwd(op: Op, s: State) -> None:
    s.put(op.outs[0], _kept(s[op.ins[0]], s[op.ins[1]], op.attrs["scale"]))


def _kept(x: np.ndarray, keep: np.ndarray, scale: float) -> np.ndarray:
    return np.where(keep, x * scale, 0)


def _row_values(op: Op, s: State, gradient: bool) -> tuple[np.ndarray, Any]:
    target = s.rows(op.ins[0], op.attrs["tn"])
    y = s.rows(op.ins[1], op.attrs["n"])
    return losses.rows(op.attrs["kind"], target, y, op.attrs["params"], gradient)


def _weights_of_rows(op: Op, s: State) -> np.ndarray:
    return _weights_of(op, s, op.ins[2])


def _weights_of(op: Op, s: State, weight: Buffer | None) -> np.ndarray:
    """A weight for each row or value."""
    if weight is None:
        return np.ones(s.m * op.attrs["rep"])
    return np.repeat(s[weight].reshape(-1), op.attrs["rep"] // op.attrs["wrep"])


def _loss_scale(op: Op, s: State, n: int, norm: Buffer | None) -> float:
    scale = 1.0 / n if op.attrs["mean"] else 1.0
    if norm is not None:
        total = float(s[norm].sum())
        scale = scale / total if total else 0.0
    return scale


def _loss_values(op: Op, s: State) -> None:
    v = s[op.ins[0]].reshape(-1)
    w = _weights_of(op, s, op.ins[1])
    scale = _loss_scale(op, s, len(v), op.ins[2])
    s.add_sums(op, scale * s.m * (w * v).sum(), s.m)
    if op.outs:
        s.put(op.outs[0], op.attrs["factor"] * scale * w)


def _loss_scalar(op: Op, s: State) -> None:
    v, scale = s[op.ins[0]], 1.0
    if op.ins[1] is not None:
        w = s[op.ins[1]]
        scale *= w.mean() if op.attrs["mean"] else w.sum()
    if op.attrs["by_batch"]:
        scale /= s.m
    s.add_sums(op, s.m * scale * v.sum(), s.m)
    if op.outs:
        s.put(op.outs[0], np.full(v.shape, op.attrs["factor"] * scale))


def _metric_values(op: Op, s: State) -> None:
    v = s[op.ins[0]].reshape(-1)
    w = _weights_of(op, s, op.ins[1])
    s.add_sums(op, (w * v).sum() / op.attrs["rep"], w.sum() / op.attrs["rep"])


def _metric_scalar(op: Op, s: State) -> None:
    s.add_sums(op, float(s[op.ins[0]].sum()), 1)


def _metric_sums(op: Op, s: State) -> None:
    v = s[op.ins[0]].reshape(-1, op.attrs["n"])
    s.add_sums(op, *v.sum(axis=0, dtype=np.float64), len(v))


def _loss(op: Op, s: State) -> None:
    value, dp = _row_values(op, s, bool(op.outs))
    w = _weights_of_rows(op, s)
    scale = _loss_scale(op, s, len(value), op.ins[3])
    s.add_sums(op, scale * s.m * (w * value).sum(), s.m)
    if op.outs:
        s.put(op.outs[0], op.attrs["factor"] * scale * w[:, None] * dp)


def _metric_mean(op: Op, s: State) -> None:
    value, _ = _row_values(op, s, False)
    w = _weights_of_rows(op, s)
    s.add_sums(op, (w * value).sum(), w.sum())


def _metric_confusion(op: Op, s: State) -> None:
    thresholds = np.asarray(op.attrs["thresholds"], s[op.ins[1]].dtype)
    target, y = s[op.ins[0]].reshape(-1), s[op.ins[1]].reshape(-1)
    w = np.repeat(_weights_of_rows(op, s), op.attrs["n"])
    n, columns = 2 * (len(thresholds) + 1), op.attrs["columns"]
    place = (y[:, None] > thresholds).sum(axis=1) + np.where(target != 0, 0, n // 2)
    place += np.arange(len(y)) % columns * n
    s.add_sums(op, *np.bincount(place, w, n * columns))


def _pack(op: Op, s: State) -> None:
    """A copy that reads find by itself, and back: see `State.__getitem__`."""


# One twin for every op of a plan.
OPS: Mapping[str, Callable[[Op, State], Any]] = {
    "gather": _gather,
    "store": _store,
    "affine": _affine,
    "add": _add,
    "reshape": _same,
    "stop_gradient": _same,
    "activity_penalty": _same,
    "activity_loss": _activity_loss,
    "activity_penalty_bwd": _activity_penalty_bwd,
    "dense_fwd": _dense_fwd,
    "dense_bwd": _dense_bwd,
    "grad_matmul": _grad_matmul,
    "grad_bias": _grad_bias,
    "share_matmul": _share_matmul,
    "share_bias": _share_bias,
    "grad_shares": _grad_shares,
    "grad_samples": _grad_samples,
    "grad_value": _grad_value,
    "embed": embedding.embed,
    "sort_rows": embedding.sort_rows,
    "grad_rows": lambda op, s: _accumulate(op, s, embedding.grad_rows(op, s)),
    "sum_samples": _sum_samples,
    "repeat_samples": _repeat_samples,
    "copy_rows": _copy_rows,
    **dict.fromkeys(("pack", "unpack"), _pack),
    "pack_samples": _pack_samples,
    "state_read": _state_read,
    "state_write": _state_write,
    "act_fwd": _act_fwd,
    "act_bwd": _act_bwd,
    "softmax_fwd": _rows_fwd,
    "softmax_bwd": _rows_bwd,
    "log_softmax_fwd": _rows_fwd,
    "log_softmax_bwd": _rows_bwd,
    "sparsemax_fwd": _rows_fwd,
    "sparsemax_bwd": _rows_bwd,
    "dropout_fwd": _dropout_fwd,
    "dropout_noise_fwd": _dropout_fwd,
    "dropout_bwd": _dropout_bwd,
    "normal": _normal,
    "loss": _loss,
    "loss_values": _loss_values,
    "loss_scalar": _loss_scalar,
    "metric_values": _metric_values,
    "metric_scalar": _metric_scalar,
    "metric_sums": _metric_sums,
    "metric_mean": _metric_mean,
    "metric_confusion": _metric_confusion,
    **maps.OPS,
    **PYTHON,
    **recurrent.OPS,
    **parameters.OPS,
}

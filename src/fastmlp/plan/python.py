"""Ops that are Python code, on the arrays of a whole batch; each is a phase of its own.

    op                  outs   ins                      attrs
    python_fwd          ys     xs                       call                 ys = call.forward(xs)
    python_bwd          dxs    dys                      call, wanted         dxs = call.backward(dys)
    python_metric              y_true y_pred weight     metric title state   metric.update_state(…)
    python_constrain           w                        constraint           w = constraint(w)

The executor stops for them: they run with the GIL on the thread that called it, and what they raise
ends the run before the step at hand has changed a weight (a constraint: after its update).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from fastmlp.ops.python import noted
from fastmlp.plan.ir import Buffer, Op


class Memory(Protocol):
    """Where the buffers of a step are, to whoever runs it."""

    def read(self, buffer: Buffer) -> np.ndarray:
        """A copy of a buffer: `(m, *shape)` or `shape`."""

    def write(self, buffer: Buffer, value: np.ndarray) -> None:
        """Sets it."""

    def sums_of(self, op: Op) -> np.ndarray:
        """The accumulators of an op: a view."""


def _forward(op: Op, memory: Memory) -> None:
    xs = [memory.read(x) for x in op.ins if x is not None]
    for y, result in zip(op.outs, op.attrs["call"].forward(xs), strict=True):
        memory.write(y, result)


def _backward(op: Op, memory: Memory) -> None:
    dys = [None if dy is None else memory.read(dy) for dy in op.ins]
    dxs = op.attrs["call"].backward(dys)
    for dx, index in zip(op.outs, op.attrs["wanted"], strict=True):
        memory.write(dx, dxs[index])


def _metric(op: Op, memory: Memory) -> None:
    """Runs a metric's `update_state`.

    Accumulators are its `state`, if a plan can carry that; else the result so far and the steps that
    made it: none, the metric starts anew.
    """
    metric, sums = op.attrs["metric"], memory.sums_of(op)
    y_true, y_pred, weight = (None if x is None else memory.read(x) for x in op.ins)
    with noted(f"metric '{op.attrs['title']}'"):
        if (state := op.attrs.get("state")) is not None:
            state.update(sums, y_true, y_pred, weight)
            return
        if sums[1] == 0:
            metric.reset_state()
        if weight is None:
            metric.update_state(y_true, y_pred)
        else:
            metric.update_state(y_true, y_pred, sample_weight=weight)
        result = metric.result()
    if np.size(result) != 1:
        raise TypeError(
            f"Metric '{op.attrs['title']}': expected result() to return a number. "
            f"Received: {type(result).__name__} of shape {np.shape(result)}"
        )
    sums[:2] = float(np.reshape(result, ())), sums[1] + 1


def _constrain(op: Op, memory: Memory) -> None:
    (w,) = op.ins
    assert w is not None
    with noted(f"the constraint of weight '{w.name}'"):
        value = np.asarray(op.attrs["constraint"](memory.read(w)))
    if value.shape != w.shape:
        raise ValueError(
            f"Constraint of weight '{w.name}': expected it to return shape {w.shape}. "
            f"Received: shape={value.shape}"
        )
    memory.write(w, value)


PYTHON: dict[str, Callable[[Op, Memory], Any]] = {
    "python_fwd": _forward,
    "python_bwd": _backward,
    "python_metric": _metric,
    "python_constrain": _constrain,
}

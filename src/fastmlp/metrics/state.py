"""Metrics whose state is variables: how plans carry it, as accumulators.

`update_state` is traced once. If all it does to its variables is to add what is computed from the
batch (`v.assign_add(x)`, `v.assign(v + x)`), then x becomes ops of the plan, which add it up natively.
Otherwise `update_state` runs as Python code on arrays; before each batch its variables are set from
the accumulators. Either way `result` is computed from the variables, when it is asked for.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import graph, ops
from fastmlp._lock import Lock
from fastmlp.graph import Tensor
from fastmlp.variables import Variable, recording

if TYPE_CHECKING:
    from fastmlp.metrics.base import Metric

_lock = Lock()  # a metric has one set of variables, whichever plans use it


class State:
    """What a metric keeps as accumulators: a number for each element, and one for batches.

    Args:
        metric: The metric.
        adds: Whether accumulators are what is added to the variables' first values, or their values.
    """

    def __init__(self, metric: Metric, adds: bool) -> None:
        self.metric = metric
        self.adds = adds

    @property
    def n_acc(self) -> int:
        return sum(array.size for array in self.metric.arrays()) + 1

    def from_acc(self, acc: np.ndarray) -> Any:
        """Turns accumulators `(n_acc)`, or those of many passes `(…, n_acc)`, into results."""
        if acc.ndim > 1:
            found = [self.from_acc(one) for one in acc]
            if found and isinstance(found[0], dict):
                return {name: np.stack([one[name] for one in found]) for name in found[0]}
            return np.stack(found) if found else np.empty(0)
        with _lock, np.errstate(divide="ignore", invalid="ignore"):
            self._load(acc)
            return in_numbers(self.metric.result())

    def keep(self, acc: np.ndarray) -> None:
        """Sets the variables to what they are after a pass."""
        with _lock:
            self._load(acc)

    def update(self, acc: np.ndarray, *data: np.ndarray | None) -> None:
        """Runs `update_state` on arrays."""
        y_true, y_pred, weight = data
        with _lock:
            self._load(acc)
            if weight is None:
                self.metric.update_state(y_true, y_pred)
            else:
                self.metric.update_state(y_true, y_pred, sample_weight=weight)
            acc[:-1] = np.concatenate([array.reshape(-1) for array in self.metric.arrays()])
            acc[-1] += 1

    def _load(self, acc: np.ndarray) -> None:
        self.metric.reset_state()
        start = 0
        for array in self.metric.arrays() if acc[-1] else ():
            part = acc[start : start + array.size].reshape(array.shape)
            array[...] = array + part if self.adds else part
            start += array.size


class Result(State):
    """The sums of a native op, for a metric whose `result` is a subclass's."""

    @property
    def n_acc(self) -> int:
        return self.metric.n_acc

    @property
    def acc(self) -> np.ndarray:
        return self.metric.acc

    def _load(self, acc: np.ndarray) -> None:
        self.metric.keep(acc)


def in_numbers(result: Any) -> Any:
    """A metric's result, or a dict of results, without variables."""
    if isinstance(result, dict):
        return {name: in_numbers(one) for name, one in result.items()}
    return np.asarray(result.value if isinstance(result, Variable) else result)[()]


def traced_sums(
    metric: Metric, y_true: Tensor, y_pred: Tensor, weight: Tensor | None
) -> Tensor | None:
    """What a batch adds to the variables of a metric, one after the other in a row.

    Returns:
        The parts of each sample `(None, n)`; or their sums `(n,)`, if these are not sums of parts;
        `None`: `update_state` does something else, or is not written in `fastmlp.ops`.
    """
    twin, assigned = copy.copy(metric), dict[Variable, Any]()
    before = dict(vars(twin)), [v.value.copy() for v in metric.variables]
    data: dict[str, Any] = {} if weight is None else {"sample_weight": weight}
    token = recording.set(assigned)
    try:
        with graph.layer_scope(f"metric '{metric.name}'"):
            twin.update_state(y_true, y_pred, **data)
            if vars(twin) != before[0]:  # it keeps something outside of variables, too
                return None
            return _in_a_row([_parts(v, assigned.get(v), metric) for v in metric.variables])
    except Exception:  # whatever it is: code for arrays shows its own errors when it runs
        return None
    finally:
        recording.reset(token)
        for v, value in zip(metric.variables, before[1], strict=True):
            v.value[...] = value


def _parts(variable: Variable, new: Any, metric: Metric) -> tuple[Variable, list[Tensor]]:
    """The terms that are added to a variable.

    Raises:
        TypeError: It is assigned something else.
    """
    terms = [] if new is None else _terms(new)
    is_own = [t.node.op == "weight" and t.node.weights[0] is variable for t in terms]
    rest = [t for t, own in zip(terms, is_own, strict=True) if not own]
    read = {v for node in graph.order(rest) if node.op == "weight" for v in node.weights}
    if sum(is_own) != (new is not None) or read & {*metric.variables}:
        raise TypeError(f"{variable!r} is not a sum over batches")
    return variable, rest


def _terms(x: Tensor) -> list[Tensor]:
    if x.node.op == "map" and x.node.attrs["kind"] == "add":
        return [term for part in x.node.inputs for term in _terms(part)]
    return [x]


def _in_a_row(found: Sequence[tuple[Variable, list[Tensor]]]) -> Tensor:
    samples: Any = [[_of_samples(t, v.shape) for t in terms] for v, terms in found]
    rows: list[Any] = []
    if all(terms and None not in terms for terms in samples):
        for (v, _), terms in zip(found, samples, strict=True):
            rows.append(ops.reshape(_sum(terms), (-1, v.size)))
    else:
        for v, terms in found:
            rows.append(
                ops.reshape(_sum([*terms, graph.constant_tensor(0, v.dtype)], v), (v.size,))
            )
    row: Tensor = rows[0] if len(rows) == 1 else ops.concatenate(rows, axis=-1)
    return row


def _of_samples(x: Tensor, shape: tuple[int, ...]) -> Tensor | None:
    """What is summed up over the samples to give x; `None`: nothing."""
    attrs = x.node.attrs
    if (
        x.node.op == "reduce"
        and attrs["kind"] == "sum"
        and attrs["over_batch"]
        and x.shape == shape
    ):
        return x.node.inputs[0]
    return None


def _sum(terms: Sequence[Any], like: Variable | None = None) -> Any:
    total: Any = terms[0]
    for term in terms[1:]:
        total = ops.add(total, term)
    if like is not None and total.shape != like.shape:
        total = ops.add(total, np.zeros(like.shape))
    return total

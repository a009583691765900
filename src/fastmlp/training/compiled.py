"""What `compile` was told, and what it means for given data: losses and metrics as specs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastmlp import losses as losses_
from fastmlp import metrics as metrics_
from fastmlp.graph import Shape
from fastmlp.optimizers import Optimizer
from fastmlp.plan.lower import LossSpec, MetricSpec
from fastmlp.plan.update import UpdateSpec
from fastmlp.runtime import Executable
from fastmlp.training.checks import samples
from fastmlp.variables import Variable


class Compiled:
    """Loss and metrics of a model.

    Args:
        loss: Anything that `losses.get` understands; `None`: the model can only predict.
        metrics: List of metrics that ignore sample weights.
        weighted_metrics: List of metrics that use them.
        factor: Multiplies the loss.

    Raises:
        ValueError: An unknown name.
    """

    def __init__(
        self,
        loss: Any,
        metrics: Any,
        weighted_metrics: Any,
        factor: float = 1.0,
    ) -> None:
        self.loss = None if loss is None else losses_.get(loss)
        self.factor = factor
        self.metrics = metrics
        self.weighted_metrics = weighted_metrics
        self.resolved: list[Any] = []
        metrics_.check_names(metrics)
        metrics_.check_names(weighted_metrics)

    def _resolve(self, y_shape: Shape, output_shape: Shape) -> list[tuple[str, Any, bool]]:
        """`(log key, metric, weighted)` of all metrics."""
        plain = metrics_.resolve_all(self.metrics, y_shape, output_shape)
        weighted = metrics_.resolve_all(
            self.weighted_metrics, y_shape, output_shape, True, [key for key, _ in plain]
        )
        return [(k, m, False) for k, m in plain] + [(k, m, True) for k, m in weighted]

    def target_shape(self, row_shape: tuple[int, ...], output_shape: Shape) -> tuple[int, ...]:
        """Shape that one sample's target is seen in.

        Raises:
            ValueError: The data does not fit the output and the loss.
        """
        assert self.loss is not None
        out = tuple(int(d or 0) for d in output_shape[1:])
        if self.loss.sparse:
            if row_shape in (out[:-1], (*out[:-1], 1)):
                return (*out[:-1], 1)
            expected, hint = out[:-1], "sparse losses take one whole number for each sample"
            if row_shape == out:
                hint = f"targets of one number for each class go with '{self.loss.name[7:]}'"
        else:
            if row_shape == out or (out[-1] == 1 and row_shape == out[:-1]):
                return out
            expected, hint = out, ""
            if self.loss.name == "categorical_crossentropy" and math.prod(row_shape) == 1:
                hint = "whole-number labels go with 'sparse_categorical_crossentropy'"
        if len(out) > 1 and len(row_shape) < len(out):
            hint = "add Flatten() before the first Dense"
        raise ValueError(
            f"y: expected shape {samples(expected)} for loss '{self.loss.name}' and outputs "
            f"of shape {samples(out)}. Received: shape={samples(row_shape)}"
            + (f". Hint: {hint}" if hint else "")
        )

    def specs(
        self, row_shape: tuple[int, ...], output_shape: Shape, weighted: bool
    ) -> tuple[list[LossSpec], list[MetricSpec]]:
        """The plan's losses and metrics for targets of this shape."""
        loss = self.loss
        assert loss is not None
        target = self.target_shape(row_shape, output_shape)
        mean = loss.reduction in ("sum_over_batch_size", "mean")
        if not mean and loss.reduction != "sum":
            raise ValueError(
                f"Loss '{loss.name}': fit expects reduction 'sum_over_batch_size', 'mean' or "
                f"'sum'. Received: reduction={loss.reduction!r}"
            )
        found = self._resolve((None, *row_shape), output_shape)
        self.resolved = [metric for _, metric, _ in found]
        specs = [LossSpec(0, loss.kind, tuple(loss.params), mean, self.factor, target, weighted)]
        metrics = []
        for key, metric, uses_weights in found:
            metrics.append(
                MetricSpec(
                    key,
                    0,
                    metric.op,
                    metric.kind,
                    metric.params,
                    metric.thresholds,
                    metric.n_acc,
                    target,
                    weighted and uses_weights,
                    metric,
                )
            )
        return specs, metrics


def update_spec(optimizer: Optimizer, variables: Sequence[Variable]) -> UpdateSpec:
    """The optimizer as the plan sees it."""
    undecayed = frozenset(v for v in variables if not optimizer.decays(v))
    return UpdateSpec(
        optimizer.kind,
        len(optimizer.slots),
        optimizer.weight_decay or None,
        optimizer.clipvalue,
        optimizer.clipnorm,
        optimizer.global_clipnorm,
        undecayed,
    )


class LogReader:
    """Turns rows of accumulators into logs.

    Args:
        executable: Whose accumulators they are.
        prefix: `'val_'` or nothing.
    """

    def __init__(self, executable: Executable, prefix: str = "") -> None:
        terms, offsets = executable.plan.terms, executable.sums
        self._sums = [offsets[t.op] for t in terms if t.kind in ("loss", "penalty")]
        self._count = next(offsets[t.op] + 1 for t in terms if t.kind == "loss")
        self._metrics = [
            (prefix + t.name, offsets[t.op], t.metric) for t in terms if t.kind == "metric"
        ]
        self._loss = prefix + "loss"
        self.width = executable.program.n_out

    def columns(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """One array for each log key, sorted by name as in Keras.

        Args:
            rows: `(epochs, width)`.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            found = {self._loss: rows[:, self._sums].sum(axis=1) / rows[:, self._count]}
        for name, start, metric in self._metrics:
            found[name] = metric.from_acc(rows[:, start : start + metric.n_acc])
        return dict(sorted(found.items()))

    def logs(self, row: np.ndarray) -> dict[str, float]:
        """The same for one row, as floats."""
        return {name: float(values[0]) for name, values in self.columns(row[None]).items()}

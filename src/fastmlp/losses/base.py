"""What all losses share: conversion, reduction, sample weights, configs, and the registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import config, ops
from fastmlp.errors import bad_argument
from fastmlp.graph import Tensor
from fastmlp.losses.axes import classes_last
from fastmlp.losses.rows import as_real, as_reals, row_values, sizes
from fastmlp.ops.ranks import reshaped, squeeze_or_expand
from fastmlp.registry import Configurable, Registry, snake_case

if TYPE_CHECKING:
    import numpy.typing as npt

_REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)
_DTYPES = ("float32", "float64")


class Loss(Configurable):
    """Base class of losses.

    A loss of fastmlp is a description: `kind` names the native function of one row, `params` are
    its scalars. The compiled plan reads them; calling a loss on arrays runs the same function.
    A loss of your own defines `call(y_true, y_pred)` with `fastmlp.ops`; `compile` traces it, once,
    into native ops.

    Args:
        name: Name; `None`: that of the loss.
        reduction: How values become one number. `"sum_over_batch_size"` and `"mean"`: their sum,
            divided by their number, not by the sum of weights. `"mean_with_sample_weight"`:
            divided by the sum of weights. `"sum"`: their sum. `"none"` or `None`: not at all.
        dtype: `"float32"` or `"float64"`; `None`: that of the predictions.

    Attributes:
        kind: Name of the native function of one row.
        params: Its scalars.
        sparse: Whether targets are class numbers.
        targets: Without `kind`, what targets must be, as in `_core.losses.TARGETS`; `""`: anything.
        axis: Axis of a row.
        ignore_class: A target that does not count.
        by_batch: Whether batches are seen one by one in `evaluate` too; see `metrics.Metric`.

    Raises:
        ValueError: If an argument is outside of its range or not supported.
    """

    kind: str = ""
    params: tuple[float, ...] = ()
    sparse: bool = False
    targets: str = ""
    axis: int = -1
    ignore_class: int | None = None

    @property
    def by_batch(self) -> bool:
        return (not self.kind and not self.targets) or self.ignore_class is not None

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: str | None = None,
    ) -> None:
        where = type(self).__name__
        if reduction not in _REDUCTIONS:
            words = ", ".join(repr(word) for word in _REDUCTIONS)
            raise bad_argument(where, f"reduction to be one of {words}", "reduction", reduction)
        self.name = snake_case(where) if name is None else name
        self.reduction = reduction
        self.dtype = check_dtype(where, dtype)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Computes the loss.

        Args:
            y_true: Targets.
            y_pred: Predictions.
            sample_weight: A weight for each value that `call` returns, or for each of its leading
                axes; `None`: all 1.

        Returns:
            A NumPy scalar; with no reduction, the array of weighted values. Of symbolic tensors, a
            symbolic tensor.

        Raises:
            ValueError: If the shapes do not fit.
        """
        if isinstance(y_true, Tensor) or isinstance(y_pred, Tensor):
            return self._of_tensors(y_true, y_pred, sample_weight)
        if not self.kind:  # a loss of the user's own
            y_true, y_pred = as_reals(self.name, y_true, y_pred, self.dtype)
        values = np.asarray(self.call(y_true, y_pred))
        counts = self.counts(np.asarray(y_true))
        if counts is not None:
            counts = np.asarray(counts, values.dtype).reshape(values.shape)
            if self.reduction in ("sum_over_batch_size", "mean") and counts.any():
                counts *= values.size / counts.sum()
            if sample_weight is not None:
                given = as_real(self.name, "sample_weight", sample_weight, values.dtype)
                values, given = match_weights(self.name, values, given)
                counts = counts.reshape(values.shape) * given
            sample_weight = counts
        return reduce_weighted(self.name, values, sample_weight, self.reduction)

    def _of_tensors(self, y_true: Any, y_pred: Any, sample_weight: Any) -> Any:
        """The loss as a symbolic tensor, for a loss or a layer of the user's own."""
        from fastmlp.losses.tensors import reduced

        values, counts = self.call(y_true, y_pred), self.counts(y_true)
        if counts is not None and self.reduction in ("sum_over_batch_size", "mean"):
            counts = reshaped(ops.cast(counts, values.dtype), tuple(values.shape))
            share = ops.maximum(ops.mean(counts), config.epsilon())
            values = values / share
        return reduced(values, sample_weight, self.reduction)

    def counts(self, y_true: Any) -> Any:
        """Which targets count, tensors or arrays; `None`: all."""
        return None

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each row, neither weighted nor reduced."""
        if not self.kind:
            raise NotImplementedError(f"{type(self).__name__} does not define call().")
        return row_values(self.kind, y_true, y_pred, self.params, self.dtype, self.axis)

    @property
    def prepare(self) -> Callable[[Any, Any], tuple[Any, Any]] | None:
        """What comes before the native function, on tensors: an axis is moved to the end."""
        if self.axis == -1:
            return None
        return lambda t, p: classes_last(self.name, t, p, self.axis, self.sparse)

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = {"name": self.name, "reduction": self.reduction}
        if self.dtype is not None:
            config["dtype"] = self.dtype
        return config | super().get_config()


registry = Registry("loss", base=Loss, callables=False)


class SimpleLoss(Loss):
    """Base class of losses without arguments of their own."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


def check_dtype(where: str, dtype: Any) -> str | None:
    """Returns an element type's name, or `None` for `None`."""
    if dtype is None:
        return None
    name = str(getattr(dtype, "__name__", dtype))
    if name not in _DTYPES:
        raise bad_argument(where, "dtype to be 'float32' or 'float64'", "dtype", dtype)
    return name


def reduce_weighted(
    where: str, values: np.ndarray, sample_weight: npt.ArrayLike | None, reduction: str | None
) -> Any:
    """Weights values and reduces them as Keras does.

    Args:
        where: Who asks, for errors.
        values: A value for each row.
        sample_weight: Weights, or `None`.
        reduction: As for `Loss`.

    Returns:
        The values if there is nothing to reduce, else a NumPy scalar.

    Raises:
        ValueError: If the weights do not fit the values.
    """
    count: Any = None
    if sample_weight is not None:
        weights = as_real(where, "sample_weight", sample_weight, values.dtype)
        values, weights = match_weights(where, values, weights)
        values = values * weights
        count = weights.sum(dtype=np.float64)
    if reduction in (None, "none") or values.shape in ((), (0,)):
        return values[()]
    total = values.sum(dtype=np.float64)
    if reduction == "sum":
        return values.dtype.type(total)
    if reduction != "mean_with_sample_weight" or count is None:
        count = values.size
    return values.dtype.type(total / count if count else 0.0)


def match_weights(
    where: str, values: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gives values and weights the same rank; weights belong to the leading axes of values."""
    a, b = squeeze_or_expand(values.shape, weights.shape)
    full = (*b, *(1,) * (len(a) - len(b))) if b else (1,) * len(a)
    if len(full) != len(a) or any(w not in (1, v) for v, w in zip(a, full, strict=True)):
        raise ValueError(
            f"{where}: expected a weight for each of the values of shape {values.shape}. "
            f"Received: sample_weight.shape={weights.shape}."
        )
    return values.reshape(sizes(a)), weights.reshape(sizes(full))

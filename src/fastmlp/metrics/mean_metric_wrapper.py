"""The mean of any function of targets and predictions."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from fastmlp.losses.base import Loss
from fastmlp.losses.custom import FunctionLoss, as_overridden
from fastmlp.losses.lookup import CLASS_OF
from fastmlp.losses.rows import as_reals
from fastmlp.metrics.base import registry
from fastmlp.metrics.reduction import RowMetric, sample_weights
from fastmlp.ops.ranks import call_as_given


@registry.register
class MeanMetricWrapper(RowMetric):
    """The weighted mean of a function of targets and predictions.

    `result = Σ w · fn(y_true, y_pred) / Σ w`

    Args:
        fn: A function of `fastmlp.losses`, its name, a loss, or any function `fn(y_true, y_pred)` that
            returns values for each sample, or one for the batch. Written with `fastmlp.ops`, it is
            traced into the compiled plan.
        name: Name; `None`: that of the function.
        dtype: Element type; see `Metric`.
        **kwargs: Arguments of the function.

    Raises:
        TypeError: If `fn` is no function.

    Example:

    >>> from fastmlp import losses
    >>> metric = MeanMetricWrapper(losses.huber, delta=2.0)
    >>> float(metric([[0.0]], [[3.0]])), metric.name
    (4.0, 'huber')

    Source: Keras 3's metric of that name.
    """

    direction = "min"
    by_batch = True

    def __init__(
        self, fn: Any, name: str | None = None, dtype: str | None = None, **kwargs: Any
    ) -> None:
        names = {function.__name__: function for function in CLASS_OF}
        fn = names.get(fn, fn) if isinstance(fn, str) else fn
        if inspect.isfunction(fn) and fn in CLASS_OF:
            own = fn.__name__
            fn = CLASS_OF[fn](**kwargs)
        elif isinstance(fn, Loss) and not kwargs:
            own = fn.name
        elif callable(fn) and not inspect.isclass(fn):
            fn = FunctionLoss(fn, **kwargs)
            own = fn.name
        else:
            raise TypeError(
                f"MeanMetricWrapper: expected a loss, a function of (y_true, y_pred) or one of "
                f"fastmlp.losses: {', '.join(sorted(names))}. Received: fn={fn!r}."
            )
        self._loss = fn
        fn = as_overridden(fn)
        self.kind, self.params = fn.kind, fn.params
        self.function = fn.of if isinstance(fn, FunctionLoss) else None if fn.kind else fn.call
        self.by_batch = not fn.kind and not fn.targets and type(self).by_batch
        super().__init__(own if name is None else name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        if self.function is None:
            super().update_state(y_true, y_pred, sample_weight)
            return
        y_true, y_pred = as_reals(self.name, y_true, y_pred, self.dtype)
        values = np.asarray(call_as_given(self.function, y_true, y_pred), np.float64)
        weights = sample_weights(self, values.shape, sample_weight, values.dtype)
        self.acc[:] += (values.reshape(weights.shape) * weights).sum(), weights.sum()

    def get_config(self) -> dict[str, Any]:
        loss = self._loss
        if isinstance(loss, FunctionLoss):
            return super().get_config() | {"fn": loss.fn} | loss.kwargs
        function = next((f.__name__ for f, cls in CLASS_OF.items() if cls is type(loss)), loss)
        arguments = {name: getattr(loss, name) for name in loss.config_names}
        return super().get_config() | {"fn": function} | arguments

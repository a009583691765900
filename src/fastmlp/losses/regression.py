"""Losses of regression: functions of the difference between target and prediction."""

from __future__ import annotations

from typing import Any

from fastmlp.errors import check_number
from fastmlp.losses.axes import check_axis
from fastmlp.losses.base import Loss, SimpleLoss, registry
from fastmlp.losses.rows import row_values


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """The mean over the last axis of `(y_pred - y_true)²`.

    Example:

    >>> float(mean_squared_error([0.0, 1.0], [2.0, 1.0]))
    2.0
    """
    return row_values("mean_squared_error", y_true, y_pred)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """The mean over the last axis of `|y_pred - y_true|`."""
    return row_values("mean_absolute_error", y_true, y_pred)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """The mean over the last axis of `100 |y_pred - y_true| / max(|y_true|, 1e-7)`."""
    return row_values("mean_absolute_percentage_error", y_true, y_pred)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """The mean over the last axis of `(log(1 + y_pred) - log(1 + y_true))²`.

    Values below 1e-7 count as 1e-7.
    """
    return row_values("mean_squared_logarithmic_error", y_true, y_pred)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """The mean over the last axis of Huber's function; see `Huber`."""
    return Huber(delta).call(y_true, y_pred)


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """The mean over the last axis of `log(cosh(y_pred - y_true))`."""
    return row_values("log_cosh", y_true, y_pred)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Minus the cosine of the angle between targets and predictions, along an axis."""
    return CosineSimilarity(axis).call(y_true, y_pred)


@registry.register("mse", "MSE")
class MeanSquaredError(SimpleLoss):
    """The mean of squares: `loss = mean((y_pred - y_true)²)`.

    Args:
        reduction: How values become one number; see `Loss`.
        name: Name; `None`: `"mean_squared_error"`.
        dtype: Element type; see `Loss`.

    Example:

    >>> loss = MeanSquaredError()
    >>> float(loss([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 0.0]]))
    0.5
    >>> float(loss([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 0.0]], sample_weight=[0.7, 0.3]))
    0.25

    Source: Bishop, "Pattern recognition and machine learning", 2006, section 3.1.1 (least squares).
    """

    kind = "mean_squared_error"


@registry.register("mae", "MAE")
class MeanAbsoluteError(SimpleLoss):
    """The mean of absolute differences: `loss = mean(|y_pred - y_true|)`.

    Its gradient is 0 where they are equal, as on TensorFlow; Keras on JAX has a slope there.

    Source: Hastie, Tibshirani, Friedman, "The elements of statistical learning", 2009, section
    10.6.
    """

    kind = "mean_absolute_error"


@registry.register("mape", "MAPE")
class MeanAbsolutePercentageError(SimpleLoss):
    """Differences in per cent: `loss = 100 · mean(|y_pred - y_true| / max(|y_true|, 1e-7))`.

    Source: Hyndman, Koehler, "Another look at measures of forecast accuracy", 2006.
    """

    kind = "mean_absolute_percentage_error"


@registry.register("msle", "MSLE")
class MeanSquaredLogarithmicError(SimpleLoss):
    """Squares of relative differences: `loss = mean((log(1 + y_pred) - log(1 + y_true))²)`.

    Values below 1e-7 count as 1e-7, and have no gradient.

    Source: Keras 3; scikit-learn's `mean_squared_log_error`.
    """

    kind = "mean_squared_logarithmic_error"


@registry.register
class Huber(Loss):
    """Squares of small differences, absolute values of large ones, which outliers cannot dominate.

    With `d = y_pred - y_true`, the mean of `½ d²` where `|d| <= delta`, elsewhere of
    `delta |d| - ½ delta²`.

    Args:
        delta: Where the one becomes the other, > 0. Default: 1.
        reduction: How values become one number; see `Loss`.
        name: Name; `None`: `"huber_loss"`.
        dtype: Element type; see `Loss`.

    Example:

    >>> float(Huber()([[0.0, 0.0]], [[1.0, 3.0]]))
    1.5

    Source: Huber, "Robust estimation of a location parameter", 1964.
    """

    kind = "huber"
    config_names = ("delta",)

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.delta = check_number("Huber", "delta", delta, 0, above=True)
        self.params = (self.delta,)


@registry.register
class LogCosh(SimpleLoss):
    """The logarithm of the hyperbolic cosine: `loss = mean(log(cosh(y_pred - y_true)))`.

    About `½ d²` for small differences and `|d| - log 2` for large ones.

    Source: Keras 3's loss of that name.
    """

    kind = "log_cosh"


@registry.register
class CosineSimilarity(Loss):
    """Minus the cosine of the angle between targets and predictions.

    `loss = -Σ (y_true / ‖y_true‖) (y_pred / ‖y_pred‖)`, from -1 (same direction) to 1; 0 if one of
    them is 0.

    Args:
        axis: Axis of the vectors.
        reduction: How values become one number; see `Loss`.
        name: Name; `None`: `"cosine_similarity"`.
        dtype: Element type; see `Loss`.

    Source: Manning, Raghavan, Schütze, "Introduction to information retrieval", 2008, section 6.3.
    """

    kind = "cosine_similarity"
    config_names = ("axis",)

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = check_axis("CosineSimilarity", axis)

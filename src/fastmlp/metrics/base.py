"""What all metrics share: accumulators, the way from them to a result, configs, and the registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from fastmlp.losses.base import check_dtype
from fastmlp.registry import Configurable, Registry, snake_case


class Metric(Configurable):
    """Base class of metrics.

    A metric of fastmlp is a description. While a plan runs, a native op adds to `n_acc` numbers;
    `from_acc` turns them into the result. Called on arrays, a metric adds to numbers of its own.
    A metric of your own defines `update_state`, `result` and `reset_state` with NumPy or
    `fastmlp.ops`; the plan stops for it at each batch. A function of `(y_true, y_pred)` whose
    weighted mean is wanted needs no class, and runs natively.

    Args:
        dtype: `"float32"` or `"float64"`, to which data are converted; `None`: that of the
            predictions.
        name: Name; `None`: the class name in snake_case.

    Attributes:
        op: The op: `"metric_mean"`, `"metric_confusion"`, or `"python_metric"`: its methods.
        kind: For `metric_mean`, the native function of one row.
        params: Its scalars.
        thresholds: For `metric_confusion`, ascending.
        function: For `metric_mean`, instead of `kind`: computes the values on tensors and arrays.
        masked: Whether values do not count that the predictions' mask leaves out; in Keras, those of
            means of functions do not.
        prepare: Computes what the op takes from targets and predictions, tensors or arrays; `None`:
            it takes these.
        by_batch: Whether batches are seen one by one in `evaluate` too: with values that are not
            sums over samples the result depends on how data are cut into batches.
        direction: `"max"` or `"min"`, what is better; `None`: neither.
    """

    op: str = "python_metric"
    function: Callable[..., Any] | None = None
    kind: str = ""
    params: tuple[float, ...] = ()
    thresholds: tuple[float, ...] = ()
    prepare: Callable[[Any, Any], tuple[Any, Any]] | None = None
    by_batch: bool = True
    direction: ClassVar[str | None] = None
    masked: ClassVar[bool] = False

    def __init__(self, dtype: str | None = None, name: str | None = None) -> None:
        where = type(self).__name__
        self.name = snake_case(where) if name is None else name
        self.dtype = check_dtype(where, dtype)
        self._acc: np.ndarray | None = None

    @property
    def n_acc(self) -> int:
        """Number of accumulators."""
        return 2

    @property
    def acc(self) -> np.ndarray:
        """What calls and `update_state` have added up."""
        if self._acc is None:
            self._acc = np.zeros(self.n_acc)
        return self._acc

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Adds data, and returns the result so far; arguments as for `update_state`."""
        self.update_state(*args, **kwargs)
        return self.result()

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Adds data."""
        raise NotImplementedError(f"{type(self).__name__} does not define update_state().")

    def see_shapes(self, y_true: Sequence[int | None], y_pred: Sequence[int | None]) -> None:
        """Hears the shapes of a batch, whose size is `None`, before the first one comes.

        Raises:
            ValueError: If the metric is not for such data.
        """

    def from_acc(self, acc: np.ndarray) -> Any:
        """Turns accumulators `(..., n_acc)` into results `(...)`."""
        return acc[..., 0]  # of Python code: the result so far, and the number of batches

    def result(self) -> Any:
        """Returns the metric of all data since the last reset."""
        return self.from_acc(self.acc)

    def reset_state(self) -> None:
        """Forgets all data."""
        self._acc = None

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype} | super().get_config()


registry = Registry("metric", base=Metric, callables=False)


def divide_no_nan(a: Any, b: Any) -> Any:
    """`a / b`, 0 where b is 0."""
    a, b = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(b, np.float64))
    return np.divide(a, b, out=np.zeros_like(a), where=b != 0)[()]

"""What all metrics share: accumulators, the way from them to a result, configs, and the registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from fastmlp import initializers
from fastmlp._spelling import accepts_name_first
from fastmlp.graph import Tensor
from fastmlp.losses.base import check_dtype
from fastmlp.metrics.state import Result, State, in_numbers, traced_sums
from fastmlp.registry import Configurable, Registry, overridden, snake_case
from fastmlp.variables import Variable


class Metric(Configurable):
    """Base class of metrics.

    A metric of fastmlp is a description. While a plan runs, a native op adds to `n_acc` numbers;
    `from_acc` turns them into the result. Called on arrays, a metric adds to numbers of its own.
    A metric of your own makes its state in `__init__` with `add_variable`, and defines
    `update_state(y_true, y_pred, sample_weight=None)` and `result()`. If `update_state` is written with
    `fastmlp.ops` and only adds to its variables, it runs natively; else, as with NumPy or variables
    that are overwritten, the plan stops for it at each batch (`plan_summary` tells). `result` may
    return a number, an array or a dict of these. A function of `(y_true, y_pred)` whose weighted mean
    is wanted needs no class. A subclass of a built-in metric may override the same methods; then the
    plan stops for its `update_state`, and asks its `result`.

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
        state: Names of its accumulators, in order, where each is one number; `variables` shows them.

    Example:

    >>> from fastmlp import metrics, ops
    >>> class LargeErrors(metrics.Metric):
    ...     def __init__(self, name="large_errors", **kwargs):
    ...         super().__init__(name=name, **kwargs)
    ...         self.total = self.add_variable(shape=(), initializer="zeros", name="total")
    ...
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.total.assign_add(ops.sum(ops.abs(y_true - y_pred) > 1))
    ...
    ...     def result(self):
    ...         return self.total
    >>> metric = LargeErrors()
    >>> metric.update_state(np.array([1.0, 5.0]), np.array([1.5, 2.0]))
    >>> float(metric.result())
    1.0
    """

    op: str = "python_metric"
    function: Callable[..., Any] | None = None
    kind: str = ""
    params: tuple[float, ...] = ()
    thresholds: tuple[float, ...] = ()
    prepare: Callable[[Any, Any], tuple[Any, Any]] | None = None
    by_batch: bool = True
    direction: ClassVar[str | None] = None
    state: ClassVar[tuple[str, ...]] = ()
    masked: ClassVar[bool] = False

    def __init__(self, dtype: str | None = None, name: str | None = None) -> None:
        where = type(self).__name__
        self.name = snake_case(where) if name is None else name
        self.dtype = check_dtype(where, dtype)
        self._acc: np.ndarray | None = None
        self._variables: list[Variable] = []

    @property
    def n_acc(self) -> int:
        """Number of accumulators."""
        return 2

    def keep(self, acc: np.ndarray) -> None:
        """Takes the sums of a pass that a plan has made, in place of its own."""
        if self._acc is None or len(self._acc) != len(acc):
            self._acc = np.empty(len(acc))
        self._acc[:] = acc

    @property
    def acc(self) -> np.ndarray:
        """What calls and `update_state` have added up."""
        if self._acc is None or len(self._acc) != self.n_acc:
            self._acc = np.zeros(self.n_acc)
        return self._acc

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Adds data, and returns the result so far; arguments as for `update_state`."""
        self.update_state(*args, **kwargs)
        return in_numbers(self.result())

    def add_variable(
        self,
        shape: Sequence[int] = (),
        initializer: Any = "zeros",
        dtype: str | None = None,
        aggregation: str | None = "sum",
        name: str | None = None,
    ) -> Variable:
        """Makes a variable of the metric's state.

        Args:
            shape: Its shape.
            initializer: Its first value: an initializer or its name.
            dtype: Element type; `None`: `"float64"`, since sums of many numbers need the digits.
            aggregation: Accepted as in Keras, without effect.
            name: Its name.

        Returns:
            The variable; `assign`, `assign_add` and `assign_sub` change it.

        Raises:
            RuntimeError: If `super().__init__()` has not been called.
        """
        dtype = dtype or "float64"
        make = initializers.get("zeros" if initializer is None else initializer)
        first = np.asarray(make(tuple(int(d) for d in shape), dtype=dtype))
        name = name or f"variable_{len(vars(self).get('_variables', ()))}"
        return self._adopt(Variable(first, dtype=dtype, trainable=False, name=name))

    def _adopt(self, variable: Variable) -> Variable:
        """Makes a variable part of the state."""
        if "_variables" not in vars(self):
            raise RuntimeError(
                f"{type(self).__name__}: expected __init__ to begin with super().__init__(…), before "
                "it adds variables."
            )
        variable.has_owner = True
        self._variables.append(variable)
        return self._named(variable)

    def __setattr__(self, name: str, value: Any) -> None:
        if type(value) is Variable and not value.has_owner:
            self._adopt(value)
        object.__setattr__(self, name, value)

    @accepts_name_first
    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: Any = None,
        dtype: str | None = None,
        name: str | None = None,
    ) -> Variable:
        """The same as `add_variable`."""
        return self.add_variable(shape, initializer, dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """Its state: its variables or accumulators, and those of metrics in its attributes."""
        return [
            *self._variables,
            *self._native_variables(),
            *(v for part in self._parts() for v in part.variables),
        ]

    def _parts(self) -> list[Metric]:
        """The metrics that are its attributes, or in lists, tuples and dicts that are."""
        return metrics_in(list(vars(self).values()))

    def _native_variables(self) -> list[Variable]:
        """The accumulators as variables, which see and set them."""
        if not self.state:
            return []
        views = np.split(self.acc, len(self.state))
        named = zip(views, self.state, strict=True)
        return [self._named(Variable.around(view.reshape(()), name)) for view, name in named]

    def _named(self, variable: Variable) -> Variable:
        variable.path = f"{self.name}/{variable.name}"
        return variable

    @property
    def is_code(self) -> bool:
        """Whether plans call its methods, and have no native op of it."""
        return self.op == "python_metric" or bool(overridden(self, "update_state", "reset_state"))

    @property
    def in_plans(self) -> Any:
        """What turns a native op's sums into the result: it, or a subclass's `result`."""
        return Result(self, adds=False) if overridden(self, "result") else self

    @property
    def state_is_variables(self) -> bool:
        """Whether a plan can carry its state: it is in variables, and not in other metrics."""
        return self.op == "python_metric" and bool(self._variables) and not self._parts()

    def plan_state(self, adds: bool) -> State:
        """What a plan accumulates for it; see `State`."""
        return State(self, adds)

    def arrays(self) -> list[np.ndarray]:
        """The numbers that it keeps: its accumulators, if it has a native op, and its variables."""
        own = [] if self.op == "python_metric" else [self.acc]
        own += [v.value for v in self._variables]
        return own + [array for part in self._parts() for array in part.arrays()]

    def traced_sums(self, y_true: Tensor, y_pred: Tensor, weight: Tensor | None) -> Tensor | None:
        """What a batch adds to its variables; see `state.traced_sums`."""
        return traced_sums(self, y_true, y_pred, weight)

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
        return acc[..., 0][()]  # of Python code: the result so far, and the number of batches

    def result(self) -> Any:
        """Returns the metric of all data since the last reset.

        Raises:
            NotImplementedError: If a metric of variables does not define it.
        """
        if self._variables and self.op == "python_metric":
            raise NotImplementedError(f"{type(self).__name__} does not define result().")
        return self.from_acc(self.acc)

    def reset_state(self) -> None:
        """Forgets all data: variables become 0.

        What a subclass adds to a built-in metric is its own to reset, as in Keras.
        """
        if self._acc is not None:
            self._acc[:] = 0
        for variable in self._variables if self.op == "python_metric" else ():
            variable.assign(np.zeros(variable.shape))
        for part in self._parts():
            part.reset_state()

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype} | super().get_config()


registry = Registry("metric", base=Metric, callables=False, packages=("fastmlp.metrics",))


def metrics_in(parts: Iterable[Any]) -> list[Metric]:
    """The metrics among them, and in lists, tuples and dicts among them, in their order."""
    found: list[Metric] = []
    for part in parts:
        if isinstance(part, Metric):
            found.append(part)
        elif isinstance(part, (list, tuple, dict)):
            found += metrics_in(part.values() if isinstance(part, dict) else part)
    return found


def divide_no_nan(a: Any, b: Any) -> Any:
    """`a / b`, 0 where b is 0."""
    a, b = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(b, np.float64))
    return np.divide(a, b, out=np.zeros_like(a), where=b != 0)[()]

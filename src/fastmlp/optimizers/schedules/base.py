"""What all schedules share: a step goes in, a learning rate comes out; many at a time for the plan.

The executor runs thousands of steps without Python, so it is given a table: `rates` computes the
learning rates of a block of steps ahead.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.errors import bad_argument, check_number
from fastmlp.registry import Configurable, Registry

if TYPE_CHECKING:
    import numpy.typing as npt


class LearningRateSchedule(Configurable):
    """Base class of schedules; write your own by overriding `__call__`.

    `__call__` gets the number of steps done, from 0, and returns the learning rate of the next one.
    Training may call it some steps ahead, so it should depend on the step alone. Override
    `get_config` too if the model is to be saved.

    Example:

    >>> class Halving(LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.5 ** (step + 1)
    >>> Halving().rates(0, 3)
    array([0.5  , 0.25 , 0.125])
    """

    def __call__(self, step: Any) -> Any:
        """Returns the learning rate after `step` steps.

        Raises:
            NotImplementedError: If a subclass does not override it.
        """
        where = type(self).__name__
        raise NotImplementedError(f"{where}: expected a method __call__(self, step).")

    def rates(self, first: int, n: int) -> npt.NDArray[np.float64]:
        """Learning rates of `n` steps from `first` on; of fewer if a later one raises an error.

        Args:
            first: Steps done before.
            n: How many, >= 1.

        Raises:
            ValueError: If the schedule returns something else than a number >= 0.
        """
        found: list[float] = []
        with np.errstate(divide="ignore", invalid="ignore"):
            for step in range(first, first + n):
                try:
                    found.append(self._rate(step))
                except Exception:
                    if not found:
                        raise
                    break  # a step that training may never reach
        return np.array(found)

    def _rate(self, step: int) -> float:
        value = self(np.int64(step))
        if isinstance(value, np.ndarray) and value.size == 1:
            value = value.reshape(())
        hint = f"it was called for step {step}"
        return check_number(type(self).__name__, "learning rate", value, 0, hint=hint)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal schedule.

        Raises:
            NotImplementedError: If a subclass does not say what they are.
        """
        if not self.config_names:
            where = type(self).__name__
            raise NotImplementedError(f"{where}: expected a method get_config(self), to be saved.")
        return super().get_config()

    def __repr__(self) -> str:
        return super().__repr__() if self.config_names else f"<{type(self).__name__}>"


class Formula(LearningRateSchedule):
    """A schedule that computes many steps at once, by `_at`."""

    name: str

    def __call__(self, step: Any) -> Any:
        """Returns the learning rate after `step` steps: a float, or an array for an array."""
        rates = self._at(np.asarray(step, np.float64))
        return float(rates) if rates.ndim == 0 else rates

    def _at(self, step: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        raise NotImplementedError

    def rates(self, first: int, n: int) -> npt.NDArray[np.float64]:
        if type(self).__call__ is not Formula.__call__:  # a user's subclass
            return super().rates(first, n)
        return self._at(np.arange(first, first + n, dtype=np.float64))

    def _positive(self, name: str, value: Any) -> Any:
        """Checks that a number of steps is > 0, and returns it as it came."""
        check_number(type(self).__name__, name, value, 0, above=True)
        return value


class _Function(LearningRateSchedule):
    """A user's function of the step."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __call__(self, step: Any) -> Any:
        return self.function(step)


# What an optimizer takes as its learning rate.
LearningRate = float | LearningRateSchedule | Callable[[], float]

registry = Registry(
    "learning-rate schedule",
    base=LearningRateSchedule,
    callables=False,
    packages=("fastmlp.optimizers.schedules",),
)


def as_rate(where: str, value: Any) -> Any:
    """From what a user gives as a learning rate to a float, a schedule or a function without
    arguments.

    Args:
        where: The object that asks.
        value: A number, a schedule, its config, a function of no argument or of the step.

    Raises:
        ValueError: If it is none of these.
    """
    if isinstance(value, Mapping):
        return deserialize(value)
    if isinstance(value, LearningRateSchedule):
        return value
    hint = "give a number" if isinstance(value, str) else None
    if callable(value):
        if not inspect.isclass(value):
            return _Function(value) if _takes_a_step(value) else value
        hint = f"give an instance, as {value.__name__}(…)"
    try:
        return check_number(where, "learning_rate", value, 0, hint=hint)
    except ValueError:
        if isinstance(value, (int, float)) or hint is not None:
            raise
        expected = "learning_rate >= 0, or a schedule"
        raise bad_argument(where, expected, "learning_rate", value) from None


def _takes_a_step(function: Callable[..., Any]) -> bool:
    """Whether a function has an argument without a default."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(
        p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        for p in parameters
    )


def serialize(learning_rate_schedule: LearningRateSchedule) -> Any:
    """Returns the config of a schedule.

    Example:

    >>> from fastmlp.optimizers.schedules import InverseTimeDecay
    >>> serialize(InverseTimeDecay(0.1, 10, 0.5))["class_name"]
    'InverseTimeDecay'
    """
    return registry.serialize(learning_rate_schedule)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Makes a schedule from its config.

    Args:
        config: What `serialize` returned, or Keras's config of the same class.
        custom_objects: Further classes by name.

    Raises:
        ValueError: If the config is not understood.
    """
    return registry.deserialize(config, custom_objects)

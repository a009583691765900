"""Functions of the user as losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastmlp.losses.base import Loss
from fastmlp.ops.ranks import of_one_rank
from fastmlp.registry import overridden


class FunctionLoss(Loss):
    """A function of targets and predictions as a loss: what `compile(loss=function)` makes of one.

    Written with `fastmlp.ops`, it is traced into the compiled plan and trains natively.

    Args:
        fn: `fn(y_true, y_pred)`, returns a value for each sample, `(batch, …)`, or one of shape `()`.
        reduction: As for `Loss`.
        name: Name; `None`: that of the function.
        dtype: As for `Loss`.
        **kwargs: Further arguments of the function.

    Example:

    >>> from fastmlp import ops
    >>> loss = FunctionLoss(lambda y_true, y_pred: ops.mean(ops.square(y_true - y_pred), axis=-1))
    >>> float(loss([[1.0], [2.0]], [[0.0], [0.0]]))
    2.5
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(function_name(fn) if name is None else name, reduction, dtype)
        self.fn = fn
        self.kwargs = kwargs

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.of(*of_one_rank(y_true, y_pred))

    def of(self, y_true: Any, y_pred: Any) -> Any:
        """What the function returns."""
        return self.fn(y_true, y_pred, **self.kwargs)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"fn": self.fn} | self.kwargs


class CalledLoss(FunctionLoss):
    """A loss whose class has a `__call__` of its own, which weights and reduces as it likes.

    Args:
        loss: The loss.
    """

    def __init__(self, loss: Any) -> None:
        super().__init__(loss.__call__, "sum_over_batch_size", loss.name, loss.dtype)


class TracedLoss(Loss):
    """A built-in loss whose `call` a subclass overrides: nothing else of it counts any more.

    Args:
        loss: The loss.
    """

    def __init__(self, loss: Loss) -> None:
        super().__init__(loss.name, loss.reduction, loss.dtype)
        self._loss = loss

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self._loss.call(y_true, y_pred)


def as_overridden(loss: Any) -> Any:
    """A loss as its class has it: another one, if a native function would stand for methods of its own."""
    if overridden(loss, "__call__"):
        return CalledLoss(loss)
    own = (loss.kind or loss.targets) and overridden(loss, "call")
    return TracedLoss(loss) if own else loss


def function_name(fn: Callable[..., Any]) -> str:
    """The name of a function, or of the class of an object that is called."""
    name: str = getattr(fn, "__name__", type(fn).__name__)
    return "lambda" if name == "<lambda>" else name

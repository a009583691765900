"""From what a user writes to a loss, and to its config and back."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from fastmlp._spelling import NAMES
from fastmlp.losses import focal, margins, probabilistic, regression
from fastmlp.losses.base import Loss, registry
from fastmlp.losses.custom import FunctionLoss

for _old, _new in NAMES["losses"].items():
    if _old not in registry:  # as "mse" is: losses.mse is an old function, a name of today
        registry.register_old(_old, _new)

# Functions are names too: losses.huber means Huber().
CLASS_OF: dict[Any, type[Loss]] = {
    function: registry.member(name)
    for module in (regression, margins, probabilistic, focal)
    for name, function in vars(module).items()
    if inspect.isfunction(function) and name in registry
}

_BY_SHAPE = ("crossentropy", "ce")


def get(identifier: Any) -> Any:
    """Returns the loss that a user means.

    Args:
        identifier: A name, config, instance, class, one of the functions of `fastmlp.losses`, any
            other function of `(y_true, y_pred)`, or `None`.

    Returns:
        A loss, or `None` for `None`.

    Raises:
        ValueError: If the identifier is none of these, or a name that is not known.

    Example:

    >>> get("mse").name
    'mean_squared_error'
    >>> get("mean_square_error")
    Traceback (most recent call last):
    ...
    ValueError: Unknown loss 'mean_square_error'. Did you mean 'mean_squared_error'? Known: ...
    """
    if isinstance(identifier, str) and identifier.lower() in _BY_SHAPE:
        raise ValueError(
            f"Loss {identifier!r} depends on the shapes of targets and predictions, which are known "
            "in compile() only. Known: " + ", ".join(registry.names()) + "."
        )
    if isinstance(identifier, str | Mapping):
        identifier = registry.get(identifier)  # of custom objects it may be a function
    if inspect.isfunction(identifier) and identifier in CLASS_OF:
        return CLASS_OF[identifier]()
    if callable(identifier) and not isinstance(identifier, (Loss, type)):
        return FunctionLoss(identifier)
    return registry.get(identifier)


def resolve(
    identifier: Any, y_true_shape: Sequence[int | None], y_pred_shape: Sequence[int | None]
) -> Any:
    """Returns the loss that a user means for targets and predictions of these shapes.

    Args:
        identifier: As for `get`; also `"crossentropy"` or `"ce"`, which is binary for one output,
            sparse for class numbers, else categorical.
        y_true_shape: Shape of a batch of targets; its first size is `None`.
        y_pred_shape: Shape of a batch of predictions.

    Returns:
        A loss, or `None` for `None`.

    Raises:
        ValueError: As for `get`.
        TypeError: As for `get`.

    Example:

    >>> resolve("crossentropy", (None,), (None, 10)).name
    'sparse_categorical_crossentropy'
    """
    if isinstance(identifier, str) and identifier.lower() in _BY_SHAPE:
        prefix = family(y_true_shape, y_pred_shape)
        return registry.get(f"{prefix}_crossentropy")
    return get(identifier)


def family(y_true_shape: Sequence[int | None], y_pred_shape: Sequence[int | None]) -> str:
    """Tells `"binary"`, `"sparse_categorical"` and `"categorical"` targets apart, as Keras does."""
    if y_pred_shape[-1] == 1:
        return "binary"
    if len(y_true_shape) < len(y_pred_shape) or y_true_shape[-1] == 1:
        return "sparse_categorical"
    return "categorical"


def serialize(loss: Any) -> Any:
    """Returns the config of a loss: `{"class_name": …, "config": …}`."""
    if inspect.isfunction(loss) and loss in CLASS_OF:
        return loss.__name__
    return registry.serialize(loss)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Makes a loss from its config.

    Args:
        config: What `serialize` returned, or Keras's config of the same class.
        custom_objects: Further classes by name.

    Returns:
        A loss.

    Raises:
        ValueError: If the config is not understood.
    """
    return registry.deserialize(config, custom_objects)

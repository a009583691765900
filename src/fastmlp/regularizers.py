"""Regularizers: penalties on weights or outputs that are added to the loss.

Accepted wherever a layer takes a regularizer: `"l1"`, `"l2"`, `"l1_l2"`, an instance, a class, a
config, a function, or `None`. Of the first three the compiled plan reads their two factors; others
are functions of the weight, written with `fastmlp.ops`. Calling one on an array gives the penalty
that training adds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import config as settings
from fastmlp import ops
from fastmlp.errors import (
    bad_argument,
    check_choice,
    check_number,
    unknown_keywords,
    warn_old_spelling,
)
from fastmlp.graph import Tensor
from fastmlp.registry import Configurable, Registry

if TYPE_CHECKING:
    import numpy.typing as npt


class Regularizer(Configurable):
    """Base class: the penalty `l1 · Σ|x| + l2 · Σx²`.

    Attributes:
        l1: Factor of the sum of absolute values, >= 0.
        l2: Factor of the sum of squares (not halved), >= 0.
    """

    l1: float = 0.0
    l2: float = 0.0

    def __call__(self, x: npt.ArrayLike | Tensor) -> Any:
        """Returns the penalty of an array, summed in double precision.

        Args:
            x: Array of any shape; a symbolic tensor, where a subclass's `__call__` is traced.

        Returns:
            A Python float; of a symbolic tensor, one of shape `()`.
        """
        if isinstance(x, Tensor):
            return self.l1 * ops.sum(ops.abs(x)) + self.l2 * ops.sum(ops.square(x))
        x = np.asarray(x)
        penalty = 0.0
        if self.l1 != 0:
            penalty += self.l1 * float(np.abs(x).sum(dtype=np.float64))
        if self.l2 != 0:
            penalty += self.l2 * float(np.square(x, dtype=np.float64).sum())
        return penalty


_registry = Registry("regularizer", base=Regularizer)


def has_factors(regularizer: Any) -> bool:
    """Whether it is `l1 · Σ|w| + l2 · Σw²`, and no function of its own."""
    kind = type(regularizer)
    return isinstance(regularizer, Regularizer) and kind.__call__ is Regularizer.__call__


def _factor(
    where: str, name: str, value: float | None, default: float, old: dict[str, Any]
) -> float:
    """Checks one factor; `l=`, the spelling of Keras 1 and 2, stands for `l1=` and `l2=`."""
    if "l" in old:
        warn_old_spelling(f"{where}(l=…)", f"{where}({name}=…)")
        value = old.pop("l")
    if old:
        raise unknown_keywords(where, old, [name])
    return check_number(where, name, default if value is None else value, 0)


@_registry.register
class L1(Regularizer):
    """The penalty `l1 · Σ|x|`, which makes weights exactly zero.

    Args:
        l1: Factor >= 0. Default: 0.01.

    Raises:
        ValueError: If `l1` is not a finite number >= 0.

    Example:

    >>> L1(0.5)([1.0, -2.0])
    1.5

    Source: Tibshirani, "Regression shrinkage and selection via the lasso", 1996.
    """

    config_names = ("l1",)

    def __init__(self, l1: float | None = 0.01, **old: Any) -> None:
        self.l1 = _factor("L1", "l1", l1, 0.01, old)


@_registry.register
class L2(Regularizer):
    """The penalty `l2 · Σx²`, which keeps weights small.

    Args:
        l2: Factor >= 0. Default: 0.01.

    Raises:
        ValueError: If `l2` is not a finite number >= 0.

    Example:

    >>> L2(0.5)([1.0, -2.0])
    2.5

    Source: Hoerl, Kennard, "Ridge regression", 1970; Krogh, Hertz, "A simple weight decay can
    improve generalization", 1992.
    """

    config_names = ("l2",)

    def __init__(self, l2: float | None = 0.01, **old: Any) -> None:
        self.l2 = _factor("L2", "l2", l2, 0.01, old)


@_registry.register
class L1L2(Regularizer):
    """The penalty `l1 · Σ|x| + l2 · Σx²`.

    Args:
        l1: Factor >= 0 of the sum of absolute values. Default: 0.
        l2: Factor >= 0 of the sum of squares. Default: 0.

    Raises:
        ValueError: If a factor is not a finite number >= 0.

    Example:

    >>> L1L2(l1=0.5, l2=0.5)([1.0, -2.0])
    4.0

    The name alone, `"l1_l2"`, means 0.01 for both, as Keras documents it.

    >>> get("l1_l2")
    L1L2(l1=0.01, l2=0.01)

    Source: Zou, Hastie, "Regularization and variable selection via the elastic net", 2005.
    """

    config_names = ("l1", "l2")

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = check_number("L1L2", "l1", 0.0 if l1 is None else l1, 0)
        self.l2 = check_number("L1L2", "l2", 0.0 if l2 is None else l2, 0)


@_registry.register
class OrthogonalRegularizer(Regularizer):
    """Pushes the rows, or the columns, of a matrix towards right angles.

    `penalty = factor · Σ_{i<j} |w_i · w_j| / (‖w_i‖ ‖w_j‖) / (n (n - 1) / 2)`

    `factor` times the mean of `|cos|` of the angle between two of them, over all pairs.

    Args:
        factor: Weight of the penalty, >= 0. Default: 0.01.
        mode: `"rows"` or `"columns"`. Default: `"rows"`.

    Raises:
        ValueError: If an argument is not one of these, or what it is called on is no matrix.

    Example:

    >>> round(OrthogonalRegularizer(1.0)(np.array([[1.0, 0.0], [3.0, 3.0]])), 4)  # cos 45°
    0.7071

    Source: Keras 3's regularizer of that name.
    """

    config_names = ("factor", "mode")

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = check_number("OrthogonalRegularizer", "factor", factor, 0)
        self.mode = check_choice("OrthogonalRegularizer", "mode", mode, ("rows", "columns"))

    def __call__(self, x: Any) -> Any:
        """Returns the penalty of a matrix: a float, or a tensor of shape `()` for a tensor."""
        shape = np.shape(x) if not hasattr(x, "shape") else x.shape
        if len(shape) != 2:
            raise bad_argument("OrthogonalRegularizer", "a matrix", "shape", tuple(shape))
        x = ops.transpose(x) if self.mode == "columns" else x
        size = ops.shape(x)[0] or 0
        norms = ops.sqrt(ops.sum(ops.square(x), axis=1, keepdims=True))
        x = ops.divide(x, ops.maximum(norms, settings.epsilon()))
        cosines = ops.multiply(ops.matmul(x, ops.transpose(x)), 1.0 - np.eye(size))
        pairs = max(1, size * (size - 1) // 2)
        penalty = ops.multiply(ops.sum(ops.absolute(cosines)), 0.5 * self.factor / pairs)
        return penalty if isinstance(penalty, Tensor) else float(penalty)


l1 = L1
l2 = L2
orthogonal_regularizer = OrthogonalRegularizer
l1_l2 = L1L2


def get(identifier: Any) -> Any:
    """Returns the regularizer that a user means.

    Args:
        identifier: A name, config, instance, class, `None`, or a function: it gets a symbolic tensor
            and computes the penalty with `fastmlp.ops`, as does a subclass's own `__call__`.

    Returns:
        A regularizer or function, or `None` for `None`.

    Raises:
        ValueError: If the identifier is none of these, or a name that is not known.

    Example:

    >>> get("l2")
    L2(l2=0.01)
    >>> get("l3")
    Traceback (most recent call last):
    ...
    ValueError: Unknown regularizer 'l3'. Known: l1, l1l2, l2, orthogonal_regularizer.
    """
    if isinstance(identifier, str) and identifier == "l1_l2":
        return L1L2(l1=0.01, l2=0.01)
    return _registry.get(identifier)


def serialize(regularizer: Any) -> Any:
    """Returns the config of a regularizer: `{"class_name": …, "config": …}`."""
    return _registry.serialize(regularizer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Makes a regularizer from its config.

    Args:
        config: What `serialize` returned, or Keras's config of the same class.
        custom_objects: Further classes and functions by name.

    Returns:
        A regularizer.

    Raises:
        ValueError: If the config is not understood.
    """
    return _registry.deserialize(config, custom_objects)

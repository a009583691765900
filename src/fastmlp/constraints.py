"""Constraints: projections of a weight that follow each of its updates.

Accepted wherever a layer takes a constraint: a name (`"max_norm"`, `"MaxNorm"`), an instance, a
class, a config, or `None`. A constraint describes itself by `kind` and `params` to the plan, whose
op "constrain" does the same to the weight in place (`_core/constraints.pyx`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import config
from fastmlp.errors import bad_argument, check_int, check_number, warn_old_spelling
from fastmlp.registry import Configurable, Registry

if TYPE_CHECKING:
    import numpy.typing as npt


class Constraint(Configurable):
    """Base class: maps a weight to the nearest one allowed, or near it.

    Attributes:
        kind: Kind of the native op: `"non_neg"` or `"norm"`.
        params: Its scalars: `(low, high, rate, epsilon)` for `"norm"`.
        axis: Axis, or tuple of axes, along which norms are taken; `None` where there are none.
    """

    kind: str
    params: tuple[float, ...] = ()
    axis: int | tuple[int, ...] | None = None

    def __call__(self, w: npt.ArrayLike) -> np.ndarray:
        """Returns the projection of a weight.

        Args:
            w: Array.

        Returns:
            A new float array of the same shape.
        """
        array = np.asarray(w)
        return self._project(array if array.dtype.kind == "f" else array.astype(config.floatx()))

    def _project(self, w: np.ndarray) -> np.ndarray:
        return w.copy()  # for super().__call__(w), as in Keras

    def blocks(self, shape: Sequence[int]) -> tuple[int, int, int]:
        """Tells which elements of a weight are projected together.

        Args:
            shape: The weight's shape.

        Returns:
            `(outer, reduced, inner)`: of the weight, reshaped to this, each slice `w[i, :, j]` is
            independent of the others.

        Raises:
            ValueError: If the axes are not neighbours, or not axes of this shape.
        """
        return 1, math.prod(shape[:1]), math.prod(shape[1:])


_registry = Registry("constraint", base=Constraint)


@_registry.register
class NonNeg(Constraint):
    """Negative weights become 0: `max(w, 0)`.

    `w = max(w, 0)`

    Example:

    >>> NonNeg()([-1.0, 2.0])
    array([0., 2.])

    Source: Lee, Seung, "Learning the parts of objects by non-negative matrix factorization", 1999.
    """

    kind = "non_neg"

    def _project(self, w: np.ndarray) -> np.ndarray:
        return np.asarray(np.maximum(w, 0))


class _Norm(Constraint):
    """Brings norms nearer to [low, high]: all constraints on norms are cases of this one.

    ```
    norm = sqrt(Σ w²)                                        over `axis`
    w = w · (rate · clip(norm, low, high) + (1 - rate) · norm) / (epsilon + norm)
    ```
    """

    kind = "norm"

    def __init__(self, low: float, high: float, rate: float, axis: int | Sequence[int]) -> None:
        where = type(self).__name__
        if isinstance(axis, list | tuple):
            self.axis = tuple(check_int(where, "axis", a) for a in axis)
        else:
            self.axis = check_int(where, "axis", axis)
        self.params = (low, high, rate, config.epsilon())

    def _project(self, w: np.ndarray) -> np.ndarray:
        low, high, rate, epsilon = self.params
        norm = np.sqrt(np.square(w).sum(axis=self._axes(w.shape), keepdims=True))
        desired = np.clip(norm, low, high)
        if rate != 1:
            desired = rate * desired + (1 - rate) * norm
        return np.asarray(w * (desired / (epsilon + norm)))

    def _axes(self, shape: Sequence[int]) -> tuple[int, ...]:
        rank = len(shape)
        axes = self.axis if isinstance(self.axis, tuple) else (self.axis or 0,)
        if any(not -rank <= a < rank for a in axes):
            expected = f"a weight that has axis {self.axis}"
            raise bad_argument(type(self).__name__, expected, "shape", tuple(shape))
        return tuple(sorted({a % rank for a in axes}))

    def blocks(self, shape: Sequence[int]) -> tuple[int, int, int]:
        """Tells which elements of a weight share a norm; see `Constraint.blocks`."""
        axes = self._axes(shape)
        if axes != tuple(range(axes[0], axes[-1] + 1)):
            raise bad_argument(type(self).__name__, "axes next to each other", "axis", self.axis)
        before, after = shape[: axes[0]], shape[axes[-1] + 1 :]
        return math.prod(before), math.prod(shape[a] for a in axes), math.prod(after)


@_registry.register
class MaxNorm(_Norm):
    """Weights of a larger norm are scaled down to it: norm(w) <= `max_value`.

    `w = w · min(‖w‖, max_value) / (epsilon + ‖w‖)`

    Args:
        max_value: Largest norm, >= 0. Default: 2.
        axis: Axis or neighbouring axes along which the norm is taken. Default: 0, which in a Dense
            kernel `(inputs, units)` gives one norm for each unit.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> MaxNorm(1.0)(np.array([[3.0], [4.0]])).round(3).tolist()
    [[0.6], [0.8]]

    Source: Srivastava, Hinton et al., "Dropout", 2014, section 5.1.
    """

    config_names = ("max_value", "axis")

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        self.max_value = check_number("MaxNorm", "max_value", max_value, 0)
        super().__init__(0.0, self.max_value, 1.0, axis)


@_registry.register
class UnitNorm(_Norm):
    """Weights are scaled to norm 1.

    `w = w / (epsilon + ‖w‖)`

    Args:
        axis: Axis or neighbouring axes along which the norm is taken. Default: 0, which in a Dense
            kernel `(inputs, units)` gives one norm for each unit.

    Raises:
        ValueError: If `axis` is not an integer or a sequence of integers.

    Example:

    >>> UnitNorm()(np.array([[3.0], [4.0]])).round(3).tolist()
    [[0.6], [0.8]]

    Source: Oja, "A simplified neuron model as a principal component analyzer", 1982.
    """

    config_names = ("axis",)

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        super().__init__(1.0, 1.0, 1.0, axis)


@_registry.register
class MinMaxNorm(_Norm):
    """Weights are scaled so that their norm moves into [`min_value`, `max_value`].

    `w = w · (rate · clip(‖w‖, min_value, max_value) + (1 - rate) · ‖w‖) / (epsilon + ‖w‖)`

    Args:
        min_value: Smallest norm, >= 0. Default: 0.
        max_value: Largest norm, >= `min_value`. Default: 1.
        rate: How far a norm moves towards the interval at each step, from 0 (not at all) to 1 (all
            the way). Default: 1.
        axis: Axis or neighbouring axes along which the norm is taken. Default: 0, which in a Dense
            kernel `(inputs, units)` gives one norm for each unit.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> MinMaxNorm(2.0, 3.0, rate=0.5)(np.array([[3.0], [4.0]])).round(3).tolist()
    [[2.4], [3.2]]

    Source: Keras 3's constraint of that name.
    """

    config_names = ("min_value", "max_value", "rate", "axis")

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: int | Sequence[int] = 0,
    ) -> None:
        self.min_value = check_number("MinMaxNorm", "min_value", min_value, 0)
        self.max_value = check_number(
            "MinMaxNorm", "max_value", max_value, self.min_value, hint="it is not below min_value"
        )
        self.rate = check_number("MinMaxNorm", "rate", rate, 0, 1)
        super().__init__(self.min_value, self.max_value, self.rate, axis)


max_norm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = NonNeg
unit_norm = UnitNorm

for _old, _new in (("maxnorm", "max_norm"), ("nonneg", "non_neg"), ("unitnorm", "unit_norm")):
    _registry.register_old(_old, _new)


def maxnorm(m: float = 2, axis: int | Sequence[int] = 0) -> MaxNorm:
    """Makes a `MaxNorm`; the spelling of Keras 1.

    Args:
        m: Its `max_value`.
        axis: Its `axis`.
    """
    warn_old_spelling("constraints.maxnorm", "constraints.max_norm")
    return MaxNorm(m, axis)


def nonneg() -> NonNeg:
    """Makes a `NonNeg`; the spelling of Keras 1."""
    warn_old_spelling("constraints.nonneg", "constraints.non_neg")
    return NonNeg()


def unitnorm(axis: int | Sequence[int] = 0) -> UnitNorm:
    """Makes a `UnitNorm`; the spelling of Keras 1."""
    warn_old_spelling("constraints.unitnorm", "constraints.unit_norm")
    return UnitNorm(axis)


def get(identifier: Any) -> Any:
    """Returns the constraint that a user means.

    Args:
        identifier: A name, config, instance, class, `None`, or a function: it gets an array, the
            weight after an update, and returns what it shall be; so does a subclass's own
            `__call__`. Such code runs as Python, once a step.

    Returns:
        A constraint, or `None` for `None`.

    Raises:
        ValueError: If the identifier is none of these, or a name that is not known.

    Example:

    >>> get("max_norm")
    MaxNorm(max_value=2.0, axis=0)
    >>> get("max_nrm")
    Traceback (most recent call last):
    ...
    ValueError: Unknown constraint 'max_nrm'. Did you mean 'max_norm'? Known: max_norm, \
min_max_norm, non_neg, unit_norm.
    """
    found = _registry.get(identifier)
    own = isinstance(found, Constraint) and type(found).__call__ is Constraint.__call__
    if own and not hasattr(found, "kind"):
        where, hint = f"Constraint {type(found).__name__}", "give it a method __call__(self, w)"
        raise bad_argument(where, "a way to change weights", "constraint", found, hint)
    return found


def serialize(constraint: Any) -> Any:
    """Returns the config of a constraint: `{"class_name": …, "config": …}`."""
    return _registry.serialize(constraint)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Makes a constraint from its config.

    Args:
        config: What `serialize` returned, or Keras's config of the same class.
        custom_objects: Further classes and functions by name.

    Returns:
        A constraint.

    Raises:
        ValueError: If the config is not understood.
    """
    return _registry.deserialize(config, custom_objects)

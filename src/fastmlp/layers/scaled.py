"""What normalisations share: the weights `gamma` and `beta` that scale and shift their results."""

from __future__ import annotations

from typing import Any

from fastmlp import constraints, initializers, regularizers
from fastmlp._spelling import accepts_old
from fastmlp.errors import bad_argument, check_number, is_int
from fastmlp.graph import Shape
from fastmlp.layers.base import Layer
from fastmlp.variables import Variable


class Scaled(Layer):
    """Base class: arguments of `gamma` and `beta`, and an `epsilon` below the root.

    Args:
        epsilon: Added to a variance.
        center: Whether there is a `beta`.
        scale: Whether there is a `gamma`.
        beta_initializer: First values of `beta`.
        gamma_initializer: First values of `gamma`.
        beta_regularizer: Penalty on `beta`.
        gamma_regularizer: Penalty on `gamma`.
        beta_constraint: Applied to `beta` after each update.
        gamma_constraint: Applied to `gamma` after each update.
        **kwargs: `name`, `dtype`, `trainable`, `input_shape`.
    """

    supports_masking = True

    gamma: Variable | None = None
    beta: Variable | None = None

    @accepts_old
    def __init__(
        self,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.epsilon = check_number(self._where(), "epsilon", epsilon, 0)
        self.center, self.scale = bool(center), bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)

    def _where(self) -> str:
        return f"{type(self).__name__} '{self.name}'"

    def add_scale(self, shape: Shape) -> None:
        """Makes `gamma` and `beta` of this shape, where they are wanted."""
        if self.scale:
            self.gamma = self.add_weight(
                shape,
                self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                name="gamma",
            )
        if self.center:
            self.beta = self.add_weight(
                shape,
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                name="beta",
            )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }


def known_axes(where: str, shape: Shape, axis: Any) -> tuple[int, ...]:
    """The axes meant by an integer or several, each in [1, ndim) and of a known size.

    Raises:
        ValueError: They are something else.
    """
    given = axis if isinstance(axis, (list, tuple)) else [axis]
    ndim = len(shape)
    for a in given:
        if not is_int(a) or not -ndim <= a < ndim or a % ndim == 0:
            expected = f"an axis of inputs of shape {shape}, not the batch"
            raise bad_argument(where, expected, "axis", axis)
    return tuple(sorted(int(a) % ndim for a in given))

"""Keras's object for the type that a layer computes in and that of its weights: here they are one."""

from __future__ import annotations

from typing import Any

from fastmlp.config import check_floatx


class DTypePolicy:
    """What Keras calls the types of a layer: those of its weights and of what it computes, here the same.

    Layers take one as `dtype`, or its name.

    Args:
        name: `'float32'` or `'float64'`. Keras's mixed policies compute in 16 bits, which CPUs do not do
            sooner.

    Raises:
        ValueError: Any other name.

    Example:

    >>> policy = DTypePolicy("float64")
    >>> policy.compute_dtype, policy.variable_dtype
    ('float64', 'float64')
    """

    def __init__(self, name: str) -> None:
        self.name = check_floatx("dtype policy", name)

    @property
    def compute_dtype(self) -> str:
        """The type of what is computed."""
        return self.name

    @property
    def variable_dtype(self) -> str:
        """The type of weights."""
        return self.name

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal object."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """Makes one from what `get_config` returned."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'

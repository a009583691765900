"""Models."""

from fastmlp.models.model import Model
from fastmlp.models.sequential import Sequential

__all__ = ["Model", "Sequential"]

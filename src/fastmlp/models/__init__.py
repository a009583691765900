"""Models."""

from fastmlp.models.model import Model
from fastmlp.models.sequential import Sequential
from fastmlp.saving import load_model, save_model

__all__ = ["Model", "Sequential", "load_model", "save_model"]

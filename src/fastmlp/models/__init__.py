"""Models."""

from fastmlp.models.clone import clone_model
from fastmlp.models.from_json import model_from_json
from fastmlp.models.model import Model
from fastmlp.models.sequential import Sequential
from fastmlp.saving import load_model, save_model

__all__ = [
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]

"""Models."""

from typing import TYPE_CHECKING

from fastmlp._late import import_late
from fastmlp.models.model import Model
from fastmlp.models.sequential import Sequential

if TYPE_CHECKING:
    from fastmlp.models.clone import clone_model
    from fastmlp.models.from_json import model_from_json
    from fastmlp.saving import load_model, save_model

__all__ = [
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]

import_late()

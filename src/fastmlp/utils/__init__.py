"""Helpers for data and repeatability."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastmlp._late import import_late
from fastmlp.config import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from fastmlp.custom_objects import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from fastmlp.utils.get_file import get_file
from fastmlp.utils.plot_history import plot_history

if TYPE_CHECKING:
    from fastmlp.saving.objects import deserialize_keras_object, serialize_keras_object
    from fastmlp.training.data_tuples import pack_x_y_sample_weight, unpack_x_y_sample_weight
    from fastmlp.training.py_dataset import PyDataset, Sequence
    from fastmlp.utils.feature_space import FeatureSpace
    from fastmlp.utils.model_dot import model_to_dot, plot_model
    from fastmlp.utils.numerical import normalize, to_categorical
    from fastmlp.utils.progbar import Progbar
    from fastmlp.utils.seeding import set_random_seed
    from fastmlp.utils.sequences import pad_sequences
    from fastmlp.utils.session import clear_session
    from fastmlp.utils.splitting import split_dataset
    from fastmlp.utils.timeseries import timeseries_dataset_from_array
    from fastmlp.utils.types import is_keras_tensor, standardize_dtype

__all__ = [
    "CustomObjectScope",
    "FeatureSpace",
    "Progbar",
    "PyDataset",
    "Sequence",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_history",
    "plot_model",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]

import_late()

"""Helpers for data and repeatability."""

from __future__ import annotations

from fastmlp.custom_objects import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from fastmlp.training.py_dataset import PyDataset
from fastmlp.utils.feature_space import FeatureSpace
from fastmlp.utils.model_dot import model_to_dot, plot_model
from fastmlp.utils.numerical import normalize, to_categorical
from fastmlp.utils.plot_history import plot_history
from fastmlp.utils.seeding import set_random_seed
from fastmlp.utils.sequences import pad_sequences
from fastmlp.utils.splitting import split_dataset
from fastmlp.utils.timeseries import timeseries_dataset_from_array

Sequence = PyDataset

__all__ = [
    "FeatureSpace",
    "PyDataset",
    "Sequence",
    "custom_object_scope",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "model_to_dot",
    "normalize",
    "pad_sequences",
    "plot_history",
    "plot_model",
    "register_keras_serializable",
    "set_random_seed",
    "split_dataset",
    "timeseries_dataset_from_array",
    "to_categorical",
]

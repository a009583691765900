"""Helpers for data, where Keras has them besides `utils`."""

from fastmlp.preprocessing import sequence
from fastmlp.utils import timeseries_dataset_from_array

__all__ = ["sequence", "timeseries_dataset_from_array"]

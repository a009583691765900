"""Helpers for data, where Keras has them besides `utils`."""

from typing import TYPE_CHECKING

from fastmlp._late import import_late

if TYPE_CHECKING:
    from fastmlp.preprocessing import sequence
    from fastmlp.utils import timeseries_dataset_from_array

__all__ = ["sequence", "timeseries_dataset_from_array"]

import_late()

"""What tutorials take from `keras.backend`: settings, and `clear_session`."""

from fastmlp._spelling import give_names
from fastmlp.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
)
from fastmlp.utils import clear_session

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "image_data_format",
    "set_epsilon",
    "set_floatx",
]

give_names(__name__)  # earlier Keras had functions of tensors here

"""What tutorials take from `keras.backend`: settings, names of types, and `clear_session`."""

from fastmlp._spelling import give_names
from fastmlp.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from fastmlp.utils import clear_session, is_keras_tensor, standardize_dtype
from fastmlp.utils.types import is_float_dtype, is_int_dtype

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]


def _function_of_earlier_keras(name: str) -> object:
    from fastmlp import _backend_functions  # when used: today's programs do not

    return _backend_functions.find(name)


give_names(__name__, _function_of_earlier_keras)

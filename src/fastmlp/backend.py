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


def _function_of_earlier_keras(name: str) -> object:
    from fastmlp import _backend_functions  # when used: today's programs do not

    return _backend_functions.find(name)


give_names(__name__, _function_of_earlier_keras)

"""What tutorials take from `keras.backend`: settings, and `clear_session`."""

from fastmlp.config import epsilon, floatx, set_epsilon, set_floatx
from fastmlp.utils import clear_session

__all__ = ["backend", "clear_session", "epsilon", "floatx", "set_epsilon", "set_floatx"]


def backend() -> str:
    """The name of what computes: `'fastmlp'`."""
    return "fastmlp"

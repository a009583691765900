"""Contexts that programs for Keras enter, and that change nothing here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastmlp.errors import bad_argument


@contextmanager
def name_scope(name: str, **kwargs: Any) -> Iterator[str]:
    """Accepted: weights have the names of their layers, in a scope or not.

    Args:
        name: Any string.
        **kwargs: Keras's further arguments, without effect.

    Raises:
        ValueError: It is no string.

    Example:

    >>> with name_scope("encoder"):
    ...     pass
    """
    if not isinstance(name, str):
        raise bad_argument("name_scope", "a string", "name", name)
    yield name


@contextmanager
def device(device_name: str) -> Iterator[None]:
    """Accepted for the one device that there is, the CPU.

    Args:
        device_name: `'cpu'`, `'cpu:0'`, `'/CPU:0'`.

    Raises:
        ValueError: Any other device.

    Example:

    >>> with device("cpu:0"):
    ...     pass
    """
    kind, _, number = (
        str(device_name).lower().removeprefix("/").removeprefix("device:").partition(":")
    )
    if kind != "cpu" or number not in ("", "0"):
        hint = "fastmlp computes on the CPU; config.set_num_threads"
        raise bad_argument("device", "'cpu:0'", "device_name", device_name, hint)
    yield

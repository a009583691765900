"""Forgetting what was made so far."""

from __future__ import annotations

from fastmlp import _names


def clear_session(free_memory: bool = True) -> None:
    """Starts the counters of automatic names again: the next dense layer is `dense`.

    Models, weights and seeds stay as they are; a model's memory is freed with the model.

    Args:
        free_memory: Whether to collect garbage at once, models in reference cycles among it.

    Example:

    >>> from fastmlp import layers
    >>> clear_session()
    >>> layers.Dense(1).name, layers.Dense(1).name
    ('dense', 'dense_1')
    """
    _names.reset()
    if free_memory:
        import gc

        gc.collect()

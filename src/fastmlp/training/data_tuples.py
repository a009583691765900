"""What `fit` takes, as one tuple and apart."""

from __future__ import annotations

from typing import Any


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """Takes a batch apart, for a `train_step` of one's own.

    Args:
        data: `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)`.

    Returns:
        `(x, y, sample_weight)`, with `None` for what is not there.

    Raises:
        ValueError: A tuple of another length.

    Example:

    >>> unpack_x_y_sample_weight(([1.0], [0.0]))
    ([1.0], [0.0], None)
    """
    if not isinstance(data, (tuple, list)):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(
            "unpack_x_y_sample_weight: expected x, (x,), (x, y) or (x, y, sample_weight). "
            f"Received: {len(data)} entries"
        )
    x, y, sample_weight = (*data, None, None)[:3]
    return x, y, sample_weight


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Makes of its arguments what `fit` takes as a batch.

    Returns:
        `x` itself, or `(x,)` if it is a list or tuple; `(x, y)`; or `(x, y, sample_weight)`.

    Example:

    >>> pack_x_y_sample_weight("x", "y")
    ('x', 'y')
    """
    if y is None:
        return (x,) if isinstance(x, (list, tuple)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)

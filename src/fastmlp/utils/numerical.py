"""Small helpers for data: one-hot labels and unit vectors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fastmlp.errors import bad_argument, check_int, check_number


def to_categorical(x: npt.ArrayLike, num_classes: int | None = None) -> np.ndarray:
    """Turns class numbers into rows with a one at the class.

    Args:
        x: Whole numbers from 0 to `num_classes - 1`, of any shape; a last axis of size 1 is
            dropped.
        num_classes: Number of classes; `None`: the largest number plus one.

    Returns:
        float64 array of shape `(*x.shape, num_classes)`.

    Raises:
        ValueError: If `x` has anything else than whole numbers in that range, or is empty and
            `num_classes` is not given.

    Example:

    >>> to_categorical([0, 2])
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    where = "to_categorical"
    labels = np.asarray(x)
    if labels.dtype.kind not in "biuf":
        expected = "x to hold class numbers"
        raise bad_argument(where, expected, "dtype", labels.dtype.name, "number the classes first")
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.dtype.kind == "f":
        whole = np.isfinite(labels) & (labels == np.floor(labels))
        if not whole.all():
            wrong = float(labels[~whole].flat[0])
            raise bad_argument(where, "x to hold whole numbers", "x contains", wrong)
    if labels.size == 0 and num_classes is None:
        raise bad_argument(where, "num_classes, since x is empty", "num_classes", None)
    if num_classes is None:
        num_classes = int(labels.max()) + 1
    num_classes = check_int(where, "num_classes", num_classes, low=0)
    outside = (labels < 0) | (labels >= num_classes)
    if np.any(outside):
        wrong = int(labels[outside].flat[0])
        upto = f"from 0 to {num_classes - 1}" if num_classes else "from 0 on"
        expected = f"class numbers {upto}"
        hint = "classes are numbered from 0" if wrong == num_classes else None
        raise bad_argument(where, expected, "x contains", wrong, hint)
    y = np.zeros((labels.size, num_classes))
    y[np.arange(labels.size), labels.reshape(-1).astype(np.int64)] = 1
    return y.reshape(*labels.shape, num_classes)


def normalize(x: npt.ArrayLike, axis: int = -1, order: float = 2) -> np.ndarray:
    """Divides by the norm along an axis; where the norm is 0, by 1.

    Args:
        x: Array of numbers.
        axis: Axis of the norm. Default: the last.
        order: Order of the norm, > 0; 2 is the Euclidean. Default: 2.

    Returns:
        A new float array of the shape of `x`.

    Raises:
        ValueError: If `x` is not numeric, or has no such axis, or `order` is not positive.

    Example:

    >>> normalize([[3.0, 4.0], [0.0, 0.0]])
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    x = np.asarray(x)
    if x.dtype.kind not in "biuf":
        raise bad_argument("normalize", "x to hold numbers", "dtype", x.dtype.name)
    if x.dtype.kind != "f":
        x = x.astype(np.float64)
    axis = check_int("normalize", "axis", axis, -x.ndim, x.ndim - 1)
    if order != np.inf:
        order = check_number("normalize", "order", order, 0, above=True)
    norm = np.linalg.norm(x, order, axis, keepdims=True)
    return np.asarray(x / np.where(norm == 0, 1, norm).astype(x.dtype))

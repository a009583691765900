"""From arrays as users have them to rows as the native functions take them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import config, ops
from fastmlp._core import losses as native
from fastmlp.errors import warn_user
from fastmlp.graph import Tensor
from fastmlp.losses.axes import classes_last
from fastmlp.ops.ranks import Shape, squeeze_or_expand

if TYPE_CHECKING:
    import numpy.typing as npt


def align(
    kind: str, y_true: Sequence[int | None], y_pred: Sequence[int | None], rule: str = ""
) -> tuple[Shape, Shape]:
    """Checks that targets fit predictions.

    Args:
        kind: Name of a row function, or of another function with a rule.
        y_true: Shape of the targets; `None` fits every size.
        y_pred: Shape of the predictions.
        rule: What targets are; by default what the row function's are.

    Returns:
        Both shapes so that the last axes are those of a row, and the axes before are the same.

    Raises:
        ValueError: If they do not fit.

    Example:

    >>> align("mean_squared_error", (None,), (None, 1))
    ((None, 1), (None, 1))
    >>> align("sparse_categorical_crossentropy", (32,), (32, 10))
    ((32, 1), (32, 10))
    """
    rule = rule or native.TARGETS[kind]
    if kind.startswith("binary_crossentropy"):  # one target is not that of several predictions
        rule = "same"
    t, p = squeeze_or_expand(tuple(y_true), tuple(y_pred))
    if rule == "class" and len(t) == len(p) - 1:
        t = (*t, 1)
    fits = len(t) == len(p) >= 1 and all(map(_same, t[:-1], p[:-1]))
    if fits and rule != "any":
        widths = {"each": (p[-1], 1), "same": (p[-1],), "class": (1,)}[rule]
        fits = any(_same(t[-1], width) for width in widths)
    if not fits:
        raise _misfit(kind, rule, tuple(y_true), tuple(y_pred))
    if p[-1] == 1 and kind.startswith(("categorical_crossentropy", "categorical_focal")):
        warn_user(
            f"{kind}: predictions of shape {p} have one class, whose loss is always 0. "
            "Hint: for two classes use 'binary_crossentropy'.",
            SyntaxWarning,
        )
    return t, p


def _same(a: int | None, b: int | None) -> bool:
    return a is None or b is None or a == b


def _misfit(kind: str, rule: str, t: Shape, p: Shape) -> ValueError:
    if not p:
        expected = "y_pred with at least one axis"
    elif rule == "class":
        expected = f"y_true of shape {p[:-1]} or {(*p[:-1], 1)}, a class number for each prediction"
    elif rule == "any":
        expected = f"y_true of shape {(*p[:-1], '…')}"
    else:
        expected = f"y_true of shape {p}"
    text = f"{kind}: expected {expected}. Received: y_true.shape={t}, y_pred.shape={p}."
    if rule == "class" and t == p and "sparse_" in kind:
        text += f" Hint: for one-hot targets use '{kind.replace('sparse_', '')}'."
    elif kind.startswith("categorical") and (t == p[:-1] or t == (*p[:-1], 1)):
        text += f" Hint: for class numbers use 'sparse_{kind}', or utils.to_categorical()."
    elif rule == "each" and p and t == p[:-1]:
        text += f" Hint: the model's last layer has {p[-1]} units, the targets have 1."
    return ValueError(text)


def as_reals(
    where: str, y_true: Any, y_pred: Any, dtype: npt.DTypeLike | None = None
) -> tuple[Any, Any]:
    """Converts targets and predictions to one element type.

    Args:
        where: Who asks, for errors.
        y_true: Numbers.
        y_pred: Numbers; a symbolic tensor: nothing is converted.
        dtype: `float32` or `float64`; `None`: that of `y_pred` if it is an array of one of them,
            else `config.floatx()`.

    Returns:
        Both, contiguous and aligned; not copied where that is so already.

    Raises:
        ValueError: If one of them does not hold real numbers.
    """
    if isinstance(y_pred, Tensor):
        return y_true, y_pred
    if dtype is None:
        own = getattr(y_pred, "dtype", None)
        dtype = own.newbyteorder("=") if isinstance(own, np.dtype) else None
        if dtype not in (np.float32, np.float64):
            dtype = config.floatx()
    return as_real(where, "y_true", y_true, dtype), as_real(where, "y_pred", y_pred, dtype)


def as_real(where: str, name: str, x: Any, dtype: npt.DTypeLike) -> np.ndarray:
    """Converts one array-like to a contiguous, aligned array of a float type."""
    try:
        array = np.asarray(x)
    except ValueError:
        raise ValueError(f"{where}: expected {name} to be a rectangular array.") from None
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{where}: expected {name} to hold real numbers. Received: {array.dtype}.")
    return np.require(array, dtype, ["C", "A"])


def split(
    kind: str, y_true: np.ndarray, y_pred: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Cuts arrays into rows: `t (m, tn)`, `p (m, n)`, and the shape of one value for each row."""
    t, p = align(kind, y_true.shape, y_pred.shape)
    shape = y_pred.reshape(sizes(p)).shape[:-1]
    m = math.prod(shape)
    return y_true.reshape(m, sizes(t)[-1]), y_pred.reshape(m, sizes(p)[-1]), shape


def sizes(shape: Shape) -> tuple[int, ...]:
    """Returns a shape that is known in all its axes."""
    return tuple(size for size in shape if size is not None)


def row_values(
    kind: str,
    y_true: Any,
    y_pred: Any,
    params: Sequence[float] = (),
    dtype: npt.DTypeLike | None = None,
    axis: int = -1,
) -> Any:
    """Returns a row function's value for each row; of symbolic tensors, as one of them.

    Args:
        kind: Name of a row function.
        y_true: Targets; a number stands for as many as there are predictions.
        y_pred: Predictions.
        params: The function's scalars.
        dtype: Element type, as for `as_reals`.
        axis: Axis of a row.

    Returns:
        Array of the shape of `y_pred` without that axis.

    Raises:
        ValueError: If the arrays do not fit each other or do not hold numbers.
    """
    number = isinstance(y_true, (int, float)) or getattr(y_true, "shape", None) == ()
    if number and native.TARGETS[kind] != "class":
        y_true = y_true + ops.zeros_like(y_pred)
    if isinstance(y_true, Tensor) or isinstance(y_pred, Tensor):
        from fastmlp.losses.tensors import row_tensor

        return row_tensor(kind, y_true, y_pred, params, axis)
    y_true, y_pred = as_reals(kind, y_true, y_pred, dtype)
    if axis != -1:
        moved = classes_last(kind, y_true, y_pred, axis, native.TARGETS[kind] == "class")
        y_true, y_pred = map(np.ascontiguousarray, moved)
    t, p, shape = split(kind, y_true, y_pred)
    return native.rows(kind, t, p, tuple(params)).reshape(shape)

"""What `fit` asks of its data before anything runs: lengths, splits, weights, labels.

Everything here looks at the data in blocks of about 2 MiB where it lies; see `source.py`.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.errors import bad_argument, check_number, warn_user
from fastmlp.training.source import Part, Source, as_source

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "Part",
    "Source",
    "as_source",
    "check_labels",
    "check_lengths",
    "class_weights",
    "column_name",
    "find_nonfinite",
    "sample_weights",
    "split_rows",
    "warn_not_finite",
    "what_is_not_finite",
]


def check_lengths(sources: Mapping[str, Any]) -> int:
    """Checks that all data have the same number of samples.

    Args:
        sources: The data, by what the user calls them.

    Returns:
        The number of samples.

    Raises:
        ValueError: If the numbers differ; tells which has which.
    """
    lengths = {name: source.n for name, source in sources.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise ValueError(
            f"Data: expected the same number of samples in all arrays. Received: {told}. "
            "Hint: the first axis counts the samples."
        )
    return int(next(iter(lengths.values())))


def check_split(validation_split: Any) -> None:
    """Refuses a `validation_split` that is no share of the samples."""
    check_number(
        "fit",
        "validation_split",
        0 if validation_split is None else validation_split,
        0,
        1,
        below=True,
        hint="it is the share of the samples held back, as 0.1",
    )


def split_rows(n: int, validation_split: float | None) -> int:
    """Splits the rows into the first ones for training and the last ones for validation.

    The first `floor(n * (1 - validation_split))` rows are for training, as in Keras: the split
    is made before shuffling, so sorted data should be shuffled beforehand.

    Args:
        n: Number of rows.
        validation_split: Share of the rows held back, `0 <= validation_split < 1`.

    Returns:
        Number of rows for training; the others are for validation.

    Raises:
        ValueError: If the share is out of range, or a side would be empty.

    Example:

    >>> split_rows(10, 0.25)
    7
    """
    check_split(validation_split)
    if not validation_split:
        return n
    rows = math.floor(n * (1 - validation_split))  # in the type it came in, as in Keras
    if rows in (0, n):
        raise ValueError(
            f"fit: expected validation_split to leave samples for training and for validation. "
            f"Received: validation_split={validation_split!r} of {n} samples"
        )
    return rows


def column_name(source: Source, column: int) -> str:
    """Names a column for messages: by its label in a frame, else by its number.

    Args:
        source: The data.
        column: Number of the column in the flattened row.

    Returns:
        For example `"column 3"`, `"column 'age'"`, or `"position (3, 4)"` in rows of two axes.
    """
    if source.labels is not None and source.labels[column] is not None:
        return f"column {source.labels[column]!r}"
    if len(source.row_shape) > 1:
        place = tuple(int(i) for i in np.unravel_index(column, source.row_shape))
        return f"position {place}"
    return f"column {column}"


def find_nonfinite(source: Source, dtype: npt.DTypeLike = "float32") -> tuple[int, int] | None:
    """Finds the first number that is NaN or infinite once converted.

    Args:
        source: The data.
        dtype: Element type of the training: 1e300 is infinite in float32.

    Returns:
        Its row and column, or `None` if all numbers are finite.
    """
    if all(part.array.dtype.kind != "f" for part in source.parts):
        return None
    for first, rows in source.blocks():
        with np.errstate(over="ignore"):
            bad = ~np.isfinite(rows.astype(dtype, copy=False))
        if bad.any():
            row, column = np.unravel_index(np.argmax(bad), bad.shape)
            return first + int(row), int(column)
    return None


def warn_not_finite(source: Source, dtype: npt.DTypeLike = "float32") -> None:
    """Warns that data hold a number that is NaN or infinite, and tells where the first one is.

    Args:
        source: The data.
        dtype: Element type of the training.
    """
    what = what_is_not_finite(source, dtype)
    if what is not None:
        warn_user(f"{what}. The loss may become nan. Hint: fill or drop missing values first.")


def what_is_not_finite(source: Source, dtype: npt.DTypeLike = "float32") -> str | None:
    """Tells of the first number that is NaN or infinite in the training's type; `None`: there is none."""
    found = find_nonfinite(source, dtype)
    if found is None:
        return None
    row, column = found
    value = source.block(row, row + 1)[0, column].item()
    what = f"{value!r}" if not math.isfinite(value) else f"{value!r}, infinite in {dtype},"
    return f"{source.name}: {column_name(source, column)} holds {what} in row {row}"


def check_labels(y: Source, n_classes: int, ignored: int | None = None) -> None:
    """Checks that labels are whole numbers from 0 to `n_classes - 1`.

    Args:
        y: Labels, as numbers of any type.
        n_classes: Number of outputs of the model.
        ignored: Another label that may be there.

    Raises:
        ValueError: If a label is not; tells the first one and its row.
    """
    for first, labels in y.blocks():
        if labels.dtype.kind == "b" and n_classes > 1:
            continue
        if labels.min() >= 0 and labels.max() < n_classes and _whole(labels):
            continue
        good = (labels >= 0) & (labels < n_classes)
        if labels.dtype.kind == "f":
            good &= labels == np.floor(labels)
        if ignored is not None:
            good |= labels == ignored
            if good.all():
                continue
        row, column = np.unravel_index(np.argmin(good), good.shape)
        label = labels[row, column].item()
        hint = "the last layer needs as many units as there are classes"
        if not math.isfinite(label) or label != math.floor(label):
            hint = "class labels are whole numbers; for regression use a loss like 'mse'"
        elif label == n_classes:
            hint += "; if the labels count from 1, subtract 1"
        raise ValueError(
            f"{y.name}: expected labels from 0 to {n_classes - 1}, the model having {n_classes} "
            f"outputs. Received: {label!r} in row {first + int(row)}. Hint: {hint}."
        )


def _whole(labels: np.ndarray) -> bool:
    return labels.dtype.kind != "f" or bool((labels == np.floor(labels)).all())


def class_weights(
    y: Source, class_weight: Mapping[int, float], n_classes: int | None = None
) -> np.ndarray:
    """Gives each sample the weight of its class.

    Args:
        y: Labels `(n,)` or `(n, 1)`, or one-hot rows `(n, classes)`.
        class_weight: Weight of each class; classes left out weigh 1.
        n_classes: Number of classes, if known: greater keys are refused. One-hot rows tell it.

    Returns:
        Weights `(n,)`, float64.

    Raises:
        TypeError: If `class_weight` is not a dict.
        ValueError: If it has unknown classes, or weights that are negative or not finite, or if
            `y` does not give one class per sample.

    Example:

    >>> class_weights(as_source([0, 1, 1, 2], "y"), {0: 2.0, 1: 0.5})
    array([2. , 0.5, 0.5, 1. ])
    """
    if len(y.row_shape) > 1:
        raise ValueError(
            f"class_weight: expected labels (n,), (n, 1) or one-hot rows (n, classes). "
            f"Received: {y.name} with shape={y.shape}. Hint: pass sample_weight instead."
        )
    one_hot = y.width > 1
    table = _class_table(class_weight, y.width if one_hot else n_classes)
    weights = np.ones(y.n)
    classes = np.array(sorted(table))
    by_class = np.array([table[key] for key in sorted(table)])
    for first, rows in y.blocks():
        labels = rows.argmax(axis=1) if one_hot else np.rint(rows[:, 0], dtype=np.float64)
        at = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
        part = weights[first : first + len(rows)]
        np.copyto(part, by_class[at], where=classes[at] == labels)
    return weights


def _class_table(class_weight: Mapping[int, float], n_classes: int | None) -> dict[int, float]:
    """The checked weights; not empty."""
    if not isinstance(class_weight, Mapping):
        hint = "{0: 1.0, 1: 5.0} weighs class 1 five times"
        if isinstance(class_weight, list | tuple | np.ndarray):
            hint = "dict(enumerate(weights)) makes a dict of a list"
        raise TypeError(
            f"fit: expected class_weight to be a dict from class to weight. "
            f"Received: class_weight={class_weight!r:.80}. Hint: {hint}."
        )
    table = {0: 1.0}
    for key, value in class_weight.items():
        whole = isinstance(key, numbers.Real) and float(key).is_integer()
        if not whole or key < 0 or (n_classes is not None and key >= n_classes):
            most = "" if n_classes is None else f" to {n_classes - 1}"
            raise bad_argument(
                "fit",
                f"classes in class_weight to be whole numbers from 0{most}",
                "class",
                key,
                "they count the model's outputs",
            )
        table[int(key)] = check_number("class_weight", f"weight of class {key}", value, low=0)
    return table


def sample_weights(sample_weight: Any, n: int, name: str = "sample_weight") -> Source:
    """Checks weights of samples, or of their steps.

    Args:
        sample_weight: Numbers `(n,)` or `(n, steps)`, in anything that `as_source` takes; last axes
            of size 1 make no difference.
        n: Number of samples.
        name: What the user calls them.

    Returns:
        The weights as a source with `row_shape` `()` or `(steps,)`, not copied.

    Raises:
        TypeError: If they are no numbers.
        ValueError: If their number is not that of the samples, or one is NaN or infinite.
    """
    source = as_source(sample_weight, name)
    if source.n != n:
        raise ValueError(
            f"{name}: expected one weight for each of {n} samples. Received: {source.n} weights"
        )
    bad = find_nonfinite(source)
    if bad is not None:
        value = source.block(bad[0], bad[0] + 1)[0, bad[1]].item()
        raise ValueError(f"{name}: expected finite numbers. Received: {value!r} in row {bad[0]}")
    shape = source.row_shape
    while shape[-1:] == (1,):
        shape = shape[:-1]
    return source.with_values(row_shape=shape)

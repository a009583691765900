"""The table of `model.summary()`, as Keras draws it."""

from __future__ import annotations

import itertools
import math
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import numpy as np

from fastmlp import _tree
from fastmlp.errors import bad_argument
from fastmlp.layers.holder import WeightHolder
from fastmlp.optimizers.schedules import LearningRateSchedule

Align = Literal["left", "center", "right"]

_TO_ASCII = str.maketrans("━─┃│┏┳┓┡╇┩├┼┤└┴┘…", "=-||++++++++++++~")


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> None:
    """Prints the table of `render_summary`.

    Args:
        model: The model.
        line_length: As in `render_summary`.
        positions: As in `render_summary`.
        print_fn: Called once with the whole text; `None`: it goes to `sys.stdout`, with plain
            characters where its encoding has no box drawing.
        expand_nested: As in `render_summary`.
        show_trainable: As in `render_summary`.
        layer_range: As in `render_summary`.
    """
    text = render_summary(model, line_length, positions, expand_nested, show_trainable, layer_range)
    if print_fn is not None:
        print_fn(text)
        return
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_TO_ASCII).encode(encoding, "replace").decode(encoding)
    print(text, end="", flush=True)


def render_summary(
    model: Any,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> str:
    """Draws the layers of a model, their output shapes and their numbers of parameters.

    Args:
        model: Has `name`, `layers`, `network_to_show()` and `optimizer`. A layer has `name`, `built`, `output_shape`,
            `count_params()`, `trainable`, and `weights` with `shape`, `dtype` and `trainable`.
        line_length: Characters in a line; `None`: 88, or what the terminal has.
        positions: Where each column ends, as a share of the line or in characters; more than there are
            columns do not count.
        expand_nested: Whether the layers of a model within the model are shown, too.
        show_trainable: Whether a column tells which layers are trained.
        layer_range: Names, or regular expressions, of the first and the last layer to show.

    Returns:
        The text, ending in a newline.

    Raises:
        ValueError: If the line or `positions` is too short, or no layer has a name of `layer_range`.
    """
    import shutil

    aligns: list[Align] = ["left", "left", "right"]
    header = ["Layer (type)", "Output Shape", "Param #"]
    ends = list(positions or (0.45, 0.80, 1.0))
    default_length = 88
    network = model.network_to_show()
    calls = None if network is None or _is_chain(network) else set(network.calls)
    if calls is not None:
        aligns.append("left")
        header.append("Connected to")
        ends = list(positions or (0.3, 0.56, 0.74, 1.0))
        default_length = 108
    if len(ends) < len(header):
        expected = f"{len(header)} numbers, one for each of {header}"
        raise bad_argument("summary", expected, "positions", positions)
    ends = ends[: len(header)]
    if show_trainable:
        aligns.append("center")
        header.append("Trainable")
        ends = [end * 0.9 for end in ends] + [max(1.0, ends[-1])]
        default_length += 12
    length = line_length or min(default_length, shutil.get_terminal_size().columns - 4)
    widths = _column_widths(ends, length)
    layers = list(model.layers if network is None else network.layers)
    rows = [
        row
        for layer in _in_range(layers, layer_range)
        for row in _layer_rows(layer, calls, expand_nested, show_trainable)
    ]
    table = _draw_table(header, rows, widths, aligns)
    return "\n".join([f'Model: "{model.name}"', *table, *_totals(model), ""])


def _awaits_weights(layer: Any) -> bool:
    built = getattr(layer, "built", True)
    return not built and not (isinstance(layer, WeightHolder) and not layer._makes_weights())


def _layer_rows(
    layer: Any, calls: set[Any] | None, expand: bool, show_trainable: bool, level: int = 0
) -> list[list[str]]:
    """The cells of a layer, and of the layers within it."""
    prefix = "   " * level + "└ " if level else ""
    count = getattr(layer, "count_params", int)  # what is no layer has no parameters
    shape = getattr(layer, "output_shape", None)
    row = [
        f"{prefix}{layer.name} ({getattr(layer, 'shown_type', type(layer).__name__)})",
        "?" if shape is None else _shape_text(shape),
        "0 (unbuilt)" if _awaits_weights(layer) else f"{count():,}",
    ]
    if calls is not None:
        row.append(_connections(layer, calls))
    if show_trainable:
        weights = getattr(layer, "weights", ())
        row.append(("Y" if layer.trainable else "N") if weights else "-")
    rows = [row]
    if expand:
        for inner in getattr(layer, "layers", None) or ():
            rows.extend(_layer_rows(inner, calls, expand, show_trainable, level + 1))
    return rows


def _is_chain(network: Any) -> bool:
    """Whether each layer is called once, on the one output of the layer before."""
    calls = network.calls
    return (
        len(network.inputs) == 1
        and len(network.layers) == len(calls) + 1
        and all(len(call.inputs) == 1 for call in calls)
        and len({call.inputs[0] for call in calls}) == len(calls)
    )


def _connections(layer: Any, calls: set[Any]) -> str:
    """Where a layer's inputs come from: `layer[number of its call][number of the output]`."""
    found = []
    for call in layer.calls:
        for tensor in call.inputs if call in calls else ():
            source = tensor.call
            outputs = _tree.flatten(source.outputs)
            n, k = source.layer.calls.index(source), outputs.index(tensor)
            found.append(f"{source.layer.name}[{n}][{k}]")
    return ", ".join(found) or "-"


def _shape_text(shape: Any) -> str:
    if isinstance(shape, dict):
        return f"{{{', '.join(f'{key}: {_shape_text(one)}' for key, one in shape.items())}}}"
    if isinstance(shape, list) or any(isinstance(part, (list, tuple)) for part in shape):
        return f"[{', '.join(map(_shape_text, shape))}]"
    return f"({', '.join(map(str, shape))})"


def _in_range(layers: list[Any], layer_range: Sequence[str] | None) -> list[Any]:
    """The layers from the first to the last name, in whichever order they are given."""
    if layer_range is None:
        return layers
    given = list(layer_range)
    if len(given) != 2 or not all(isinstance(name, str) for name in given):
        raise bad_argument("summary", "two names of layers", "layer_range", layer_range)
    found = [[i for i, layer in enumerate(layers) if re.match(name, layer.name)] for name in given]
    if not (found[0] and found[1]):
        names = ", ".join(layer.name for layer in layers)
        raise bad_argument("summary", f"names among: {names}", "layer_range", layer_range)
    first, last = min(found[0]), max(found[1])
    if first > last:
        first, last = min(found[1]), max(found[0])
    return layers[first : last + 1]


# The sums below the table.


def _totals(model: Any) -> list[str]:
    weights = {id(w): w for layer in model.layers for w in layer.weights}.values()
    trained = _size(w for w in weights if w.trainable)
    fixed = _size(w for w in weights if not w.trainable)
    state = _optimizer_size(getattr(model, "optimizer", None), trained)
    sizes = [trained, fixed] + ([state] if state else [])
    total = (sum(count for count, _ in sizes), sum(size for _, size in sizes))
    lines = [("Total", total), ("Trainable", trained), ("Non-trainable", fixed)]
    if state:
        lines.append(("Optimizer", state))
    return [f" {what} params: {count:,} ({_bytes_text(size)})" for what, (count, size) in lines]


def _size(weights: Iterable[Any]) -> tuple[int, int]:
    """Number of elements, and bytes."""
    count = size = 0
    for weight in weights:
        n = math.prod(weight.shape)
        count += n
        size += n * np.dtype(weight.dtype).itemsize
    return count, size


def _optimizer_size(optimizer: Any, trained: tuple[int, int]) -> tuple[int, int] | None:
    """Elements and bytes of the optimizer's state, or `None` before it has any.

    Keras counts the step number, 4 bytes, the learning rate if it is a number, and the slots.
    """
    if optimizer is None or not getattr(optimizer, "iterations", 0):
        return None
    if optimizer.wraps:
        sizes = [(v.size, v.size * np.dtype(v.dtype).itemsize) for v in optimizer.variables]
        return sum(n for n, _ in sizes), sum(size for _, size in sizes)
    slots = len(optimizer.slot_names)
    scalars = 1 if isinstance(optimizer.hyper()[0], LearningRateSchedule) else 2
    own, size = _size(getattr(optimizer, "_own", ()))
    return scalars + slots * trained[0] + own, 4 * scalars + slots * trained[1] + size


def _bytes_text(size: float) -> str:
    units = ["B", "KB", "MB", "GB", "TB", "PB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{size:.2f} {units[0]}"


# The table.


def _column_widths(ends: Sequence[float], length: int) -> list[int]:
    """Characters inside each column, borders and one blank at each side taken off.

    As Keras and rich do together: cut the line at the positions, then fit the columns with their
    borders into the line again.
    """
    scale = length if ends[-1] <= 1 else 1
    stops = [0, *(int(end * scale) for end in ends)]
    widths = [stop - start for start, stop in itertools.pairwise(stops)]
    if min(widths) < 4:
        raise bad_argument(
            "summary",
            f"columns of at least 4 characters, and they have {widths}",
            "line_length",
            length,
        )
    widths = [width + 2 for width in widths]
    spare = length - len(widths) - 1 - sum(widths)
    total = sum(widths)
    for i, width in enumerate(widths):
        if spare < 0:
            change = round(spare / (len(widths) - i))
        else:
            change = math.ceil(width * spare / total)
            total -= width
        widths[i] += change
        spare -= change
    return [max(1, width - 2) for width in widths]


def _draw_table(
    header: list[str], rows: list[list[str]], widths: list[int], aligns: list[Align]
) -> list[str]:
    """The lines of the table."""

    def rule(left: str, line: str, cross: str, right: str) -> str:
        return left + cross.join(line * (width + 2) for width in widths) + right

    lines = [rule("┏", "━", "┳", "┓")]
    lines += _draw_row(header, widths, aligns, "┃", bottom=True)
    lines.append(rule("┡", "━", "╇", "┩"))
    for i, row in enumerate(rows):
        if i:
            lines.append(rule("├", "─", "┼", "┤"))
        lines += _draw_row(row, widths, aligns, "│")
    lines.append(rule("└", "─", "┴", "┘"))
    return lines


def _draw_row(
    cells: list[str], widths: list[int], aligns: list[Align], bar: str, bottom: bool = False
) -> list[str]:
    columns = [_wrap(cell, width) for cell, width in zip(cells, widths, strict=True)]
    height = max(map(len, columns))
    lines = []
    for i in range(height):
        texts = []
        for column, width, align in zip(columns, widths, aligns, strict=True):
            at = i - (height - len(column) if bottom else 0)
            text = column[at] if 0 <= at < len(column) else ""
            texts.append(_aligned(text, width, align))
        lines.append(f"{bar} " + f" {bar} ".join(texts) + f" {bar}")
    return lines


def _wrap(text: str, width: int) -> list[str]:
    """Breaks a cell between words; a word wider than the column is cut, ending in an ellipsis."""
    lines = [""]
    for word in re.findall(r"\s*\S+\s*", text):
        if lines[-1] and _columns(lines[-1] + word.rstrip()) > width:
            lines.append("")
        lines[-1] += word
    return [_cut(line.rstrip(), width) for line in lines]


def _cut(text: str, width: int) -> str:
    if _columns(text) <= width:
        return text
    kept = ""
    for char in text:
        if _columns(kept + char) > width - 1:
            break
        kept += char
    return kept + " " * (width - 1 - _columns(kept)) + "…"


def _aligned(text: str, width: int, align: Align) -> str:
    blank = width - _columns(text)
    left = {"left": 0, "center": blank // 2, "right": blank}[align]
    return " " * left + text + " " * (blank - left)


def _columns(text: str) -> int:
    """Columns of a terminal that a text takes: East Asian characters take two."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))

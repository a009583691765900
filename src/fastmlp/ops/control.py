"""Branches and loops, named as in `keras.ops`.

A number or an array decides at once, and a loop runs in Python: on symbolic tensors it leaves the ops of
all its turns in the plan. Where a symbolic tensor decides, all branches are computed and one is selected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastmlp import _tree
from fastmlp.graph import Tensor
from fastmlp.ops import math, shapes, spec
from fastmlp.ops.spec import of_arrays

Function = Callable[..., Any]


def cond(pred: Any, true_fn: Function, false_fn: Function) -> Any:
    """What `true_fn()` returns if `pred` holds, else what `false_fn()` returns.

    Of a symbolic `pred` both are called, and must return the same structure: `where(pred, …, …)`.

    Example:

    >>> cond(3 > 2, lambda: "yes", lambda: "no")
    'yes'
    """
    if not spec.is_symbolic(pred):
        return true_fn() if np.asarray(pred) else false_fn()
    return _selected("cond", pred, true_fn(), false_fn())


def _selected(name: str, pred: Any, one: Any, other: Any) -> Any:
    first, second = _tree.flatten(one), _tree.flatten(other)
    if len(first) != len(second):
        raise ValueError(
            f"{spec.where(name)}: expected branches that return the same structure. "
            f"Received: {one!r} and {other!r}"
        )
    pairs = zip(first, second, strict=True)
    return _tree.pack(one, [math.where(pred, a, b) for a, b in pairs])


def switch(index: Any, branches: Sequence[Function], *operands: Any) -> Any:
    """What the one of `branches` of this number returns of the operands; beyond the ends the first or last.

    Of a symbolic `index` all are called, and must return the same structure.

    Example:

    >>> switch(1, [lambda x: x + 1, lambda x: 10 * x], 4)
    40
    """
    last = len(branches) - 1
    if not spec.is_symbolic(index):
        return branches[min(max(int(index), 0), last)](*operands)
    y = branches[last](*operands)
    for i in range(last - 1, -1, -1):
        y = _selected("switch", math.less_equal(index, i), branches[i](*operands), y)
    return y


def while_loop(
    cond: Function, body: Function, loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """Calls `body` as long as `cond` holds, each with what the body returned last.

    Args:
        cond: Takes the variables; returns whether to go on, which a symbolic tensor cannot tell.
        body: Takes the variables and returns the next ones.
        loop_vars: The first ones: a tuple or list of them, or one.
        maximum_iterations: At most so many turns.

    Example:

    >>> while_loop(lambda i: i < 5, lambda i: i + 2, 0)
    6
    """
    several = isinstance(loop_vars, (tuple, list))
    values = tuple(loop_vars) if several else (loop_vars,)
    turns = 0
    while (maximum_iterations is None or turns < maximum_iterations) and cond(*values):
        found = body(*values)
        values = tuple(found) if several else (found,)
        turns += 1
    return values if several else values[0]


def fori_loop(lower: int, upper: int, body_fun: Function, init_val: Any) -> Any:
    """Calls `body_fun(i, value)` for i from `lower` to `upper` - 1, with what it returned last.

    The first value is `init_val`.

    Example:

    >>> fori_loop(0, 4, lambda i, total: total + i, 0)
    6
    """
    for i in range(int(lower), int(upper)):
        init_val = body_fun(i, init_val)
    return init_val


def scan(
    f: Function,
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """Calls `f(carry, x)` for each x along the first axis of `xs`, with the carry it returned last.

    Args:
        f: Returns the next carry, and what is kept of this turn, or `None`.
        init: The first carry.
        xs: Arrays, in any structure; `None`: x is `None`.
        length: How many turns, needed without xs.
        reverse: Whether the last x comes first; what is kept stands at the place of its x.
        unroll: No difference.

    Returns:
        The last carry, and what was kept, stacked along the first axis.

    Example:

    >>> total, sums = scan(lambda c, x: (c + x, c + x), 0, [1, 2, 3])
    >>> int(total), sums
    (6, array([1, 3, 6], dtype=int32))
    """
    rows = _rows("scan", xs)
    if rows is None and length is None:
        raise ValueError(f"{spec.where('scan')}: expected xs or length. Received: neither")
    turns: list[Any] = [None] * int(length or 0) if rows is None else rows
    if length is not None and len(turns) != length:
        raise ValueError(
            f"{spec.where('scan')}: expected xs of length {length}. Received: {len(turns)}"
        )
    kept = []
    for x in reversed(turns) if reverse else turns:
        init, y = f(init, x)
        kept.append(y)
    return init, _stacked(kept[::-1] if reverse else kept)


def map(f: Function, xs: Any) -> Any:
    """What `f` returns of each x along the first axis of `xs`, stacked.

    Example:

    >>> map(lambda x: x.sum(), [[1, 2], [3, 4]])
    array([3, 7])
    """
    return _stacked([f(x) for x in _rows("map", xs) or []])


def vectorized_map(function: Function, elements: Any) -> Any:
    """What a function returns of each of `elements` along the first axis, stacked: `map`.

    Of a symbolic tensor call the function itself: functions of `fastmlp.ops` work on all samples at once.
    """
    return _stacked([function(x) for x in _rows("vectorized_map", elements) or []])


def _rows(name: str, xs: Any) -> list[Any] | None:
    """The structure with each place of the first axis in turn."""
    if xs is None:
        return None
    parts = [xs] if _is_numbers(xs) else _tree.flatten(xs)
    if any(isinstance(part, Tensor) and part.shape[:1] in ((), (None,)) for part in parts):
        raise TypeError(
            f"{spec.where(name)}: expected arrays. Received: a symbolic tensor, whose first axis is the "
            "batch. Hint: functions of it work on all samples at once; ops.unstack(x, axis=1) lists "
            "what is along another axis"
        )
    arrays = [part if spec.is_symbolic(part) else spec.array(part) for part in parts]
    sizes = {int(a.shape[0]) if a.ndim else -1 for a in arrays}
    if len(sizes) != 1 or -1 in sizes:
        raise ValueError(
            f"{spec.where(name)}: expected arrays with equally long first axes. "
            f"Received: shapes {', '.join(str(a.shape) for a in arrays)}"
        )
    rows = [[a[i] for a in arrays] for i in range(sizes.pop())]
    return [row[0] if _is_numbers(xs) else _tree.pack(xs, row) for row in rows]


def _is_numbers(xs: Any) -> bool:
    """Whether it is one array, or a list of numbers, not a structure of arrays."""
    leaves = _tree.flatten(xs)
    return not isinstance(xs, dict) and not any(hasattr(leaf, "shape") for leaf in leaves)


def _stacked(found: list[Any]) -> Any:
    """A list of structures as one of arrays with one axis more."""
    if not found or found[0] is None:
        return None
    columns = zip(*(_tree.flatten(y) for y in found), strict=True)
    return _tree.pack(found[0], [shapes.stack(list(column)) for column in columns])


def associative_scan(f: Function, elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """All partial results of an operation with (a · b) · c = a · (b · c) along an axis.

    Args:
        f: Takes two structures as `elems`, of which it gets slices of length 1 along the axis.
        elems: Arrays or tensors, in any structure.
        reverse: Whether it begins at the end.
        axis: The axis.

    Example:

    >>> associative_scan(lambda a, b: a * b, [1.0, 2.0, 3.0])
    array([1., 2., 6.], dtype=float32)
    """
    single = _is_numbers(elems) or hasattr(elems, "shape")
    parts = [elems] if single else _tree.flatten(elems)
    parts = [x if spec.is_symbolic(x) else spec.array(x) for x in parts]
    counts = {x.shape[spec.axes_of("associative_scan", x, axis)[0]] for x in parts}
    if len(counts) != 1 or None in counts:
        raise ValueError(
            f"{spec.where('associative_scan')}: expected an axis of one known size. "
            f"Received: {axis=}, shapes {', '.join(str(x.shape) for x in parts)}"
        )
    (count,) = counts
    found: list[Any] = []
    for i in range(count - 1, -1, -1) if reverse else range(count):
        here = [shapes.take(x, [i], axis) for x in parts]
        x = here[0] if single else _tree.pack(elems, here)
        found.append(f(found[-1], x) if found else x)
    columns = zip(*([y] if single else _tree.flatten(y) for y in found), strict=True)
    order = -1 if reverse else 1
    joined = [shapes.concatenate(list(column)[::order], axis) for column in columns] or parts
    return joined[0] if single else _tree.pack(elems, joined)


@of_arrays
def vectorize(pyfunc: Function, *, excluded: Any = None, signature: str | None = None) -> Function:
    """A function of arrays from one of their elements, as in NumPy.

    Args:
        pyfunc: Of numbers, or of arrays of the signature's axes.
        excluded: Positions and names of arguments that are handed on as they are.
        signature: As `'(n),(n)->()'`.

    Example:

    >>> vectorize(lambda a, b: max(a, b))([1, 5], 3)
    array([3, 5])
    """
    return np.vectorize(pyfunc, excluded=excluded or set(), signature=signature)

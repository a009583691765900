"""How an element-wise op walks over operands that broadcast: as few axes as describe it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fastmlp.plan.ir import Buffer


def merged(y: Buffer, operands: Sequence[Buffer]) -> tuple[list[int], list[list[int]]]:
    """Sizes of the axes of one item, and each operand's strides along them, in elements.

    Neighbouring axes become one where every operand allows it; a stride is 0 where it broadcasts.

    Example:

    >>> merged(Buffer("value", (4, 3)), [Buffer("value", (4, 3)), Buffer("value", (4, 1))])
    ([4, 3], [[3, 1], [1, 0]])
    >>> merged(Buffer("value", (4, 3)), [Buffer("value", (4, 3)), Buffer("constant", ())])
    ([12], [[1], [0]])
    """
    sizes: list[int] = []
    strides: list[list[int]] = [[] for _ in operands]
    for axis in reversed(range(len(y.shape))):
        size = y.shape[axis]
        if size == 1:
            continue
        steps = [_stride(x.shape, axis - len(y.shape)) for x in operands]
        joins = bool(sizes) and all(
            step == known[0] * sizes[0] for step, known in zip(steps, strides, strict=True)
        )
        if joins:
            sizes[0] *= size
        else:
            sizes.insert(0, size)
            for known, step in zip(strides, steps, strict=True):
                known.insert(0, step)
    if not sizes:
        return [1], [[1] for _ in operands]
    return sizes, strides


def _stride(shape: Sequence[int], axis: int) -> int:
    """Elements from one place along an axis (counted from the end) to the next; 0 if it broadcasts."""
    if -axis > len(shape) or shape[axis] == 1:
        return 0
    return math.prod(shape[len(shape) + axis + 1 :])


def is_like(x: Buffer, y: Buffer) -> bool:
    """Whether x has an element for each of y, in the same order."""
    return x.width == y.width and x.per_sample == y.per_sample


def is_one_run(y: Buffer, operands: Sequence[Buffer]) -> bool:
    """Whether all items are one run: each operand is as y is, or one number for all."""
    return all(is_like(x, y) or (x.width == 1 and not x.per_sample) for x in operands)

"""Differences, distances and means, products of vectors, named as in `keras.ops`."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from fastmlp.calls import operation
from fastmlp.ops import core, math, products, reductions, shapes, spec


@operation
def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest element minus the smallest."""
    return math.subtract(
        reductions.max(x, axis, keepdims=keepdims), reductions.min(x, axis, keepdims=keepdims)
    )


@operation
def average(x: Any, axis: Any = None, weights: Any = None) -> Any:
    """The mean, with weights if there are some: Σ w x / Σ w.

    Args:
        x: Tensor or array.
        axis: Axis or axes.
        weights: Of x's shape, or with `axis` one number for each place along it.
    """
    if weights is None:
        return reductions.mean(x, axis)
    x, weights = (v if hasattr(v, "shape") else spec.array(v) for v in (x, weights))
    if len(weights.shape) != len(x.shape):
        (at,) = spec.axes_of("average", x, axis)
        weights = shapes.reshape(weights, [-1 if i == at else 1 for i in range(len(x.shape))])
    total = math.multiply(x, weights)
    return math.divide(
        reductions.sum(total, axis), reductions.sum(math.add(math.multiply(x, 0.0), weights), axis)
    )


@operation
def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """What each element along an axis exceeds the one before it by; n times over.

    Example:

    >>> diff([1.0, 4.0, 9.0])
    array([3., 5.], dtype=float32)
    """
    a = a if spec.is_symbolic(a) else spec.array(a)
    (at,) = spec.axes_of("diff", a, axis)
    before = (slice(None),) * at
    bools = not spec.is_symbolic(a) and a.dtype.kind == "b"
    for _ in range(n):
        a = (math.not_equal if bools else math.subtract)(
            shapes.get_item(a, (*before, slice(1, None))),
            shapes.get_item(a, (*before, slice(None, -1))),
        )
    return a


@operation
def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """The integral of y along an axis by the trapezoidal rule: Σ (y_i + y_{i+1}) / 2 · (x_{i+1} - x_i).

    Args:
        y: Tensor or array.
        x: Where y is: one number for each place along the axis, or an array that fits y; `None`: `dx`
            apart.
        dx: The distance, if there is no x.
        axis: The axis.
    """
    y = y if spec.is_symbolic(y) else spec.arrays(y, floating=True)[0]
    (at,) = spec.axes_of("trapezoid", y, axis)
    before = (slice(None),) * at
    sums = math.add(
        shapes.get_item(y, (*before, slice(1, None))),
        shapes.get_item(y, (*before, slice(None, -1))),
    )
    steps: Any = dx
    if x is not None:
        x = x if spec.is_symbolic(x) else spec.array(x)
        along = len(x.shape) == 1
        steps = diff(x, axis=0 if along else axis)
        if along:
            steps = shapes.reshape(steps, (-1, *[1] * (len(y.shape) - at - 1)))
    return reductions.sum(math.multiply(sums, math.multiply(steps, 0.5)), at)


@operation
def cross(
    x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """The cross product of vectors of three numbers along an axis; of two, the third one is 0.

    That of vectors of two numbers is one number: what would be its third.

    Args:
        x1: Tensor or array.
        x2: Tensor or array.
        axisa: The axis of x1's vectors.
        axisb: The axis of x2's vectors.
        axisc: The axis of the result's vectors.
        axis: All three.
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = _parts(x1, axisa), _parts(x2, axisb)
    if len(a) == len(b) == 2:
        return math.subtract(math.multiply(a[0], b[1]), math.multiply(a[1], b[0]))
    a, b = ([*v, core.zeros_like(v[0])][:3] for v in (a, b))
    parts = [
        math.subtract(math.multiply(a[i], b[j]), math.multiply(a[j], b[i]))
        for i, j in ((1, 2), (2, 0), (0, 1))
    ]
    return shapes.stack(parts, axisc if axisc >= 0 else len(parts[0].shape) + 1 + axisc)


def _parts(x: Any, axis: int) -> list[Any]:
    """The numbers of vectors along an axis."""
    x = x if spec.is_symbolic(x) else spec.array(x)
    (at,) = spec.axes_of("cross", x, axis)
    if x.shape[at] not in (2, 3):
        raise ValueError(
            f"{spec.where('cross')}: expected vectors of 2 or 3 numbers. "
            f"Received: {x.shape[at]}, along axis {axis} of shape {tuple(x.shape)}"
        )
    return [shapes.take(x, i, axis) for i in range(x.shape[at])]


@operation
def cdist(x: Any, y: Any) -> Any:
    """The Euclidean distance of each two rows: √Σ (x_i - y_j)².

    Args:
        x: `(…, n, features)`.
        y: `(…, m, features)`.

    Returns:
        `(…, n, m)`.
    """
    x, y = (v if hasattr(v, "shape") else spec.array(v) for v in (x, y))
    if len(x.shape) < 2 or len(y.shape) < 2 or x.shape[-1] != y.shape[-1]:
        raise ValueError(
            f"{spec.where('cdist')}: expected (…, n, features) and (…, m, features). "
            f"Received: shapes {tuple(x.shape)} and {tuple(y.shape)}"
        )
    gap = math.subtract(shapes.expand_dims(x, -2), shapes.expand_dims(y, -3))
    return math.sqrt(reductions.sum(math.square(gap), -1))


@operation
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of a diagonal."""
    return reductions.sum(shapes.diagonal(x, offset, axis1, axis2), -1)


@operation
def outer(x1: Any, x2: Any) -> Any:
    """All products of elements of two vectors, or of the rows of two tensors `(batch, n)`.

    Of arrays with more axes, in a row, as in NumPy.
    """
    if not spec.is_symbolic(x1, x2):
        return np.outer(*spec.arrays(x1, x2))
    return math.multiply(shapes.expand_dims(x1, -1), shapes.expand_dims(x2, -2))


@operation
def inner(x1: Any, x2: Any) -> Any:
    """The sum of products along the last axis of both; of tensors, sample by sample.

    Of a tensor and a weight or array of several axes each row of that with each row of a sample.
    """
    if not spec.is_symbolic(x1, x2):
        return np.inner(*spec.arrays(x1, x2))
    a, b = spec.operands("inner", x1, x2)
    if not b.per_sample and b.ndim > 1:
        return products.tensordot(a, b, ([-1], [-1]))
    return reductions.sum(math.multiply(x1, x2), -1)


@operation
def vdot(x1: Any, x2: Any) -> Any:
    """The sum of the products of all elements."""
    if not spec.is_symbolic(x1, x2):
        return np.asarray(np.vdot(*spec.arrays(x1, x2)))
    return reductions.sum(math.multiply(x1, x2))


@operation
def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Any:
    """Sums of products, by Einstein's notation.

    Args:
        subscripts: As `'bij,bjk->bik'`: a letter for each axis, with `->` and the result's letters;
            without those the ones that stand once. `...` stands for all further axes.
        *operands: One or two tensors, weights or arrays; of arrays any number.
        **kwargs: Those of `numpy.einsum` for arrays.

    The batch of a symbolic tensor is its first axis, and must be the first of the result.

    Example:

    >>> import numpy as np
    >>> einsum("ij,jk->ik", np.ones((2, 3)), np.ones((3, 4))).shape
    (2, 4)
    """
    if not spec.is_symbolic(*operands):
        return np.einsum(subscripts, *spec.factors(*operands), **kwargs)
    tensors = spec.operands("einsum", *operands)
    terms, result = _spelled(subscripts.replace(" ", ""), tensors)
    letters = set("".join(terms))
    if (
        len(terms) != len(operands)
        or len(terms) > 2
        or not set(result) <= letters
        or not all(term.isalpha() for term in terms)
        or any(len(term) != t.ndim for term, t in zip(terms, tensors, strict=True))
    ):
        raise ValueError(
            f"{spec.where('einsum')}: expected one or two terms, with a letter for each axis, and "
            f"those of the result. Received: {subscripts!r} for shapes "
            f"{', '.join(str(t.shape) for t in tensors)}"
        )
    twice = any(
        t.per_sample and term[0] in term[1:] for term, t in zip(terms, tensors, strict=True)
    )
    batch = {term[0] for term, t in zip(terms, tensors, strict=True) if t.per_sample}
    if batch and (twice or len(batch) != 1 or result[:1] not in batch):
        raise ValueError(
            f"{spec.where('einsum')}: expected the batch, the first axis of symbolic tensors, to be one "
            f"letter and the first of the result. Received: {subscripts!r}"
        )
    for i, (x, term) in enumerate(zip(tensors, terms, strict=True)):
        tensors[i], terms[i] = _diagonals(x, term)
    if len(terms) == 1:
        return _ordered(_summed(tensors[0], terms[0], set(result)), terms[0], result)
    return _product(tensors, terms, result, result[:1] if batch else "")


def _spelled(text: str, tensors: list[Any]) -> tuple[list[str], str]:
    """The terms and the result, with letters for `...` and for what is not written."""
    left, arrow, result = text.partition("->")
    terms = left.split(",")
    if not arrow:
        once = sorted(c for c in set(left) - set(",.") if left.count(c) == 1)
        result = ("..." if "..." in left else "") + "".join(once)
    free = "".join(c for c in string.ascii_letters if c not in text)
    more = [t.ndim - len(term) + 3 for term, t in zip(terms, tensors, strict=False) if "." in term]
    free = free[: max(0, *more)] if more else ""
    for i, t in enumerate(tensors[: len(terms)]):
        count = t.ndim - len(terms[i]) + 3
        terms[i] = terms[i].replace("...", free[len(free) - count :] if count > 0 else "")
    return terms, result.replace("...", free)


def _diagonals(x: Any, term: str) -> tuple[Any, str]:
    """Without letters that stand twice: of those axes the diagonal is taken."""
    for letter in dict.fromkeys(term):
        while term.count(letter) > 1:
            first, second = term.index(letter), term.rindex(letter)
            x = shapes.diagonal(x, 0, first, second)
            term = term[:first] + term[first + 1 : second] + term[second + 1 :] + letter
    return x, term


def _summed(x: Any, term: str, kept: set[str]) -> Any:
    axes = [i for i, letter in enumerate(term) if letter not in kept]
    return reductions.sum(x, axes) if axes else x


def _ordered(x: Any, term: str, result: str) -> Any:
    left = [letter for letter in term if letter in result]
    order = [left.index(letter) for letter in result]
    return x if order == sorted(order) else shapes.transpose(x, order)


def _product(tensors: list[Any], terms: list[str], result: str, batch: str) -> Any:
    """Both as (batch, shared, own, summed) and (batch, shared, summed, own), then a matmul.

    `batch` is its letter; `""`: neither tensor has it.
    """
    first, second = terms
    both = set(first) & set(second)
    a = _summed(tensors[0], first, both | set(result))
    b = _summed(tensors[1], second, both | set(result))
    first = "".join(c for c in first if c in both or c in result)
    second = "".join(c for c in second if c in both or c in result)
    shared = [c for c in first if c in both and c in result and c != batch]
    summed = [c for c in first if c in both and c not in result]
    own_a = [c for c in first if c not in both and c != batch]
    own_b = [c for c in second if c not in both and c != batch]
    size = {
        c: d for t, term in ((a, first), (b, second)) for c, d in zip(term, t.shape, strict=True)
    }

    def block(x: Any, term: str, rows: list[str], columns: list[str]) -> Any:
        lead = [batch] if batch and batch in term else []
        order = [term.index(c) for c in (*lead, *shared, *rows, *columns)]
        x = x if order == sorted(order) else shapes.transpose(x, order)
        counts = [int(np.prod([size[c] for c in group], dtype=int)) for group in (rows, columns)]
        return shapes.reshape(x, [*([-1] if lead else []), *(size[c] for c in shared), *counts])

    y = products.matmul(block(a, first, own_a, summed), block(b, second, summed, own_b))
    found = [*shared, *own_a, *own_b]
    y = shapes.reshape(y, [*([-1] if batch else []), *(size[c] for c in found)])
    return _ordered(y, batch + "".join(found), result)

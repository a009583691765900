"""Products of matrices: of samples with weights, and sample by sample."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import calls, graph
from fastmlp.calls import operation
from fastmlp.errors import is_int
from fastmlp.graph import Node, Tensor
from fastmlp.ops import spec
from fastmlp.ops.reduce import add_reduced
from fastmlp.ops.shapes import expand_dims, reshape, squeeze, transpose
from fastmlp.ops.spec import OpSpec
from fastmlp.variables import Variable, recording

if TYPE_CHECKING:
    from fastmlp.plan.ir import Buffer, Builder, Op


class BatchMatmul(OpSpec):
    """y (batch, m, n) = a (batch, m, k) · b (batch, k, n), within a sample

    An operand that all samples share may have no axes before the last two.
    """

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        y = b.result(ins, spec.sample(node.output))
        m, k = ins[0].shape[-2:]
        sizes: dict[str, Any] = {"stack": math.prod(y.shape[:-2]), "m": m, "n": y.shape[-1], "k": k}
        b.emit("bmm", [y], ins, transposed=False, **sizes)
        return y

    @staticmethod
    def bwd(b: Builder, op: Op, dy: Buffer) -> None:
        """da = dy · bᵀ    db = aᵀ · dy, each product of a sample; shared operands add them up"""
        left, right = op.ins
        assert left is not None and right is not None
        stack, m, n, k = (op.attrs[name] for name in ("stack", "m", "n", "k"))
        lead = dy.shape[:-2]
        if b.differentiable(left):
            flat = np.arange(right.width, dtype=np.int32).reshape(right.shape)
            transposed = b.result([right], (*right.shape[:-2], n, k))
            b.emit("take", [transposed], [right], index=np.swapaxes(flat, -1, -2))
            da = b.result([dy], (*lead, m, k), f"d_{left.name}")
            b.emit("bmm", [da], [dy, transposed], transposed=False, stack=stack, m=m, n=k, k=n)
            add_reduced(b, left, da)
        if b.differentiable(right):
            db = b.result([dy], (*lead, k, n), f"d_{right.name}")
            b.emit("bmm", [db], [left, dy], transposed=True, stack=stack, m=k, n=n, k=m)
            add_reduced(b, right, db)


@operation
def matmul(x1: Any, x2: Any) -> Any:
    """The product of matrices, or of stacks of them: the last two axes of both.

    Args:
        x1: Tensor, weight or array `(…, m, k)`; a vector `(k,)` is a row.
        x2: The same, `(…, k, n)`; a vector `(k,)` is a column.

    Raises:
        ValueError: The shapes do not fit, or samples would be multiplied with each other.

    Example:

    >>> import numpy as np
    >>> matmul(np.ones((2, 3)), np.ones((3, 4))).shape
    (2, 4)
    """
    if not spec.is_symbolic(x1, x2):
        return np.matmul(*spec.factors(x1, x2))
    plain = isinstance(x2, Variable) and x2 not in (recording.get() or ())
    if plain and isinstance(x1, Tensor) and x1.per_sample and x2.ndim == 2:
        _check_inner(x1, x2)
        return Node("dense", [x1], (*x1.shape[:-1], x2.shape[1]), x1.dtype, [x2, None]).output
    a, b = spec.operands("matmul", x1, x2)
    if not a.ndim or not b.ndim or (b.per_sample and b.ndim == 1):
        raise _unfit(a, b)
    _check_inner(a, b)
    if b.ndim == 1:
        return squeeze(matmul(a, expand_dims(b, -1)), -1)
    if a.ndim == 1 and not a.per_sample:
        return squeeze(matmul(expand_dims(a, 0), b), -2)
    if a.per_sample and a.ndim == 2:
        if b.per_sample:
            raise _unfit(a, b)
        return squeeze(matmul(expand_dims(a, 1), b), 1)
    return _stacked(a, b)


def _stacked(a: Tensor, b: Tensor) -> Any:
    """The product within samples; stacks of matrices broadcast."""
    per_sample = a.per_sample or b.per_sample
    if (a.per_sample and a.ndim < 3) or (b.per_sample and b.ndim < 3):
        raise _unfit(a, b)
    # A stack of matrices, one for each sample of the batch that is known, meets the batch.
    if graph.known_batch() is not None and a.per_sample != b.per_sample and a.ndim == b.ndim:
        raise _unfit(a, b)
    if a.per_sample and not b.per_sample and b.ndim == 2 and a.ndim > 3:
        flat = reshape(a, (-1, math.prod(spec.sample(a)[:-1]), spec.sample(a)[-1]))
        return reshape(_stacked(flat, b), (-1, *spec.sample(a)[:-1], spec.sample(b)[-1]))
    try:
        lead = np.broadcast_shapes(spec.sample(a)[:-2], spec.sample(b)[:-2])
    except ValueError:
        raise _unfit(a, b) from None
    a, b = (_spread(t, lead) for t in (a, b))
    shape = (*lead, spec.sample(a)[-2], spec.sample(b)[-1])
    return spec.node("matmul", [a, b], spec.with_batch(shape, per_sample))


def _spread(t: Tensor, lead: tuple[int, ...]) -> Tensor:
    """A stack repeated until it has the leading axes `lead`."""
    shape = (*lead, *spec.sample(t)[-2:])
    if spec.sample(t) == shape:
        return t
    zeros = graph.constant_tensor(np.zeros(shape), t.dtype)
    tensors, wide = spec.broadcast("matmul", [t, zeros])
    return spec.node("map", tensors, wide, kind="add")


def _check_inner(a: Any, b: Any) -> None:
    k = b.shape[-2] if len(b.shape) > 1 else b.shape[-1]
    if a.shape[-1] != k or k is None:
        raise _unfit(a, b)


def _unfit(a: Any, b: Any) -> ValueError:
    return ValueError(
        f"{spec.where('matmul')}: expected (…, m, k) and (…, k, n), of samples with each other only "
        f"within a sample. Received: {calls.described(a, b)}"
    )


@operation
def dot(x1: Any, x2: Any) -> Any:
    """The sum of products over the last axis of `x1` and the last but one of `x2`.

    Args:
        x1: Tensor or array.
        x2: Weight or array; a number multiplies. Its axes come behind those of `x1`.
    """
    if not spec.is_symbolic(x1, x2):
        return np.dot(*spec.arrays(x1, x2))
    a, b = spec.operands("dot", x1, x2)
    if a.ndim == 0 or b.ndim == 0:
        tensors, shape = spec.broadcast("dot", [a, b])
        return spec.node("map", tensors, shape, kind="multiply")
    return tensordot(a, b, ([-1], [-2])) if b.ndim > 2 else matmul(x1, x2)


@operation
def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Any:
    """The sum of products over several axes of both.

    Args:
        x1: Tensor or array.
        x2: Weight or array, without a batch axis.
        axes: How many of the last of `x1` and the first of `x2`; or the axes of each, two lists.
    """
    symbolic = spec.is_symbolic(x1, x2)
    a, b = spec.operands("tensordot", x1, x2) if symbolic else spec.arrays(x1, x2)
    if is_int(axes) and axes > min(a.ndim, b.ndim):
        raise ValueError(
            f"{spec.where('tensordot')}: expected both to have at least {axes} axes. Received: {axes=}, "
            f"{calls.described(a, b)}"
        )
    if not symbolic:
        return np.tensordot(a, b, axes)
    if is_int(axes):
        axes = (list(range(a.ndim - axes, a.ndim)), list(range(axes)))
    first, second = (
        [int(i) % t.ndim for i in ([which] if is_int(which) else which)]
        for t, which in zip((a, b), axes, strict=True)
    )
    if b.per_sample or (a.per_sample and 0 in first):
        raise ValueError(
            f"{spec.where('tensordot')}: expected axes of a sample, and x2 without a batch. Received: "
            f"{calls.described(a, b)}. Hint: of samples one by one, it is "
            "ops.sum(x1 * x2, axis=-1, keepdims=True)"
        )
    left = [i for i in range(a.ndim) if i not in first]
    right = [i for i in range(b.ndim) if i not in second]
    k = math.prod(int(b.shape[i] or 0) for i in second)
    kept = [a.shape[i] for i in left]
    columns = [int(b.shape[i] or 0) for i in right]
    rows = (-1, math.prod(int(d or 0) for d in kept[1:]), k)
    a = reshape(transpose(a, [*left, *first]), rows)
    b = reshape(transpose(b, [*second, *right]), (k, math.prod(columns)))
    return reshape(matmul(a, b), [-1 if d is None else d for d in (*kept, *columns)])

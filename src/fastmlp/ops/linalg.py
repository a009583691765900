"""Linear algebra, named as in `keras.ops.linalg`: matrices are the last two axes, others count them.

Determinants, inverses, solutions and Cholesky factors of symbolic tensors are computed by NumPy, one call a
step for the whole batch, with their gradients; `model.plan_summary()` shows them. The rest is for arrays.

Source: the gradients are those of M. Giles, Collected Matrix Derivative Results for Forward and Reverse
Mode Algorithmic Differentiation, 2008, and I. Murray, Differentiation of the Cholesky Decomposition, 2016.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastmlp.calls import described, operation
from fastmlp.graph import Tensor
from fastmlp.ops import shapes, spec
from fastmlp.ops.products import matmul
from fastmlp.ops.python import of_batch
from fastmlp.ops.reductions import norm as norm
from fastmlp.ops.spec import of_arrays

Array = Any
Gradient = Callable[[Any], Any]


def _transposed(x: Array) -> Array:
    return np.swapaxes(x, -1, -2)


def _floats(x: Any) -> Array:
    (x,) = spec.arrays(x, floating=True)
    return x


def _matrices(name: str, x: Any, square: bool = True) -> Any:
    """A tensor or an array of floats, whose last two axes are matrices."""
    x = spec.operands(name, x)[0] if spec.is_symbolic(x) else _floats(x)
    inner = spec.sample(x) if isinstance(x, Tensor) else x.shape
    if len(inner) < 2 or (square and inner[-1] != inner[-2]):
        kind = "square matrices" if square else "matrices"
        raise ValueError(
            f"{spec.where(name)}: expected {kind} along the last two axes. Received: {described(x)}"
        )
    return x


def _computed(function: Callable[..., Any], shape: tuple[int, ...], *xs: Any) -> Any:
    """The function's result: of arrays now, of symbolic tensors in each step."""
    if spec.is_symbolic(*xs):
        return of_batch(function, spec.operands(function.__name__, *xs), shape)
    return function(*xs)[0]


def _inverse(x: Array) -> tuple[Array, Gradient]:
    y = np.linalg.inv(x)
    yt = _transposed(y)
    return y, lambda dy: -yt @ dy @ yt


@operation
def inv(x: Any) -> Any:
    """The inverse y of square matrices; its gradient is -yᵀ dy yᵀ.

    Example:

    >>> inv([[2.0, 0.0], [0.0, 4.0]])
    array([[0.5 , 0.  ],
           [0.  , 0.25]], dtype=float32)
    """
    x = _matrices("inv", x)
    return _computed(_inverse, _inner(x), x)


def _inner(x: Any) -> tuple[int, ...]:
    return spec.sample(x) if isinstance(x, Tensor) else x.shape


def _determinant(x: Array) -> tuple[Array, Gradient]:
    y = np.asarray(np.linalg.det(x))
    return y, lambda dy: (dy * y)[..., None, None] * _transposed(np.linalg.inv(x))


@operation
def det(x: Any) -> Any:
    """The determinant y of square matrices; its gradient is y · x⁻ᵀ.

    Example:

    >>> det([[1.0, 2.0], [3.0, 5.0]])
    array(-1., dtype=float32)
    """
    x = _matrices("det", x)
    return _computed(_determinant, _inner(x)[:-2], x)


def _log_determinant(x: Array) -> tuple[Array, Gradient]:
    y = np.asarray(np.linalg.slogdet(x)[1])
    return y, lambda dy: dy[..., None, None] * _transposed(np.linalg.inv(x))


@operation
def logdet(x: Any) -> Any:
    """log |det x|, without overflow; its gradient is x⁻ᵀ."""
    x = _matrices("logdet", x)
    return _computed(_log_determinant, _inner(x)[:-2], x)


def _sign_of_determinant(x: Array) -> tuple[Array, None]:
    return np.asarray(np.linalg.slogdet(x)[0]), None


@operation
def slogdet(x: Any) -> tuple[Any, Any]:
    """The sign of det x, which has no gradient, and log |det x|."""
    x = _matrices("slogdet", x)
    return _computed(_sign_of_determinant, _inner(x)[:-2], x), logdet(x)


def _solution(a: Array, b: Array) -> tuple[Array, Gradient]:
    y = np.linalg.solve(a, b)

    def gradient(dy: Array) -> tuple[Array, Array]:
        db = np.linalg.solve(_transposed(a), dy)
        return _summed(-db @ _transposed(y), a.shape), _summed(db, b.shape)

    return y, gradient


def _summed(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Over the axes along which an operand of this shape was repeated."""
    gradient = gradient.sum(tuple(range(gradient.ndim - len(shape))))
    axes = tuple(i for i, d in enumerate(shape) if d == 1)
    return gradient.sum(axes, keepdims=True)


@operation
def solve(a: Any, b: Any) -> Any:
    """The x of a x = b; the gradients are db = a⁻ᵀ dx and da = -db xᵀ.

    Args:
        a: Square matrices `(…, n, n)`.
        b: Vectors `(…, n)` of as many matrices, or matrices `(…, n, m)`.

    Example:

    >>> solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0])
    array([1. , 0.5], dtype=float32)
    """
    if spec.is_symbolic(a, b):
        a, b = spec.operands("solve", a, b)
    else:
        a, b = spec.arrays(a, b, floating=True)
    a = _matrices("solve", a)
    rows, right = _inner(a), _inner(b)
    vectors = len(right) == len(rows) - 1
    if right[-1 if vectors else -2 :][:1] != rows[-1:]:
        raise ValueError(
            f"{spec.where('solve')}: expected a (…, n, n) and b (…, n) or (…, n, m). "
            f"Received: {described(a, b)}"
        )
    if vectors:
        b, right = shapes.expand_dims(b, -1), (*right, 1)
    shape = (*np.broadcast_shapes(rows[:-2], right[:-2]), *right[-2:])
    y = _computed(_solution, shape, a, b)
    return shapes.squeeze(y, -1) if vectors else y


@operation
def solve_triangular(a: Any, b: Any, lower: bool = False) -> Any:
    """x of a x = b, where only the upper (or lower) triangle of a is read.

    Args:
        a: Square matrices `(…, n, n)`.
        b: Vectors `(…, n)` of as many matrices, or matrices `(…, n, m)`.
        lower: Which triangle.
    """
    triangle = shapes.tril if lower else shapes.triu
    return solve(triangle(_matrices("solve_triangular", a)), b)


def _factor(x: Array) -> tuple[Array, Gradient]:
    try:
        y = np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        raise ValueError(
            "cholesky: expected symmetric positive definite matrices. Received: one that is not. "
            "Hint: add a small number to the diagonal"
        ) from None

    def gradient(dy: Array) -> Array:
        half = np.tril(_transposed(y) @ dy)
        half = half - 0.5 * half * np.eye(half.shape[-1], dtype=half.dtype)
        left = np.linalg.inv(y)
        dx = _transposed(left) @ half @ left
        return 0.5 * (dx + _transposed(dx))

    return y, gradient


@operation
def cholesky(x: Any, upper: bool = False) -> Any:
    """The lower triangular L of x = L Lᵀ, or the upper Lᵀ.

    Args:
        x: Symmetric positive definite matrices, of which the lower triangle is read.
        upper: Whether the result is Lᵀ.

    Raises:
        ValueError: A matrix is not positive definite.

    Example:

    >>> cholesky([[4.0, 2.0], [2.0, 2.0]])
    array([[2., 0.],
           [1., 1.]], dtype=float32)
    """
    x = _matrices("cholesky", x)
    y = _computed(_factor, _inner(x), x)
    return shapes.swapaxes(y, -1, -2) if upper else y


@operation
def cholesky_inverse(x: Any, upper: bool = False) -> Any:
    """The inverse of the matrix whose Cholesky factor is x: (x xᵀ)⁻¹, or (xᵀ x)⁻¹ of an upper one."""
    triangle = shapes.triu if upper else shapes.tril
    y = inv(triangle(_matrices("cholesky_inverse", x)))
    yt = shapes.swapaxes(y, -1, -2)
    return matmul(y, yt) if upper else matmul(yt, y)


@of_arrays
def eig(x: Any) -> tuple[Any, Any]:
    """Eigenvalues, complex, and eigenvectors, as columns, of square matrices. Of arrays only."""
    found = np.linalg.eig(_matrices("eig", x))
    kind = np.result_type(found[0].dtype, np.complex64)
    return found[0].astype(kind), found[1].astype(kind)


@of_arrays
def eigh(x: Any) -> tuple[Any, Any]:
    """Eigenvalues, ascending, and eigenvectors, as columns, of symmetric matrices. Of arrays only."""
    return tuple(np.linalg.eigh(_matrices("eigh", x)))  # type: ignore[return-value]


@of_arrays
def qr(x: Any, mode: str = "reduced") -> tuple[Any, Any]:
    """x = q r with orthonormal columns of q and an upper triangular r. Of arrays only.

    Args:
        x: Matrices `(…, m, n)`.
        mode: `'reduced'`: q is `(…, m, min(m, n))`; `'complete'`: `(…, m, m)`.
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(f"qr: expected mode='reduced' or 'complete'. Received: {mode=}")
    found: Any = np.linalg.qr(_matrices("qr", x, False), mode)  # type: ignore[call-overload]
    return tuple(found)


@of_arrays
def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """x = u diag(s) v with singular values s, descending; `(u, s, v)`, or s alone. Of arrays only.

    Args:
        x: Matrices `(…, m, n)`.
        full_matrices: Whether u is `(…, m, m)` and v `(…, n, n)`, or have min(m, n) columns and rows.
        compute_uv: Whether u and v are wanted.
    """
    x = _matrices("svd", x, False)
    found: Any = np.linalg.svd(x, full_matrices, compute_uv)  # type: ignore[call-overload]
    return tuple(found) if compute_uv else found


@of_arrays
def lu_factor(x: Any) -> tuple[Any, Any]:
    """L and U of p x = L U in one matrix, without the ones of L, and what rows p exchanges. Of arrays only."""
    from scipy.linalg import lu_factor

    x = _matrices("lu_factor", x, square=False)
    *batch, m, n = x.shape
    parts = [lu_factor(matrix) for matrix in x.reshape(-1, m, n)]
    both = np.array([lu for lu, _ in parts], x.dtype).reshape(x.shape)
    return both, np.array([p for _, p in parts], np.int32).reshape(*batch, min(m, n))


@of_arrays
def lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    """The x for which ‖a x - b‖ is smallest, and of those the shortest. Of arrays only.

    Args:
        a: A matrix `(m, n)`.
        b: A vector `(m,)` or a matrix `(m, k)`.
        rcond: Singular values below `rcond` times the largest count as 0; `None`: what rounding makes of 0.
    """
    a, b = spec.arrays(a, b, floating=True)
    return np.linalg.lstsq(a, b, rcond)[0]


@of_arrays
def pinv(x: Any, rcond: float | None = None) -> Any:
    """The pseudo-inverse: the matrix that takes b to the shortest least-squares solution. Of arrays only.

    Args:
        x: Matrices `(…, m, n)`.
        rcond: Singular values below `rcond` times the largest count as 0; `None`: 10 max(m, n) eps.
    """
    x = _matrices("pinv", x, False)
    limit = 10 * max(x.shape[-2:]) * np.finfo(x.dtype).eps if rcond is None else rcond
    return np.linalg.pinv(x, limit)


@of_arrays
def matrix_rank(x: Any, tol: float | None = None) -> Any:
    """How many singular values exceed `tol`; `None`: what rounding makes of 0. Of arrays only."""
    x = _matrices("matrix_rank", x, False)
    return np.asarray(np.linalg.matrix_rank(x, tol), np.int32)

"""Every function of `fastmlp.ops`, with arguments: one table for all its tests.

A case is a function of a namespace `o` (`fastmlp.ops` or `keras.ops`) and of `x`, an array or a symbolic
tensor of shape (7, 6), the batch first. Tests compare arrays with Keras, native results on tensors with
those on arrays, NumPy twins with native results, gradients with central differences.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.not_in_keras import NOT_IN_KERAS

Make = Callable[[Any, Any], Any]

ROW = np.linspace(0.2, 1.3, 6).astype("float32")
TABLE = np.linspace(-1, 1, 24).reshape(6, 4).astype("float32")


def cube(o: Any, x: Any) -> Any:
    return o.reshape(x, (-1, 2, 3))


def above(o: Any, x: Any) -> Any:
    """In (0.4, ∞)"""
    return o.add(o.square(x), 0.4)


def within(o: Any, x: Any) -> Any:
    """In (-0.8, 0.8)"""
    return o.multiply(o.sin(x), 0.8)


def classes(o: Any, x: Any) -> Any:
    """Integers from 0 to 3 (as floats on tensors)"""
    return o.cast(o.mod(o.floor(o.multiply(x, 3.0)), 4.0), "int32")


def shares(o: Any, x: Any) -> Any:
    return o.softmax(x)


def plain(name: str, of: Callable[[Any, Any], Any] = lambda o, x: x, **kwargs: Any) -> Make:
    return lambda o, x: getattr(o, name)(of(o, x), **kwargs)


def two(name: str) -> list[Make]:
    return [
        lambda o, x: getattr(o, name)(x, above(o, o.cos(x))),
        lambda o, x: getattr(o, name)(cube(o, x), ROW[:3]),
        lambda o, x: getattr(o, name)(1.25, above(o, x)),
    ]


def along(name: str, of: Callable[[Any, Any], Any] = lambda o, x: x) -> list[Make]:
    return [
        lambda o, x: getattr(o, name)(cube(o, of(o, x)), axis=1),
        lambda o, x: getattr(o, name)(cube(o, of(o, x)), axis=(1, 2), keepdims=True),
        lambda o, x: getattr(o, name)(of(o, x), axis=0),
        lambda o, x: getattr(o, name)(of(o, x)),
    ]


def with_nan(o: Any, x: Any) -> Any:
    return o.where(o.greater(x, 1.0), np.float32(np.nan), x)


def square(o: Any, x: Any) -> Any:
    """Symmetric positive definite matrices (7, 2, 2)"""
    m = o.reshape(x[:, :4], (-1, 2, 2))
    return o.matmul(m, o.transpose(m, (0, 2, 1))) + o.eye(2)


def with_gaps(o: Any, x: Any) -> Any:
    """NaN above 1, but not in the first two columns"""
    return o.concatenate(
        [x[:, :2], o.where(o.greater(x[:, 2:], 1.0), np.float32(np.nan), x[:, 2:])], axis=1
    )


# With gradients: floats from floats, smooth at the numbers that tests draw.
SMOOTH: dict[str, list[Make]] = {
    **{
        name: [plain(name)]
        for name in ["abs", "absolute", "arctan", "arcsinh", "celu", "copy", "cos", "cosh", "deg2rad", "elu", "erf", "erfc", "exp", "exp2", "expm1", "fabs", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "leaky_relu", "log_sigmoid", "negative", "conj", "conjugate", "rad2deg", "real", "relu", "relu6", "selu", "sigmoid", "silu", "sin", "sinc", "sinh", "soft_shrink", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "square", "squareplus", "swish", "tan", "tanh", "tanh_shrink"]
    },
    **{name: [plain(name, above)] for name in ["log", "log1p", "log2", "log10", "reciprocal", "rsqrt", "sqrt"]},
    **{name: [plain(name, within)] for name in ["arccos", "arcsin", "arctanh", "erfinv"]},
    **{
        name: two(name)
        for name in ["add", "arctan2", "divide", "divide_no_nan", "fmax", "fmin", "fmod", "hypot", "logaddexp", "logaddexp2", "maximum", "minimum", "mod", "multiply", "subtract", "true_divide"]
    },
    **{
        name: along(name)
        for name in ["sum", "mean", "max", "min", "amax", "amin", "prod", "logsumexp", "var", "std", "ptp", "nansum", "nanmax"]
    },
    "arccosh": [plain("arccosh", lambda o, x: o.add(o.square(x), 1.5))],
    "cbrt": [plain("cbrt", above)],
    "power": [
        lambda o, x: o.power(above(o, x), 1.7),
        lambda o, x: o.power(x, 3.0),
        lambda o, x: o.power(1.5, x),
        lambda o, x: o.power(above(o, x), o.sin(x)),
    ],
    "clip": [lambda o, x: o.clip(x, -0.5, 0.7)],
    "where": [lambda o, x: o.where(o.greater(x, 0.1), x, o.square(x)), lambda o, x: o.where(x > 0, x, 0.0)],
    "select": [lambda o, x: o.select([x < -0.5, x < 0.5], [x, o.square(x)], 2.0)],
    "nan_to_num": [lambda o, x: o.nan_to_num(with_nan(o, x), nan=0.5)],
    "nanmin": along("nanmin", with_nan)[:2],
    "nanmean": along("nanmean", with_nan),
    "gelu": [plain("gelu"), plain("gelu", approximate=False)],
    "threshold": [lambda o, x: o.threshold(x, 0.3, -1.0)],
    "nanprod": along("nanprod", with_gaps)[:2],
    "nanvar": along("nanvar", with_gaps),
    "nanstd": along("nanstd", with_gaps)[:3],
    "nancumsum": [lambda o, x: o.nancumsum(with_gaps(o, x), axis=1)],
    "nancumprod": [lambda o, x: o.nancumprod(with_gaps(o, x), axis=1)],
    "ldexp": [lambda o, x: o.ldexp(x, np.arange(6) - 2)],
    "imag": [lambda o, x: x + o.imag(x)],
    "cdist": [lambda o, x: o.cdist(cube(o, x), ROW.reshape(2, 3))],
    "cumprod": [lambda o, x: o.cumprod(x, axis=1), lambda o, x: o.cumprod(cube(o, x), axis=2)],
    "inv": [lambda o, x: o.inv(square(o, x))],
    "det": [lambda o, x: o.det(square(o, x))],
    "logdet": [lambda o, x: o.logdet(square(o, x))],
    "slogdet": [lambda o, x: o.slogdet(square(o, x))[1], lambda o, x: x[:, 0] * o.slogdet(square(o, x))[0]],
    "solve": [
        lambda o, x: o.solve(square(o, x), cube(o, x)),
        lambda o, x: o.solve(np.diag(ROW[:2]), cube(o, x)) if hasattr(x, "per_sample") else o.solve(o.tile(np.diag(ROW[:2])[None], (7, 1, 1)), cube(o, x)),
        lambda o, x: o.solve(square(o, x), x[:, :2]) if hasattr(x, "per_sample") else o.solve(square(o, x), x[:, :2, None])[..., 0],
    ],
    "solve_triangular": [lambda o, x: o.solve_triangular(square(o, x), cube(o, x)), lambda o, x: o.solve_triangular(square(o, x), cube(o, x), lower=True)],
    "cholesky": [lambda o, x: o.cholesky(square(o, x)), lambda o, x: o.cholesky(square(o, x), upper=True)],
    "dstack": [lambda o, x: o.dstack([cube(o, x), cube(o, o.sin(x))])],
    "hsplit": [lambda o, x: o.hsplit(x, 2)[1]],
    "dsplit": [lambda o, x: o.dsplit(cube(o, x), [1])[1]],
    "slice_update": [lambda o, x: o.slice_update(x, (0, 2), o.sin(x[:, :3]))],
    "extract_sequences": [lambda o, x: o.extract_sequences(x, 3, 2)],
    "rearrange": [
        lambda o, x: o.rearrange(x, "b (t f) -> b f t", t=2),
        lambda o, x: o.rearrange(cube(o, x), "b t f -> b (f t)"),
    ],
    "cond": [lambda o, x: o.cond(o.greater(o.sum(x), 0.0), lambda: x, lambda: o.square(x)), lambda o, x: o.cond(2 > 1, lambda: o.sin(x), lambda: x)],
    "switch": [lambda o, x: o.switch(o.cast(o.argmax(o.mean(x, axis=0)), "int32"), [o.sin, o.cos, o.square], x), lambda o, x: o.switch(1, [o.sin, o.cos], x)],
    "fori_loop": [lambda o, x: o.fori_loop(0, 3, lambda i, y: o.sin(y + x), x)],
    "while_loop": [lambda o, x: o.while_loop(lambda i, y: i < 2, lambda i, y: (i + 1, o.sin(y) + y), (0, x))[1]],
    "scan": [lambda o, x: o.scan(lambda c, k: (o.sin(c) * k, None), x, o.convert_to_tensor(ROW[:3]))[0]],
    "associative_scan": [lambda o, x: o.associative_scan(lambda a, b: a * b, x, axis=1), lambda o, x: o.associative_scan(o.add, cube(o, x), reverse=True, axis=2)],
    "glu": [plain("glu"), lambda o, x: o.glu(cube(o, x), axis=1)],
    "softmax": [plain("softmax"), lambda o, x: o.softmax(cube(o, x), axis=1), lambda o, x: o.softmax(cube(o, x), axis=(1, 2))],
    "log_softmax": [plain("log_softmax"), lambda o, x: o.log_softmax(cube(o, x), axis=1)],
    "normalize": [plain("normalize"), lambda o, x: o.normalize(x, order=3), lambda o, x: o.normalize(cube(o, x), axis=1, order=1)],
    "norm": [
        lambda o, x: o.norm(x, axis=-1),
        lambda o, x: o.norm(x, axis=1, keepdims=True, ord=1),
        lambda o, x: o.norm(x, axis=-1, ord=3),
        lambda o, x: o.norm(x, axis=-1, ord=np.inf),
        lambda o, x: o.norm(x, axis=-1, ord=-np.inf),
        lambda o, x: o.norm(x * 0.1),
    ],
    "moments": [
        lambda o, x: o.moments(x, 0)[1],
        lambda o, x: o.moments(cube(o, x), [1, 2], keepdims=True)[0],
    ],
    "batch_normalization": [
        lambda o, x: o.batch_normalization(x, *o.moments(x, 0), axis=-1, offset=ROW, scale=ROW),
        lambda o, x: o.batch_normalization(cube(o, x), ROW[:2], ROW[:2], axis=1),
    ],
    "layer_normalization": [plain("layer_normalization"), lambda o, x: o.layer_normalization(x, ROW, ROW)],
    "rms_normalization": [plain("rms_normalization"), lambda o, x: o.rms_normalization(x, ROW)],
    "psnr": [lambda o, x: o.psnr(x, o.sin(x), 2.0)],
    "binary_crossentropy": [
        lambda o, x: o.binary_crossentropy(o.sigmoid(o.sin(x)), o.sigmoid(x)),
        lambda o, x: o.binary_crossentropy(o.sigmoid(o.sin(x)), x, from_logits=True),
    ],
    "categorical_crossentropy": [
        lambda o, x: o.categorical_crossentropy(o.softmax(o.sin(x)), o.sigmoid(x)),
        lambda o, x: o.categorical_crossentropy(o.softmax(o.sin(x)), x, from_logits=True),
    ],
    "sparse_categorical_crossentropy": [
        lambda o, x: o.sparse_categorical_crossentropy(classes(o, x[:, 0]), x, from_logits=True),
        lambda o, x: o.sparse_categorical_crossentropy(classes(o, x[:, :1]), o.sigmoid(x)),
    ],
    "average": [
        lambda o, x: o.average(x, 1),
        lambda o, x: o.average(cube(o, x), axis=1, weights=ROW[:2]),
        lambda o, x: o.average(x, weights=above(o, o.cos(x))),
    ],
    "diff": [plain("diff"), lambda o, x: o.diff(cube(o, x), n=1, axis=1), lambda o, x: o.diff(x, n=2)],
    "trapezoid": [plain("trapezoid"), lambda o, x: o.trapezoid(x, np.square(ROW)), lambda o, x: o.trapezoid(cube(o, x), dx=0.5, axis=1), lambda o, x: o.trapezoid(cube(o, x), cube(o, o.sin(x)), axis=1), lambda o, x: o.trapezoid(cube(o, x), np.square(TABLE[:2, :3]))],
    "cross": [lambda o, x: o.cross(cube(o, x), cube(o, o.sin(x))), lambda o, x: o.cross(cube(o, x), cube(o, o.sin(x)), axis=1), lambda o, x: o.cross(x[:, :2], o.sin(x)[:, :3]), lambda o, x: o.cross(cube(o, x), ROW[:2])],
    "cumsum": [lambda o, x: o.cumsum(x, axis=1), lambda o, x: o.cumsum(cube(o, x), axis=1)],
    "trace": [lambda o, x: o.trace(cube(o, x), axis1=1, axis2=2)],
    "diagonal": [lambda o, x: o.diagonal(cube(o, x), offset=1, axis1=1, axis2=2)],
    "outer": [lambda o, x: o.outer(ROW, ROW[:2]) * o.sum(x)],
    "inner": [lambda o, x: o.sum(o.inner(x, ROW))],
    "vdot": [lambda o, x: o.vdot(x, o.sin(x))],
    "dot": [lambda o, x: o.dot(x, TABLE), lambda o, x: o.dot(x, 0.5)],
    "matmul": [
        lambda o, x: o.matmul(x, TABLE),
        lambda o, x: o.matmul(cube(o, x), o.transpose(cube(o, o.sin(x)), (0, 2, 1))),
        lambda o, x: o.matmul(x, ROW),
    ],
    "tensordot": [lambda o, x: o.tensordot(cube(o, x), TABLE.reshape(2, 3, 4), axes=[[1, 2], [0, 1]])],
    "einsum": [
        lambda o, x: o.einsum("bij,bkj->bik", cube(o, x), cube(o, o.sin(x))),
        lambda o, x: o.einsum("bi,ij->bj", x, TABLE),
        lambda o, x: o.einsum("bij->bji", cube(o, x)),
        lambda o, x: o.einsum("bij->b", cube(o, x)),
        lambda o, x: o.einsum("bij,bij->bi", cube(o, x), cube(o, o.cos(x))),
        lambda o, x: o.einsum("ji,bi->bj", TABLE.T, x),
        lambda o, x: o.einsum("bi,bj->bji", x, o.sin(x)),
    ],
    "get_item": [lambda o, x: o.get_item(x, (slice(None), slice(1, 4))), lambda o, x: x[:, 2]],
    "concatenate": [lambda o, x: o.concatenate([x, o.sin(x)], axis=1), lambda o, x: o.concatenate([cube(o, x), cube(o, x)], axis=-1)],
    "append": [lambda o, x: o.append(x, o.sin(x), axis=1)],
    "hstack": [lambda o, x: o.hstack([x, o.sin(x)])],
    "stack": [lambda o, x: o.stack([x, o.sin(x)], axis=1), lambda o, x: o.stack([x, o.sin(x)], axis=-1)],
    "unstack": [lambda o, x: o.unstack(x, axis=1)[2], lambda o, x: o.unstack(cube(o, x), 2, axis=1)[0]],
    "split": [lambda o, x: o.split(x, 3, axis=1)[1], lambda o, x: o.split(x, [2, 3], axis=1)[2]],
    "array_split": [lambda o, x: o.array_split(x, 4, axis=1)[0]],
    "slice": [lambda o, x: o.slice(x, (0, 2), (-1, 3))],
    "reshape": [cube],
    "expand_dims": [lambda o, x: o.expand_dims(x, 1)],
    "squeeze": [lambda o, x: o.squeeze(o.expand_dims(x, -1), -1)],
    "transpose": [lambda o, x: o.transpose(cube(o, x), (0, 2, 1))],
    "swapaxes": [lambda o, x: o.swapaxes(cube(o, x), 1, 2)],
    "moveaxis": [lambda o, x: o.moveaxis(cube(o, x), 2, 1)],
    "flip": [lambda o, x: o.flip(x, axis=1)],
    "fliplr": [plain("fliplr")],
    "rot90": [lambda o, x: o.rot90(cube(o, x), axes=(1, 2))],
    "roll": [lambda o, x: o.roll(x, 2, axis=1)],
    "repeat": [lambda o, x: o.repeat(x, 2, axis=1)],
    "tile": [lambda o, x: o.tile(x, (1, 2))],
    "take": [lambda o, x: o.take(x, [1, 1, 0], axis=1)],
    "take_along_axis": [
        lambda o, x: o.take_along_axis(x, o.argsort(o.sin(x))[:, :3], axis=1),
        lambda o, x: o.take_along_axis(x, np.tile([[2, -1, 2]], (7, 1)), axis=1) if hasattr(x, "T") else o.take(x, [2, 5, 2], 1),
    ],
    "sort": [plain("sort"), lambda o, x: o.sort(cube(o, x), axis=1)],
    "top_k": [lambda o, x: o.top_k(x, 3)[0]],
    "quantile": [lambda o, x: o.quantile(x, 0.3, axis=1), lambda o, x: o.quantile(x, 0.5, axis=1, keepdims=True)],
    "percentile": [lambda o, x: o.percentile(x, 70, axis=1)],
    "median": [lambda o, x: o.median(x, axis=1)],
    "broadcast_to": [lambda o, x: o.broadcast_to(o.expand_dims(x, 1), (7 if hasattr(x, "T") else None, 2, 6))],
    "pad": [lambda o, x: o.pad(x, ((0, 0), (1, 2))), lambda o, x: o.pad(x, ((0, 0), (1, 2)), "reflect")],
    "tril": [lambda o, x: o.tril(cube(o, x))],
    "triu": [lambda o, x: o.triu(cube(o, x), 1)],
    "full_like": [lambda o, x: x * o.full_like(x, 2.0)],
    "ones_like": [lambda o, x: x + o.ones_like(x)],
    "zeros_like": [lambda o, x: x + o.zeros_like(x)],
    "convert_to_tensor": [lambda o, x: o.convert_to_tensor(x)],
}  # fmt: skip

# Without gradients: places, classes, comparisons, steps.
STEPS: dict[str, list[Make]] = {
    **{name: [plain(name)] for name in ["ceil", "floor", "round", "sign", "trunc", "isnan", "isinf", "isfinite", "isposinf", "isneginf", "logical_not", "argsort", "angle", "signbit"]},
    **{
        name: [lambda o, x, name=name: getattr(o, name)(o.floor(x), o.floor(o.sin(x)))]
        for name in ["equal", "not_equal", "greater", "greater_equal", "less", "less_equal", "isclose"]
    },
    **{
        name: [lambda o, x, name=name: getattr(o, name)(o.greater(x, 0.0), o.greater(o.sin(x * 3.0), 0.3))]
        for name in ["logical_and", "logical_or", "logical_xor"]
    },
    "isreal": [plain("isreal")],
    "isin": [lambda o, x: o.isin(o.floor(x), np.float32([0, -2])), lambda o, x: o.isin(o.floor(x), np.float32([[1.0]]), invert=True)],
    "allclose": [lambda o, x: o.allclose(x, x), lambda o, x: o.allclose(x, o.sin(x))],
    "nanargmax": [lambda o, x: o.nanargmax(with_nan(o, x), axis=1), lambda o, x: o.nanargmax(o.log(o.minimum(x, 0.0) + 1.0) + x * np.float32(np.nan), axis=1)],
    "nanmax": [lambda o, x: o.nanmax(x * np.float32(np.nan), axis=1)],
    "nanmin": [lambda o, x: o.nanmin(x * np.float32(np.nan), axis=1, keepdims=True)],
    "nanargmin": [lambda o, x: o.nanargmin(with_nan(o, x), axis=1, keepdims=True)],
    "saturate_cast": [lambda o, x: o.saturate_cast(x * 200.0, "int8")],
    "floor_divide": two("floor_divide"),
    "heaviside": [lambda o, x: o.heaviside(x, 0.5)],
    "any": [lambda o, x: o.any(o.greater(x, 1.0), axis=1), lambda o, x: o.any(o.greater(x, 9.0))],
    "all": [lambda o, x: o.all(o.greater(x, -1.0), axis=1, keepdims=True)],
    "argmax": [lambda o, x: o.argmax(x, axis=1), lambda o, x: o.argmax(x, axis=0), lambda o, x: o.argmax(cube(o, x), axis=1, keepdims=True)],
    "argmin": [lambda o, x: o.argmin(x, axis=-1)],
    "count_nonzero": [lambda o, x: o.count_nonzero(o.floor(x), axis=1)],
    "one_hot": [lambda o, x: o.one_hot(classes(o, x), 4), lambda o, x: o.one_hot(classes(o, x), 4, axis=1)],
    "multi_hot": [lambda o, x: o.multi_hot(classes(o, x), 5)],
    "in_top_k": [lambda o, x: o.in_top_k(classes(o, x[:, 0]), x, 2), lambda o, x: o.in_top_k(classes(o, x[:, 0]), with_nan(o, x), 3)],
    "searchsorted": [lambda o, x: o.searchsorted(ROW, x[:, 0]), lambda o, x: o.searchsorted(ROW, x[:, 1], side="right")],
    "digitize": [lambda o, x: o.digitize(x, ROW)],
    "cast": [lambda o, x: o.cast(x, "int32"), lambda o, x: o.cast(o.floor(x), "bool")],
    "stop_gradient": [plain("stop_gradient")],
}  # fmt: skip

# Of arrays alone: constants, shapes, and what would mix samples.
ARRAYS: dict[str, list[Make]] = {
    "arange": [lambda o, x: o.arange(4), lambda o, x: o.arange(1, 7, 2), lambda o, x: o.arange(0.0, 1.0, 0.25)],
    "linspace": [lambda o, x: o.linspace(x[0], x[1], 4, axis=1), lambda o, x: o.linspace(0.0, 1.0, 4, retstep=True)[1], lambda o, x: o.linspace(0.0, 2.0, 5), lambda o, x: o.linspace(0.0, 2.0, 5, endpoint=False)],
    "zeros": [lambda o, x: o.zeros((2, 3)), lambda o, x: o.zeros(2, "int32")],
    "ones": [lambda o, x: o.ones((2, 3))],
    "full": [lambda o, x: o.full((2, 2), 3.0)],
    "eye": [lambda o, x: o.eye(3, 4, 1)],
    "identity": [lambda o, x: o.identity(3)],
    "shape": [lambda o, x: np.asarray(o.shape(x), "int32")],
    "ndim": [lambda o, x: np.asarray(o.ndim(x), "int32")],
    "size": [lambda o, x: np.asarray(o.size(x), "int32")],
    "is_tensor": [lambda o, x: np.asarray(o.is_tensor(o.convert_to_tensor(x)))],
    "convert_to_numpy": [lambda o, x: o.convert_to_numpy(x)],
    "polar": [lambda o, x: o.polar(o.abs(x), x)],
    "array": [lambda o, x: o.array([1, 2.5]), lambda o, x: o.array([1, 2], "float32")],
    "dtype": [lambda o, x: np.asarray([o.dtype(o.convert_to_tensor(v)) == k for v, k in ((1, "int32"), (1.0, "float32"), (x, "float32"))])],
    "empty": [lambda o, x: o.empty((2, 3))],
    "empty_like": [lambda o, x: o.empty_like(x)],
    "tri": [lambda o, x: o.tri(3, 4, 1)],
    "logspace": [lambda o, x: o.logspace(0.0, 2.0, 5), lambda o, x: o.logspace(0.0, 2.0, 4, base=2, endpoint=False)],
    "geomspace": [lambda o, x: o.geomspace(1.0, 8.0, 4)],
    "meshgrid": [lambda o, x: o.meshgrid(ROW, ROW[:2])[0], lambda o, x: o.meshgrid(ROW, ROW[:2], indexing="ij")[1]],
    "vander": [lambda o, x: o.vander(ROW), lambda o, x: o.vander(ROW, 3, increasing=True)],
    "diagflat": [lambda o, x: o.diagflat(x[:2, :2], 1)],
    "kron": [lambda o, x: o.kron(x[:2], TABLE)],
    "vsplit": [lambda o, x: o.vsplit(x, [2, 3])[2]],
    "hsplit": [lambda o, x: o.hsplit(ROW, 3)[1]],
    "slice_update": [lambda o, x: o.slice_update(x, (6, 5), TABLE[:2, :2])],
    "real": [lambda o, x: o.real(o.polar(o.abs(x), x))],
    "imag": [lambda o, x: o.imag(o.polar(o.abs(x), x))],
    "conj": [lambda o, x: o.conj(o.polar(o.abs(x), x))],
    "angle": [lambda o, x: o.angle(o.polar(o.abs(x), x))],
    "isreal": [lambda o, x: o.isreal(o.polar(o.abs(x), x * 0.0))],
    "view": [lambda o, x: o.view(x, "int32")],
    "view_as_complex": [lambda o, x: o.view_as_complex(x[:, :2])],
    "view_as_real": [lambda o, x: o.view_as_real(o.polar(o.abs(x), x))],
    "bincount": [lambda o, x: o.bincount(np.array([1, 1, 4])), lambda o, x: o.bincount(np.array([[1, 1, 4], [0, 2, 2]]), minlength=7), lambda o, x: o.bincount(np.array([1, 1, 4]), weights=ROW[:3])],
    "histogram": [lambda o, x: o.histogram(x[0])[0], lambda o, x: o.histogram(x[:, 0], 4, (-1.0, 1.0))[1]],
    "unique": [
        lambda o, x: o.unique(np.int32([3, 1, 3])),
        lambda o, x: o.unique(np.array([[3, 1], [3, 2]]), return_inverse=True)[1],
        lambda o, x: o.unique(np.int32([3, 1, 3]), return_index=True, return_counts=True)[2],
        lambda o, x: o.unique(np.int32([3, 1, 3]), size=4),
        lambda o, x: o.unique(np.int32([[3, 1], [3, 1], [0, 5]]), axis=0, size=3, fill_value=-1),
        lambda o, x: o.unique(np.int32([[3, 1], [3, 1], [0, 5]]), axis=-1, size=5, fill_value=-1),
    ],
    "nonzero": [lambda o, x: o.nonzero(o.floor(x))[1]],
    "where": [lambda o, x: o.where(o.greater(x, 0.0))[0]],
    "unravel_index": [lambda o, x: o.unravel_index(np.array([3, 11]), (3, 4))[1]],
    "argpartition": [lambda o, x: o.sort(o.argpartition(x, 2)[:, :2]), lambda o, x: o.argpartition(x, 2, axis=0)[2]],
    "corrcoef": [plain("corrcoef")],
    "correlate": [lambda o, x: o.correlate(x[0], ROW[:3]), lambda o, x: o.correlate(x[0], ROW[:3], "full")],
    "nextafter": [lambda o, x: o.nextafter(x, 9.0)],
    "scatter": [lambda o, x: o.scatter(np.array([[0, 1], [2, 0], [2, 0]]), ROW[:3], (3, 2))],
    "scatter_update": [
        lambda o, x, how=how: o.scatter_update(x, np.array([[0, 1], [2, 0], [2, 3]]), ROW[:3], how) for how in (None, "add", "max", "min", "mul")
    ],
    **{
        f"segment_{how}": [
            lambda o, x, how=how: getattr(o, f"segment_{how}")(x, np.array([0, 2, 0, 2, 2, 4, 4]), 6),
            lambda o, x, how=how: getattr(o, f"segment_{how}")(np.arange(3, dtype="int32"), np.array([0, 1, 0]), 2),
        ]
        for how in ("sum", "max", "min", "prod")
    },
    **{name: [lambda o, x, name=name: getattr(o, name)(7)] for name in ("bartlett", "blackman", "hamming", "hanning")},
    "kaiser": [lambda o, x: o.kaiser(7, 3.0)],
    "i0": [plain("i0")],
    **{
        name: [lambda o, x, name=name: getattr(o, name)(np.array([12, 7, 3], "int32"), np.array([5, 2, 1], "int32"))]
        for name in ("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift", "left_shift", "right_shift", "gcd", "lcm")
    },
    **{name: [lambda o, x, name=name: getattr(o, name)(np.array([12, 7], "int32"))] for name in ("bitwise_not", "bitwise_invert")},
    "nanquantile": [lambda o, x: o.nanquantile(with_nan(o, x), [0.2, 0.7], axis=0)],
    "nanpercentile": [lambda o, x: o.nanpercentile(with_nan(o, x), 30.0)],
    "nanmedian": [
        lambda o, x: o.nanmedian(with_nan(o, x), axis=1, keepdims=True),
        lambda o, x: o.nanmedian(np.float32([[np.inf, np.inf, np.nan], [1, np.inf, np.nan], [np.nan, -np.inf, np.inf], [1, 2, np.nan]]), axis=1),
    ],
    **{name: [lambda o, x, name=name: getattr(o, name)(np.int32([[1, 2], [4, 3]]), axis=1), lambda o, x, name=name: getattr(o, name)(np.bool_([True, False]))] for name in ("nansum", "nanprod", "nanmax", "nanmin", "nancumsum", "nancumprod")},
    "trapezoid": [lambda o, x: o.trapezoid(np.bool_([True, True, False])), lambda o, x: o.trapezoid(np.int32([1, 2, 4]))],
    "diff": [lambda o, x: o.diff(np.bool_([True, True, False, True]), n=2)],
    "erfinv": [lambda o, x: o.erfinv(np.bool_([True, False]))],
    "cholesky_inverse": [lambda o, x: o.cholesky_inverse(o.cholesky(square(o, x)[0])), lambda o, x: o.cholesky_inverse(o.cholesky(square(o, x)[0], upper=True), upper=True)],
    "solve": [lambda o, x: o.solve(square(o, x)[0], x[0, :2])],
    "eig": [lambda o, x: o.sort(o.real(o.eig(square(o, x))[0]))],
    "eigh": [lambda o, x: o.eigh(square(o, x))[0], lambda o, x: o.abs(o.eigh(square(o, x))[1])],
    "qr": [lambda o, x: o.abs(o.qr(x)[0]), lambda o, x: o.abs(o.qr(x, mode="complete")[1])],
    "svd": [lambda o, x: o.svd(x, compute_uv=False), lambda o, x: o.svd(x)[1], lambda o, x: o.abs(o.svd(x, full_matrices=False)[2])],
    "lu_factor": [lambda o, x: o.lu_factor(square(o, x))[0], lambda o, x: o.lu_factor(x[:6])[1], lambda o, x: o.lu_factor(x)[0], lambda o, x: o.lu_factor(cube(o, x))[1]],
    "lstsq": [lambda o, x: o.lstsq(x, ROW[[0, 1, 2, 3, 4, 5, 0]]), lambda o, x: o.lstsq(x, x[:, :2])],
    "pinv": [lambda o, x: o.pinv(x), lambda o, x: o.pinv(cube(o, x))],
    "matrix_rank": [lambda o, x: o.matrix_rank(o.concatenate([x[:, :3], x[:, :3]], axis=1)), lambda o, x: o.matrix_rank(cube(o, x))],
    "scan": [lambda o, x: o.scan(lambda c, v: (c + v, c * v), x[0], x)[1], lambda o, x: o.scan(lambda c, v: (c + v["a"], {"b": c}), x[0], {"a": x}, reverse=True)[1]["b"], lambda o, x: o.scan(lambda c, _: (c * 2.0, c), 1.0, length=3)[1]],
    "map": [lambda o, x: o.map(lambda v: o.sum(o.square(v)), x)],
    "vectorized_map": [lambda o, x: o.vectorized_map(lambda v: o.sum(o.square(v)), x), lambda o, x: o.vectorized_map(lambda v: v[0] * v[1], (x, x))],
    "vectorize": [lambda o, x: o.vectorize(lambda a, b: o.sum(a * b), signature="(n),(n)->()")(x, ROW)],
    "switch": [lambda o, x: o.switch(9, [o.sin, o.cos], x)],
    "while_loop": [lambda o, x: o.while_loop(lambda v: o.sum(v) < 50.0, lambda v: v * 2.0, o.abs(x)), lambda o, x: o.while_loop(lambda v: True, lambda v: v + 1.0, x, maximum_iterations=3)],
    "cumprod": [plain("cumprod")],
    "cross": [lambda o, x: o.cross(x[:3], x[3:6], axisa=0, axisb=0, axisc=0), lambda o, x: o.cross(ROW[:2], ROW[1:3])],
    "saturate_cast": [lambda o, x: o.saturate_cast(np.float32([-1, 256, 7]), "uint8")],
    "cast": [lambda o, x: o.cast(np.int32([1, 2]), None)],
    "vstack": [lambda o, x: o.vstack([x, x])],
    "flipud": [plain("flipud")],
    "diag": [lambda o, x: o.diag(ROW), lambda o, x: o.diag(x, 1)],
    "ravel": [plain("ravel")],
    "outer": [lambda o, x: o.outer(x[0], x[1])],
    "inner": [lambda o, x: o.inner(x, x)],
    "trace": [plain("trace")],
    "cumsum": [plain("cumsum")],
    "median": [plain("median"), lambda o, x: o.median(np.float32([[np.inf, np.inf, 1, np.inf], [-np.inf, np.inf, 1, 2]]), axis=1)],
    "quantile": [lambda o, x: o.quantile(x, [0.2, 0.7], axis=0)],
    "sort": [lambda o, x: o.sort(x, axis=0)],
    "top_k": [lambda o, x: o.top_k(x, 2)[1]],
    "add": [lambda o, x: o.add([1, 2], 3), lambda o, x: o.add(np.arange(3), 0.5), lambda o, x: o.add(True, [True])],
    "mean": [lambda o, x: o.mean([1, 2]), lambda o, x: o.mean(np.array([True, False]))],
    "sum": [lambda o, x: o.sum(np.array([250, 250], "uint8")), lambda o, x: o.sum([True, True])],
    "divide": [lambda o, x: o.divide([1, 2], 2), lambda o, x: o.divide(x, 0.0)],
    "sqrt": [lambda o, x: o.sqrt([1, 4]), lambda o, x: o.sqrt(x)],
    "max": [lambda o, x: o.max([1, 3, 2]), lambda o, x: o.max(x, axis=1, initial=0.5)],
}  # fmt: skip

# Names without a case: those that Keras lacks, those that are no functions of numbers; and sparsemax, which in
# Keras does not add up to 1 (it is tested with the activations).
WITHOUT_CASE = NOT_IN_KERAS["ops"] | {"sparsemax", "custom_gradient", "linalg", "nn"}

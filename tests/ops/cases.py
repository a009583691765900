"""Every function of `fastmlp.ops`, with arguments: one table for all its tests.

A case is a function of a namespace `o` (`fastmlp.ops` or `keras.ops`) and of `x`, an array or a symbolic
tensor of shape (7, 6), the batch first. Tests compare arrays with Keras, native results on tensors with
those on arrays, NumPy twins with native results, gradients with central differences.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

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


# With gradients: floats from floats, smooth at the numbers that tests draw.
SMOOTH: dict[str, list[Make]] = {
    **{
        name: [plain(name)]
        for name in ["abs", "absolute", "arctan", "arcsinh", "celu", "copy", "cos", "cosh", "deg2rad", "elu", "erf", "erfc", "exp", "exp2", "expm1", "fabs", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "leaky_relu", "log_sigmoid", "negative", "rad2deg", "relu", "relu6", "selu", "sigmoid", "silu", "sin", "sinc", "sinh", "soft_shrink", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "square", "squareplus", "swish", "tan", "tanh", "tanh_shrink"]
    },
    **{name: [plain(name, above)] for name in ["log", "log1p", "log2", "log10", "reciprocal", "rsqrt", "sqrt"]},
    **{name: [plain(name, within)] for name in ["arccos", "arcsin", "arctanh"]},
    **{
        name: two(name)
        for name in ["add", "arctan2", "divide", "divide_no_nan", "fmax", "fmin", "hypot", "logaddexp", "logaddexp2", "maximum", "minimum", "mod", "multiply", "subtract", "true_divide"]
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
    "trapezoid": [plain("trapezoid"), lambda o, x: o.trapezoid(x, np.square(ROW)), lambda o, x: o.trapezoid(cube(o, x), dx=0.5, axis=1)],
    "cross": [lambda o, x: o.cross(cube(o, x), cube(o, o.sin(x)))],
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
    "slice": [lambda o, x: o.slice(x, (0, 2), (7, 3))],
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
    **{name: [plain(name)] for name in ["ceil", "floor", "round", "sign", "trunc", "isnan", "isinf", "isfinite", "isposinf", "isneginf", "logical_not", "argsort"]},
    **{
        name: [lambda o, x, name=name: getattr(o, name)(o.floor(x), o.floor(o.sin(x)))]
        for name in ["equal", "not_equal", "greater", "greater_equal", "less", "less_equal", "isclose"]
    },
    **{
        name: [lambda o, x, name=name: getattr(o, name)(o.greater(x, 0.0), o.greater(o.sin(x * 3.0), 0.3))]
        for name in ["logical_and", "logical_or", "logical_xor"]
    },
    "floor_divide": two("floor_divide"),
    "heaviside": [lambda o, x: o.heaviside(x, 0.5)],
    "any": [lambda o, x: o.any(o.greater(x, 1.0), axis=1), lambda o, x: o.any(o.greater(x, 9.0))],
    "all": [lambda o, x: o.all(o.greater(x, -1.0), axis=1, keepdims=True)],
    "argmax": [lambda o, x: o.argmax(x, axis=1), lambda o, x: o.argmax(x, axis=0), lambda o, x: o.argmax(cube(o, x), axis=1, keepdims=True)],
    "argmin": [lambda o, x: o.argmin(x, axis=-1)],
    "count_nonzero": [lambda o, x: o.count_nonzero(o.floor(x), axis=1)],
    "one_hot": [lambda o, x: o.one_hot(classes(o, x), 4), lambda o, x: o.one_hot(classes(o, x), 4, axis=1)],
    "multi_hot": [lambda o, x: o.multi_hot(classes(o, x), 5)],
    "in_top_k": [lambda o, x: o.in_top_k(classes(o, x[:, 0]), x, 2)],
    "searchsorted": [lambda o, x: o.searchsorted(ROW, x[:, 0]), lambda o, x: o.searchsorted(ROW, x[:, 1], side="right")],
    "digitize": [lambda o, x: o.digitize(x, ROW)],
    "cast": [lambda o, x: o.cast(x, "int32"), lambda o, x: o.cast(o.floor(x), "bool")],
    "stop_gradient": [plain("stop_gradient")],
}  # fmt: skip

# Of arrays alone: constants, shapes, and what would mix samples.
ARRAYS: dict[str, list[Make]] = {
    "arange": [lambda o, x: o.arange(4), lambda o, x: o.arange(1, 7, 2), lambda o, x: o.arange(0.0, 1.0, 0.25)],
    "linspace": [lambda o, x: o.linspace(0.0, 2.0, 5), lambda o, x: o.linspace(0.0, 2.0, 5, endpoint=False)],
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
    "vstack": [lambda o, x: o.vstack([x, x])],
    "flipud": [plain("flipud")],
    "diag": [lambda o, x: o.diag(ROW), lambda o, x: o.diag(x, 1)],
    "ravel": [plain("ravel")],
    "outer": [lambda o, x: o.outer(x[0], x[1])],
    "inner": [lambda o, x: o.inner(x, x)],
    "trace": [plain("trace")],
    "cumsum": [plain("cumsum")],
    "median": [plain("median")],
    "quantile": [lambda o, x: o.quantile(x, [0.2, 0.7], axis=0)],
    "sort": [lambda o, x: o.sort(x, axis=0)],
    "top_k": [lambda o, x: o.top_k(x, 2)[1]],
    "add": [lambda o, x: o.add([1, 2], 3), lambda o, x: o.add(np.arange(3), 0.5), lambda o, x: o.add(True, [True])],
    "mean": [lambda o, x: o.mean([1, 2]), lambda o, x: o.mean(np.array([True, False]))],
    "sum": [lambda o, x: o.sum(np.array([250, 250], "uint8")), lambda o, x: o.sum([True, True])],
    "divide": [lambda o, x: o.divide([1, 2], 2), lambda o, x: o.divide(x, 0.0)],
    "sqrt": [lambda o, x: o.sqrt([1, 4]), lambda o, x: o.sqrt(x)],
    "max": [lambda o, x: o.max([1, 3, 2])],
}  # fmt: skip

# Names that keras.ops does not have, or that are no functions of numbers; and sparsemax, which in Keras
# does not add up to 1 (it is tested with the activations).
NOT_OF_KERAS = {
    "pow", "sparsemax", "custom_gradient", "moving_average", "track", "normal_like", "dense", "activation", "activity_penalty", "affine", "dropout", "penalty", "repeat_samples",
    "sum_samples", "GRADIENTS", "OPS", "OpSpec",
}  # fmt: skip

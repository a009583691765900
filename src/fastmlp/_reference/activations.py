"""Activations and their gradients, in double precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

_INF = float("inf")
_erfc = np.vectorize(math.erfc, otypes=[np.float64])
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def _sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _normal_cdf(x: np.ndarray) -> np.ndarray:
    return 0.5 * _erfc(-x / math.sqrt(2))


def _expm1(x: np.ndarray) -> np.ndarray:
    return np.expm1(np.minimum(x, 0))


def _times(x: np.ndarray, gate: np.ndarray) -> np.ndarray:
    """x · gate, where 0 wins over infinity: the limit of a gate that falls faster than x grows."""
    return np.where(gate == 0, 0, x) * gate


def _relu(x: np.ndarray, slope: float = 0, top: float = _INF, threshold: float = 0) -> np.ndarray:
    above = x if top == _INF else np.clip(x, 0, top)
    below = (
        np.where(x == -_INF, 0, x - threshold) * slope if slope == 0 else (x - threshold) * slope
    )
    return np.where(x > threshold, above, below)


def _relu_grad(
    x: np.ndarray, slope: float = 0, top: float = _INF, threshold: float = 0
) -> np.ndarray:
    above = 1.0 if top == _INF else np.where((x <= 0) | (x >= top), 0.0, 1.0)
    return np.where(x < threshold, slope, np.where(x == threshold, 0.0, above))


def _gelu_tanh_gate(x: np.ndarray) -> np.ndarray:
    return _sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))


def _gelu_tanh_grad(x: np.ndarray) -> np.ndarray:
    s = _gelu_tanh_gate(x)
    slope = 2 * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)
    return s + _times(x * slope, s * (1 - s))


def _mish_gate(x: np.ndarray) -> np.ndarray:
    return np.tanh(_softplus(x))


def _squareplus(x: np.ndarray, b: float = 4.0) -> np.ndarray:
    root = np.sqrt(x * x + b)
    return np.where(x < 0, b / (root - np.where(x < 0, x, -1)), x + root) / 2


_FORWARD: dict[str, Callable[..., np.ndarray]] = {
    "relu": lambda x: np.maximum(x, 0),
    "relu_general": _relu,
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x, a=0.2: np.where(x < 0, a * x, x),
    "sigmoid": _sigmoid,
    "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "tanh": np.tanh,
    "softplus": _softplus,
    "softsign": lambda x: np.where(
        np.isinf(x), np.sign(x), x / np.where(np.isinf(x), 1, 1 + np.abs(x))
    ),
    "elu": lambda x, a=1.0: np.where(x > 0, x, a * _expm1(x)),
    "selu": lambda x: _SELU_SCALE * np.where(x > 0, x, _SELU_ALPHA * _expm1(x)),
    "exponential": np.exp,
    "gelu": lambda x: _times(x, _normal_cdf(x)),
    "gelu_tanh": lambda x: _times(x, _gelu_tanh_gate(x)),
    "silu": lambda x: _times(x, _sigmoid(x)),
    "mish": lambda x: _times(x, _mish_gate(x)),
    "step": lambda x: np.where(np.isnan(x), x, (x >= 0) * 1.0),
    "celu": lambda x, a=1.0: np.where(x > 0, x, a * _expm1(x / a)),
    "squareplus": _squareplus,
    "sparse_plus": lambda x: np.where(x <= -1, 0, np.where(x >= 1, x, (x + 1) ** 2 / 4)),
    "sparse_sigmoid": lambda x: np.clip(x + 1, 0, 2) / 2,
    "soft_shrink": lambda x, t=0.5: np.where(np.abs(x) <= t, 0, x - np.copysign(t, x)),
    "hard_shrink": lambda x, t=0.5: np.where(np.abs(x) <= t, 0, x),
    "tanh_shrink": lambda x: x - np.tanh(x),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "hard_silu": lambda x: _times(x, np.clip(x + 3, 0, 6) / 6),
    "log_sigmoid": lambda x: -_softplus(-x),
    "threshold": lambda x, t=0.0, v=0.0: np.asarray(np.where(x <= t, v, x)),
}

# f' from the saved y or x (the kernels' ACTIVATIONS says which); `step` is straight-through.
_SLOPE: dict[str, Callable[..., np.ndarray]] = {
    "relu": lambda y: (y > 0) * 1.0,
    "relu_general": _relu_grad,
    "relu6": lambda y: ((y > 0) & (y < 6)) * 1.0,
    "leaky_relu": lambda x, a=0.2: np.where(x < 0, a, 1.0),
    "sigmoid": lambda y: y * (1 - y),
    "hard_sigmoid": lambda y: ((y > 0) & (y < 1)) / 6,
    "tanh": lambda y: 1 - y * y,
    "softplus": _sigmoid,
    "softsign": lambda x: 1 / (1 + np.abs(x)) ** 2,
    "elu": lambda x, a=1.0: np.where(x > 0, 1.0, a * np.exp(np.minimum(x, 0))),
    "selu": lambda x: _SELU_SCALE * np.where(x > 0, 1.0, _SELU_ALPHA * np.exp(np.minimum(x, 0))),
    "exponential": lambda y: y,
    "gelu": lambda x: _normal_cdf(x) + _times(x, np.exp(-x * x / 2) / math.sqrt(2 * math.pi)),
    "gelu_tanh": _gelu_tanh_grad,
    "silu": lambda x: _sigmoid(x) * (1 + _times(x, _sigmoid(-x))),
    "mish": lambda x: _mish_gate(x) + _times(x, (1 - _mish_gate(x) ** 2) * _sigmoid(x)),
    "step": lambda x: np.ones_like(x),
    "celu": lambda x, a=1.0: np.where(x > 0, 1.0, np.exp(np.minimum(x, 0) / a)),
    "squareplus": lambda x, b=4.0: _squareplus(x, b) / np.sqrt(x * x + b),
    "sparse_plus": lambda x: np.where(x <= -1, 0, np.where(x >= 1, 1, (x + 1) / 2)),
    "sparse_sigmoid": lambda x: np.where(np.abs(x) == 1, 0.25, (np.abs(x) < 1) / 2),
    "soft_shrink": lambda x, t=0.5: (np.abs(x) > t) * 1.0,
    "hard_shrink": lambda x, t=0.5: (np.abs(x) > t) * 1.0,
    "tanh_shrink": lambda x: np.tanh(x) ** 2,
    "hard_tanh": lambda x: (np.abs(x) <= 1) * 1.0,
    "hard_silu": lambda x: np.where(x <= -3, 0, np.where(x >= 3, 1, (2 * x + 3) / 6)),
    "log_sigmoid": lambda x: _sigmoid(-x),
    "threshold": lambda x, t=0.0, v=0.0: (x > t) * 1.0,
}


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _log_softmax(x: np.ndarray) -> np.ndarray:
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def _sparsemax(x: np.ndarray) -> np.ndarray:
    ordered = -np.sort(-x, axis=-1)
    counts = np.arange(1, x.shape[-1] + 1)
    taus = (np.cumsum(ordered, axis=-1) - 1) / counts
    count = (ordered > taus).sum(-1, keepdims=True)
    return np.maximum(x - np.take_along_axis(taus, np.maximum(count - 1, 0), -1), 0)


def forward(name: str, x: np.ndarray, params: Sequence[float] = ()) -> np.ndarray:
    """y = f(x); softmax, log_softmax and sparsemax along the last axis."""
    x = np.asarray(x, np.float64)
    with np.errstate(all="ignore"):
        if name == "softmax":
            return _softmax(x)
        if name == "log_softmax":
            return _log_softmax(x)
        if name == "sparsemax":
            return _sparsemax(x)
        return np.asarray(_FORWARD[name](x, *params), np.float64)


def backward(
    name: str, dy: np.ndarray, saved: np.ndarray, params: Sequence[float] = ()
) -> np.ndarray:
    """dx = dy · f'; `saved` is x or y as the kernel has it."""
    dy, s = np.asarray(dy, np.float64), np.asarray(saved, np.float64)
    with np.errstate(all="ignore"):
        if name == "softmax":
            return s * (dy - (s * dy).sum(-1, keepdims=True))
        if name == "log_softmax":
            return dy - np.exp(s) * dy.sum(-1, keepdims=True)
        if name == "sparsemax":
            mean = np.where(s > 0, dy, 0).sum(-1, keepdims=True) / (s > 0).sum(-1, keepdims=True)
            return np.where(s > 0, dy - mean, 0)
        return dy * _SLOPE[name](s, *params)

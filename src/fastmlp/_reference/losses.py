"""Twins of the row functions: value (m,) and gradient (m, n) of targets t (m, tn), predictions p (m, n).

`FUNCTIONS` has one for every name of `_core.losses.ROWS`. Variants: `_logits` takes logits for p;
`_sigmoid` and `_softmax` take probabilities and give the gradient of the logits behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

EPSILON = 1e-7

Result = tuple[np.ndarray, np.ndarray]


def rows(
    kind: str,
    t: np.ndarray,
    p: np.ndarray,
    params: Sequence[float] = (),
    gradient: bool = True,
) -> Result:
    """Value and gradient of each row; without `gradient`, the second is empty."""
    with np.errstate(all="ignore"):
        value, dp = FUNCTIONS[kind](t, p, *params)
    return value.astype(p.dtype), dp.astype(p.dtype) if gradient else np.empty((0, 0), p.dtype)


def _clip_slope(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """Gradient of clip: 1 inside, 0 outside, a half on the bounds, as in JAX."""
    low, high = x.dtype.type(low), x.dtype.type(high)
    return np.where((x < low) | (x > high), 0, np.where((x == low) | (x == high), 0.5, 1))


def _positive_slope(x: np.ndarray) -> np.ndarray:
    """Gradient of max(x, 0)."""
    return np.where(x < 0, 0, np.where(x == 0, 0.5, 1))


def _nan_rows(bad: np.ndarray, value: np.ndarray, dp: np.ndarray) -> Result:
    return np.where(bad, np.nan, value), np.where(bad[:, None], np.nan, dp)


def mean_squared_error(t: np.ndarray, p: np.ndarray) -> Result:
    d = p - t
    return (d**2).mean(1), 2 * d / p.shape[1]


def mean_absolute_error(t: np.ndarray, p: np.ndarray) -> Result:
    d = p - t
    return np.abs(d).mean(1), np.sign(d) / p.shape[1]


def mean_absolute_percentage_error(t: np.ndarray, p: np.ndarray) -> Result:
    base = np.maximum(np.abs(t), EPSILON)
    return 100 * np.abs((p - t) / base).mean(1), 100 * np.sign(p - t) / base / p.shape[1]


def mean_squared_logarithmic_error(t: np.ndarray, p: np.ndarray) -> Result:
    q = np.maximum(p, EPSILON)
    d = np.log1p(q) - np.log1p(np.maximum(t, EPSILON))
    return (d**2).mean(1), 2 * d / (1 + q) / p.shape[1] * _clip_slope(p, EPSILON, np.inf)


def huber(t: np.ndarray, p: np.ndarray, delta: float) -> Result:
    d = p - t
    small = np.abs(d) <= delta
    value = np.where(small, d**2 / 2, delta * np.abs(d) - delta**2 / 2).mean(1)
    return value, np.where(small, d, delta * np.sign(d)) / p.shape[1]


def log_cosh(t: np.ndarray, p: np.ndarray) -> Result:
    d = (p - t).astype(np.float64)
    return (np.logaddexp(d, -d) - np.log(2)).mean(1), np.tanh(d) / p.shape[1]


def poisson(t: np.ndarray, p: np.ndarray) -> Result:
    q = p + p.dtype.type(EPSILON)
    return (p - t * np.log(q)).mean(1), (1 - t / q) / p.shape[1]


def kl_divergence(t: np.ndarray, p: np.ndarray) -> Result:
    y, q = np.clip(t, EPSILON, 1), np.clip(p, EPSILON, 1)
    return (y * np.log(y / q)).sum(1), -y / q * _clip_slope(p, EPSILON, 1)


def cosine_similarity(t: np.ndarray, p: np.ndarray) -> Result:
    inverse_t = np.minimum(1 / np.sqrt((t**2).sum(1, keepdims=True)), 1 / EPSILON)
    inverse_p = np.minimum(1 / np.sqrt((p**2).sum(1, keepdims=True)), 1 / EPSILON)
    u, v = t * inverse_t, p * inverse_p
    cosine = (u * v).sum(1, keepdims=True)
    return -cosine[:, 0], -inverse_p * (u - np.where(inverse_p < 1 / EPSILON, cosine, 0) * v)


def hinge(t: np.ndarray, p: np.ndarray) -> Result:
    y = np.where(t == 0, -1, t)
    d = 1 - y * p
    return np.maximum(d, 0).mean(1), -y * _positive_slope(d) / p.shape[1]


def squared_hinge(t: np.ndarray, p: np.ndarray) -> Result:
    y = np.where(t == 0, -1, t)
    d = np.maximum(1 - y * p, 0)
    return (d**2).mean(1), -2 * y * d / p.shape[1]


def categorical_hinge(t: np.ndarray, p: np.ndarray) -> Result:
    wrong = (1 - t) * p
    neg = wrong.max(1, keepdims=True)
    has_max = wrong == neg
    d = neg - (t * p).sum(1, keepdims=True) + 1
    dp = (1 - t) * has_max / has_max.sum(1, keepdims=True) - t
    return np.maximum(d, 0)[:, 0], dp * _positive_slope(d)


def _smooth_binary(t: np.ndarray, smoothing: float) -> np.ndarray:
    return t * (1 - smoothing) + smoothing / 2


def _sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def binary_crossentropy(t: np.ndarray, p: np.ndarray, smoothing: float) -> Result:
    y = _smooth_binary(t, smoothing)
    q = np.clip(p, EPSILON, 1 - EPSILON)
    value = -(y * np.log(q) + (1 - y) * np.log(1 - q)).mean(1)
    slope = _clip_slope(p, EPSILON, 1 - EPSILON)
    return value, ((1 - y) / (1 - q) - y / q) * slope / p.shape[1]


def binary_crossentropy_sigmoid(t: np.ndarray, p: np.ndarray, smoothing: float) -> Result:
    value, _ = binary_crossentropy(t, p, smoothing)
    return value, (p - _smooth_binary(t, smoothing)) / p.shape[1]


def binary_crossentropy_logits(t: np.ndarray, p: np.ndarray, smoothing: float) -> Result:
    y = _smooth_binary(t, smoothing)
    value = (np.maximum(p, 0) - p * y + np.log1p(np.exp(-np.abs(p)))).mean(1)
    return value, (_sigmoid(p) - y) / p.shape[1]


def _smooth(t: np.ndarray, smoothing: float) -> np.ndarray:
    return t * (1 - smoothing) + smoothing / t.shape[1]


def _log_softmax(x: np.ndarray) -> np.ndarray:
    x = x - x.max(1, keepdims=True)
    return x - np.log(np.exp(x).sum(1, keepdims=True))


def categorical_crossentropy(t: np.ndarray, p: np.ndarray, smoothing: float) -> Result:
    y = _smooth(t, smoothing)
    total = p.sum(1, keepdims=True)
    q = p / total
    c = np.clip(q, EPSILON, 1 - EPSILON)
    g = -y / c * _clip_slope(q, EPSILON, 1 - EPSILON)
    return -(y * np.log(c)).sum(1), (g - (g * q).sum(1, keepdims=True)) / total


def categorical_crossentropy_softmax(t: np.ndarray, p: np.ndarray, smoothing: float) -> Result:
    y = _smooth(t, smoothing)
    value, _ = categorical_crossentropy(t, p, smoothing)
    return value, p * y.sum(1, keepdims=True) - y


def categorical_crossentropy_logits(t: np.ndarray, p: np.ndarray, smoothing: float) -> Result:
    y, log_p = _smooth(t, smoothing), _log_softmax(p)
    return -(y * log_p).sum(1), np.exp(log_p) * y.sum(1, keepdims=True) - y


def _one_hot(t: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One-hot targets, and which rows name no class."""
    bad = ~((t[:, 0] >= 0) & (t[:, 0] < p.shape[1]))
    number = np.where(bad, 0, t[:, 0]).astype(np.int64)
    return (np.arange(p.shape[1]) == number[:, None]).astype(p.dtype), bad


def sparse_categorical_crossentropy(t: np.ndarray, p: np.ndarray) -> Result:
    y, bad = _one_hot(t, p)
    return _nan_rows(bad, *categorical_crossentropy(y, p, 0.0))


def sparse_categorical_crossentropy_softmax(t: np.ndarray, p: np.ndarray) -> Result:
    y, bad = _one_hot(t, p)
    return _nan_rows(bad, *categorical_crossentropy_softmax(y, p, 0.0))


def sparse_categorical_crossentropy_logits(t: np.ndarray, p: np.ndarray) -> Result:
    y, bad = _one_hot(t, p)
    return _nan_rows(bad, *categorical_crossentropy_logits(y, p, 0.0))


def _right(right: np.ndarray, p: np.ndarray) -> Result:
    return right.astype(p.dtype), np.zeros_like(p)


def accuracy(t: np.ndarray, p: np.ndarray) -> Result:
    return _right((p == t).mean(1), p)


def binary_accuracy(t: np.ndarray, p: np.ndarray, threshold: float) -> Result:
    return _right(((p > threshold) == t).mean(1), p)


def categorical_accuracy(t: np.ndarray, p: np.ndarray) -> Result:
    return _right(p.argmax(1) == t.argmax(1), p)


def sparse_categorical_accuracy(t: np.ndarray, p: np.ndarray) -> Result:
    return _right(p.argmax(1) == t[:, 0], p)


FUNCTIONS: dict[str, Callable[..., Result]] = {
    function.__name__: function
    for function in (
        mean_squared_error,
        mean_absolute_error,
        mean_absolute_percentage_error,
        mean_squared_logarithmic_error,
        huber,
        log_cosh,
        poisson,
        kl_divergence,
        cosine_similarity,
        hinge,
        squared_hinge,
        categorical_hinge,
        binary_crossentropy,
        binary_crossentropy_sigmoid,
        binary_crossentropy_logits,
        categorical_crossentropy,
        categorical_crossentropy_softmax,
        categorical_crossentropy_logits,
        sparse_categorical_crossentropy,
        sparse_categorical_crossentropy_softmax,
        sparse_categorical_crossentropy_logits,
        accuracy,
        binary_accuracy,
        categorical_accuracy,
        sparse_categorical_accuracy,
    )
}

"""Optimizers' updates, in double precision: Keras 3's formulas."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

_Arrays = Sequence[np.ndarray]
_Result = tuple[np.ndarray, list[np.ndarray]]


def update(
    kind: str,
    w: np.ndarray,
    g: np.ndarray,
    slots: Sequence[np.ndarray],
    hyper: Sequence[float],
    t: int,
) -> _Result:
    """One step of an optimizer, after `t` steps.

    Returns:
        The new weights and slots.
    """
    w, g = np.asarray(w, np.float64), np.asarray(g, np.float64)
    s = [np.asarray(x, np.float64) for x in slots]
    return UPDATES[kind](w, g, s, t + 1, *hyper)


def _sgd(w: np.ndarray, g: np.ndarray, s: _Arrays, t: int, lr: float) -> _Result:
    return w - lr * g, []


def _momentum(w: np.ndarray, g: np.ndarray, s: _Arrays, t: int, lr: float, mu: float) -> _Result:
    m = mu * s[0] - lr * g
    return w + m, [m]


def _nesterov(w: np.ndarray, g: np.ndarray, s: _Arrays, t: int, lr: float, mu: float) -> _Result:
    m = mu * s[0] - lr * g
    return w + mu * m - lr * g, [m]


def _rmsprop(
    w: np.ndarray,
    g: np.ndarray,
    s: _Arrays,
    t: int,
    lr: float,
    rho: float,
    mu: float,
    eps: float,
    momentum: bool = False,
    centered: bool = False,
) -> _Result:
    v = rho * s[0] + (1 - rho) * g * g
    out = [v]
    denominator = v + eps
    if centered:
        d = rho * s[-1] + (1 - rho) * g
        denominator = v - d * d + eps
    step = lr * g / np.sqrt(denominator)
    if momentum:
        step = mu * s[1] + step
        out.append(step)
    if centered:
        out.append(d)
    return w - step, out


def _adagrad(w: np.ndarray, g: np.ndarray, s: _Arrays, t: int, lr: float, eps: float) -> _Result:
    v = s[0] + g * g
    return w - lr * g / np.sqrt(v + eps), [v]


def _adadelta(
    w: np.ndarray, g: np.ndarray, s: _Arrays, t: int, lr: float, rho: float, eps: float
) -> _Result:
    v = rho * s[0] + (1 - rho) * g * g
    u = g * np.sqrt(s[1] + eps) / np.sqrt(v + eps)
    return w - lr * u, [v, rho * s[1] + (1 - rho) * u * u]


def _adam(
    w: np.ndarray,
    g: np.ndarray,
    s: _Arrays,
    t: int,
    lr: float,
    b1: float,
    b2: float,
    eps: float,
    amsgrad: bool = False,
) -> _Result:
    m, v = s[0] + (g - s[0]) * (1 - b1), s[1] + (g * g - s[1]) * (1 - b2)
    out = [m, v]
    if amsgrad:
        v = np.maximum(s[2], v)
        out.append(v)
    alpha = lr * math.sqrt(1 - b2**t) / (1 - b1**t)
    return w - alpha * m / (np.sqrt(v) + eps), out


def _adamax(
    w: np.ndarray, g: np.ndarray, s: _Arrays, t: int, lr: float, b1: float, b2: float, eps: float
) -> _Result:
    m, v = s[0] + (g - s[0]) * (1 - b1), np.maximum(b2 * s[1], np.abs(g))
    return w - lr * m / ((1 - b1**t) * (v + eps)), [m, v]


def _nadam(
    w: np.ndarray, g: np.ndarray, s: _Arrays, t: int, lr: float, b1: float, b2: float, eps: float
) -> _Result:
    m, v = s[0] + (g - s[0]) * (1 - b1), s[1] + (g * g - s[1]) * (1 - b2)
    u = b1 * (1 - 0.5 * 0.96 ** np.arange(1.0, t + 2))  # of steps 1 … t + 1
    product = u[:t].prod()
    mean = u[t] * m / (1 - product * u[t]) + (1 - u[t - 1]) * g / (1 - product)
    return w - lr * mean / (np.sqrt(v / (1 - b2**t)) + eps), [m, v]


def _lion(
    w: np.ndarray, g: np.ndarray, s: _Arrays, t: int, lr: float, b1: float, b2: float
) -> _Result:
    return w - lr * np.sign(b1 * s[0] + (1 - b1) * g), [b2 * s[0] + (1 - b2) * g]


def _ftrl(
    w: np.ndarray,
    g: np.ndarray,
    s: _Arrays,
    t: int,
    lr: float,
    power: float,
    l1: float,
    l2: float,
    shrinkage: float,
    beta: float,
) -> _Result:
    n = s[0] + g * g
    sigma = (n**-power - s[0] ** -power) / lr
    z = s[1] + g + 2 * shrinkage * w - sigma * w
    return (np.clip(z, -l1, l1) - z) / (n**-power / lr + 2 * (l2 + beta / (2 * lr))), [n, z]


def _schedule_free(
    w: np.ndarray,
    g: np.ndarray,
    s: _Arrays,
    t: int,
    lr: float,
    b1: float,
    b2: float,
    eps: float,
    warmup: float,
) -> _Result:
    v = s[1] + (g * g - s[1]) * (1 - b2)
    rate = lr * min(t / warmup, 1) if warmup else lr
    m = s[0] - rate * g / (np.sqrt(v / (1 - b2**t)) + eps)
    x = (1 - 1 / t) * (w - (1 - b1) * s[0]) / b1 + m / t
    return (1 - b1) * m + b1 * x, [m, v]


UPDATES: dict[str, Callable[..., _Result]] = {
    "sgd": _sgd,
    "momentum": _momentum,
    "nesterov": _nesterov,
    "rmsprop": _rmsprop,
    "rmsprop_momentum": partial(_rmsprop, momentum=True),
    "rmsprop_centered": partial(_rmsprop, centered=True),
    "rmsprop_centered_momentum": partial(_rmsprop, momentum=True, centered=True),
    "adagrad": _adagrad,
    "adadelta": _adadelta,
    "adam": _adam,
    "amsgrad": partial(_adam, amsgrad=True),
    "adamax": _adamax,
    "nadam": _nadam,
    "lion": _lion,
    "ftrl": _ftrl,
    "ftrl_power": _ftrl,
    "schedule_free": _schedule_free,
}

"""What the native updates are of symbolic tensors: formulas of `fastmlp.ops`.

A subclass whose own `update_step` calls that of a built-in optimizer is traced, and this with it. The
optimizer as it is needs no formula: its update is one native op.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastmlp import ops
from fastmlp.variables import Variable

_FORMULAS: dict[str, Callable[..., None]] = {}
_NADAM_STEPS = 512  # 0.96^512 is below what float32 sees beside 1


def update(optimizer: Any, gradient: Any, variable: Variable, learning_rate: Any) -> None:
    """Moves a weight and its slots, as `_core.optimizers.update` does with arrays."""
    slots = optimizer.slot_variables(variable)
    _FORMULAS[optimizer.kind](optimizer, gradient, variable, learning_rate, *slots)


def _formula(*kinds: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def register(function: Callable[..., None]) -> Callable[..., None]:
        _FORMULAS.update(dict.fromkeys(kinds, function))
        return function

    return register


def _count(o: Any, w: Variable) -> Any:
    """Updates, this one included."""
    return ops.cast(o.iterations + 1, w.dtype)


def _bias(beta: float, t: Any) -> Any:
    """`1 - beta^t`, without losing the digits that float32 has none of where beta is near 1."""
    return -ops.expm1(t * math.log(beta)) if beta else 1.0


def _toward(o: Any, mean: Variable, beta: float, value: Any) -> None:
    """A moving average: `mean + (1 - beta) (value - mean)`."""
    o.assign_add(mean, (1 - beta) * ops.subtract(value, mean))


@_formula("sgd")
def _sgd(o: Any, g: Any, w: Variable, lr: Any) -> None:
    o.assign_sub(w, ops.multiply(lr, g))


@_formula("momentum", "nesterov")
def _momentum(o: Any, g: Any, w: Variable, lr: Any, m: Variable) -> None:
    step = ops.multiply(lr, g)
    o.assign(m, o.momentum * m - step)
    o.assign_add(w, o.momentum * m - step if o.nesterov else m)


@_formula("rmsprop", "rmsprop_momentum", "rmsprop_centered", "rmsprop_centered_momentum")
def _rmsprop(o: Any, g: Any, w: Variable, lr: Any, *slots: Variable) -> None:
    s = dict(zip(o.slots, slots, strict=True))
    v = s["velocity"]
    o.assign(v, o.rho * v + (1 - o.rho) * ops.square(g))
    square = v + o.epsilon
    if "average_gradient" in s:
        a = s["average_gradient"]
        o.assign(a, o.rho * a + (1 - o.rho) * g)
        square = v - ops.square(a) + o.epsilon
    step = ops.divide(ops.multiply(lr, g), ops.sqrt(square))
    if "momentum" in s:
        m = s["momentum"]
        o.assign(m, o.momentum * m + step)
        step = m
    o.assign_sub(w, step)


@_formula("adagrad")
def _adagrad(o: Any, g: Any, w: Variable, lr: Any, a: Variable) -> None:
    o.assign_add(a, ops.square(g))
    o.assign_sub(w, ops.divide(ops.multiply(lr, g), ops.sqrt(a + o.epsilon)))


@_formula("adadelta")
def _adadelta(o: Any, g: Any, w: Variable, lr: Any, a: Variable, b: Variable) -> None:
    o.assign(a, o.rho * a + (1 - o.rho) * ops.square(g))
    d = ops.sqrt(b + o.epsilon) / ops.sqrt(a + o.epsilon) * g
    o.assign(b, o.rho * b + (1 - o.rho) * ops.square(d))
    o.assign_sub(w, ops.multiply(lr, d))


@_formula("adam", "amsgrad")
def _adam(o: Any, g: Any, w: Variable, lr: Any, m: Variable, v: Variable, *h: Variable) -> None:
    t = _count(o, w)
    alpha = lr * ops.sqrt(_bias(o.beta_2, t)) / _bias(o.beta_1, t)
    _toward(o, m, o.beta_1, g)
    _toward(o, v, o.beta_2, ops.square(g))
    for largest in h:
        o.assign(largest, ops.maximum(largest, v))
        v = largest
    o.assign_sub(w, ops.divide(alpha * m, ops.sqrt(v) + o.epsilon))


@_formula("adamax")
def _adamax(o: Any, g: Any, w: Variable, lr: Any, m: Variable, u: Variable) -> None:
    _toward(o, m, o.beta_1, g)
    o.assign(u, ops.maximum(o.beta_2 * u, ops.abs(g)))
    rate = lr / _bias(o.beta_1, _count(o, w))
    o.assign_sub(w, ops.divide(rate * m, u + o.epsilon))


@_formula("nadam")
def _nadam(o: Any, g: Any, w: Variable, lr: Any, m: Variable, v: Variable) -> None:
    t = _count(o, w)
    _toward(o, m, o.beta_1, g)
    _toward(o, v, o.beta_2, ops.square(g))
    u, after = (o.beta_1 * (1 - 0.5 * ops.power(0.96, n)) for n in (t, t + 1))
    # u_1 … u_t = beta_1^t · Π (1 - 0.96^i / 2), whose factors soon are 1
    steps = np.arange(1, _NADAM_STEPS + 1, dtype=w.dtype)
    table = np.cumprod(1 - 0.5 * 0.96 ** np.arange(1.0, _NADAM_STEPS + 1)).astype(w.dtype)
    at = ops.equal(steps, ops.minimum(t, _NADAM_STEPS))
    product = ops.power(o.beta_1, t) * ops.sum(ops.where(at, table, 0.0))
    mean = after / (1 - product * after) * m + (1 - u) / (1 - product) * g
    root = ops.sqrt(v / _bias(o.beta_2, t))
    o.assign_sub(w, ops.divide(lr * mean, root + o.epsilon))


@_formula("lion")
def _lion(o: Any, g: Any, w: Variable, lr: Any, m: Variable) -> None:
    o.assign_sub(w, ops.multiply(lr, ops.sign(o.beta_1 * m + (1 - o.beta_1) * g)))
    o.assign(m, o.beta_2 * m + (1 - o.beta_2) * g)


@_formula("ftrl", "ftrl_power")
def _ftrl(o: Any, g: Any, w: Variable, lr: Any, n: Variable, z: Variable) -> None:
    power, l1 = -o.learning_rate_power, o.l1_regularization_strength
    before, square = ops.power(n, power), n + ops.square(g)
    after = ops.power(square, power)
    shrunk = g + 2 * o.l2_shrinkage_regularization_strength * w
    o.assign_add(z, shrunk - (after - before) / lr * w)
    quadratic = (after + o.beta) / lr + 2 * o.l2_regularization_strength
    o.assign(w, ops.divide(ops.clip(z, -l1, l1) - z, quadratic))
    o.assign(n, square)


@_formula("schedule_free")
def _schedule_free(o: Any, g: Any, w: Variable, lr: Any, z: Variable, v: Variable) -> None:
    t = _count(o, w)
    _toward(o, v, o.beta_2, ops.square(g))
    x = (w - (1 - o.beta_1) * z) / o.beta_1
    rate = lr * ops.minimum(t / o.warmup_steps, 1.0) if o.warmup_steps else lr
    root = ops.sqrt(v / _bias(o.beta_2, t))
    o.assign_sub(z, ops.divide(ops.multiply(rate, g), root + o.epsilon))
    x = (1 - 1 / t) * x + z / t
    o.assign(w, (1 - o.beta_1) * z + o.beta_1 * x)

"""One step of an optimizer on arrays: what a compiled plan does in `fit`, called from Python."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp._core import optimizers as native
from fastmlp.errors import bad_argument, warn_user
from fastmlp.variables import Variable, variable_of

if TYPE_CHECKING:
    from fastmlp.optimizers.base import Optimizer

_Pairs = list[tuple[np.ndarray, Variable]]


def apply(optimizer: Optimizer, grads: Iterable[Any], variables: Iterable[Any] | None) -> None:
    """Moves weights by their gradients; see `Optimizer.apply`."""
    given = list(grads)
    if not given:
        return
    optimizer.refuse_overrides("apply")
    pairs = _pairs(optimizer, given, variables)
    every = optimizer.gradient_accumulation_steps or 1
    due = (optimizer.steps + 1) % every == 0
    if every > 1:
        pairs = _accumulated(optimizer, pairs, every, due)
    if due:
        rate = optimizer.learning_rate
        pairs = _clipped(optimizer, pairs)
        for _, variable in pairs if optimizer.weight_decay else ():
            decay = optimizer.decay_of(variable)
            if decay:
                w = variable.value
                native.update("sgd", w, w, (), (decay * rate,), 0)
        optimizer._update(pairs, rate)
    if optimizer.use_ema:
        average(optimizer)
    for _, variable in pairs:
        if variable.constraint is not None:
            variable.value[...] = variable.constraint(variable.value)
    optimizer.steps += 1


def _pairs(optimizer: Optimizer, grads: list[Any], variables: Iterable[Any] | None) -> _Pairs:
    """Gradients with their weights, checked and unscaled, as arrays of the weights' type, in memory of their own."""
    where = f"{type(optimizer).__name__}.apply"
    targets = (
        optimizer._trainable_variables if variables is None else [variable_of(v) for v in variables]
    )
    if variables is None and not optimizer.built:
        hint = "give the weights too, or call optimizer.build(weights) first"
        raise bad_argument(where, "weights", "trainable_variables", None, hint)
    if len(targets) != len(grads):
        expected = f"{len(targets)} gradients, one for each weight"
        raise bad_argument(where, expected, "len(grads)", len(grads))
    optimizer.ensure_built(targets)
    found: _Pairs = []
    missing = []
    for gradient, variable in zip(grads, targets, strict=True):
        if gradient is None:
            missing.append(variable.path)
            continue
        array = np.asarray(gradient, variable.value.dtype, order="C")
        if array.base is not None:  # it may lie in a weight, or begin at any byte
            array = array.copy()
        if array.shape != variable.value.shape:
            expected = f"a gradient of shape {variable.shape} for '{variable.path}'"
            raise bad_argument(where, expected, "shape", array.shape)
        if optimizer.loss_scale_factor is not None:
            array = array / optimizer.loss_scale_factor
        found.append((array, variable))
    if not found:
        raise ValueError(f"{where}: expected a gradient for some weight. Received: None for all.")
    if missing:
        warn_user(f"{where}: no gradient for {', '.join(missing)}; they stay as they are.")
    return found


def _accumulated(optimizer: Optimizer, pairs: _Pairs, every: int, due: bool) -> _Pairs:
    """Adds to the sums of gradients; returns their means where an update is due."""
    found: _Pairs = []
    for gradient, variable in pairs:
        total = optimizer.state[variable][-1]
        mean = (gradient + total) / every
        total[...] = 0 if due else gradient + total
        found.append((mean, variable))
    return found


def _clipped(optimizer: Optimizer, pairs: _Pairs) -> _Pairs:
    if optimizer.clipvalue is not None:
        limit = optimizer.clipvalue
        return [(np.clip(g, -limit, limit), v) for g, v in pairs]
    if optimizer.clipnorm is not None:
        return [(g * _factor(optimizer.clipnorm, [g]), v) for g, v in pairs]
    if optimizer.global_clipnorm is not None:
        factor = _factor(optimizer.global_clipnorm, [g for g, _ in pairs])
        factor = factor or np.nan  # an infinite gradient makes all of them NaN, as in Keras
        return [(g * factor, v) for g, v in pairs]
    return pairs


def _factor(limit: float, gradients: Sequence[np.ndarray]) -> float:
    """By what to multiply gradients so that their common norm is at most the limit."""
    norm = np.sqrt(sum(np.square(g, dtype=np.float64).sum() for g in gradients))
    return float(limit / np.maximum(norm, limit))


def average(optimizer: Optimizer) -> None:
    """Moves the averages of all weights; now and then writes them into the weights."""
    momentum = optimizer.ema_momentum if optimizer.iterations else 0.0
    often = optimizer.ema_overwrite_frequency
    overwrite = often is not None and (optimizer.iterations + 1) % often == 0
    for variable, arrays in optimizer.state.items():
        mean = arrays[len(optimizer.slots)]
        mean[...] = momentum * mean + (1 - momentum) * variable.value
        if overwrite:
            variable.value[...] = mean

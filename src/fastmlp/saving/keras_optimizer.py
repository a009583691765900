"""What optimizers remember, in the order in which Keras's files have it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastmlp.errors import warn_user
from fastmlp.optimizers import LossScaleOptimizer, Nadam, RMSprop
from fastmlp.variables import Variable


def state(optimizer: Any) -> dict[str, np.ndarray]:
    """The variables by their number, steps and the learning rate in Keras's types."""
    found: dict[str, np.ndarray] = {}
    for i, variable in enumerate(_variables(optimizer)):
        value = variable.value
        if value.ndim == 0:
            value = value.astype("int32" if value.dtype.kind == "i" else "float32")
        found[str(i)] = value
    return found


def restore(where: str, model: Any, store: dict[str, np.ndarray] | None) -> None:
    """Sets the variables of a model's optimizer; if the file has others, it warns, as Keras does.

    Args:
        where: For the warning.
        model: The model.
        store: The arrays by their number, as in the file.
    """
    optimizer = model.optimizer
    if optimizer is None or not store:
        return
    if not optimizer.built and len(store) != len(_variables(optimizer)):
        optimizer.build(model.trainable_weights)
    ours = _variables(optimizer)
    given = [store.get(str(i)) for i in range(len(ours))]
    shapes = [None if value is None else value.shape for value in given]
    if len(store) != len(ours) or shapes != [variable.shape for variable in ours]:
        warn_user(
            f"{where}: the state of {type(optimizer).__name__} is left alone: expected its "
            f"{len(ours)} variables. Received: {len(store)}, or of other shapes"
        )
        return
    for variable, value in zip(ours, given, strict=True):
        assert value is not None
        if value.ndim or variable.value.astype(value.dtype) != value:  # not the same one rounded
            variable.assign(value)


def _variables(optimizer: Any) -> list[Variable]:
    """The variables; those that only Keras has are new ones."""
    found: list[Variable] = optimizer.variables
    if isinstance(optimizer, LossScaleOptimizer):
        rate = Variable(0.0, name="learning_rate")
        return [found[0], rate, *found[1:3], *_variables(optimizer.inner_optimizer)]
    weights, n = len(optimizer.state), len(optimizer.slots)
    end = len(found) - len(optimizer._own)
    start = end - weights * n
    slots = found[start:end]
    # Two slots go from weight to weight; a third, and all of RMSprop, one after the other.
    pairs = 0 if isinstance(optimizer, RMSprop) else 2
    ordered = [v for i, v in enumerate(slots) if i % n < pairs]
    ordered += [v for k in range(pairs, n) for v in slots[k::n]]
    product = [Variable(_product(optimizer), name="u_product")] if _has_product(optimizer) else []
    return [*found[:start], *ordered, *product, *found[end:]]


def _has_product(optimizer: Any) -> bool:
    return isinstance(optimizer, Nadam) and optimizer.built


def _product(optimizer: Any) -> float:
    """Nadam's product of the factors of all steps, which is computed from their number here."""
    steps = range(1, int(optimizer.iterations) + 1)
    return float(math.prod(optimizer.beta_1 * (1 - 0.5 * 0.96**t) for t in steps))

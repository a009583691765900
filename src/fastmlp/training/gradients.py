"""Gradients as arrays: for training steps of the user's own, and to check them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp._seed import next_seed
from fastmlp.eager import start_run
from fastmlp.errors import bad_argument, check_int
from fastmlp.plan.ir import Plan
from fastmlp.plan.prune import needed
from fastmlp.training.logs import LogReader
from fastmlp.training.rows import Rows
from fastmlp.variables import Variable

if TYPE_CHECKING:
    from fastmlp.models import Model

_STEP = 1e-5  # of the central differences, in float64: its error is about 1e-10
_FLOOR = 0.01  # of a weight's largest gradient: smaller ones are compared with this


def gradients(
    model: Model, x: Any, y: Any = None, sample_weight: Any = None, training: bool = True
) -> tuple[float, list[np.ndarray]]:
    """The loss of one batch, and its gradients; no weight changes.

    The loss is that which `fit` minimises: with loss weights, regularizers and added losses.

    Args:
        model: A compiled model.
        x: Samples, as for `fit`; all of them are one batch.
        y: Targets.
        sample_weight: Weight of each sample, or of each of its steps.
        training: Whether layers behave as in training, dropout included.

    Returns:
        The loss, and one new array for each of `model.trainable_weights`, in their order; of
        zeros, where the loss does not depend on the weight.

    Raises:
        ValueError: Data and model do not fit, or there is no weight to train.
        RuntimeError: The model is not compiled.

    Example:

    >>> import numpy as np
    >>> import fastmlp
    >>> from fastmlp import Input, Sequential, layers
    >>> model = Sequential([Input((2,)), layers.Dense(1, kernel_initializer="ones")])
    >>> model.compile(optimizer="sgd", loss="mse")
    >>> loss, grads = fastmlp.gradients(model, np.array([[1.0, 2.0]]), np.array([[2.0]]))
    >>> loss, [g.tolist() for g in grads]
    (1.0, [[[2.0], [4.0]], [2.0]])
    >>> model.optimizer.apply(grads, model.trainable_weights)
    """
    if sample_weight is None and hasattr(model, "_require_compiled"):
        mode = "gradients" if training else "test_gradients"
        with model._lock:
            known = model._quick.gradients(model, mode, x, y)
        if known is not None:
            return known
    loss, found, *_ = _compute("gradients", model, x, y, sample_weight, training)
    return loss, [found[v] for v in model.trainable_weights]


def check_gradients(
    model: Model,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    training: bool = True,
    elements: int = 20,
) -> dict[str, float]:
    """Compares gradients with differences of the loss: to check a gradient of your own.

    For some elements of each weight the slope of the loss is measured, as
    `(loss(w + h) - loss(w - h)) / 2h`, computed with NumPy in float64. About 1e-5 is right in a
    model of float32, 1e-7 in one of float64; 0.01 and more is wrong, or the loss has a kink there.

    Args:
        model: A compiled model.
        x: Samples, as for `fit`; all of them are one batch.
        y: Targets.
        sample_weight: Weight of each sample, or of each of its steps.
        training: Whether layers behave as in training, dropout included.
        elements: How many elements of each weight to look at, at the most; they are chosen at
            random, but every time the same.

    Returns:
        The largest relative error of each trainable weight, by its path, as `'dense/kernel'`.
        Gradients below a hundredth of the weight's largest count as if they were that large.

    Raises:
        ValueError: Data and model do not fit, or there is no weight to train.
        RuntimeError: The model is not compiled.

    Example:

    >>> import numpy as np
    >>> import fastmlp
    >>> from fastmlp import Input, Sequential, layers
    >>> model = Sequential([Input((2,)), layers.Dense(3, "tanh"), layers.Dense(1)])
    >>> model.compile(loss="mse")
    >>> errors = fastmlp.check_gradients(model, np.ones((4, 2)), np.zeros((4, 1)))
    >>> max(errors.values()) < 1e-3
    True
    """
    elements = check_int("check_gradients", "elements", elements, 1)
    _, found, plan, seed, data = _compute(
        "check_gradients", model, x, y, sample_weight, training, keep=True
    )
    objective = model._objective()
    feeds = [
        source.block(0, data.n, plan.dtype).astype(np.float64).reshape(data.n, *feed.shape)
        for source, feed in zip(
            data.feeds(objective.used, objective.weighing), plan.feeds, strict=True
        )
    ]
    loss_at = _Loss(plan, feeds, seed, {v: v.value.astype(np.float64) for v in model.weights})
    rng = np.random.default_rng(0)
    errors: dict[str, float] = {}
    for variable in model.trainable_weights:
        n = min(elements, variable.size)
        picked = np.sort(rng.choice(variable.size, n, replace=False))
        slopes = np.array([loss_at.slope(variable, int(i)) for i in picked])
        errors[_new_key(errors, variable)] = _worst(found[variable].reshape(-1)[picked], slopes)
    return errors


def _worst(given: np.ndarray, measured: np.ndarray) -> float:
    size = np.maximum(np.abs(given), np.abs(measured))
    size = np.maximum(size, _FLOOR * size.max())
    error = np.abs(given - measured)
    worst = np.divide(error, size, out=np.zeros_like(size), where=error != 0).max()
    return float(np.inf if np.isnan(worst) else worst)


def _new_key(errors: Mapping[str, float], variable: Variable) -> str:
    """The weight's path, with a number behind it where another weight has the same."""
    key, number = variable.path, 1
    while key in errors:
        key, number = f"{variable.path}_{number}", number + 1
    return key


class _Loss:
    """The loss as a function of the weights, computed in float64 by the ops' NumPy twins."""

    def __init__(
        self, plan: Plan, feeds: list[np.ndarray], seed: int, weights: dict[Variable, np.ndarray]
    ) -> None:
        self.plan, self.feeds, self.seed, self.weights = plan, feeds, seed, weights
        self.parts = [term for term in plan.terms if term.kind != "metric"]
        self.ops = needed(plan.ops(), {term.op for term in self.parts})

    def __call__(self) -> float:
        from fastmlp._reference import State, run_step

        state = State(self.feeds, self.weights, seed=self.seed)
        run_step(self.plan, state, self.ops)
        return float(sum(t.factor * state.sums[t.op][0] for t in self.parts) / state.m)

    def slope(self, variable: Variable, index: int) -> float:
        """The derivative by one element of a weight."""
        values = self.weights[variable].reshape(-1)
        value = values[index]
        step = _STEP * max(1.0, abs(value))
        values[index] = value + step
        above = self()
        values[index] = value - step
        below = self()
        values[index] = value
        return float((above - below) / (2 * step))


def _compute(
    method: str,
    model: Model,
    x: Any,
    y: Any,
    sample_weight: Any,
    training: bool,
    keep: bool = False,
) -> tuple[float, dict[Variable, np.ndarray], Plan, int, Rows]:
    """The loss, the gradients, and what they were computed from.

    With `keep`, weights that the step itself changes, as moving averages, stay as they are.
    """
    if not hasattr(model, "_require_compiled"):
        raise bad_argument(method, "a fastmlp model", "model", type(model).__name__)
    model._require_compiled(method)
    mode = "gradients" if training else "test_gradients"
    with model._lock:
        with ExitStack() as stack:
            with model._built_for(x) as rows:
                data = model._labelled(rows, y, sample_weight, None, method)
                executable = stack.enter_context(
                    model._executable(mode, data, data.n, method=method)
                )
            for totals in executable.slots.values():
                totals[0][...] = 0
            is_random = executable.plan.is_random
            seed = model._seeds.next() if training else next_seed() if is_random else 0
            run = start_run(
                executable.program, data.n, data.n, seed=seed, threads=executable.threads()
            )
            changing = [v for v in model.weights if not v.trainable] if keep else []
            before = {v: v.value.copy() for v in changing}
            run.go()
            for variable, value in before.items():
                variable.value[...] = value
            loss = float(LogReader(executable).logs(run.take_log()[0])["loss"])
            found = {v: totals[0].copy() for v, totals in executable.slots.items()}
        given = (x, y, sample_weight)
        model._quick.keep_step(model, mode, executable, data, given, fetches=True)
        return loss, found, executable.plan, seed, data

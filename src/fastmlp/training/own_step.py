"""fit by a `train_step` of the user's own: the loop around it, in Python."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _tree
from fastmlp._core.random import permutation
from fastmlp.callbacks import CallbackList, History
from fastmlp.errors import warn_user
from fastmlp.training.batches import Batches, unpack, yields_batches
from fastmlp.training.data import check_lengths, split_rows
from fastmlp.training.own_metrics import prepare
from fastmlp.training.progress import make_progress
from fastmlp.training.steps import batch_of, check_alone
from fastmlp.training.stream import RAN_OUT
from fastmlp.training.validation import Validation

if TYPE_CHECKING:
    from fastmlp.training.trainer import Trainer

_ORDER = 0xF00D  # as in plan.pyx: epochs have the order that they have without a step of one's own


class OwnSteps:
    """The data of a fit, as batches of arrays `(x,)`, `(x, y)` or `(x, y, sample_weight)`.

    Args:
        model: Has the `train_step`.
        data: Inputs, targets and weights; what yields batches has no others.
        batch_size: Samples a step, or `None`.
        steps: Of an epoch, or `None`.
        shuffle: Whether each epoch visits the samples in a new order.
        split: Share of the samples to validate with.
    """

    def __init__(
        self,
        model: Trainer,
        data: tuple[Any, Any, Any],
        batch_size: int | None,
        steps: int | None,
        shuffle: bool,
        split: float,
    ) -> None:
        x, y, weight = data
        self._steps, self._shuffle, self._seed = steps, shuffle, model._seeds.next()
        self.held_out: Any = None
        self._given: Batches | None = None
        if yields_batches(x):
            check_alone("fit", x, y=y, sample_weight=weight, validation_split=split or None)
            self._given = Batches(x, shuffle)
            self._endless = None if self._given.again else self._given.one_pass(0)
            self.per_epoch = steps if steps is not None else self._given.per_pass
            return
        with model._built_for(x) as inputs:
            n = check_lengths({source.name: source for source in inputs})
            for name, part in (("y", y), ("sample_weight", weight)):
                lengths = {len(leaf) for leaf in _tree.flatten(_arrays(part, name, 1))}
                if part is not None and lengths != {n}:
                    raise ValueError(f"{name}: expected {n} rows, as x. Received: {lengths}")
        parts = [_arrays(x, "x", len(inputs)), _arrays(y, "y", 1), _arrays(weight, "weight", 1)]
        while parts[-1] is None:
            parts.pop()
        self._parts = tuple(parts)
        self.n = split_rows(n, split)
        if self.n < n:
            self.held_out = self._rows(np.arange(self.n, n))
        self.batch_size = batch_of(self.n, batch_size, steps)
        self.per_epoch = -(-self.n // self.batch_size)
        if steps is not None:
            self.per_epoch = min(steps, self.per_epoch)

    def _rows(self, rows: np.ndarray) -> tuple[Any, ...]:
        return tuple(
            None if part is None else _tree.apply(lambda leaf: leaf[rows], part)
            for part in self._parts
        )

    def epoch(self, number: int) -> Iterator[tuple[Any, ...]]:
        """The batches of an epoch."""
        if self._given is None:
            order = np.arange(self.n)
            if self._shuffle:
                order = permutation(self.n, self._seed, _ORDER, number)
            for step in range(self.per_epoch or 0):
                yield self._rows(order[step * self.batch_size : (step + 1) * self.batch_size])
            return
        self._given.begin_epoch()
        batches = self._endless or self._given.one_pass(number)
        for batch in itertools.islice(batches, self._steps):
            parts = list(unpack(batch))
            while len(parts) > 1 and parts[-1] is None:
                parts.pop()
            yield tuple(parts)
        self._given.end_epoch()


def _arrays(data: Any, name: str, n: int) -> Any:
    """The user's data with arrays in place of lists and frames."""
    if data is None:
        return None
    if isinstance(data, Mapping) or (isinstance(data, (list, tuple)) and n > 1):
        return _tree.apply(np.asarray, data)
    if isinstance(data, (list, tuple)) and any(hasattr(part, "__array__") for part in data):
        return _tree.apply(np.asarray, data)
    return np.asarray(data)


def fit_by_own_steps(
    model: Trainer,
    data: OwnSteps,
    validation_data: Any,
    validation: Validation,
    validation_args: dict[str, Any],
    callbacks: CallbackList,
    epochs: range,
    verbose: Any,
) -> History:
    """Calls `model.train_step` with each batch; logs are those of an epoch's last batch."""
    held_out = validation_data if validation_data is not None else data.held_out
    shown = 0 if callbacks.has_progbar else verbose
    progress = make_progress(shown, epochs.stop, data.per_epoch, epochs.start)
    model.stop_training = False
    callbacks.set_model(model)
    callbacks.set_params({"verbose": verbose, "epochs": epochs.stop, "steps": data.per_epoch})
    callbacks.on_train_begin()
    logs: dict[str, float] = {}
    at_once = model.steps_per_execution
    try:
        for epoch in epochs:
            model.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            if progress is not None:
                progress.begin_epoch(epoch)
            logs, step = {}, 0
            for batch in data.epoch(epoch):
                prepare(model, batch[1] if len(batch) > 1 else None)
                if step % at_once == 0:
                    callbacks.on_train_batch_begin(step)
                logs = _checked(model, model.train_step(batch))
                step += 1
                if progress is not None:
                    progress.update(step, logs)
                if step % at_once == 0:
                    callbacks.on_train_batch_end(step - 1, logs)
                    if model.stop_training:
                        break
            if step % at_once:
                callbacks.on_train_batch_end(step - step % at_once + at_once - 1, logs)
            if not step:
                warn_user(f"fit: {RAN_OUT}")
                break
            if held_out is not None and validation.follows(epoch):
                logs.update(_validated(model, held_out, validation_args))
            logs = callbacks.on_epoch_end(epoch, logs)
            if progress is not None:
                progress.end_epoch(epoch, logs)
            if model.stop_training:
                break
    finally:
        if model.optimizer is not None and len(epochs):
            model.optimizer.finalize_variable_values(model.weights)
        if progress is not None:
            progress.end()
    callbacks.on_train_end(logs)
    assert callbacks.history is not None
    return callbacks.history


def _checked(model: Trainer, logs: Any) -> dict[str, float]:
    if not isinstance(logs, Mapping):
        raise TypeError(
            f"{type(model).__name__}.train_step: expected it to return a dict of logs, as "
            f"{{'loss': loss}}. Received: a {type(logs).__name__}"
        )
    return {str(name): float(value) for name, value in logs.items()}


def _validated(model: Trainer, held_out: Any, arguments: dict[str, Any]) -> dict[str, float]:
    """Logs of the validation."""
    found = held_out
    if yields_batches(held_out):
        logs = model.evaluate(held_out, verbose=0, return_dict=True, steps=arguments["steps"])
    else:
        x, y, weight = (*found, None, None)[:3]
        logs = model.evaluate(x, y, sample_weight=weight, verbose=0, return_dict=True, **arguments)
    return {f"val_{name}": value for name, value in logs.items()}

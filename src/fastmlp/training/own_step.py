"""Loops around steps of the user's own: `fit`, `evaluate` and `predict`, batch by batch in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _tree
from fastmlp._core.logs import plain
from fastmlp.callbacks import CallbackList, History
from fastmlp.errors import warn_user
from fastmlp.training.array_batches import ArrayBatches, one_batch
from fastmlp.training.cursor import Cursor, beginning
from fastmlp.training.own_metrics import prepare, results
from fastmlp.training.passes import STOPS
from fastmlp.training.progress import Progress, make_progress
from fastmlp.training.stream import RAN_OUT
from fastmlp.training.validation import Validation

if TYPE_CHECKING:
    from fastmlp.training.trainer import Trainer

_CALLERS = {
    "train_step": "fit and train_on_batch",
    "test_step": "evaluate and test_on_batch",
    "predict_step": "predict and predict_on_batch",
}
_running: ContextVar[tuple[tuple[int, str], ...]] = ContextVar("running", default=())


def fit_by_own_steps(
    model: Trainer,
    data: ArrayBatches,
    validate: Callable[[], dict[str, Any]] | None,
    validation: Validation,
    callbacks: CallbackList,
    epochs: range,
    verbose: Any,
) -> History:
    """Calls `model.train_step` with each batch; logs are those of an epoch's last batch.

    Where it begins and how far it is, `model._cursor` tells, as in the fits of native steps.
    """
    shown = 0 if callbacks.has_progbar else verbose
    progress = make_progress(shown, epochs.stop, data.per_epoch, epochs.start)
    model.stop_training = False
    callbacks.set_model(model)
    callbacks.set_params({"verbose": verbose, "epochs": epochs.stop, "steps": data.per_epoch})
    model._resume = None
    callbacks.on_train_begin()
    start = beginning(model._cursor, model._resume, model._seeds, epochs.start)
    data.seed = start.seed
    logs: dict[str, Any] = {}
    try:
        for epoch in range(start.epoch, epochs.stop):
            place = start if epoch == start.epoch else Cursor(start.seed, epoch)
            model.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            if progress is not None:
                progress.begin_epoch(epoch)
            logs, steps = _steps(
                model, "train", data.epoch(epoch), callbacks, progress, place=place
            )
            if not steps:
                warn_user(f"fit: {RAN_OUT}")
                break
            model._cursor = Cursor(start.seed, epoch + 1)
            if validate is not None and validation.follows(epoch):
                logs.update(validate())
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


def evaluate_by_own_steps(
    model: Trainer, data: ArrayBatches, callbacks: CallbackList, verbose: Any, inner: bool
) -> dict[str, Any]:
    """Calls `model.test_step` with each batch; returns the logs of the last one.

    Args:
        model: Has the step.
        data: To evaluate on.
        callbacks: To tell what happens.
        verbose: As for `fit`.
        inner: Whether this is a validation within a `fit`, whose callbacks these are.
    """
    model.reset_metrics()
    return _pass(model, "test", data, callbacks, verbose, inner)


def predict_by_own_steps(
    model: Trainer, data: ArrayBatches, callbacks: CallbackList, verbose: Any
) -> Any:
    """Calls `model.predict_step` with each batch; returns what it gave, one behind the other."""
    parts: list[Any] = []
    _pass(model, "predict", data, callbacks, verbose, False, parts)
    return _joined(parts)


def own_predictions(model: Trainer, x: Any) -> Any:
    """What `predict_step` gives for one batch."""
    return _predicted(model, one_batch(model, "predict_on_batch", (x, None, None)))


def _predicted(model: Trainer, batch: Any) -> Any:
    with _once(model, "predict_step"):
        return _tree.apply(np.asarray, model.predict_step(batch))


def own_step(model: Trainer, mode: str, batch: Any) -> dict[str, Any]:
    """The logs of one step of training or of a test."""
    prepare(model, batch[1] if isinstance(batch, tuple) and len(batch) > 1 else None)
    with _once(model, f"{mode}_step"):
        logs = getattr(model, f"{mode}_step")(batch)
    if not isinstance(logs, Mapping):
        raise TypeError(
            f"{type(model).__name__}.{mode}_step: expected it to return a dict of logs, as "
            f"{{'loss': loss}}. Received: a {type(logs).__name__}. Hint: compute_metrics() returns one"
        )
    return _plain(logs)


@contextmanager
def _once(model: Trainer, step: str) -> Iterator[None]:
    """Within a step nothing may be called that calls the step."""
    running, this = _running.get(), (id(model), step)
    if this in running:
        raise RuntimeError(
            f"{type(model).__name__}.{step}: {_CALLERS[step]} call it, it cannot call these. "
            f"Hint: the model's own step is super().{step}(data)"
        )
    token = _running.set((*running, this))
    try:
        yield
    finally:
        _running.reset(token)


def _plain(logs: Mapping[Any, Any]) -> dict[str, Any]:
    """Floats and arrays by name; a metric's dict of results is spread among them, as in Keras."""
    found: dict[str, Any] = {}
    for name in sorted(logs):
        value = logs[name]
        found |= _plain(value) if isinstance(value, Mapping) else {name: plain(np.asarray(value))}
    return found


def listed(model: Trainer, logs: Mapping[str, Any], return_dict: bool) -> Any:
    """Logs of own steps as `evaluate` returns them: the loss, then metrics, then all else by name."""
    if return_dict:
        return dict(logs)
    known = [name for name in results(model) if name in logs]
    values = [logs[name] for name in (*known, *sorted(set(logs) - set(known)))]
    return values[0] if len(values) == 1 else values


def _pass(
    model: Trainer,
    mode: str,
    data: ArrayBatches,
    callbacks: CallbackList,
    verbose: Any,
    inner: bool,
    parts: list[Any] | None = None,
) -> dict[str, Any]:
    progress = make_progress(0 if callbacks.has_progbar else verbose, 1, data.per_epoch)
    if not inner:
        callbacks.set_params({"verbose": verbose, "epochs": 1, "steps": data.per_epoch})
    setattr(model, STOPS[mode], False)
    getattr(callbacks, f"on_{mode}_begin")()
    if progress is not None:
        progress.begin_epoch(0)
    logs, steps = _steps(model, mode, data.epoch(), callbacks, progress, parts)
    if not steps:
        raise ValueError("x: expected at least one batch. Received: none")
    if progress is not None:
        progress.end_epoch(0, logs)
        progress.end()
    getattr(callbacks, f"on_{mode}_end")(logs)
    return logs


def _steps(
    model: Trainer,
    mode: str,
    batches: Iterable[Any],
    callbacks: CallbackList,
    progress: Progress | None,
    parts: list[Any] | None = None,
    place: Cursor | None = None,
) -> tuple[dict[str, Any], int]:
    """A step for each batch.

    Args:
        model: Has the step.
        mode: `'train'`, `'test'` or `'predict'`.
        batches: The data.
        callbacks: Their hooks on batches are called, around `steps_per_execution` of these at once.
        progress: Is redrawn.
        parts: Of predictions, takes the outputs.
        place: Of training, where it begins; batches before are left out.

    Returns:
        The logs of the last step, and the number of steps.
    """
    begin, end = (getattr(callbacks, f"on_{mode}_batch_{when}") for when in ("begin", "end"))
    at_once = model.steps_per_execution
    logs: dict[str, Any] = {}
    first = step = done = 0  # `first`: of those that callbacks have not been told of

    def tell() -> None:
        found = logs if parts is None else {"outputs": _joined(parts[first:])}
        end(first + at_once - 1, found)

    for batch in batches:
        if place is not None:
            done += _rows(batch)
            if done <= place.position:
                first = step = step + 1
                continue
            _check_place(place, done - _rows(batch))
        if step == first:
            begin(step)
        if parts is None:
            logs = own_step(model, mode, batch)
        else:
            parts.append(_predicted(model, batch))
        step += 1
        if place is not None:
            model._cursor = Cursor(place.seed, place.epoch, done)
            model._lock.lend()
        if progress is not None:
            progress.update(step, logs)
        if step == first + at_once:
            tell()
            first = step
            if getattr(model, STOPS[mode]):
                break
    if first < step:
        tell()
    return logs, step


def _rows(batch: Any) -> int:
    x = batch[0] if isinstance(batch, tuple) else batch
    return len(_tree.flatten(x)[0])


def _check_place(place: Cursor, before: int) -> None:
    """The batch that follows so many samples must not hold any that were trained with before."""
    if before < place.position:
        raise ValueError(
            f"fit: expected to go on after {place.position} samples of epoch {place.epoch + 1}. "
            f"Received: a batch that begins behind {before} of them. Hint: go on with the data and "
            "the batch_size of before"
        )


def _joined(parts: list[Any]) -> Any:
    """Outputs of several batches, in their structure."""
    if not parts:
        return None
    leaves = zip(*map(_tree.flatten, parts), strict=True)
    return _tree.pack(parts[0], [np.concatenate(of_one) for of_one in leaves])

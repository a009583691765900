"""One pass over data without updates: what `evaluate` and `predict` do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastmlp._core.plan import Run
from fastmlp._core.turns import Turns
from fastmlp._seed import next_seed
from fastmlp.callbacks import CallbackList
from fastmlp.eager import EagerRun, start_run
from fastmlp.errors import warn_user
from fastmlp.runtime import Executable
from fastmlp.training.logs import LogReader
from fastmlp.training.progress import make_progress
from fastmlp.training.stream import RAN_OUT
from fastmlp.training.supply import Supply

STOPS = {"train": "stop_training", "test": "stop_evaluating", "predict": "stop_predicting"}
"""Attributes of models that callbacks set to end what runs."""

Outputs = Callable[[int, int], Any]
"""Outputs of the samples from one to before another, for callbacks."""


class _Told:
    """Hooks and progress of a pass.

    Args:
        callbacks: To tell what happens.
        mode: `'test'` or `'predict'`.
        verbose: As for `fit`.
        steps: Batches, if known.
        executable: What runs.
        inner: Whether the callbacks are those of a `fit`, which has told them its params.

    Attributes:
        each: Steps after which a callback is told; 0: none is.
    """

    def __init__(
        self,
        callbacks: CallbackList,
        mode: str,
        verbose: Any,
        steps: int | None,
        executable: Executable,
        inner: bool = False,
        at_once: int = 1,
    ) -> None:
        self.progress = make_progress(0 if callbacks.has_progbar else verbose, 1, steps)
        self._reader = LogReader(executable) if mode == "test" else None
        hooked = (
            callbacks.has_test_batch_hooks if mode == "test" else callbacks.has_predict_batch_hooks
        )
        self.each = at_once if hooked else 0
        self._model, self._stop = callbacks.model, STOPS[mode]
        if self.each:
            setattr(self._model, self._stop, False)
        self.begin, self.end = (getattr(callbacks, f"on_{mode}_{end}") for end in ("begin", "end"))
        if not inner:
            callbacks.set_params({"verbose": verbose, "epochs": 1, "steps": steps})
        self.begin()
        self._batch_begin = callbacks.hooks(f"on_{mode}_batch_begin")
        self._batch_end = callbacks.hooks(f"on_{mode}_batch_end")
        if self.progress is not None:
            self.progress.begin_epoch(0)

    def batch_begins(self, step: int) -> None:
        for hook in self._batch_begin:
            hook(step, logs={})

    def batch_ends(self, step: int, run: Run | EagerRun, found: dict[str, Any]) -> bool:
        """Tells hooks of a step that `run` has done, and whether the pass goes on.

        Args:
            step: Its number.
            run: What has done it.
            found: What hooks are to see where nothing is measured.
        """
        if self._batch_end:
            logs = found if self._reader is None else run.logs(self._reader.native)
            for hook in self._batch_end:
                hook(step, logs=logs)
        return not getattr(self._model, self._stop)

    def show(self, steps: int, run: Run | EagerRun) -> None:
        """Redraws the progress bar after so many steps."""
        if self.progress is not None:
            logs = {} if self._reader is None else run.logs(self._reader.native)
            self.progress.update(steps, logs)

    def finish(self, row: np.ndarray) -> np.ndarray:
        logs = {} if self._reader is None else self._reader.logs(row)
        if self.progress is not None:
            self.progress.end_epoch(0, logs)
            self.progress.end()
        self.end(logs)
        return row


def _run(executable: Executable, turns: Turns, n: int = 1) -> Run | EagerRun:
    return start_run(
        executable.program,
        n,
        executable.plan.capacity,
        seed=next_seed() if executable.plan.is_random else 0,
        threads=executable.threads(),
        steps_per_check=executable.steps_per_check,
        turns=turns,
    )


def run_pass(
    supply: Supply,
    callbacks: CallbackList,
    mode: str,
    verbose: Any,
    turns: Turns,
    outputs: Outputs | None = None,
    at_once: int = 1,
    inner: bool = False,
) -> tuple[np.ndarray, int]:
    """One pass over arrays without updates.

    Args:
        supply: The arrays.
        callbacks: To tell what happens.
        mode: `'test'` or `'predict'`.
        verbose: As for `fit`.
        turns: The model's lock.
        outputs: Reads what was predicted.
        at_once: Steps between two calls of a hook.
        inner: Whether this is a validation within a `fit`, whose callbacks these are.

    Returns:
        The accumulators, and the number of samples: all, unless a callback has ended it.
    """
    executable, n, batch_size = supply.executable, supply.n, supply.batch_size
    steps = -(-n // batch_size)
    told = _Told(callbacks, mode, verbose, steps, executable, inner, at_once)
    run = _run(executable, turns, n)
    run.watched = told.progress is not None and told.progress.within_epochs
    for step in range(0, steps, at_once) if told.each else ():
        told.batch_begins(step)
        left = at_once
        while left:
            left = run.step(None, left)
            turns.lend()
        start, end = step * batch_size, min((step + at_once) * batch_size, n)
        found = {} if outputs is None else {"outputs": outputs(start, end)}
        goes_on = told.batch_ends(step + at_once - 1, run, found)
        told.show(min(step + at_once, steps), run)
        if not goes_on and end < n:
            run.end_pass()
            n = end
            break
    while not told.each and not run.go():
        turns.lend()
        told.show(run.position // batch_size, run)
    return told.finish(run.take_log()[0]), n


def run_batches(
    supply: Supply,
    callbacks: CallbackList,
    mode: str,
    verbose: Any,
    turns: Turns,
    fetch: Callable[[Executable, int], None] | None = None,
    outputs: Outputs | None = None,
    inner: bool = False,
    at_once: int = 1,
) -> np.ndarray:
    """One pass over data that come in batches, without updates.

    Args:
        supply: The batches.
        callbacks: To tell what happens.
        mode: `'test'` or `'predict'`.
        verbose: As for `fit`.
        turns: The model's lock.
        fetch: Points the executable at arrays for the outputs of so many samples.
        outputs: Reads what was predicted, from one batch to before another.
        inner: Whether this is a validation within a `fit`, whose callbacks these are.
        at_once: Batches between two calls of a hook.

    Returns:
        The accumulators.
    """
    stream = supply.stream
    assert stream is not None
    told = _Told(callbacks, mode, verbose, supply.steps, supply.executable, inner, at_once)
    run = _run(supply.executable, turns)
    step = first = 0  # `first`: of those that callbacks have not been told of

    def tell() -> bool:
        found = {} if outputs is None else {"outputs": outputs(first, step)}
        return told.batch_ends(first + told.each - 1, run, found)

    goes_on = True
    while goes_on and (supply.steps is None or step < supply.steps):
        rows = stream.next()
        if rows is None:
            if supply.steps is not None and supply.steps != stream.batches.per_pass:
                warn_user(RAN_OUT)
            break
        if told.each and step == first:
            told.batch_begins(step)
        before = supply.make_room(rows)
        if before is not None:
            run = _run(supply.executable, turns)
            supply.take_sums(before)
        supply.bind(rows)
        if fetch is not None:
            fetch(supply.executable, rows.n)
        run.feed(rows.n)
        run.step()
        turns.lend()
        supply.check_finite()
        step += 1
        if step == first + told.each:
            goes_on = tell()
            first = step
        told.show(step, run)
    if told.each and first < step:
        tell()
    run.end_pass()
    return told.finish(run.take_log()[0])

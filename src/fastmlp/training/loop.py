"""The loops around native executions: callbacks, logs and the progress bar.

How much one native call does depends on who wants to know. With hooks on batches it is a step;
with hooks on epochs, or a progress bar that shows them, an epoch at most; else as many epochs as
fit into a moment. Every call ends after about 50 ms, so that Ctrl-C and the bar get their turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.callbacks import CallbackList
from fastmlp.eager import start_run
from fastmlp.runtime import Executable
from fastmlp.training.cursor import Cursor
from fastmlp.training.logs import LogReader
from fastmlp.training.progress import Progress, make_progress

if TYPE_CHECKING:
    from fastmlp.training.trainer import Trainer

_BLOCK = 1024  # epochs that one native call may do
_SLICE_NS = 50_000_000


class FitLoop:
    """One call of `fit`.

    Args:
        model: With an optimizer.
        train: Bound to the training data.
        after: Bound to the validation data, or `None`.
        n: Training samples.
        n_after: Validation samples.
        batch_size: Samples a step.
        callbacks: To tell what happens.
    """

    def __init__(
        self,
        model: Trainer,
        train: Executable,
        after: Executable | None,
        n: int,
        n_after: int,
        batch_size: int,
        callbacks: CallbackList,
    ) -> None:
        assert model.optimizer is not None
        self.model, self.train, self.after = model, train, after
        self.optimizer = model.optimizer  # of this fit, even if a callback compiles the model
        self.n, self.n_after, self.batch_size = n, n_after, batch_size
        self.callbacks = callbacks
        self.reader = LogReader(train)
        self.after_reader = None if after is None else LogReader(after, "val_")

    def run(
        self,
        progress: Progress | None,
        first_epoch: int,
        epochs: int,
        shuffle: bool,
    ) -> None:
        """Trains until `epochs` epochs are done, or a callback stops it."""
        optimizer = self.optimizer
        self.model._resume = None
        self.callbacks.on_train_begin()
        start = self._start(first_epoch)
        self._seed = start.seed
        self.train.set_hyper(optimizer.hyper())
        self._native = start_run(
            self.train.program,
            self.n,
            self.train.plan.capacity,
            after=None if self.after is None else self.after.program,
            after_samples=self.n_after,
            after_batch=1 if self.after is None else self.after.plan.capacity,
            epochs=epochs,
            first_epoch=start.epoch,
            seed=start.seed,
            iterations=optimizer.steps,
            shuffle=shuffle,
            threads=max(self.train.threads(), 1 if self.after is None else self.after.threads()),
            steps_per_check=self.train.steps_per_check(),
            log_rows=max(1, min(_BLOCK, epochs - start.epoch)),
        )
        if start.position and start.sums is not None and start.epoch < epochs:
            self._native.resume(start.position, start.sums)
        self._told: int | None = None  # epoch that callbacks have been told of, while it lasts
        logs: dict[str, float] = {}
        outer, self.model._fit = self.model._fit, self
        try:
            while self._native.epoch < epochs and not self.model.stop_training:
                every = progress is not None and progress.wants_every_epoch
                every = every or self._native.position >= self.n
                if self.callbacks.has_epoch_hooks or self.callbacks.has_batch_hooks or every:
                    logs = self._epoch(progress)
                else:
                    logs = self._block(progress)
        finally:
            optimizer.steps = self._native.iterations
            self.model._cursor, self.model._fit = self.cursor(), outer
            if epochs > 0:
                optimizer.finalize_variable_values(self.model.weights)
            if progress is not None:
                progress.end()
        self.callbacks.on_train_end(logs)

    def _start(self, first_epoch: int) -> Cursor:
        """Where to begin: where a callback says, else at `first_epoch`."""
        resume, last = self.model._resume, self.model._cursor
        if resume is not None:
            whole = resume.position % self.batch_size == 0 or resume.position == self.n
            if resume.position > self.n or not whole:
                raise ValueError(
                    f"fit: expected to go on after {resume.position} samples of epoch "
                    f"{resume.epoch + 1}. Received: {self.n} samples, batch_size={self.batch_size}. "
                    "Hint: go on with the data and the batch_size of before"
                )
            return resume
        if last is not None and 0 < first_epoch == last.epoch:
            return Cursor(last.seed, first_epoch)
        return Cursor(self.model._seeds.next(), first_epoch)

    def cursor(self) -> Cursor:
        """Where the training is."""
        run = self._native
        if self._told is not None and (run.validating or run.epoch != self._told):
            row = run.peek_log()[: self.reader.width]
            return Cursor(self._seed, self._told, self.n, np.ascontiguousarray(row))
        sums = self.train.program.accumulators() if run.position else None
        return Cursor(self._seed, run.epoch, run.position, sums)

    def _go(self, **limits: int) -> None:
        """One native call, with the learning rate of the moment."""
        self.train.set_hyper(self.optimizer.hyper())
        self._native.go(budget_ns=_SLICE_NS, **limits)
        self.optimizer.steps = self._native.iterations

    def _logs(self, row: np.ndarray) -> dict[str, float]:
        logs = self.reader.logs(row[: self.reader.width])
        if self.after_reader is not None:
            logs.update(self.after_reader.logs(row[self.reader.width :]))
        return logs

    def _epoch(self, progress: Progress | None) -> dict[str, float]:
        """One epoch, told to callbacks and shown."""
        run, callbacks = self._native, self.callbacks
        epoch = self._told = run.epoch
        callbacks.on_epoch_begin(epoch)
        if progress is not None:
            progress.begin_epoch(epoch)
        if run.position >= self.n:  # resumed after the last step
            run.end_pass()
        elif callbacks.has_train_batch_hooks:
            self._train_steps(progress)
        else:
            while run.epoch == epoch and not run.validating:
                self._go(passes=1)
                if progress is not None and run.position and not run.validating:
                    sums = self.train.program.read_sums()
                    progress.update(run.position // self.batch_size, self.reader.logs(sums))
        if self.after_reader is not None:
            self._validate(epoch)
        self._told = None
        logs = callbacks.on_epoch_end(epoch, self._logs(run.take_log()[0]))
        if progress is not None:
            progress.end_epoch(epoch, logs)
        return logs

    def _train_steps(self, progress: Progress | None) -> None:
        """The training pass of an epoch, step by step, for callbacks with hooks on its batches."""
        run, callbacks = self._native, self.callbacks
        steps = -(-self.n // self.batch_size)
        for step in range(run.position // self.batch_size, steps):
            callbacks.on_train_batch_begin(step)
            self._go(steps=1)
            last = step == steps - 1
            sums = run.peek_log()[: self.reader.width] if last else self.train.program.read_sums()
            logs = self.reader.logs(sums)
            callbacks.on_train_batch_end(step, logs)
            if progress is not None:
                progress.update(step + 1, logs)
            if self.model.stop_training and not last:
                run.end_pass()
                return

    def _validate(self, epoch: int) -> None:
        """The validation pass of an epoch; its last step ends the epoch."""
        run, callbacks, reader = self._native, self.callbacks, self.after_reader
        assert self.after is not None and reader is not None
        callbacks.on_test_begin()
        each = callbacks.has_test_batch_hooks
        step = 0
        while run.epoch == epoch:
            if each:
                callbacks.on_test_batch_begin(step)
            self._go(steps=1 if each else -1, passes=1)
            if each:
                done = run.epoch != epoch
                sums = (
                    run.peek_log()[self.reader.width :] if done else self.after.program.read_sums()
                )
                callbacks.on_test_batch_end(step, _without_prefix(reader.logs(sums)))
                step += 1
        callbacks.on_test_end(_without_prefix(reader.logs(run.peek_log()[self.reader.width :])))

    def _block(self, progress: Progress | None) -> dict[str, float]:
        """As many epochs as a moment holds; nobody wants to be told of each."""
        run = self._native
        first = run.epoch
        self._go()
        rows = run.take_log()
        if not len(rows):
            return {}
        columns = self.reader.columns(rows[:, : self.reader.width])
        if self.after_reader is not None:
            columns.update(self.after_reader.columns(rows[:, self.reader.width :]))
        self.callbacks.extend_history(first, columns)
        logs = {name: float(values[-1]) for name, values in columns.items()}
        if progress is not None:
            progress.epochs_done(first, len(rows), logs)
        return logs


def _without_prefix(logs: dict[str, float]) -> dict[str, float]:
    return {name.removeprefix("val_"): value for name, value in logs.items()}


def run_pass(
    executable: Executable,
    n: int,
    batch_size: int,
    callbacks: CallbackList,
    mode: str,
    verbose: Any,
) -> np.ndarray:
    """One pass without updates: `mode` is `'test'` or `'predict'`.

    Returns:
        The accumulators.
    """
    steps = -(-n // batch_size)
    progress = make_progress(0 if callbacks.has_progbar else verbose, 1, steps)
    reader = LogReader(executable) if mode == "test" else None
    run = start_run(
        executable.program,
        n,
        executable.plan.capacity,
        seed=0,
        threads=executable.threads(),
        steps_per_check=executable.steps_per_check(),
    )
    begin, end = getattr(callbacks, f"on_{mode}_begin"), getattr(callbacks, f"on_{mode}_end")
    batch_begin = getattr(callbacks, f"on_{mode}_batch_begin")
    batch_end = getattr(callbacks, f"on_{mode}_batch_end")
    callbacks.set_params({"verbose": verbose, "epochs": 1, "steps": steps})
    each = callbacks.has_test_batch_hooks if mode == "test" else callbacks.has_predict_batch_hooks
    begin()
    if progress is not None:
        progress.begin_epoch(0)
    done, step = False, 0
    while not done:
        if each:
            batch_begin(step)
        done = run.go(steps=1 if each else -1)
        sums = run.peek_log() if done else executable.program.read_sums()
        logs = {} if reader is None else reader.logs(sums)
        if each:
            batch_end(step, logs)
            step += 1
        if progress is not None and not done:
            progress.update(run.position // batch_size, logs)
    row: np.ndarray = run.take_log()[0]
    if progress is not None:
        progress.end_epoch(0, logs)
        progress.end()
    end(logs)
    return row

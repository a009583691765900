"""The loop of `fit` around native executions: callbacks, logs and the progress bar.

How much one native call does depends on who wants to know. With hooks on batches, or data that come
in batches, it is `steps_per_execution` steps; with hooks on epochs, or a progress bar that shows them, an epoch at most;
else as many epochs as fit into a moment. Every call ends after about 200 ms, with a bar after 50 ms, so that it gets
its turn, or up to a second where weights are dear to copy (`_core/plan.pyx`); and 50 ms after Ctrl-C, or
after another thread began to wait, at the latest, but for the step at hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fastmlp._core.logs import plain
from fastmlp._core.plan import Run
from fastmlp.callbacks import CallbackList
from fastmlp.eager import EagerRun, start_run
from fastmlp.errors import warn_user
from fastmlp.registry import overridden
from fastmlp.training.cursor import Cursor, beginning
from fastmlp.training.logs import LogReader
from fastmlp.training.progress import Progress
from fastmlp.training.stream import RAN_OUT
from fastmlp.training.supply import Supply

if TYPE_CHECKING:
    from fastmlp.training.rows import Rows
    from fastmlp.training.trainer import Trainer

_BLOCK = 1024  # epochs that one native call may do


class FitLoop:
    """One call of `fit`.

    Args:
        model: With an optimizer.
        train: What it learns from.
        after: Arrays to validate with, or `None`.
        callbacks: To tell what happens.
        validates: Whether an epoch, counted from 0, is followed by a validation; `None`: each is.
        validate: Validates with something else than arrays; returns the logs.
        reader: Of what `train` runs, if there is one already.
    """

    def __init__(
        self,
        model: Trainer,
        train: Supply,
        after: Supply | None,
        callbacks: CallbackList,
        validates: Callable[[int], bool] | None = None,
        validate: Callable[[], dict[str, float]] | None = None,
        reader: LogReader | None = None,
    ) -> None:
        assert model.optimizer is not None
        self.model, self.supply, self.after = model, train, after
        self.optimizer = model.optimizer  # of this fit, even if a callback compiles the model
        self.callbacks = callbacks
        self.reader = reader or LogReader(train.executable)
        self._compiled = model._compiled
        self.after_reader = None if after is None else LogReader(after.executable, "val_")
        self._validates, self._validate_otherwise = validates, validate
        self._steps = 0  # of the epoch at hand, if its data come in batches
        self._samples = 0  # the same

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
        self._seed, self._epochs, self._shuffle = start.seed, epochs, shuffle
        if self.supply.begin is not None:
            self.supply.begin(start.seed, start.epoch)
        self._native = self._new_run(start.epoch, optimizer.steps)
        if start.position and start.sums is not None and start.epoch < epochs:
            if self.supply.stream is None:
                self._native.resume(start.position, start.sums)
            else:
                self._skip(start.position)
                if self._varies():
                    self.supply.set_sums(start.sums)
                else:
                    self.supply.executable.program.set_accumulators(start.sums)
        self._told: int | None = None  # epoch that callbacks have been told of, while it lasts
        logs: dict[str, float] = {}
        outer, self.model._fit = self.model._fit, self
        self._native.watched = progress is not None and progress.within_epochs
        try:
            while self._native.epoch < epochs and not self.model.stop_training:
                if self.supply.stream is not None and not self.supply.stream.begin_epoch():
                    warn_user(RAN_OUT)
                    break
                if self._wants_every_epoch(progress):
                    logs = self._epoch(progress)
                else:
                    logs = self._block(progress)
        finally:
            self.model._cursor, self.model._fit = self.cursor(), outer
            own = overridden(optimizer, "finalize_variable_values")
            if epochs > 0 and (optimizer.use_ema or optimizer.wraps or own):
                optimizer.finalize_variable_values(self.model.weights)
            if progress is not None:
                progress.end()
        self.callbacks.on_train_end(logs)

    def _new_run(self, epoch: int, steps: int) -> Run | EagerRun:
        train = self.supply.executable
        after = None if self.after is None else self.after.executable
        train.set_hyper(self.optimizer.hyper())
        return start_run(
            train.program,
            self.supply.n or 1,
            train.plan.capacity,
            after=None if after is None else after.program,
            after_samples=0 if self.after is None else self.after.n,
            after_batch=1 if after is None else after.plan.capacity,
            epochs=self._epochs,
            first_epoch=epoch,
            seed=self._seed,
            iterations=steps,
            shuffle=self._shuffle,
            threads=max(train.threads(), 1 if after is None else after.threads()),
            steps_per_check=train.steps_per_check,
            log_rows=max(1, min(_BLOCK, self._epochs - epoch)),
            window=self.supply.window,
            turns=self.model._lock,
        )

    def _wants_every_epoch(self, progress: Progress | None) -> bool:
        """Whether native calls end where an epoch ends."""
        callbacks = self.callbacks
        return (
            self.supply.stream is not None
            or self._validates is not None
            or self._validate_otherwise is not None
            or callbacks.has_epoch_hooks
            or callbacks.has_batch_hooks
            or self.model._is_own("reset_metrics")
            or (progress is not None and progress.wants_every_epoch)
            or self._native.position >= self.supply.samples(self._native.epoch)
        )

    def _start(self, first_epoch: int) -> Cursor:
        """Where to begin: where a callback says, else at `first_epoch`."""
        resume = self.model._resume
        if resume is not None:
            n, batch_size = self.supply.samples(resume.epoch), self.supply.batch_size
            whole = resume.position % batch_size == 0 or resume.position == n
            if self.supply.stream is None and (resume.position > n or not whole):
                raise ValueError(
                    f"fit: expected to go on after {resume.position} samples of epoch "
                    f"{resume.epoch + 1}. Received: {n} samples, batch_size={batch_size}. "
                    "Hint: go on with the data and the batch_size of before"
                )
        return beginning(self.model._cursor, resume, self.model._seeds, first_epoch)

    def cursor(self) -> Cursor:
        """Where the training is."""
        run = self._native
        if self._told is not None and (run.validating or run.epoch != self._told):
            row = run.peek_log()[: self.reader.width]
            n = self.supply.samples(self._told) if self.supply.stream is None else self._samples
            return Cursor(self._seed, self._told, n, np.ascontiguousarray(row))
        supply, streams = self.supply, self.supply.stream is not None
        position = self._samples if streams else run.position
        if not position:
            return Cursor(self._seed, run.epoch)
        varies = streams and self._varies()
        sums = supply.sums() if varies else supply.executable.program.accumulators()
        return Cursor(self._seed, run.epoch, position, sums)

    def _varies(self) -> bool:
        """Whether a batch, with which the next fit begins, may have a program of other tasks."""
        return self.model._takes_sizes or self.supply.executable.plan.exact

    def _go(self, **limits: int) -> None:
        """One native call, with the optimizer's numbers and steps of the moment."""
        self.supply.executable.program.read_optimizer(self.optimizer)
        self._native.iterations = self.optimizer.steps
        try:
            self._native.go(**limits)
        finally:
            self.optimizer.steps = self._native.iterations
        self.model._lock.lend()

    def _steps_at_once(self, left: int) -> None:
        """So many steps, or those that are left of the pass at hand."""
        while left:
            left = self._native.step(self.optimizer, left)
            self.model._lock.lend()

    def _logs(self, row: np.ndarray, validated: bool) -> dict[str, float]:
        logs = self.reader.logs(row[: self.reader.width])
        if self.after_reader is not None and validated:
            logs.update(self.after_reader.logs(row[self.reader.width :]))
        return logs

    def _keep(self, row: np.ndarray, validated: bool) -> None:
        """Metrics hold the last pass, as in Keras: that of the validation, if there was one."""
        if self.after_reader is not None and validated:
            self.after_reader.keep(row[self.reader.width :], self._compiled)
        else:
            self.reader.keep(row[: self.reader.width], self._compiled)

    def _epoch(self, progress: Progress | None) -> dict[str, float]:
        """One epoch, told to callbacks and shown."""
        callbacks, supply = self.callbacks, self.supply
        epoch = self._told = self._native.epoch
        validates = self._validates is None or self._validates(epoch)
        self._follows = validates
        self._native.follow(validates)
        self.model._begin_metrics()
        callbacks.on_epoch_begin(epoch)
        if progress is not None:
            progress.begin_epoch(epoch)
        if supply.stream is not None:
            self._train_batches(progress)
        elif self._native.position >= supply.samples(epoch):  # resumed after the last step
            self._native.end_pass()
        elif callbacks.has_train_batch_hooks:
            self._train_steps(progress)
        else:
            run = self._native
            while run.epoch == epoch and not run.validating:
                self._go(passes=1)
                if progress is not None and run.position and not run.validating:
                    sums = supply.executable.program.read_sums()
                    progress.update(run.position // supply.batch_size, self.reader.logs(sums))
        if self.after_reader is not None and validates:
            self._validate(epoch)
        self._told, self._samples = None, 0
        row = self._native.take_log()[0]
        self._keep(row, validates)
        logs = self._logs(row, validates)
        if self._validate_otherwise is not None and validates:
            logs.update(self._validate_otherwise())
        logs = callbacks.on_epoch_end(epoch, logs)
        if progress is not None:
            progress.end_epoch(epoch, logs)
        return logs

    def _train_batches(self, progress: Progress | None) -> None:
        """The training pass of an epoch whose data come in batches."""
        supply, callbacks, step = self.supply, self.callbacks, self._steps
        stream = supply.stream
        assert stream is not None
        each, logs = callbacks.has_train_batch_hooks, {}
        at_once = self.model.steps_per_execution
        ended = False
        while not ended and (supply.steps is None or step < supply.steps):
            first = step
            while step < first + at_once and (supply.steps is None or step < supply.steps):
                rows = stream.next()
                ended = rows is None
                if rows is None:
                    if supply.steps is not None and supply.steps != stream.batches.per_pass:
                        warn_user(RAN_OUT)
                    break
                if each and step == first:
                    callbacks.on_train_batch_begin(step)
                self._take(rows)
                step += 1
            if step == first:
                break
            if each or progress is not None:
                logs = self._native.logs(self.reader.native)
            if each:
                callbacks.on_train_batch_end(first + at_once - 1, logs)
            if progress is not None:
                progress.update(step, logs)
            if self.model.stop_training:
                break
        self._steps = 0
        stream.end_epoch()
        self._native.end_pass()

    def _take(self, rows: Rows) -> None:
        """A step on one batch."""
        supply, run = self.supply, self._native
        before = supply.make_room(rows)
        if before is not None:
            self._native = self._new_run(run.epoch, run.iterations)
            self._native.follow(self._follows)
            supply.take_sums(before)
        supply.bind(rows)
        self._native.feed(rows.n)
        self._steps_at_once(1)
        self._samples += rows.n
        supply.check_finite()

    def _skip(self, samples: int) -> None:
        """Leaves out the batches that a resumed epoch has used already."""
        assert self.supply.stream is not None
        while self._samples < samples and (rows := self.supply.stream.next()) is not None:
            self._samples += rows.n
            self._steps += 1

    def _train_steps(self, progress: Progress | None) -> None:
        """The training pass of an epoch, step by step, for callbacks with hooks on its batches."""
        run, callbacks, model = self._native, self.callbacks, self.model
        batch_size = self.supply.batch_size
        begin, end = (callbacks.hooks(f"on_train_batch_{when}") for when in ("begin", "end"))
        native, optimizer, lend = self.reader.native, self.optimizer, self.model._lock.lend
        steps = -(-self.supply.samples(run.epoch) // batch_size)
        at_once = self.model.steps_per_execution
        for step in range(run.position // batch_size, steps, at_once):
            for hook in begin:
                hook(step, logs={})
            left = at_once
            while left:
                left = run.step(optimizer, left)
                lend()
            if end or progress is not None:
                logs = run.logs(native)
                for hook in end:
                    hook(step + at_once - 1, logs=logs)
                if progress is not None:
                    progress.update(min(step + at_once, steps), logs)
            if model.stop_training and step + at_once < steps:
                run.end_pass()
                return

    def _validate(self, epoch: int) -> None:
        """The validation pass of an epoch; its last step ends the epoch."""
        run, callbacks = self._native, self.callbacks
        assert self.after is not None
        reader = LogReader(self.after.executable)  # hooks of tests see names without a prefix
        self.model.stop_evaluating = False
        callbacks.on_test_begin()
        self.model._begin_metrics()
        if callbacks.has_test_batch_hooks:
            begin, end = (callbacks.hooks(f"on_test_batch_{when}") for when in ("begin", "end"))
            step, at_once = 0, self.model.steps_per_execution
            while run.epoch == epoch:
                for hook in begin:
                    hook(step, logs={})
                step += at_once
                self._steps_at_once(at_once)
                if end:
                    logs = run.logs(reader.native)
                    for hook in end:
                        hook(step - 1, logs=logs)
                if self.model.stop_evaluating and run.epoch == epoch:
                    run.end_pass()
        while run.epoch == epoch:
            self._go(passes=1)
        callbacks.on_test_end(reader.logs(run.peek_log()[self.reader.width :]))

    def _block(self, progress: Progress | None) -> dict[str, float]:
        """As many epochs as a moment holds; nobody wants to be told of each."""
        run = self._native
        first = run.epoch
        self._go()
        rows = run.take_log()
        if not len(rows):
            return {}
        self._keep(rows[-1], True)
        columns = self.reader.columns(rows[:, : self.reader.width])
        if self.after_reader is not None:
            columns.update(self.after_reader.columns(rows[:, self.reader.width :]))
        self.callbacks.extend_history(first, columns)
        logs = {name: plain(values[-1]) for name, values in columns.items()}
        if progress is not None:
            progress.epochs_done(first, len(rows), logs)
        return logs

"""Plans run by their ops' NumPy twins, one by one in Python: what `run_eagerly=True` chooses.

`EagerExecutable` and `EagerRun` do what `Executable` and the core's `Run` do, so that whoever uses
those need not know which it has.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastmlp._core import random
from fastmlp._core.logs import Logs
from fastmlp._core.plan import Run
from fastmlp._core.program import Program
from fastmlp._core.turns import Turns
from fastmlp.plan.ir import CHANGES_WEIGHTS, Op, Plan
from fastmlp.variables import Variable

_LARGEST_ORDER = 1 << 18  # as in executor.pxd: of more samples the order is computed step by step
_SHUFFLE = 0xF00D
_MOMENT_NS = 50_000_000


class EagerExecutable:
    """A plan with its data, ready to be interpreted.

    Args:
        plan: Compiled.
        slots: The optimizer's state arrays of each weight.
        hyper: The optimizer's learning rate, or its schedule, and constants in its kernel's order.

    Attributes:
        program: Itself: it also is what the native executable keeps in a program of its own.
        n_out: Number of accumulators.
    """

    def __init__(
        self,
        plan: Plan,
        slots: Mapping[Variable, Sequence[np.ndarray]] | None = None,
        hyper: tuple[Any, ...] = (),
    ) -> None:
        self.plan = plan
        self.slots = {} if slots is None else slots
        self.program = self
        self.sums: dict[Op, int] = {}
        self.n_out = 0
        for op in plan.ops():
            if op.n_acc:
                self.sums[op] = self.n_out
                self.n_out += op.n_acc
        buffers = {b for op in plan.ops() for b in (*op.outs, *op.ins) if b is not None}
        self.weights = [
            b.variable for b in buffers if b.kind in ("weight", "packed") and b.variable is not None
        ]
        self._hyper = hyper
        self._sources: list[Any] = [None] * len(plan.feeds)
        self._first_row = 0
        self._outputs: dict[int, np.ndarray] = {}
        self._not_finite: set[int] = set()
        self._state_sums: dict[Op, np.ndarray] = {}

    # As `Executable`.

    def set_hyper(self, hyper: tuple[Any, ...]) -> None:
        """New constants for the optimizer."""
        self._hyper = hyper

    def threads(self) -> int:
        """Python runs on one."""
        return 1

    @property
    def steps_per_check(self) -> int:
        """Every step looks at the clock."""
        return 1

    def is_current(self) -> bool:
        """Weights are looked up at each step."""
        return True

    def bind_all(self, sources: Sequence[Any], first_row: int = 0) -> None:
        """Sets the feeds, in order: sources, whose row `first_row` becomes row 0."""
        self._sources = list(sources[: len(self.plan.feeds)])
        self._first_row = first_row
        self._not_finite = set()

    def bind_output(self, index: int, array: np.ndarray) -> None:
        """Where an output goes: an array with one row for each sample."""
        self._outputs[index] = array

    # As `Program`.

    def read_optimizer(self, optimizer: Any) -> int:
        """The optimizer's numbers of now."""
        self._hyper = optimizer.hyper()
        return 0

    def not_finite(self, index: int) -> bool:
        """Whether a feed has met a NaN or an infinity since it was bound."""
        return index in self._not_finite

    def release(self) -> None:
        """Forgets the user's memory."""
        self._sources = [None] * len(self.plan.feeds)
        self._outputs = {}

    def read_sums(self) -> np.ndarray:
        """The accumulators since the pass began."""
        row = np.zeros(self.n_out)
        for op, values in self._state_sums.items():
            row[self.sums[op] : self.sums[op] + op.n_acc] = values
        return row

    accumulators = read_sums

    def set_accumulators(self, values: np.ndarray) -> None:
        """Sets them."""
        for op, start in self.sums.items():
            self._state_sums[op] = np.array(values[start : start + op.n_acc])

    def clear_sums(self) -> None:
        """Sets them to zero."""
        self._state_sums = {}

    def step(self, first: int, rows: np.ndarray, t: int, seed: int) -> None:
        """Runs one step; where something raises, no weight has changed.

        Args:
            first: Position of its first sample, where its outputs go.
            rows: Numbers of the samples.
            t: Steps done before.
            seed: Of dropout.
        """
        feeds = [self._rows(index, rows) for index in range(len(self._sources))]
        weights = {variable: variable.value for variable in self.weights}
        slots = {variable: list(arrays) for variable, arrays in self.slots.items()}
        from fastmlp._reference import State, run_step

        state = State(
            feeds, weights, slots, self._hyper, t, seed, self._state_sums, dtype=self.plan.dtype
        )
        run_step(self.plan, state)
        for variable, value in state.weights.items():
            if value is not variable.value:
                variable.value[...] = value
        for variable, arrays in self.slots.items():
            for array, value in zip(arrays, state.slots[variable], strict=True):
                if value is not array:
                    array[...] = value
        for index, value in state.outputs.items():
            self._outputs[index][first : first + len(rows)] = value

    def _rows(self, index: int, rows: np.ndarray) -> np.ndarray:
        """Some rows of a feed, in the plan's type."""
        source, feed = self._sources[index], self.plan.feeds[index]
        batch = np.empty((len(rows), source.width), self.plan.dtype)
        for part in source.parts:
            taken = part.array[rows + self._first_row]
            batch[:, part.column : part.column + part.width] = taken
        if not np.isfinite(batch).all():
            self._not_finite.add(index)
        return batch.reshape(len(rows), *feed.shape)


class _Pass:
    """One executable over one data set."""

    def __init__(self, executable: EagerExecutable, samples: int, batch: int) -> None:
        self.executable, self.samples, self.batch = executable, samples, batch
        self.position, self.end = 0, samples
        executable.clear_sums()


class EagerRun:
    """Epochs, each followed by a pass of another executable if given; see `Run` in plan.pyx."""

    watched = False  # each execution is one step

    def __init__(
        self,
        main: EagerExecutable,
        samples: int,
        batch: int,
        after: EagerExecutable | None = None,
        after_samples: int = 0,
        after_batch: int = 1,
        epochs: int = 1,
        first_epoch: int = 0,
        seed: int = 0,
        iterations: int = 0,
        shuffle: bool = False,
        threads: int = 1,
        steps_per_check: int = 1,
        log_rows: int = 1,
        window: int = 0,
        turns: Turns | None = None,  # each execution is short
    ) -> None:
        self._passes = [_Pass(main, samples, batch)]
        if after is not None:
            self._passes.append(_Pass(after, after_samples, after_batch))
        self._n_passes = len(self._passes)
        self._at = 0
        self.epoch, self._epochs = first_epoch, epochs
        self.iterations = iterations
        self._seed, self._shuffle = seed, shuffle
        self._window = min(window, samples) if window > 0 else samples
        self._windows = -(-samples // self._window)
        self._log = np.zeros((log_rows, max(1, sum(p.executable.n_out for p in self._passes))))
        self._logged = 0
        self._ended = False  # whether the last step was the last of its pass
        self._order: np.ndarray | None = None
        self._rewind()

    @property
    def position(self) -> int:
        """Samples done of the pass at hand."""
        return self._passes[self._at].position - (0 if self._at else self._first)

    @property
    def validating(self) -> bool:
        """Whether the pass at hand is that of `after`."""
        return self._at == 1

    def take_log(self) -> np.ndarray:
        """Rows of the epochs finished since the last call: sums of main, then of after."""
        done, self._logged = self._logged, 0
        rows = self._log[:done].copy()
        if self._at == 1:
            self._log[0] = self._log[done]
        return rows

    def peek_log(self) -> np.ndarray:
        """Main's sums of the pass that ended last, without taking them."""
        row: np.ndarray = self._log[self._logged - (self._at == 0)]
        return row.copy()

    def resume(self, position: int, sums: np.ndarray) -> None:
        """Before the first step: goes on within the first epoch."""
        main = self._passes[0]
        main.position += position
        main.executable.set_accumulators(sums)

    def feed(self, samples: int) -> None:
        """The next step of the pass at hand runs on the first samples of what is bound."""
        p = self._passes[self._at]
        p.position, p.batch, p.end = 0, samples, np.iinfo(np.int64).max

    def follow(self, wanted: bool) -> None:
        """Whether the next epochs are followed by a pass of `after`."""
        self._n_passes = len(self._passes) if wanted else 1

    def end_pass(self) -> None:
        """Ends the pass at hand here, with the samples done so far."""
        p = self._passes[self._at]
        start = 0 if self._at == 0 else self._passes[0].executable.n_out
        row = p.executable.read_sums()
        self._log[self._logged, start : start + len(row)] = row
        p.executable.clear_sums()
        self._at += 1
        if self._at == self._n_passes:
            self._at = 0
            self.epoch += 1
            self._logged += 1
        if self._at == 0:
            self._rewind()
        else:
            self._passes[1].position = 0

    def go(self, steps: int = -1, epochs: int = -1, passes: int = -1) -> bool:
        """Runs on for a moment, one step at least; returns whether all epochs are done."""
        deadline = time.monotonic_ns() + _MOMENT_NS
        room = len(self._log) if epochs < 0 else min(len(self._log), self._logged + epochs)
        while self.epoch < self._epochs and self._logged < room and steps and passes:
            passes -= self._step()
            steps -= 1
            if time.monotonic_ns() >= deadline:
                break
        return self.epoch >= self._epochs

    def step(self, optimizer: Any = None, steps: int = 1) -> int:
        """Runs one step, with the optimizer's numbers and steps of now; tells it how many it has done.

        Returns:
            How many are left of so many, within the pass.
        """
        if optimizer is not None:
            self._passes[0].executable.read_optimizer(optimizer)
            self.iterations = optimizer.steps
        self._ended = self._step()
        if optimizer is not None:
            optimizer.steps = self.iterations
        return 0 if self._ended else steps - 1

    def logs(self, logs: Logs) -> dict[str, float]:
        """Logs of the pass at hand so far, or of the one that the last step ended."""
        if not self._ended:
            return logs.of(self._passes[self._at].executable.read_sums())
        row = self.peek_log()
        after = self._at == 0 and self._n_passes == 2
        return logs.of(row[self._passes[0].executable.n_out :] if after else row)

    def _step(self) -> bool:
        """One step; returns whether it ended a pass."""
        p = self._passes[self._at]
        m = min(p.batch, p.end - p.position)
        rows = np.arange(p.position, p.position + m)
        if self._at == 0 and self._shuffle:
            rows = self._shuffled(p.position, m)
        p.executable.step(p.position, rows, self.iterations, self._seed)
        p.position += m
        trains = self._at == 0 and any(op.name in CHANGES_WEIGHTS for op in p.executable.plan.ops())
        self.iterations += trains
        ends = p.position >= p.end
        if ends:
            self.end_pass()
        return ends

    def _rewind(self) -> None:
        """Main's pass of an epoch begins: over all samples, or over the window that is its turn."""
        main = self._passes[0]
        self._first = main.position = self.epoch % self._windows * self._window
        main.end = min(main.position + self._window, main.samples)
        self._order = None

    def _shuffled(self, position: int, m: int) -> np.ndarray:
        n, epoch = self._passes[0].samples, self.epoch - self.epoch % self._windows
        if n > _LARGEST_ORDER:
            return random.shuffle(n, self._seed, _SHUFFLE, epoch, position, m)
        if self._order is None:
            self._order = random.permutation(n, self._seed, _SHUFFLE, epoch)
        order: np.ndarray = self._order[position : position + m]
        return order


def start_run(main: Program | EagerExecutable, *args: Any, **kwargs: Any) -> Run | EagerRun:
    """A run of a program, or of a plan that is interpreted; arguments as those of `Run`."""
    kind: Any = EagerRun if isinstance(main, EagerExecutable) else Run
    run: Run | EagerRun = kind(main, *args, **kwargs)
    return run

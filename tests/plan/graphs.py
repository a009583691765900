"""Graphs for the plan's tests, built from nodes alone, and both ways to run them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fastmlp import graph, ops
from fastmlp._core.plan import Run
from fastmlp._reference import State, run_step
from fastmlp.graph import Tensor
from fastmlp.plan.lower import LossSpec, MetricSpec
from fastmlp.plan.update import UpdateSpec
from fastmlp.runtime import Executable, compile_plan
from fastmlp.training.data import as_source
from fastmlp.variables import Variable


@dataclass
class Case:
    """A graph with everything a training step needs."""

    inputs: list[Tensor]
    outputs: list[Tensor]
    losses: list[LossSpec]
    feeds: list[np.ndarray]
    dtype: str = "float64"
    metrics: list[MetricSpec] = field(default_factory=list)
    update: UpdateSpec = field(default_factory=lambda: UpdateSpec("sgd", 0))
    hyper: tuple[float, ...] = (0.1,)
    more: list[Variable] = field(default_factory=list)  # weights that the graph does not read

    @property
    def variables(self) -> list[Variable]:
        nodes = graph.order(self.outputs)
        found = [v for n in nodes for v in n.weights if v is not None]
        return list(dict.fromkeys([*found, *self.more]))

    def slots(self) -> dict[Variable, list[np.ndarray]]:
        n = self.update.slots
        return {v: [np.zeros_like(v.value) for _ in range(n)] for v in self.variables}

    def plan(self, capacity: int | None = None):
        return compile_plan(
            self.inputs, self.outputs, self.dtype, capacity or len(self.feeds[0]), True,
            self.losses, self.metrics, self.update, self.variables,
        )  # fmt: skip

    def run_reference(self, steps: int, batch: int | None = None) -> State:
        """Weights after some steps, by the NumPy twins; the variables stay as they are."""
        batch = batch or len(self.feeds[0])
        n = len(self.feeds[0])
        plan = self.plan(batch)
        state = State([], {v: v.value.copy() for v in self.variables}, self.slots(), self.hyper)
        first = 0
        for _ in range(steps):
            state.feeds = [f[first : first + batch] for f in self.feeds]
            run_step(plan, state)
            state.t += 1
            first = (first + batch) % n if first + batch < n else 0
        return state

    def native_sums(self, batch: int | None = None) -> list[np.ndarray]:
        """The accumulators of each term in an epoch; the variables stay as they are."""
        batch = batch or len(self.feeds[0])
        before = [v.value.copy() for v in self.variables]
        executable = Executable(self.plan(batch), self.slots(), self.hyper)
        executable.bind_all([as_source(f, f"feed_{i}") for i, f in enumerate(self.feeds)])
        run = Run(executable.program, len(self.feeds[0]), batch)
        run.go()
        sums = run.take_log()[0]
        for variable, value in zip(self.variables, before, strict=True):
            variable.value[...] = value
        starts = [executable.sums[t.op] for t in executable.plan.terms]
        return [
            sums[start : start + t.op.n_acc]
            for start, t in zip(starts, executable.plan.terms, strict=True)
        ]

    def native_loss(self) -> float:
        """The loss of all samples as one batch, penalties included."""
        pairs = zip(self.plan().terms, self.native_sums(), strict=True)
        return sum(t.factor * s[0] for t, s in pairs if t.kind != "metric") / len(self.feeds[0])

    def run_native(self, steps: int, batch: int | None = None, threads: int = 1) -> np.ndarray:
        """The variables after some steps, in place; returns the sums of the pass at hand."""
        batch = batch or len(self.feeds[0])
        executable = Executable(self.plan(batch), self.slots(), self.hyper)
        executable.bind_all([as_source(f, f"feed_{i}") for i, f in enumerate(self.feeds)])
        run = Run(executable.program, len(self.feeds[0]), batch, epochs=steps, threads=threads)
        for _ in range(steps):
            run.go(steps=1)
            run.take_log()
        return executable.program.read_sums()


def dense(x: Tensor, w: Variable, b: Variable | None = None, act: str | None = None) -> Tensor:
    y = ops.dense(x, w, b)
    return y if act is None else ops.activation(y, act)


def weight(rng: np.random.Generator, *shape: int, dtype: str = "float64", **kwargs) -> Variable:
    name = f"w{shape}"
    return Variable(rng.normal(size=shape, scale=0.5), dtype=dtype, name=name, **kwargs)


def two_branches(dtype: str = "float64", rows: int = 10) -> Case:
    """One input, two branches through a shared layer, a merge, two outputs with two losses."""
    rng = np.random.default_rng(5)
    x = graph.input_tensor((None, 6), dtype, "x")
    shared = weight(rng, 6, 6, dtype=dtype), weight(rng, 6, dtype=dtype)
    own = weight(rng, 6, 6, dtype=dtype), weight(rng, 6, dtype=dtype)
    left = dense(x, *shared, act="tanh")
    right = dense(dense(left, *own, act="relu"), *shared, act="sigmoid")
    both = ops.add(left, right)
    a = dense(both, weight(rng, 6, 2, dtype=dtype), weight(rng, 2, dtype=dtype))
    b = ops.softmax(dense(right, weight(rng, 6, 3, dtype=dtype)))
    feeds = [
        rng.normal(size=(rows, 6)).astype(dtype),
        rng.normal(size=(rows, 2)).astype(dtype),
        rng.integers(0, 3, (rows, 1)),
    ]
    losses = [
        LossSpec(0, "mean_squared_error", target_shape=(2,), factor=0.7),
        LossSpec(1, "sparse_categorical_crossentropy", target_shape=(1,)),
    ]
    return Case([x], [a, b], losses, feeds, dtype)

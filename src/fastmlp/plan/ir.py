"""The plan: what is computed on which buffers, in which order. Plain data, built by the passes.

A plan runs as a list of phases. A phase holds groups; a group is a list of ops that are run, one
after the other, on a range of *items*: samples of the batch in a row phase, rows of a weight in a
parameter phase. A range of items of one group is a task; tasks of one phase run in any order and
on any thread, so an op may only write what belongs to its items.

An op that needs the samples of the whole batch, or has nothing to do with samples, is a *batch op*:
it runs in a phase between row phases, once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from fastmlp._record import Record, fresh
from fastmlp.variables import Variable

_UPDATE = (
    24  # operations that take as long as the update of an element of a table: it comes from memory
)

CHANGES_WEIGHTS = ("update", "descend", "assign")  # ops that end with another weight

Kind = Literal[
    "value", "mask", "batch", "constant",
    "weight", "packed", "panels", "shares", "slot", "gradient", "scratch", "cell",
]  # fmt: skip


class Buffer(Record):
    """A piece of memory.

    Attributes:
        kind: `value`: one row of `shape` for each sample. `mask`: the same in bytes. `batch`: one
            value for the whole batch. `constant`: numbers known when the plan is made.
            `weight`, `slot`, `gradient`: as large as a weight; `slot` is optimizer state.
            `packed`: a weight in the micro-kernel's panels. `panels`: a value of all samples in
            panels, `shape` elements a sample. `shares`: what each task adds to a gradient. `scratch`: one tile of a gradient,
            private to a worker. `cell`: a few doubles.
        shape: Without the batch.
        variable: The weight that it belongs to.
        slot: Number of the optimizer's state array.
        alias: Buffer whose memory this one uses.
        offset: Where it starts in the arena, in bytes; -1 where it lives elsewhere.
        data: The numbers of a constant.
    """

    kind: Kind
    shape: tuple[int, ...]
    name: str = ""
    variable: Variable | None = None
    slot: int = 0
    alias: Buffer | None = None
    offset: int = -1
    data: np.ndarray | None = None

    @property
    def width(self) -> int:
        """Elements: of one sample, or of the whole if samples have none of their own."""
        return math.prod(self.shape)

    @property
    def per_sample(self) -> bool:
        """Whether every sample of the batch has a row of it."""
        return self.kind in ("value", "mask")

    def root(self) -> Buffer:
        """The buffer whose memory it uses."""
        buffer = self
        while buffer.alias is not None:
            buffer = buffer.alias
        return buffer


class Op(Record):
    """One entry of the plan: `name` is both a native op and a function of `_reference`.

    Attributes:
        n_acc: Accumulators a task.
        batch: Whether it runs once for the batch, between row phases: with items `[0, m)` if it
            reads or writes anything per sample, else with items `[0, 1)`.
        scratch: Elements of the plan's type that it needs for itself while it runs.
    """

    name: str
    outs: list[Buffer]
    ins: list[Buffer | None]
    attrs: dict[str, Any] = fresh(default_factory=dict)
    label: str = ""
    n_acc: int = 0
    batch: bool = False
    scratch: int = 0

    @property
    def per_sample(self) -> bool:
        """Whether its items are samples."""
        return any(b is not None and b.per_sample for b in (*self.outs, *self.ins))


class Group(Record):
    """Ops run together on ranges of items; `items` is -1 for the samples of the batch.

    Attributes:
        whole: Where it is one task, which runs each op on all items of that op: how many those are.
    """

    ops: list[Op]
    items: int = -1
    chunk: int = 1
    label: str = ""
    whole: tuple[int, ...] = ()


class Phase(Record):
    """Groups whose tasks may run at the same time."""

    groups: list[Group]


class Term(Record):
    """What an accumulating op adds up.

    Attributes:
        kind: `loss`: adds up `(loss · samples, samples)`, before the factor. `penalty`: `penalty ·
            samples` first. `metric`: what `metric.from_acc` understands.
        op: The op.
        output: Number of the output; of a loss or metric.
        metric: Turns accumulators into a result.
        name: Log key of a metric; name of a loss.
        factor: Of this part in the total loss.
    """

    kind: Literal["loss", "penalty", "metric"]
    op: Op
    output: int = 0
    metric: Any = None
    name: str = ""
    factor: float = 1.0


Stage = list[tuple[Variable, list[Op]]]  # ops on the rows of each weight


class Plan(Record):
    """A compiled step.

    Attributes:
        dtype: `float32` or `float64`.
        capacity: Largest number of samples in a batch.
        exact: Whether batches must have so many.
        feeds: Buffers filled from the user's data; each has a `gather` op in `rows`.
        fetches: Buffers that `store` ops copy to the user's arrays.
        rows: Ops of the row phases and of the batch ops between them, in order.
        parameters: Ops that compute each weight's gradient, as autodiff leaves them.
        states: Ops that write what the next step finds of this one; they run last.
        stages: What happens to the weights: lists of ops that each need the stage before whole.
        phases: All phases, once `schedule` has run.
        prologue: Ops run once before the first step of an execution.
        epilogue: Ops run once after its last step.
        terms: What is accumulated.
        chunk: Samples of a task of a row phase.
        room: Rows that a value of all samples has room for: those of a batch, or `private` for each
            worker.
        private: 0, or a worker's tasks use the same rows, because nothing is read after its task: so
            many lie from the first of one worker to that of the next.
        own_tasks: Whether a worker keeps its tasks from step to step, as far as it can.
        joined: Samples of tasks that a worker may take as one, if each worker then has one.
        arena_bytes: Size of the arena of activations, masks and gradients.
        flops: Floating-point operations of one sample.
        tables: Elements of the tables that samples look up; each is updated in each step.
    """

    dtype: str
    capacity: int
    exact: bool = False
    feeds: list[Buffer] = fresh(default_factory=list)
    fetches: list[Buffer] = fresh(default_factory=list)
    rows: list[Op] = fresh(default_factory=list)
    parameters: dict[Variable, list[Op]] = fresh(default_factory=dict)
    states: dict[Variable, Op] = fresh(default_factory=dict)
    stages: list[Stage] = fresh(default_factory=list)
    phases: list[Phase] = fresh(default_factory=list)
    prologue: list[Group] = fresh(default_factory=list)
    epilogue: list[Group] = fresh(default_factory=list)
    terms: list[Term] = fresh(default_factory=list)
    chunk: int = 1
    room: int = 0
    private: int = 0
    own_tasks: bool = False
    joined: int = 0
    arena_bytes: int = 0
    flops: int = 0
    tables: int = 0

    def work(self, training: bool) -> int:
        """Floating-point operations of one step, or what takes as long."""
        return (
            self.flops * self.capacity * (3 if training else 1) + training * _UPDATE * self.tables
        )

    def ops(self) -> list[Op]:
        """Every op of a step, in order."""
        return [*self.rows, *(op for stage in self.stages for _, ops in stage for op in ops)]

    def later(self) -> list[Op]:
        """Ops behind the row phases: of gradients, as autodiff leaves them, and of states."""
        return [*(op for ops in self.parameters.values() for op in ops), *self.states.values()]

    @property
    def is_random(self) -> bool:
        """Whether a step looks at its seed."""
        return any("stream" in op.attrs for op in self.ops())


class Builder:
    """Adds ops to a plan; the rules of `fastmlp.ops` write through it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.label = ""
        self.of_samples = False  # whether gradients of what all samples share stay those of each
        self._random = 0
        self._weights: dict[Variable, Buffer] = {}
        self._gradients: dict[Buffer, Buffer] = {}
        self._differentiable: set[Buffer] = set()
        self._seen: set[object] = set()

    def value(self, shape: Sequence[int], name: str = "") -> Buffer:
        return Buffer("value", tuple(shape), name or self.label)

    def mask(self, shape: Sequence[int]) -> Buffer:
        return Buffer("mask", tuple(shape), f"mask_{self.label}")

    def batch(self, shape: Sequence[int], name: str = "") -> Buffer:
        """A value of the batch as a whole."""
        return Buffer("batch", tuple(shape), name or self.label)

    def result(self, ins: Sequence[Buffer | None], shape: Sequence[int], name: str = "") -> Buffer:
        """A new buffer: one row for each sample if one of the inputs has that, else one value."""
        per_sample = any(x is not None and x.per_sample for x in ins)
        return self.value(shape, name) if per_sample else self.batch(shape, name)

    def constant(self, data: np.ndarray, name: str = "") -> Buffer:
        return Buffer("constant", data.shape, name or self.label, data=data)

    def weight(self, variable: Variable | None) -> Buffer | None:
        if variable is None:
            return None
        if variable.dtype != self.plan.dtype:
            raise ValueError(
                f"Variable '{variable.path}': expected dtype {self.plan.dtype}, as the model has. "
                f"Received: dtype={variable.dtype}. Hint: give Inputs and layers, cells and layers "
                "within them, and variables of your own (add_variable(…, dtype=variable.dtype)) one "
                "dtype, or set it for all by fastmlp.config.set_floatx"
            )
        if variable not in self._weights:
            buffer = Buffer("weight", variable.shape, variable.path, variable)
            self._weights[variable] = buffer
            if variable.trainable:
                self.mark_differentiable(buffer)
        return self._weights[variable]

    def emit(
        self,
        name: str,
        outs: Sequence[Buffer],
        ins: Sequence[Buffer | None],
        batch: bool = False,
        **attrs: Any,
    ) -> Op:
        """Adds an op.

        Args:
            name: Of a native op.
            outs: Buffers it writes.
            ins: Buffers it reads.
            batch: Whether it needs all samples of the batch together. What computes only values
                without samples is a batch op in any case.
            **attrs: What else it needs to know.
        """
        op = Op(name, list(outs), list(ins), attrs, self.label)
        op.batch = batch or not any(x is not None and x.per_sample for x in outs or ins)
        self.plan.rows.append(op)
        return op

    def write_state(self, state: Variable, w: Buffer, value: Buffer) -> None:
        """Leaves a value of each sample to the next step; what is written last, counts."""
        self.plan.states[state] = Op("state_write", [], [w, value], {}, self.label)

    def assign_weight(self, variable: Variable, w: Buffer, value: Buffer) -> None:
        """Leaves one value for the batch to the next step.

        Raises:
            ValueError: Two calls do, of which the second would have to see what the first has done.
        """
        if variable in self.plan.states:
            raise ValueError(
                f"Layer '{self.label}': expected to be called once in a step, since its call assigns to "
                f"'{variable.path}'. Received: two calls, or one for each step of time"
            )
        if value.root().kind == "weight":  # which another assignment may change before
            value, copied = self.batch(value.shape), value
            self.emit("map", [value], [copied], kind="copy")
        self.plan.states[variable] = Op("average", [], [w, value], {"momentum": 0.0}, self.label)

    def stream(self, seed: int | None) -> int:
        """The stream that a random op draws from: its layer's seed, or a number of its own.

        So the bits of a model depend on the seed of `fit` and on the model alone: a copy, or the
        same model made elsewhere, has the same streams.
        """
        self._random += 1
        return 2**31 + self._random if seed is None else seed

    def sum_samples(self, x: Buffer | None) -> Buffer | None:
        """The sum of what each sample has; nothing of nothing."""
        if x is None:
            return None
        total = self.batch(x.shape, x.name)
        self.emit("sum_samples", [total], [x])
        return total

    def emit_values(
        self,
        v: Buffer,
        weight: Buffer | None = None,
        mean: bool = False,
        factor: float = 1.0,
        norm: Buffer | None = None,
        by_batch: bool = False,
    ) -> Op:
        """Adds values that ops have computed to the loss: those of samples, or some of the batch.

        Args:
            v: The values.
            weight: Of samples; `None`: all 1.
            mean: Whether samples' values count by their mean or by their sum.
            factor: Multiplies them.
            norm: Their sum is divided by the sum of these; as many as weights.
            by_batch: Whether to divide values of the batch by its number of samples.
        """
        attrs: dict[str, Any] = {"mean": mean and norm is None, "factor": factor}
        attrs["wrep"] = 1 if weight is None else weight.width
        if v.per_sample:
            op = self.emit(
                "loss_values", [], [v, weight, self.sum_samples(norm)], rep=v.width, **attrs
            )
        else:
            weight = (
                None if norm is not None else weight
            )  # any weighted mean of one value is that value
            op = self.emit("loss_scalar", [], [v, weight], True, by_batch=by_batch, **attrs)
        op.n_acc = 2
        return op

    def is_first(self, key: object) -> bool:
        """Whether it is asked for this key for the first time."""
        known = key in self._seen
        self._seen.add(key)
        return not known

    def add_penalty(self, op: Op) -> None:
        """Counts what an op adds up, `(penalty, samples)`, as a part of the loss."""
        op.n_acc = 2
        self.plan.terms.append(Term("penalty", op))

    # Gradients: which buffers have one, and where it stands.

    def mark_differentiable(self, buffer: Buffer) -> None:
        self._differentiable.add(buffer)

    def differentiable(self, buffer: Buffer | None) -> bool:
        """Whether a trainable weight lies upstream of it."""
        return buffer in self._differentiable

    def gradient(self, buffer: Buffer) -> Buffer | None:
        return self._gradients.get(buffer)

    def add_gradient(self, buffer: Buffer, gradient: Buffer) -> None:
        """Adds `gradient` to what is known of the gradient of `buffer`.

        Both have one shape. Where only the gradient is per sample, it holds each sample's share,
        and their sum is added; with `of_samples` the shares themselves are.
        """
        if buffer.kind == "weight":
            name = "grad_samples" if gradient.per_sample else "grad_value"
            self.add_weight_gradient(name, buffer, [gradient])
            return
        if gradient.per_sample and not (buffer.per_sample or self.of_samples):
            total = self.sum_samples(gradient)
            assert total is not None
            gradient = total
        known = self._gradients.get(buffer)
        if known is not None:
            total = self.result([known, gradient], buffer.shape, f"d_{buffer.name}")
            self.emit("map", [total], [known, gradient], kind="add")
            gradient = total
        self._gradients[buffer] = gradient

    def beside(self, x: Buffer, dy: Buffer) -> Buffer:
        """`x` for kernels that read it row by row with `dy`: where only that is per sample, repeated."""
        if x.per_sample or not dy.per_sample:
            return x
        repeated = self.value(x.shape, x.name)
        self.emit("repeat_samples", [repeated], [x])
        return repeated

    def add_weight_gradient(
        self, name: str, weight: Buffer, ins: Sequence[Buffer], **attrs: Any
    ) -> None:
        """Adds an op that computes a tile of a weight's gradient in the parameter phase."""
        variable = weight.variable
        assert variable is not None
        if variable.trainable:
            ops = self.plan.parameters.setdefault(variable, [])
            new = Buffer("scratch", weight.shape, f"d_{variable.path}", variable)
            tile = ops[0].outs[0] if ops else new
            attrs["accumulate"] = bool(ops)
            ops.append(Op(name, [tile], list(ins), attrs, self.label))

"""From data and model to something that runs: sources, executables, streams."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, cast

from fastmlp import _tree, config, graph, optimizers
from fastmlp._core.turns import Turns
from fastmlp.eager import EagerExecutable
from fastmlp.errors import bad_argument
from fastmlp.graph import Shape, Tensor
from fastmlp.losses.axes import axis_last
from fastmlp.plan.objectives import Whole
from fastmlp.plan.schedule import MANY_ROWS
from fastmlp.plan.update import COLLECT
from fastmlp.runtime import Executable, compile_long, compile_plan
from fastmlp.training.batches import Batches
from fastmlp.training.checks import check_input
from fastmlp.training.compiled import Compiled, Objective, update_spec
from fastmlp.training.data import (
    Source,
    check_labels,
    check_lengths,
    warn_not_finite,
)
from fastmlp.training.raw import row_shape
from fastmlp.training.rows import (
    Rows,
    class_weight_sources,
    input_parts,
    input_sources,
    slots_name,
    target_sources,
    weight_sources,
)
from fastmlp.training.sized import Sized
from fastmlp.training.stream import Stream
from fastmlp.training.structure import Slots
from fastmlp.training.supply import Supply
from fastmlp.variables import Variable, aligned_empty

if TYPE_CHECKING:
    from fastmlp.training.step_methods import StepMethods

# Executables kept for the next call: so many, unless they have more memory than this; then a few, or, of
# data of several sizes, two.
_KEPT, _KEPT_BYTES, _KEPT_FEW, _SEVERAL, _KEPT_LARGE = 256, 1 << 26, 6, 3, 2
_SIZES = 2  # where a key has the sizes of the data
# A pass without updates takes about so many rows a step, if they hold no more elements than this.
INFERENCE_ROWS, _INFERENCE_ELEMENTS = 256, 1_000_000


class Binding:
    """What the trainer asks of a model's graph; `Trainer` inherits it."""

    name: str
    dtype: str
    optimizer: optimizers.Optimizer | None
    _compiled: Compiled | None
    _executables: dict[tuple[Any, ...], Executable]
    _lock: Turns
    run_eagerly: bool
    steps_per_execution: int

    _sized: Sized  # of the last data
    _kept_objectives: tuple[Any, dict[bool, Objective]] = (None, {})

    # From the subclass.

    @property
    def inputs(self) -> list[Tensor]:
        """The symbolic inputs, flat."""
        raise NotImplementedError

    @property
    def outputs(self) -> list[Tensor]:
        """The symbolic outputs, flat."""
        raise NotImplementedError

    @property
    def weights(self) -> list[Variable]:
        """All weights."""
        raise NotImplementedError

    def _ensure_built(self, row_shapes: Any) -> list[Any]:
        """Builds the model for samples of this shape, if need be; returns the layers built."""
        raise NotImplementedError

    def _sized_for(self, row_shapes: Any) -> Sized:
        """The graph for samples of this shape."""
        return self._sized

    def _with_batch(self, sized: Sized, samples: int) -> Sized:
        """The graph for batches of so many samples."""
        return sized

    @property
    def _takes_sizes(self) -> bool:
        """Whether data may have other sizes than the last, if the layers take them."""
        return False

    @property
    def _has_call(self) -> bool:
        """Whether there is a graph, or a `call` to make one of; steps of the model's own may do without."""
        return True

    def _look_again(self) -> None:
        """Takes in what was changed about the layers since the model was built, if there are any."""

    def _unbuild(self, layers: list[Any]) -> None:
        """Takes back what `_ensure_built` did, given what it returned."""
        raise NotImplementedError

    @property
    def _has_own_loss(self) -> bool:
        """Whether the model has a `compute_loss` of its own."""
        raise NotImplementedError

    def _own_loss(self, sized: Sized, training: bool) -> Whole | None:
        """The model's own `compute_loss`, traced, if it has one."""
        raise NotImplementedError

    # Data.

    def _rows(self, x: Any) -> Rows:
        """The data of each tensor that plans start from."""
        slots, sized = self._input_slots(), self._sized
        parts = input_parts(x, slots, self.inputs[0])
        names = [slots_name("x", slots, i) for i in range(slots.n)]
        if self._takes_sizes:
            sized = self._sized_for([row_shape(*both) for both in zip(parts, names, strict=True)])
        return Rows(sized, input_sources(parts, names, sized.boundary))

    def _input_slots(self) -> Slots:
        names = tuple(getattr(self, "input_names", None) or (t.name for t in self.inputs))
        structure = getattr(self, "_input_structure", None)
        return Slots("input", names, self.inputs[0] if structure is None else structure)

    def _output_slots(self) -> Slots:
        names = tuple(getattr(self, "output_names", None) or (t.node.layer for t in self.outputs))
        _check_rows(names, self.outputs)
        structure = getattr(self, "_output_structure", None)
        return Slots("output", names, self.outputs[0] if structure is None else structure)

    def _objective(self, measures: bool = True) -> Objective:
        assert self._compiled is not None
        made_for, known = self._kept_objectives
        if made_for is not self._executables:  # compiled or built anew since
            known = {}
            self._kept_objectives = self._executables, known
        if measures not in known:
            slots = self._output_slots()
            objective = self._compiled.objective(slots, self._has_own_loss, measures)
            for layer in getattr(self, "layers", ()):
                if getattr(layer, "return_sequences", False):
                    objective.sequences = layer.name
            known[measures] = objective
        return known[measures]

    def _batch_size(self, given: int | None) -> int | None:
        """What was given; else the samples that there are states of, if there are any."""
        return given if given is not None else self._sized.boundary.rows

    def _inference_rows(self, data: Rows, batch_size: int, n: int, batch_hooks: bool) -> int:
        """Rows of a step without updates: as many whole batches as are worth a step."""
        data.sized.check_rows(f"'{self.name}'", batch_size, n)
        one = self._goes_by_batches(data, batch_hooks)
        width = max(1, sum(math.prod(sizes(t.shape)) for t in data.sized.boundary.feeds))
        worth = min(INFERENCE_ROWS, _INFERENCE_ELEMENTS // width)
        return min(n, batch_size if one else batch_size * max(1, worth // batch_size))

    def _goes_by_batches(self, data: Rows, batch_hooks: bool) -> bool:
        """Whether a step must be one batch.

        Where a callback is told of each, or where a loss is a sum over the batch, or the mean of those
        of its values that count; or where one batch leaves states to the next, or samples depend on
        the others of their batch.
        """
        boundary = data.sized.boundary
        one = batch_hooks or any(t.mask is not None for t in data.sized.outputs)
        one = one or bool(boundary.states) or boundary.mixes
        if self._compiled is None:
            return one
        return one or self._compiled.by_batch or self._has_own_loss or self._objective().mixes

    def _is_long(self, data: Rows, n: int, batch_hooks: bool) -> bool:
        """Whether `predict` may take steps of any number of rows, and has enough of them."""
        return n >= MANY_ROWS and not (self.run_eagerly or self._goes_by_batches(data, batch_hooks))

    def _labelled(
        self,
        rows: Rows,
        y: Any,
        sample_weight: Any = None,
        class_weight: Any = None,
        method: str = "fit",
    ) -> Rows:
        """Inputs with the targets and weights of the outputs."""
        slots, used = self._output_slots(), self._objective().used
        if y is None and self._has_own_loss:
            if self._objective().names([t.shape for t in rows.sized.outputs]) != ["loss"]:
                raise ValueError(f"{method}: expected y, since the metrics need it. Received: None")
            used = []
        targets = target_sources(y, slots, used, rows.n) if used else (None,) * slots.n
        known = [source for source in (*rows.inputs, *targets) if source is not None]
        n = check_lengths({source.name: source for source in known})
        if class_weight is None:
            weights = weight_sources(sample_weight, slots, used, n)
        else:
            weights = self._class_weights(method, targets, sample_weight, class_weight)
        return rows.with_values(targets=targets, weights=weights)

    def _class_weights(
        self, method: str, targets: Sequence[Source | None], sample_weight: Any, class_weight: Any
    ) -> tuple[Source | None, ...]:
        """The weights of the samples' classes."""
        if sample_weight is not None:
            raise ValueError(
                f"{method}: expected class_weight or sample_weight. Received both. "
                "Hint: multiply them into sample_weight"
            )
        width = int((self.outputs[0].shape[1:] or (1,))[-1] or 0)
        return class_weight_sources(targets, class_weight, self._output_slots(), width)

    @contextmanager
    def _built_for(self, x: Any) -> Iterator[Rows]:
        """The inputs as sources; builds the model for them if need be.

        Takes the build back if what follows fails: data that are refused shape no model.
        """
        new = [] if self.outputs else self._ensure_built(_row_shapes(x))
        try:
            rows = self._rows(x)
            self._sized = rows.sized
            yield rows
        except BaseException:
            self._unbuild(new)
            raise

    # Executables.

    @contextmanager
    def _executable(
        self,
        mode: str,
        data: Rows,
        rows: int,
        first_row: int = 0,
        warns: bool = True,
        long: bool = False,
        fetch: bool = False,
        method: str = "fit",
    ) -> Iterator[Executable]:
        """An executable bound to this data: one of the last ones, or a new one.

        `long`: its steps may take more rows. `fetch`: it gives the outputs, and leaves metrics to
        whoever wants them. `method`: who asks, for errors. Kept for the next call when done, unless a callback has compiled or changed
        the model. Then it also warns of NaN and infinity in the data, if it is to.

        Raises:
            ValueError: Data and model do not fit.
        """
        kept = self._executables
        sized = self._with_batch(data.sized, rows)
        if sized is not data.sized:
            _check_rows([t.node.layer for t in self.outputs], sized.outputs)
            data = data.with_values(sized=sized)
        objective = None if mode == "predict" else self._objective(measures=not fetch)
        self._check_data(objective, data)
        feeds = (
            data.feeds() if objective is None else data.feeds(objective.used, objective.weighing)
        )
        key = (*self._key(mode, data, 0 if long else rows), fetch)
        executable = kept.pop(key, None)
        if executable is None or not executable.is_current():
            with graph.batch_of(data.sized.samples):
                executable = self._compile(mode, objective, data, rows, long, fetch, method)
        executable.bind_all(feeds, first_row)
        executable.in_use = True
        try:
            yield executable
        finally:
            executable.in_use = False
            for index, source in enumerate(feeds if warns else ()):
                if executable.program.not_finite(index):
                    warn_not_finite(source, self.dtype)
            executable.program.release()
            kept[key] = executable
            while len(kept) > self._room(kept):
                del kept[next(iter(kept))]

    def _room(self, kept: Mapping[Any, Executable]) -> int:
        """How many executables may be kept."""
        if (
            len(kept) <= _KEPT_LARGE
            or sum(e.plan.arena_bytes for e in kept.values()) <= _KEPT_BYTES
        ):
            return _KEPT
        return _KEPT_FEW if len({key[_SIZES] for key in kept}) < _SEVERAL else _KEPT_LARGE

    def _check_data(self, objective: Objective | None, data: Rows) -> None:
        for tensor, source in zip(data.sized.boundary.feeds, data.inputs, strict=True):
            check_input(self, tensor, source)
        for i in () if objective is None else objective.used:
            target, shape = data.targets[i], data.sized.outputs[i].shape
            if target is None:  # a compute_loss of the model's own may do without
                continue
            assert objective is not None
            objective.target_shape(i, target.row_shape, shape)
            loss = objective.loss(i, target.row_shape, shape)
            if loss is not None and loss.sparse:
                classes = axis_last(loss.name, sizes(shape), loss.axis)[-1]
                check_labels(target, classes, loss.ignore_class)

    def _key(self, mode: str, data: Rows, rows: int) -> tuple[Any, ...]:
        variables = self.weights
        trainable = tuple(v.trainable for v in variables)
        targets = tuple(None if t is None else t.row_shape for t in data.targets)
        weighted = tuple(None if w is None else w.row_shape for w in data.weights)
        rule = None
        if mode == "train" and self.optimizer is not None:
            rule = update_spec(self.optimizer, variables)
        return (
            mode, rows, data.sized.sizes, targets, weighted, trainable, config.gemm(), bool(self.run_eagerly), rule,
        )  # fmt: skip

    def _compile(
        self,
        mode: str,
        objective: Objective | None,
        data: Rows,
        rows: int,
        long: bool = False,
        fetch: bool = False,
        method: str = "fit",
    ) -> Executable:
        feeds, outputs = data.sized.boundary.feeds, data.sized.outputs
        if objective is None:
            if long:
                return self._runnable(compile_long(feeds, outputs, self.dtype, rows))
            return self._runnable(compile_plan(feeds, outputs, self.dtype, rows, fetch=True))
        assert self.optimizer is not None
        losses, metrics = objective.specs(
            [None if t is None else t.row_shape for t in data.targets],
            [t.shape for t in outputs],
            [None if w is None else w.row_shape for w in data.weights],
            self._own_loss(data.sized, mode in ("train", "gradients")),
        )
        variables = self.weights
        trained = [v for v in variables if v.trainable]
        update = None
        if mode != "test":
            if not trained:
                raise ValueError(f"{method}: the model has no trainable weights.{self._why_none()}")
            update = update_spec(self.optimizer, variables) if mode == "train" else COLLECT
        plan = objective.plan_of(
            rows,
            lambda: compile_plan(
                feeds, outputs, self.dtype, rows, mode in ("train", "gradients"),
                losses, metrics, update, variables, fetch,
            ),
        )  # fmt: skip
        if mode == "test":
            return self._runnable(plan)
        if mode == "train":
            slots = self.optimizer.ensure_built(trained)
            return self._runnable(plan, slots, self.optimizer.hyper())
        room = {v: [aligned_empty(v.size, v.dtype).reshape(v.shape)] for v in trained}
        return self._runnable(plan, room)

    def _why_none(self) -> str:
        """A hint why no weight is trained."""
        if not self.weights:
            return (
                " Hint: no layer has weights; layers that are made within call are not known: make them "
                "in __init__"
            )
        parts: tuple[Any, ...] = (self, *getattr(self, "layers", ()))
        frozen = [layer.name for layer in parts if not getattr(layer, "trainable", True)]
        if not frozen:
            return ""
        return (
            f" Hint: trainable is False on {frozen[0]!r}: set it True before that is trained, and False "
            "before a model that contains it is"
        )

    def _runnable(self, *args: Any) -> Executable:
        kind: Any = EagerExecutable if self.run_eagerly else Executable
        executable: Executable = kind(*args)
        return executable

    # Batches.

    def _open(
        self, stack: ExitStack, given: Any, limit: int | None, shuffle: bool = False, first: int = 0
    ) -> Stream:
        """Begins to read batches ahead; the stack ends it."""
        return stack.enter_context(Stream(Batches(given, shuffle, limit), self._lock, first))

    def _cut(
        self,
        stack: ExitStack,
        method: str,
        mode: str,
        given: tuple[Any, Any, Any],
        size: int,
        steps: int | None,
        shuffle: bool = False,
        split: float | None = 0.0,
        class_weight: Any = None,
        first_epoch: int = 0,
    ) -> tuple[Stream, Supply]:
        """Arrays batch by batch, where a plan takes one number of samples and the last batch has another."""
        from fastmlp.training.array_batches import ArrayBatches, Epochs  # which knows this module

        cut = ArrayBatches(cast("StepMethods", self), method, given, size, steps, shuffle, split)
        stream = self._open(stack, Epochs(cut, 0, first_epoch), None)
        supply = self._batch_supply(stack, method, mode, stream, steps, class_weight)

        def begin(seed: int, epoch: int) -> None:
            supply.reopen(lambda: self._open(stack, Epochs(cut, seed, epoch), None))

        supply.begin = begin
        return stream, supply

    def _batch_supply(
        self,
        stack: ExitStack,
        method: str,
        mode: str,
        stream: Stream,
        steps: int | None,
        class_weight: Any = None,
    ) -> Supply:
        """What a pass over batches runs on; the model is built by now.

        Raises:
            ValueError: The first batch and the model do not fit.
        """
        objective = None if mode == "predict" else self._objective()
        first: Rows | None = None

        def prepare(x: Any, y: Any, sample_weight: Any) -> Rows:
            rows = self._rows(x)
            if objective is not None:
                rows = self._labelled(rows, y, sample_weight, class_weight, method)
            self._check_data(objective, rows)
            rows.sized.check_rows(method, rows.n)
            if first is not None:
                _check_alike(rows, first)
            return rows

        held = stack.enter_context(ExitStack())  # the executable at hand

        def other(rows: Rows, n: int) -> Executable:
            held.close()
            return held.enter_context(self._executable(mode, rows, n, warns=False, method=method))

        def sources(rows: Rows) -> list[Source]:
            if objective is None:
                return rows.feeds()
            return rows.feeds(objective.used, objective.weighing)

        first = stream.start(prepare)
        if steps is None:
            steps = stream.batches.per_pass
        executable = other(first, first.n)
        return Supply(
            executable, steps, stream=stream, sources=sources, other=other, form=first.form
        )


def _row_shapes(x: Any) -> Any:
    """Shapes of one sample of each of some arrays, in their structure."""
    if _tree.is_dict(x):
        return {key: row_shape(part, f"x[{key!r}]") for key, part in x.items()}
    least = 1 if isinstance(x, list | tuple) and len(x) > 1 else 2  # a vector alone is a row
    if isinstance(x, list | tuple) and all(getattr(part, "ndim", 0) >= least for part in x):
        return _tree.like(x, [row_shape(part, f"x[{i}]") for i, part in enumerate(x)])
    return row_shape(x, "x")


def _check_rows(names: Sequence[str], outputs: Sequence[Tensor]) -> None:
    """Every output must have a row for each sample."""
    for name, tensor in zip(names, outputs, strict=True):
        if not tensor.per_sample:
            raise ValueError(
                f"Output '{name}': expected one row for each sample, (batch, …). Received: shape "
                f"{tensor.shape}, one value for all samples. Hint: call the model, model(x); for "
                "fit and predict keep the batch axis"
            )


def _check_alike(rows: Rows, first: Rows) -> None:
    """A batch must have the targets and weights that the first one had."""
    same_sizes = rows.sized.sizes == first.sized.sizes  # with others targets may have others, too
    for one, other in zip(rows.targets, first.targets, strict=True):
        if same_sizes and one and other and one.row_shape != other.row_shape:
            expected = ("samples", *other.row_shape)
            raise bad_argument(
                one.name, f"shape {expected}, as in the first batch", "shape", one.shape
            )
    for one, other in zip(rows.weights, first.weights, strict=True):
        if (one is None) != (other is None):
            which = "without" if other is None else "with"
            raise ValueError(
                f"sample_weight: expected a batch {which} sample weights, as the first one was"
            )
        if same_sizes and one and other and one.row_shape != other.row_shape:
            expected = ("samples", *other.row_shape)
            raise bad_argument(
                one.name, f"shape {expected}, as in the first batch", "shape", one.shape
            )


def sizes(shape: Shape) -> tuple[int, ...]:
    """Sizes of one sample."""
    return tuple(int(d or 0) for d in shape[1:])

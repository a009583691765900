"""compile, fit, evaluate and predict: what every model inherits."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import config, optimizers
from fastmlp._spelling import accepts_old, missing, warn_bare_metric
from fastmlp.callbacks import CallbackList, History
from fastmlp.eager import EagerExecutable
from fastmlp.errors import bad_argument, check_int, check_number
from fastmlp.graph import Shape, Tensor
from fastmlp.plan.update import COLLECT
from fastmlp.runtime import Executable, compile_plan
from fastmlp.training.checks import check_input
from fastmlp.training.compiled import Compiled, Objective, update_spec
from fastmlp.training.cursor import Cursor, FitSeeds
from fastmlp.training.data import (
    Source,
    check_labels,
    check_lengths,
    split_rows,
    warn_not_finite,
)
from fastmlp.training.logs import LogReader
from fastmlp.training.loop import FitLoop, run_pass
from fastmlp.training.on_batch import OnBatch
from fastmlp.training.progress import make_progress
from fastmlp.training.quick import QuickSteps
from fastmlp.training.rows import (
    Rows,
    class_weight_sources,
    input_sources,
    target_sources,
    weight_sources,
)
from fastmlp.training.structure import Slots, pack
from fastmlp.variables import Variable, aligned_empty

_BATCH = 32
_KEPT = 6  # executables kept for the next call
# A pass without updates takes about so many rows a step, if they hold no more elements than this.
_INFERENCE_ROWS, _INFERENCE_ELEMENTS = 256, 1_000_000


class Trainer(OnBatch):
    """Base of models; a subclass gives `name`, `inputs`, `outputs`, `weights` and `_build`."""

    name: str
    dtype: str

    def __init__(self) -> None:
        self.optimizer: optimizers.Optimizer | None = None
        self.history: History | None = None
        self.stop_training = False
        self._compiled: Compiled | None = None
        self._executables: dict[tuple[Any, ...], Executable] = {}
        self.run_eagerly = False
        self._lock = threading.RLock()
        self._seeds = FitSeeds()
        self._quick = QuickSteps()
        self._fit: FitLoop | None = None  # the one that runs
        self._cursor: Cursor | None = None  # where the last one ended
        self._resume: Cursor | None = None  # where a callback's on_train_begin wants it to begin

    if not TYPE_CHECKING:  # so that type checkers see names that are not there

        def __getattr__(self, name: str) -> Any:
            return missing(self, name)

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
        """Builds the model for samples of these shapes, if need be; returns the layers built."""
        raise NotImplementedError

    def _unbuild(self, layers: list[Any]) -> None:
        """Takes back what `_ensure_built` did, given what it returned."""
        raise NotImplementedError

    # Compile.

    @accepts_old
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Chooses how the model learns.

        Args:
            optimizer: Name or instance.
            loss: Name, instance or class; with several outputs one for all of them, a list, or a
                dict by their names, where `None` leaves an output without. `None`: the model can
                only predict.
            loss_weights: Numbers that multiply the losses, in the same forms.
            metrics: List of names or instances, computed without sample weights. With several
                outputs a list with an entry for each, or a dict by their names; an entry is a
                metric or a list of them.
            weighted_metrics: Metrics computed with sample weights, in the same forms.
            run_eagerly: Whether `fit`, `evaluate` and `predict` interpret the compiled plan op by op
                with NumPy: slow, but one can follow it in a debugger.
            steps_per_execution: Accepted; a native call always runs as many steps as it can.
            jit_compile: Accepted; there is nothing to compile just in time.
            auto_scale_loss: Accepted; float32 and float64 need no scaling.

        Raises:
            ValueError: An unknown name, or an argument that is not as described.
        """
        check_int("compile", "steps_per_execution", steps_per_execution, 1)
        warn_bare_metric("metrics", metrics)
        warn_bare_metric("weighted_metrics", weighted_metrics)
        new_optimizer = optimizers.get(optimizer)
        slots = self._output_slots() if self.outputs else None
        compiled = Compiled(loss, loss_weights, metrics, weighted_metrics, slots)
        with self._lock:
            self.optimizer = new_optimizer
            self._compiled = compiled
            self.run_eagerly = bool(run_eagerly)
            self._executables = {}

    @property
    def compiled(self) -> bool:
        """Whether `compile` has been called."""
        return self._compiled is not None

    @property
    def loss(self) -> Any:
        """The loss given to `compile`."""
        return None if self._compiled is None else self._compiled.loss

    @property
    def metrics(self) -> list[Any]:
        """The metrics given to `compile`, as the last `fit` or `evaluate` understood them."""
        return [] if self._compiled is None else list(self._compiled.resolved)

    def _require_compiled(self, method: str) -> Compiled:
        if self._compiled is None or self.optimizer is None:
            raise RuntimeError(
                f"{method}: the model has no optimizer and loss yet. Hint: call "
                "model.compile(optimizer=..., loss=...) first"
            )
        if self._compiled.loss is None:
            raise ValueError(
                f"{method}: the model was compiled without a loss. Hint: give one, as "
                "model.compile(optimizer='adam', loss='mse')"
            )
        return self._compiled

    # Fit.

    @accepts_old
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        validation_batch_size: int | None = None,
    ) -> History:
        """Trains the model.

        Args:
            x: Samples `(n, …)`: array, memory map, nested list or pandas frame, of any numeric
                type. Rows are converted as they are used; no converted copy is made.
            y: Targets `(n, …)`.
            batch_size: Samples a step. Default: 32.
            epochs: Number of the epoch to end with: passes over the data, if `initial_epoch` is 0.
            verbose: 0: silent; 1 or `'auto'`: a progress bar; 2: one line an epoch.
            callbacks: Callbacks to tell what happens.
            validation_split: Share of the samples, the last ones, to validate with.
            validation_data: `(x, y)` or `(x, y, sample_weight)` to validate with after each epoch.
            shuffle: Whether each epoch visits the samples in a new order.
            class_weight: Weight of each class, `{class: weight}`.
            sample_weight: Weight of each sample, `(n,)`.
            initial_epoch: Number of the epoch to begin with. Where the last fit ended there, this
                one goes on with its seed, so that both together give the bits of a single one.
            validation_batch_size: Samples a validation step; does not change the result.

        Returns:
            A `History`: its `history` holds a list for each log key.

        Raises:
            ValueError: Data and model do not fit; nothing has changed then.
            RuntimeError: The model is not compiled.
        """
        self._require_compiled("fit")
        batch_size = _check_batch("fit", batch_size)
        epochs = check_int("fit", "epochs", epochs, 0)
        initial_epoch = check_int("fit", "initial_epoch", initial_epoch, 0)
        split = check_number("fit", "validation_split", validation_split, 0, 1, below=True)
        validation_batch_size = _check_batch("fit", validation_batch_size, batch_size)
        listed = CallbackList(callbacks, add_history=True)
        with self._lock, ExitStack() as stack:
            with self._built_for(x) as inputs:
                data = self._labelled(inputs, y, sample_weight, class_weight)
                n = data.n if validation_data is not None else split_rows(data.n, split)
                held_out, first = None, 0
                if validation_data is not None:
                    held_out = self._validation(validation_data)
                elif n < data.n:
                    # Class weights are for training: the samples held out count as they are.
                    held_out, first = data if class_weight is None else data.unweighted(), n
                n_after = 0 if held_out is None else held_out.n - first
                steps = -(-n // batch_size)
                shown = 0 if listed.has_progbar else verbose
                progress = make_progress(shown, epochs, steps, initial_epoch)
                train = stack.enter_context(self._executable("train", data, min(batch_size, n)))
                after = None
                if held_out is not None:
                    hooks = listed.has_test_batch_hooks
                    rows = self._inference_rows(validation_batch_size, n_after, hooks)
                    after = stack.enter_context(self._executable("test", held_out, rows, first))
            self.stop_training = False
            listed.set_model(self)
            listed.set_params({"verbose": verbose, "epochs": epochs, "steps": steps})
            loop = FitLoop(self, train, after, n, n_after, batch_size, listed)
            loop.run(progress, initial_epoch, epochs, bool(shuffle))
        assert listed.history is not None
        return listed.history

    # Evaluate and predict.

    @accepts_old
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on given data.

        Args:
            x: Samples `(n, …)`.
            y: Targets `(n, …)`.
            batch_size: Samples a step, as the progress bar counts; does not change the result.
            verbose: As for `fit`.
            sample_weight: Weight of each sample.
            callbacks: Callbacks to tell what happens.
            return_dict: Whether to return `{name: value}`.

        Returns:
            The loss; with several losses or metrics a list: the loss, then the losses of the
            outputs, then the metrics in the order of `compile`.

        Raises:
            ValueError: Data and model do not fit.
            RuntimeError: The model is not compiled.
        """
        self._require_compiled("evaluate")
        batch_size = _check_batch("evaluate", batch_size)
        listed = CallbackList(callbacks, model=self)
        with self._lock, ExitStack() as stack:
            with self._built_for(x) as inputs:
                data = self._labelled(inputs, y, sample_weight)
                rows = self._inference_rows(batch_size, data.n, listed.has_test_batch_hooks)
                executable = stack.enter_context(self._executable("test", data, rows))
            row = run_pass(executable, data.n, batch_size, listed, "test", verbose)
            return LogReader(executable).result(row, return_dict)

    @accepts_old
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        callbacks: Any = None,
    ) -> Any:
        """Outputs for given samples.

        Args:
            x: Samples `(n, …)`.
            batch_size: Samples a step, as the progress bar counts; does not change the result.
            verbose: As for `fit`.
            callbacks: Callbacks to tell what happens.

        Returns:
            New arrays `(n, …)` of the model's type: one, or a list or dict as the model's outputs
            are.

        Raises:
            ValueError: Data and model do not fit.
        """
        if callbacks is None and type(verbose) is int and verbose == 0:
            y = self._quick.predict(self, x, batch_size)
            if y is not None:
                return y
        batch_size = _check_batch("predict", batch_size)
        listed = CallbackList(callbacks, model=self)
        with self._lock:
            with ExitStack() as stack:
                with self._built_for(x) as inputs:
                    data = Rows(inputs)
                    rows = self._inference_rows(batch_size, data.n, listed.has_predict_batch_hooks)
                    executable = stack.enter_context(self._executable("predict", data, rows))
                results = [np.empty((data.n, *sizes(t.shape)), self.dtype) for t in self.outputs]
                for index, result in enumerate(results):
                    executable.bind_output(index, result)
                run_pass(executable, data.n, batch_size, listed, "predict", verbose)
            structure = self._output_slots().structure
            if structure is self.outputs[0]:
                full = self._inference_rows(_BATCH, _INFERENCE_ROWS, False)
                self._quick.keep_predict(self, executable, x, full)
            return pack(structure, results)

    # Data.

    def _input_slots(self) -> Slots:
        names = tuple(getattr(self, "input_names", None) or (t.name for t in self.inputs))
        structure = getattr(self, "_input_structure", None)
        return Slots("input", names, self.inputs[0] if structure is None else structure)

    def _output_slots(self) -> Slots:
        names = tuple(getattr(self, "output_names", None) or (t.node.layer for t in self.outputs))
        structure = getattr(self, "_output_structure", None)
        return Slots("output", names, self.outputs[0] if structure is None else structure)

    def _objective(self) -> Objective:
        assert self._compiled is not None
        return self._compiled.objective(self._output_slots())

    def _inference_rows(self, batch_size: int, n: int, batch_hooks: bool) -> int:
        """Rows of a step without updates: as many whole batches as are worth a step.

        One batch, where a callback is told of each, or where a loss is a sum over the batch.
        """
        one = batch_hooks or (self._compiled is not None and self._compiled.sums_batches)
        width = max(1, sum(math.prod(sizes(t.shape)) for t in self.inputs))
        worth = min(_INFERENCE_ROWS, _INFERENCE_ELEMENTS // width)
        return min(n, batch_size if one else batch_size * max(1, worth // batch_size))

    def _labelled(
        self,
        inputs: tuple[Source, ...],
        y: Any,
        sample_weight: Any = None,
        class_weight: Any = None,
        method: str = "fit",
    ) -> Rows:
        """Inputs with the targets and weights of the outputs."""
        slots, used = self._output_slots(), self._objective().used
        targets = target_sources(y, slots, used)
        known = [source for source in (*inputs, *targets) if source is not None]
        n = check_lengths({source.name: source for source in known})
        if class_weight is None:
            return Rows(inputs, targets, weight_sources(sample_weight, slots, used, n))
        if sample_weight is not None:
            raise ValueError(
                f"{method}: expected class_weight or sample_weight. Received both. "
                "Hint: multiply them into sample_weight"
            )
        width = int(self.outputs[0].shape[-1] or 0)
        return Rows(inputs, targets, class_weight_sources(targets, class_weight, slots, width))

    def _validation(self, validation_data: Any) -> Rows:
        if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
            raise bad_argument(
                "fit", "(x, y) or (x, y, sample_weight)", "validation_data", type(validation_data)
            )
        x, y, *weight = validation_data
        inputs = input_sources(x, self._input_slots())
        return self._labelled(inputs, y, *weight)

    @contextmanager
    def _built_for(self, x: Any) -> Iterator[tuple[Source, ...]]:
        """The inputs as sources; builds the model for them if need be.

        Takes the build back if what follows fails: data that are refused shape no model.
        """
        built = bool(self.outputs)
        inputs = input_sources(x, self._input_slots() if built else Slots("input", ("x",), None))
        new = self._ensure_built(inputs[0].row_shape)
        try:
            yield inputs
        except BaseException:
            self._unbuild(new)
            raise

    # Executables.

    @contextmanager
    def _executable(
        self, mode: str, data: Rows, rows: int, first_row: int = 0
    ) -> Iterator[Executable]:
        """An executable bound to this data: one of the last ones, or a new one.

        Kept for the next call when done, unless a callback has compiled or changed the model.

        Raises:
            ValueError: Data and model do not fit.
        """
        kept = self._executables
        objective = None if mode == "predict" else self._objective()
        self._check_data(objective, data)
        feeds = (
            data.feeds() if objective is None else data.feeds(objective.used, objective.weighing)
        )
        key = self._key(mode, data, rows)
        executable = kept.pop(key, None)
        if executable is None or not executable.is_current():
            executable = self._compile(mode, objective, data, rows)
        executable.bind_all(feeds, first_row)
        executable.in_use = True
        try:
            yield executable
        finally:
            executable.in_use = False
            for index, source in enumerate(feeds):
                if executable.program.not_finite(index):
                    warn_not_finite(source, self.dtype)
            executable.program.release()
            kept[key] = executable
            while len(kept) > _KEPT:
                del kept[next(iter(kept))]

    def _check_data(self, objective: Objective | None, data: Rows) -> None:
        for index, source in enumerate(data.inputs):
            check_input(self, index, source)
        for i in () if objective is None else objective.used:
            target, shape = data.targets[i], self.outputs[i].shape
            assert target is not None and objective is not None
            objective.target_shape(i, target.row_shape, shape)
            loss = objective.loss(i, target.row_shape, shape)
            if loss is not None and loss.sparse:
                check_labels(target, int(shape[-1] or 0))

    def _key(self, mode: str, data: Rows, rows: int) -> tuple[Any, ...]:
        variables = self.weights
        trainable = tuple(v.trainable for v in variables)
        targets = tuple(None if t is None else t.row_shape for t in data.targets)
        weighted = tuple(w is not None for w in data.weights)
        rule = None
        if mode == "train" and self.optimizer is not None:
            rule = update_spec(self.optimizer, variables)
        return (
            mode, rows, targets, weighted, trainable, config.gemm(), bool(self.run_eagerly), rule,
        )  # fmt: skip

    def _compile(self, mode: str, objective: Objective | None, data: Rows, rows: int) -> Executable:
        if objective is None:
            plan = compile_plan(self.inputs, self.outputs, self.dtype, rows, fetch=True)
            return self._runnable(plan)
        assert self.optimizer is not None
        losses, metrics = objective.specs(
            [() if t is None else t.row_shape for t in data.targets],
            [t.shape for t in self.outputs],
            [w is not None for w in data.weights],
        )
        variables = self.weights
        trained = [v for v in variables if v.trainable]
        update = None
        if mode != "test":
            if not trained:
                method = "fit" if mode == "train" else "gradients"
                raise ValueError(f"{method}: the model has no trainable weights.")
            update = update_spec(self.optimizer, variables) if mode == "train" else COLLECT
        plan = compile_plan(
            self.inputs, self.outputs, self.dtype, rows, mode in ("train", "gradients"),
            losses, metrics, update, variables,
        )  # fmt: skip
        if mode == "test":
            return self._runnable(plan)
        if mode == "train":
            slots = self.optimizer.ensure_built(trained)
            return self._runnable(plan, slots, self.optimizer.hyper())
        room = {v: [aligned_empty(v.size, v.dtype).reshape(v.shape)] for v in trained}
        return self._runnable(plan, room)

    def _runnable(self, *args: Any) -> Executable:
        kind: Any = EagerExecutable if self.run_eagerly else Executable
        executable: Executable = kind(*args)
        return executable


def sizes(shape: Shape) -> tuple[int, ...]:
    """Sizes of one sample."""
    return tuple(int(d or 0) for d in shape[1:])


def _check_batch(method: str, value: Any, default: int = _BATCH) -> int:
    return default if value is None else check_int(method, "batch_size", value, 1)

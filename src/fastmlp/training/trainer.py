"""compile, fit, evaluate and predict: what every model inherits."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import optimizers
from fastmlp._core.turns import Turns
from fastmlp._spelling import accepts_old, missing, warn_bare_metric
from fastmlp.callbacks import CallbackList, History
from fastmlp.errors import bad_argument, check_int, check_number
from fastmlp.graph import Tensor
from fastmlp.optimizers.whole_data import WholeDataOptimizer
from fastmlp.plan.objectives import Whole
from fastmlp.runtime import Executable
from fastmlp.training.batches import yields_batches
from fastmlp.training.binding import INFERENCE_ROWS, Binding, sizes
from fastmlp.training.compiled import Compiled
from fastmlp.training.cursor import Cursor, FitSeeds
from fastmlp.training.data import split_rows
from fastmlp.training.logs import LogReader
from fastmlp.training.loop import FitLoop
from fastmlp.training.on_batch import OnBatch
from fastmlp.training.passes import run_batches, run_pass
from fastmlp.training.progress import make_progress
from fastmlp.training.quick import QuickSteps
from fastmlp.training.rows import Rows
from fastmlp.training.steps import (
    BATCH,
    batch_of,
    check_alone,
    check_batch,
    check_shuffle,
    check_steps,
    limited,
    warn_short,
)
from fastmlp.training.structure import pack
from fastmlp.training.supply import Supply
from fastmlp.training.validation import Validation


class Trainer(OnBatch, Binding):
    """Base of models; a subclass gives `name`, `inputs`, `outputs`, `weights` and `_build`."""

    name: str
    dtype: str
    stop_training = False
    """Set by a callback, or by another thread: `fit` ends after the step at hand."""

    def __init__(self) -> None:
        self.optimizer: optimizers.Optimizer | None = None
        self.history: History | None = None
        self.stop_training = False
        self._compiled: Compiled | None = None
        self._executables: dict[tuple[Any, ...], Executable] = {}
        self.run_eagerly = False
        self.jit_compile: Any = "auto"
        self.steps_per_execution = 1
        self._lock = Turns()
        self._seeds = FitSeeds()
        self._quick = QuickSteps()
        self._fit: FitLoop | None = None  # the one that runs
        self._cursor: Cursor | None = None  # where the last one ended
        self._resume: Cursor | None = None  # where a callback's on_train_begin wants it to begin

    if not TYPE_CHECKING:  # so that type checkers see names that are not there

        def __getattr__(self, name: str) -> Any:
            return missing(self, name)

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
            steps_per_execution: Batches between two calls of a callback's hook on batches, as one
                native call does so many of them; an epoch's at most. Without such hooks a call
                always runs as many steps as it can.
            jit_compile: Accepted; there is nothing to compile just in time.
            auto_scale_loss: Accepted; float32 and float64 need no scaling.

        Raises:
            ValueError: An unknown name, or an argument that is not as described.
        """
        steps_per_execution = check_int("compile", "steps_per_execution", steps_per_execution, 1)
        warn_bare_metric("metrics", metrics)
        warn_bare_metric("weighted_metrics", weighted_metrics)
        new_optimizer = optimizers.get(optimizer)
        slots = self._output_slots() if self.outputs else None
        compiled = Compiled(loss, loss_weights, metrics, weighted_metrics, slots)
        with self._lock:
            self.optimizer = new_optimizer
            self._compiled = compiled
            self.run_eagerly = bool(run_eagerly)
            self.jit_compile = jit_compile
            self.steps_per_execution = steps_per_execution
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
        return self._compiled_metrics()

    @property
    def metrics_names(self) -> list[str]:
        """Names of what `evaluate` lists, `['loss', 'mae']`; before the model is built, `['loss']`."""
        if self._compiled is None or not self.outputs:
            return ["loss"]
        return self._objective().names([t.shape for t in self.outputs])

    def _compiled_metrics(self) -> list[Any]:
        return [] if self._compiled is None else self._compiled.objects

    def reset_metrics(self) -> None:
        """Sets the metrics back that keep a state of their own.

        `fit`, `evaluate` and the steps on batches begin with new sums anyhow.
        """
        for metric in self.metrics:
            if callable(reset := getattr(metric, "reset_state", None)):
                reset()

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Adds a batch of arrays to the compiled metrics, for a `train_step` of your own.

        Args:
            x: Inputs; they are not looked at.
            y: Targets.
            y_pred: Outputs.
            sample_weight: Weights of the samples, or `None`.

        Returns:
            What `get_metrics_result` returns.
        """
        from fastmlp.training.own_metrics import update

        self._require_compiled("compute_metrics")
        update(self, y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """The results of the metrics so far, by name, for a `train_step` of your own."""
        from fastmlp.training.own_metrics import results

        return results(self)

    def _refuse_overrides(self, where: str, *names: str) -> None:
        """Methods that Keras would call, but fastmlp would not, do not go unnoticed."""
        for name in names:
            if getattr(type(self), name, None) is not getattr(Trainer, name, None):
                raise TypeError(
                    f"{where}: {type(self).__name__}.{name} would not be called. Hint: a metric of your "
                    "own is a function given to compile(), a loss that one or a compute_loss(), all else "
                    "a train_step() of your own, or a loop over predict_on_batch()"
                )

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss that `fit` minimises and `evaluate` reports: the compiled losses, weighted.

        A model of your own may define it otherwise. It is called once, with symbolic tensors in the
        structures of inputs and outputs, and becomes part of the compiled plan: compute the loss with
        `fastmlp.ops` and `losses`. Penalties of weights and `add_loss` are added to what it returns,
        so `losses` is empty within it. On arrays, as in a `train_step` of your own, penalties are in
        the result.

        Args:
            x: Inputs.
            y: Targets; `None` if there are none.
            y_pred: Outputs.
            sample_weight: Weights of the samples, or `None`.
            training: Whether it is part of a step of training.

        Returns:
            A tensor of shape `()`, or of a value for each sample, of which the mean counts; of arrays
            a number.
        """
        from fastmlp.training.own_loss import compiled_loss

        if self._compiled is None:
            self._require_compiled("compute_loss")
        total = compiled_loss(self, y, y_pred, sample_weight)
        return total if isinstance(total, Tensor) else total + sum(getattr(self, "losses", ()))

    @property
    def _has_own_loss(self) -> bool:
        return type(self).compute_loss is not Trainer.compute_loss

    def _own_loss(self, training: bool) -> Whole | None:
        if not self._has_own_loss:
            return None
        from fastmlp.training.own_loss import traced

        return traced(self, training)

    def _require_compiled(self, method: str) -> Compiled:
        if self._compiled is None or self.optimizer is None:
            raise RuntimeError(
                f"{method}: the model has no optimizer and loss yet. Hint: call "
                "model.compile(optimizer=..., loss=...) first"
            )
        if self._compiled.loss is None and not self._has_own_loss:
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
        shuffle: bool | str = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> History:
        """Trains the model.

        Args:
            x: Samples `(n, …)`: array, memory map, nested list, pandas frame or SciPy CSR matrix, of
                any numeric type; a list or dict of them for several inputs. Rows are converted as
                they are used; no converted copy is made. Or what yields batches `(x, y)` or
                `(x, y, sample_weight)`: a generator, another iterable or a `PyDataset`.
            y: Targets `(n, …)`; none if `x` yields batches.
            batch_size: Samples a step. Default: 32. Batches have the size they come in.
            epochs: Number of the epoch to end with: passes over the data, if `initial_epoch` is 0.
            verbose: 0: silent; 1 or `'auto'`: a progress bar; 2: one line an epoch.
            callbacks: Callbacks to tell what happens.
            validation_split: Share of the samples, the last ones, to validate with.
            validation_data: `(x, y)` or `(x, y, sample_weight)` to validate with after each epoch,
                or what yields batches.
            shuffle: Whether each epoch visits the samples, or the batches of a `PyDataset`, in a new
                order. `'batch'`: the batches stay as they are.
            class_weight: Weight of each class, `{class: weight}`.
            sample_weight: Weight of each sample, `(n,)`, or of each of its steps, `(n, steps)`; for
                several outputs a list or dict of them, or one for all.
            initial_epoch: Number of the epoch to begin with. Where the last fit ended there, this
                one goes on with its seed, so that both together give the bits of a single one.
            steps_per_epoch: Batches of an epoch; the next one goes on behind them. Default: all
                that there are.
            validation_steps: Batches of a validation. Default: all that there are.
            validation_batch_size: Samples a validation step.
            validation_freq: Validates after every so many epochs, or after the epochs in this list,
                counted from 1.

        Returns:
            A `History`: its `history` holds a list for each log key.

        Raises:
            ValueError: Data and model do not fit; nothing has changed then.
            RuntimeError: The model is not compiled.
        """
        own_step = type(self).train_step is not Trainer.train_step
        if not own_step or self._compiled is None:
            self._require_compiled("fit")
            self._refuse_overrides("fit", "compute_metrics")
        if validation_data is not None or validation_split:
            self._refuse_overrides("fit's validation", "test_step")
        check_batch("fit", batch_size)
        epochs = check_int("fit", "epochs", epochs, 0)
        initial_epoch = check_int("fit", "initial_epoch", initial_epoch, 0)
        if isinstance(self.optimizer, WholeDataOptimizer):
            from fastmlp.training.whole_data import fit_whole

            return fit_whole(
                self, x, y, epochs, verbose, callbacks, validation_split, validation_data,
                sample_weight, class_weight, initial_epoch,
            )  # fmt: skip
        steps = check_steps("fit", "steps_per_epoch", steps_per_epoch)
        shuffle = check_shuffle(shuffle)
        validation = Validation(
            validation_freq, validation_steps, validation_batch_size, initial_epoch, epochs
        )
        listed = CallbackList(callbacks, add_history=True)
        if own_step:
            from fastmlp.training.own_step import OwnSteps, fit_by_own_steps

            if class_weight is not None:
                hint = "give sample_weight, which train_step gets with x and y"
                raise bad_argument("fit", "None, for a train_step of your own", "class_weight",
                                   class_weight, hint)  # fmt: skip
            with self._lock:
                own = (x, y, sample_weight)
                batches = OwnSteps(
                    self, own, self._batch_size(batch_size), steps, shuffle, validation_split
                )
                size = validation_batch_size or batch_size
                arguments = {"batch_size": size, "steps": validation_steps}
                numbers = range(initial_epoch, epochs)
                return fit_by_own_steps(
                    self, batches, validation_data, validation, arguments, listed, numbers, verbose
                )
        with self._lock, ExitStack() as stack:
            stream, first = None, x
            if yields_batches(x):
                split = validation_split or None
                check_alone("fit", x, y=y, sample_weight=sample_weight, validation_split=split)
                most = None if steps is None else steps * max(1, epochs - initial_epoch)
                most = most if hasattr(x, "__next__") else None
                stream = self._open(stack, x, most, shuffle, initial_epoch)
                first = stream.first[0]
            with self._built_for(first) as inputs:
                held_out = validation_data
                if stream is not None:
                    supply = self._batch_supply(stack, "fit", "train", stream, steps, class_weight)
                else:
                    data = self._labelled(inputs, y, sample_weight, class_weight)
                    n = data.n
                    if held_out is None:
                        n = split_rows(data.n, validation_split)
                        # Class weights are for training: samples held out count as they are.
                        rest = data if class_weight is None else data.unweighted()
                        held_out = None if n == data.n else (rest, n)
                    else:
                        check_number("fit", "validation_split", validation_split, 0, 1, below=True)
                    size = batch_of(n, self._batch_size(batch_size), steps)
                    self._check_rows("fit", size, n)
                    executable = stack.enter_context(self._executable("train", data, min(size, n)))
                    supply = Supply(executable, steps, n, size)
                after, validate = None, None
                if held_out is not None:
                    after, validate = validation.open(self, stack, held_out, batch_size, listed)
                per_epoch = supply.steps
                if stream is None and per_epoch is None:
                    per_epoch = -(-supply.n // supply.batch_size)
                shown = 0 if listed.has_progbar else verbose
                progress = make_progress(shown, epochs, per_epoch, initial_epoch)
            warn_short(supply, epochs - initial_epoch)
            self.stop_training = False
            listed.set_model(self)
            listed.set_params({"verbose": verbose, "epochs": epochs, "steps": per_epoch})
            always = validation.always or (after is None and validate is None)
            follows = None if always else validation.follows
            loop = FitLoop(self, supply, after, listed, follows, validate)
            loop.run(progress, initial_epoch, epochs, shuffle and stream is None)
        assert listed.history is not None
        return listed.history

    def train_step(self, data: Any) -> dict[str, float]:
        """One step of training; a subclass may do it in its own way, and `fit` calls it then.

        Args:
            data: `(x,)`, `(x, y)` or `(x, y, sample_weight)`: the arrays of one batch.

        Returns:
            Logs, as `{"loss": loss}`; those of an epoch are those of its last batch.

        Example:

        >>> import numpy as np
        >>> import fastmlp
        >>> class Noisy(fastmlp.Sequential):
        ...     def train_step(self, data):
        ...         x, y = data
        ...         loss, grads = fastmlp.gradients(self, x + 0.1 * np.random.normal(size=x.shape), y)
        ...         self.optimizer.apply(grads, self.trainable_weights)
        ...         return {"loss": loss}
        >>> model = Noisy([fastmlp.Input((2,)), fastmlp.layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> history = model.fit(np.ones((8, 2)), np.zeros((8, 1)), epochs=3, verbose=0)
        >>> len(history.history["loss"])
        3
        """
        x, y, sample_weight = (*data, None, None)[:3]
        logs: dict[str, float] = self.train_on_batch(x, y, sample_weight, return_dict=True)
        return logs

    # Evaluate and predict.

    @accepts_old
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss and metrics on given data.

        Args:
            x: Samples `(n, …)`, in any form that `fit` takes.
            y: Targets `(n, …)`; none if `x` yields batches.
            batch_size: Samples a step, as the progress bar counts. It changes results only where a
                sample's depend on the others of its batch.
            verbose: As for `fit`.
            sample_weight: Weight of each sample, or of each of its steps.
            steps: Batches to look at. Default: all that there are.
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
        self._refuse_overrides("evaluate", "test_step", "compute_metrics")
        check_batch("evaluate", batch_size)
        steps = check_steps("evaluate", "steps", steps)
        listed = CallbackList(callbacks, model=self)
        with self._lock.reading(), ExitStack() as stack:
            if yields_batches(x):
                check_alone("evaluate", x, y=y, sample_weight=sample_weight)
                stream = self._open(stack, x, steps)
                with self._built_for(stream.first[0]):
                    supply = self._batch_supply(stack, "evaluate", "test", stream, steps)
                row = run_batches(
                    supply, listed, "test", verbose, self._lock, at_once=self.steps_per_execution
                )
                stream.end_epoch()
            else:
                with self._built_for(x) as inputs:
                    data = self._labelled(inputs, y, sample_weight, None, "evaluate")
                    n, size = limited("evaluate", data.n, self._batch_size(batch_size), steps)
                    rows = self._inference_rows(size, n, listed.has_test_batch_hooks)
                    executable = stack.enter_context(self._executable("test", data, rows))
                supply = Supply(executable, None, n, size)
                row = run_pass(
                    supply, listed, "test", verbose, self._lock, at_once=self.steps_per_execution
                )
            reader = LogReader(supply.executable)
            reader.keep(row, self._compiled)
            return reader.result(row, return_dict)

    @accepts_old
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Outputs for given samples.

        Args:
            x: Samples `(n, …)`, in any form that `fit` takes; of batches `(x, …)` only `x` counts.
            batch_size: Samples a step, as the progress bar counts. It changes results only where a
                sample's depend on the others of its batch.
            verbose: As for `fit`.
            steps: Batches to look at. Default: all that there are.
            callbacks: Callbacks to tell what happens.

        Returns:
            New arrays `(n, …)` of the model's type: one, or a list or dict as the model's outputs
            are.

        Raises:
            ValueError: Data and model do not fit.
        """
        if callbacks is None and type(verbose) is int and verbose == 0 and steps is None:
            y = self._quick.predict(self, x, batch_size)
            if y is not None:
                return y
        self._refuse_overrides("predict", "predict_step")
        check_batch("predict", batch_size)
        steps = check_steps("predict", "steps", steps)
        listed = CallbackList(callbacks, model=self)
        with self._lock.reading(), ExitStack() as stack:
            if yields_batches(x):
                return self._predict_batches(stack, x, verbose, steps, listed)
            with ExitStack() as bound:
                with self._built_for(x) as inputs:
                    data = Rows(inputs)
                    n, size = limited("predict", data.n, self._batch_size(batch_size), steps)
                    hooked = listed.has_predict_batch_hooks
                    rows, long = self._inference_rows(size, n, hooked), self._is_long(n, hooked)
                    executable = bound.enter_context(
                        self._executable("predict", data, rows, long=long)
                    )
                structure, results = self._output_slots().structure, self._room_for(n)
                for index, result in enumerate(results):
                    executable.bind_output(index, result)
                supply = Supply(executable, None, n, size)
                run_pass(
                    supply, listed, "predict", verbose, self._lock,
                    lambda start, stop: pack(structure, [result[start:stop] for result in results]),
                    self.steps_per_execution,
                )  # fmt: skip
            boundary = self._boundary
            if structure is self.outputs[0] and not (boundary.states or boundary.mixes):
                full = self._inference_rows(BATCH, INFERENCE_ROWS, False)
                self._quick.keep_predict(self, executable, x, full)
            return pack(structure, results)

    def _room_for(self, n: int) -> list[np.ndarray]:
        return [np.empty((n, *sizes(t.shape)), self.dtype) for t in self.outputs]

    def _predict_batches(
        self, stack: ExitStack, x: Any, verbose: Any, steps: int | None, callbacks: CallbackList
    ) -> Any:
        stream = self._open(stack, x, steps)
        with self._built_for(stream.first[0]):
            supply = self._batch_supply(stack, "predict", "predict", stream, steps)
        structure = self._output_slots().structure
        parts: list[list[np.ndarray]] = []

        def fetch(executable: Executable, n: int) -> None:
            parts.append(self._room_for(n))
            for index, result in enumerate(parts[-1]):
                executable.bind_output(index, result)

        def outputs(start: int, stop: int) -> Any:
            found = zip(*parts[start:stop], strict=True)
            return pack(structure, [np.concatenate(of_one) for of_one in found])

        run_batches(
            supply, callbacks, "predict", verbose, self._lock, fetch, outputs,
            at_once=self.steps_per_execution,
        )  # fmt: skip
        stream.end_epoch()
        return outputs(0, len(parts))

"""`fit`: from what the user passes to the loop that trains."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from fastmlp._spelling import accepts_old
from fastmlp.callbacks import CallbackList, History
from fastmlp.errors import check_int
from fastmlp.training.array_batches import ArrayBatches, rows_after
from fastmlp.training.batches import yields_batches
from fastmlp.training.data import check_split, split_rows
from fastmlp.training.loop import FitLoop
from fastmlp.training.progress import make_progress
from fastmlp.training.step_methods import StepMethods
from fastmlp.training.steps import (
    batch_of,
    check_alone,
    check_count,
    check_shuffle,
    warn_short,
)
from fastmlp.training.supply import Supply
from fastmlp.training.validation import Validation

if TYPE_CHECKING:
    from fastmlp.training.quick import QuickSteps
    from fastmlp.training.trainer import Trainer


class Fitting(StepMethods):
    """`fit`; `Trainer` inherits it."""

    _quick: QuickSteps

    def _begin_at(
        self,
        supply: Supply,
        stack: ExitStack,
        given: tuple[Any, int | None, bool],
        first: int,
        seed: int,
        epoch: int,
    ) -> None:
        """Batches of the user's as they come in an epoch, where that is not the one they were opened for."""
        if epoch != first:
            supply.reopen(lambda: self._open(stack, *given, epoch))

    @accepts_old
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float | None = 0.0,
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
            validation_split: Share of the samples, the last ones, to validate with. `None` is 0.
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

        Example:

        >>> import numpy as np
        >>> from fastmlp import Input, Sequential, layers
        >>> x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> y = np.array([[0.0], [1.0], [1.0], [0.0]])
        >>> model = Sequential([Input((2,)), layers.Dense(8, activation="tanh"), layers.Dense(1)])
        >>> model.compile(optimizer="adam", loss="mse", metrics=["mae"])
        >>> history = model.fit(x, y, batch_size=4, epochs=3, verbose=0)
        >>> sorted(history.history), history.epoch
        (['loss', 'mae'], [0, 1, 2])
        """
        model = cast("Trainer", self)
        others = (
            callbacks or None, validation_data, class_weight, sample_weight, steps_per_epoch, validation_steps,
            validation_batch_size,
        )  # fmt: skip
        quick = all(one is None for one in others) and _is(0, verbose) and _is(1, validation_freq)
        quick = quick and (validation_split is None or _is(0, validation_split))
        if quick:
            history = self._quick.fit(model, (x, y), batch_size, epochs, initial_epoch, shuffle)
            if history is not None:
                return history
        again = model.history is not None
        own_step = self._overrides("train")
        if not self._is_own("train_step") or self._compiled is None:
            self._require_compiled("fit")
        batch_size = check_count("fit", "batch_size", batch_size)
        epochs = check_int("fit", "epochs", epochs, 0)
        initial_epoch = check_int("fit", "initial_epoch", initial_epoch, 0)
        if self.optimizer is not None and self.optimizer.whole_data:
            from fastmlp.training.whole_data import fit_whole

            return fit_whole(
                model, x, y, epochs, verbose, callbacks, validation_split, validation_data,
                sample_weight, class_weight, initial_epoch,
            )  # fmt: skip
        steps = check_count("fit", "steps_per_epoch", steps_per_epoch)
        shuffle = check_shuffle(shuffle)
        validation = Validation(
            validation_freq, validation_steps, validation_batch_size, initial_epoch, epochs
        )
        listed = CallbackList(callbacks, add_history=True)
        if own_step:
            from fastmlp.training.own_step import fit_by_own_steps

            with self._lock:
                batches = ArrayBatches(
                    self, "fit", (x, y, sample_weight), self._batch_size(batch_size), steps, shuffle,
                    validation_split, class_weight,
                )  # fmt: skip
                held = validation_data if validation_data is not None else batches.held_out
                validate = None
                if held is not None:
                    validate = validation.by_evaluate(model, held, batch_size, listed)
                numbers = range(initial_epoch, epochs)
                return fit_by_own_steps(
                    model, batches, validate, validation, listed, numbers, verbose
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
            with self._built_for(first) as rows:
                held_out = validation_data
                if stream is not None:
                    supply = self._batch_supply(stack, "fit", "train", stream, steps, class_weight)
                    if stream.batches.again:
                        supply.begin = partial(
                            self._begin_at, supply, stack, (x, most, bool(shuffle)), initial_epoch
                        )
                else:
                    data = self._labelled(rows, y, sample_weight, class_weight)
                    n = data.n
                    if held_out is None:
                        n = split_rows(data.n, validation_split)
                    else:
                        check_split(validation_split)
                    size = batch_of(n, self._batch_size(batch_size), steps)
                    data.sized.check_rows("fit", size, n)
                    executable = stack.enter_context(self._executable("train", data, min(size, n)))
                    supply = Supply(executable, steps, n, size)
                    given = (x, y, sample_weight)
                    if n < data.n:
                        # Class weights are for training: samples held out count as they are.
                        held_out = (data if class_weight is None else data.unweighted(), n)
                        if executable.plan.exact or self._overrides("test"):
                            held_out = rows_after(self, given, n)
                    if not supply.divides:
                        stream, supply = self._cut(
                            stack, "fit", "train", given, size, steps, bool(shuffle),
                            validation_split, class_weight, initial_epoch,
                        )  # fmt: skip
                after, validate = None, None
                if held_out is not None:
                    after, validate = validation.open(model, stack, held_out, batch_size, listed)
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
            loop = FitLoop(model, supply, after, listed, follows, validate)
            loop.run(progress, initial_epoch, epochs, shuffle and stream is None)
        if quick and again and stream is None:
            with self._lock:  # what ran is free by now
                self._quick.keep_fit(model, supply, data, (x, y), batch_size)
        assert listed.history is not None
        return listed.history


def _is(number: int, given: Any) -> bool:
    return type(given) in (int, bool, float) and bool(given == number)

"""`evaluate` and `predict`: passes over data from which the model does not learn."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from fastmlp import graph
from fastmlp._spelling import accepts_old
from fastmlp.callbacks import CallbackList
from fastmlp.runtime import Executable
from fastmlp.training.batches import yields_batches
from fastmlp.training.binding import INFERENCE_ROWS
from fastmlp.training.logs import LogReader
from fastmlp.training.passes import run_batches, run_pass
from fastmlp.training.quick import QuickSteps
from fastmlp.training.step_methods import StepMethods
from fastmlp.training.steps import BATCH, check_alone, check_count, limited
from fastmlp.training.stream import Stream
from fastmlp.training.structure import pack
from fastmlp.training.supply import Supply, room_for

if TYPE_CHECKING:
    from fastmlp.training.trainer import Trainer


class Inference(StepMethods):
    """`evaluate` and `predict`; `Trainer` inherits it."""

    _quick: QuickSteps

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
            outputs, then the metrics: in the order of `compile`, of several outputs sorted by name.

        Raises:
            ValueError: Data and model do not fit.
            RuntimeError: The model is not compiled.

        Example:

        >>> import numpy as np
        >>> from fastmlp import Input, Sequential, layers
        >>> model = Sequential([Input((2,)), layers.Dense(1, kernel_initializer="ones")])
        >>> model.compile(loss="mse", metrics=["mae"])
        >>> x, y = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[3.0], [5.0]])
        >>> model.evaluate(x, y, verbose=0)
        [2.0, 1.0]
        >>> model.evaluate(x, y, verbose=0, return_dict=True)
        {'loss': 2.0, 'mae': 1.0}
        """
        batch_size = check_count("evaluate", "batch_size", batch_size)
        steps = check_count("evaluate", "steps", steps)
        listed = CallbackList(callbacks, model=self)
        return self._evaluate(
            (x, y, sample_weight), batch_size, verbose, steps, listed, return_dict
        )

    def _evaluate(
        self,
        given: tuple[Any, Any, Any],
        batch_size: int | None,
        verbose: int | str,
        steps: int | None,
        callbacks: CallbackList,
        return_dict: bool,
        inner: bool = False,
    ) -> Any:
        """`evaluate`; `inner`: within a `fit`, whose callbacks these are."""
        x, y, sample_weight = given
        own_step = self._overrides("test")
        if not self._is_own("test_step") or self._compiled is None:
            self._require_compiled("evaluate")
        if own_step:
            from fastmlp.training.array_batches import ArrayBatches
            from fastmlp.training.own_step import evaluate_by_own_steps, listed

            model = cast("Trainer", self)
            batches = ArrayBatches(self, "evaluate", given, self._batch_size(batch_size), steps)
            logs = evaluate_by_own_steps(model, batches, callbacks, verbose, inner)
            return listed(model, logs, return_dict)
        at_once = self.steps_per_execution
        with self._lock.reading(), ExitStack() as stack:
            stream = None
            if yields_batches(x):
                check_alone("evaluate", x, y=y, sample_weight=sample_weight)
                stream = self._open(stack, x, steps)
                with self._built_for(stream.first[0]):
                    supply = self._batch_supply(stack, "evaluate", "test", stream, steps)
            else:
                with self._built_for(x) as found:
                    data = self._labelled(found, y, sample_weight, None, "evaluate")
                    n, size = limited("evaluate", data.n, self._batch_size(batch_size), steps)
                    rows = self._inference_rows(data, size, n, callbacks.has_test_batch_hooks)
                    executable = stack.enter_context(self._executable("test", data, rows))
                supply = Supply(executable, None, n, size)
                if not supply.divides:
                    stream, supply = self._cut(stack, "evaluate", "test", given, size, steps)
            self._begin_metrics()
            if stream is None:
                row, _ = run_pass(
                    supply, callbacks, "test", verbose, self._lock, inner=inner, at_once=at_once
                )
            else:
                row = run_batches(
                    supply, callbacks, "test", verbose, self._lock, inner=inner, at_once=at_once
                )
                stream.end_epoch()
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

        Example:

        >>> import numpy as np
        >>> from fastmlp import Input, Sequential, layers
        >>> model = Sequential([Input((2,)), layers.Dense(1, kernel_initializer="ones")])
        >>> model.predict(np.array([[1.0, 2.0], [3.0, 4.0]]), verbose=0)
        array([[3.],
               [7.]], dtype=float32)
        """
        if callbacks is None and type(verbose) in (int, bool) and verbose == 0 and steps is None:
            y = self._quick.predict(self, x, batch_size)
            if y is not None:
                return y
        batch_size = check_count("predict", "batch_size", batch_size)
        steps = check_count("predict", "steps", steps)
        listed = CallbackList(callbacks, model=self)
        if self._overrides("predict"):
            from fastmlp.training.array_batches import ArrayBatches
            from fastmlp.training.own_step import predict_by_own_steps

            size, given = self._batch_size(batch_size), (x, None, None)
            batches = ArrayBatches(self, "predict", given, size, steps)
            return predict_by_own_steps(cast("Trainer", self), batches, listed, verbose)
        with self._lock.reading(), ExitStack() as stack:
            if yields_batches(x):
                stream = self._open(stack, x, steps)
                with self._built_for(stream.first[0]):
                    supply = self._batch_supply(stack, "predict", "predict", stream, steps)
                return self._predict_batches(stream, supply, verbose, listed)
            with ExitStack() as bound:
                with self._built_for(x) as data:
                    n, size = limited("predict", data.n, self._batch_size(batch_size), steps)
                    hooked = listed.has_predict_batch_hooks
                    rows = self._inference_rows(data, size, n, hooked)
                    long = self._is_long(data, n, hooked)
                    executable = bound.enter_context(
                        self._executable("predict", data, rows, long=long)
                    )
                supply = Supply(executable, None, n, size)
                if not supply.divides:
                    cut = self._cut(stack, "predict", "predict", (x, None, None), size, steps)
                    return self._predict_batches(*cut, verbose, listed)
                structure, results = self._output_slots().structure, room_for(executable, n)
                for index, result in enumerate(results):
                    executable.bind_output(index, result)
                _, done = run_pass(
                    supply, listed, "predict", verbose, self._lock,
                    lambda start, stop: pack(structure, [result[start:stop] for result in results]),
                    self.steps_per_execution,
                )  # fmt: skip
                results = [result[:done] for result in results] if done < n else results
            boundary = data.sized.boundary
            sized = self._with_batch(data.sized, executable.plan.capacity)
            found = [graph.kind_of(t) for t in sized.outputs]
            if any(found):
                return pack(structure, list(map(graph.of_kind, results, found)))
            if not (boundary.states or boundary.mixes):
                full = self._inference_rows(data, BATCH, INFERENCE_ROWS, False)
                self._quick.keep_predict(self, executable, data, structure, x, full)
            return pack(structure, results)

    def _predict_batches(
        self, stream: Stream, supply: Supply, verbose: Any, callbacks: CallbackList
    ) -> Any:
        structure = self._output_slots().structure
        parts: list[list[np.ndarray]] = []

        def fetch(executable: Executable, n: int) -> None:
            parts.append(room_for(executable, n))
            for one, first in zip(parts[-1], parts[0], strict=True):
                if one.shape[1:] != first.shape[1:]:
                    raise ValueError(
                        f"predict: expected outputs of one shape in all batches, {first.shape[1:]}. "
                        f"Received: {one.shape[1:]}. Hint: predict_on_batch for each batch"
                    )
            for index, result in enumerate(parts[-1]):
                executable.bind_output(index, result)

        sized = self._with_batch(self._sized, supply.executable.plan.capacity)
        kind_of = [graph.kind_of(t) for t in sized.outputs or self.outputs]

        def outputs(start: int, stop: int) -> Any:
            found = [np.concatenate(of_one) for of_one in zip(*parts[start:stop], strict=True)]
            return pack(structure, list(map(graph.of_kind, found, kind_of)))

        run_batches(
            supply, callbacks, "predict", verbose, self._lock, fetch, outputs,
            at_once=self.steps_per_execution,
        )  # fmt: skip
        stream.end_epoch()
        return outputs(0, len(parts))

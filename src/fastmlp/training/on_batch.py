"""One batch at a time, for loops of the user's own and for serving: as little as possible around it."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from fastmlp._seed import next_seed
from fastmlp.eager import start_run
from fastmlp.function import Function
from fastmlp.runtime import Executable
from fastmlp.training.data import as_source, warn_not_finite
from fastmlp.training.logs import LogReader
from fastmlp.training.rows import Rows
from fastmlp.training.supply import room_for

if TYPE_CHECKING:
    from fastmlp.training.trainer import Trainer


class OnBatch:
    """What models do on one batch; `Trainer` inherits it."""

    name: str
    dtype: str
    _functions: dict[Any, Any]

    def predict_on_batch(self, x: Any) -> Any:
        """Outputs for one batch, computed as a whole.

        Args:
            x: Samples `(batch, …)`.

        Returns:
            A new array `(batch, …)` of the model's type.

        Raises:
            ValueError: Data and model do not fit.

        Example:

        >>> import numpy as np
        >>> from fastmlp import Input, Sequential, layers
        >>> model = Sequential([Input((2,)), layers.Dense(1, kernel_initializer="ones")])
        >>> model.predict_on_batch(np.array([[1.0, 2.0], [3.0, 4.0]]))
        array([[3.],
               [7.]], dtype=float32)
        """
        known: Function | None = self._functions.get(False)
        y = None if known is None else known.on_finite(x)
        if y is None:
            model = cast("Trainer", self)
            if model._overrides("predict"):
                from fastmlp.training.own_step import own_predictions

                return own_predictions(model, x)
            y = model(x)  # type: ignore[operator]
            known = self._functions.get(False)
            if known is not None and len(y) and known.not_finite(len(y)):
                warn_not_finite(as_source(x, "x"), self.dtype)
        return y

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """One update of the weights on one batch.

        Args:
            x: Samples, as for `fit`.
            y: Targets.
            sample_weight: Weight of each sample, or of each of its steps.
            class_weight: Weight of each class, `{class: weight}`.
            return_dict: Whether to return `{name: value}`.

        Returns:
            As `evaluate`: of this batch alone, before the update.

        Raises:
            ValueError: Data and model do not fit; nothing has changed then.
            RuntimeError: The model is not compiled.

        Example:

        >>> import numpy as np
        >>> from fastmlp import Input, Sequential, layers
        >>> model = Sequential([Input((2,)), layers.Dense(1, kernel_initializer="ones")])
        >>> model.compile(optimizer="sgd", loss="mse")
        >>> x, y = np.array([[1.0, 2.0]]), np.array([[4.0]])
        >>> losses = [model.train_on_batch(x, y) for step in range(3)]
        >>> losses[0], losses[-1] < losses[0]
        (1.0, True)
        """
        return _measure(
            cast("Trainer", self), "train", x, y, sample_weight, class_weight, return_dict
        )

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Loss and metrics of one batch.

        Args:
            x: Samples, as for `fit`.
            y: Targets.
            sample_weight: Weight of each sample, or of each of its steps.
            return_dict: Whether to return `{name: value}`.

        Returns:
            As `evaluate`: of this batch alone.

        Raises:
            ValueError: Data and model do not fit.
            RuntimeError: The model is not compiled.

        Example:

        >>> import numpy as np
        >>> from fastmlp import Input, Sequential, layers
        >>> model = Sequential([Input((2,)), layers.Dense(1, kernel_initializer="ones")])
        >>> model.compile(loss="mse")
        >>> model.test_on_batch(np.array([[1.0, 2.0]]), np.array([[4.0]]))
        1.0
        """
        return _measure(cast("Trainer", self), "test", x, y, sample_weight, None, return_dict)


def _measure(
    model: Trainer,
    mode: str,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Any,
    return_dict: bool,
) -> Any:
    """Losses and metrics of one batch; with `mode='train'` the weights are updated, too.

    The values are those before the update, and of this batch alone.
    """
    if class_weight is None:
        result = model._quick.measure(model, mode, x, y, return_dict, sample_weight)
        if result is not None:
            return result
    method = f"{mode}_on_batch"
    if model._overrides(mode):
        return _by_own_step(model, mode, (x, y, sample_weight), class_weight, return_dict)
    model._require_compiled(method)
    with model._lock if mode == "train" else model._lock.reading():
        executable, row, data = run_one(model, mode, x, y, sample_weight, class_weight)
        reader = LogReader(executable)
        reader.keep(row, model._compiled)
        if class_weight is None:
            model._quick.keep_step(model, mode, executable, data, (x, y, sample_weight))
        return reader.result(row.tolist(), return_dict)


def run_one(
    model: Trainer,
    mode: str,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    class_weight: Any = None,
    outputs: list[np.ndarray] | None = None,
) -> tuple[Executable, np.ndarray, Rows]:
    """A step on one batch; the caller has the model's lock.

    Args:
        model: Compiled.
        mode: `'train'` or `'test'`.
        x: Samples.
        y: Targets.
        sample_weight: Weights of samples.
        class_weight: Weights of classes.
        outputs: Takes the outputs before the update; metrics are not measured then.

    Returns:
        What ran, its sums, and the data.
    """
    method, optimizer, fetch = f"{mode}_on_batch", model.optimizer, outputs is not None
    assert optimizer is not None
    with ExitStack() as stack:
        with model._built_for(x) as rows:
            data = model._labelled(rows, y, sample_weight, class_weight, method)
            data.sized.check_rows(method, data.n)
            executable = stack.enter_context(
                model._executable(mode, data, data.n, fetch=fetch, method=method)
            )
        if outputs is not None:
            outputs += room_for(executable, data.n)
            for index, array in enumerate(outputs):
                executable.bind_output(index, array)
        trains = mode == "train"
        if trains:
            executable.set_hyper(optimizer.hyper())
        is_random = executable.plan.is_random
        run = start_run(
            executable.program,
            data.n,
            data.n,
            seed=model._seeds.next() if trains else next_seed() if is_random else 0,
            iterations=optimizer.steps,
            threads=executable.threads(),
        )
        run.go()
        if trains:
            optimizer.steps = run.iterations
        return executable, run.take_log()[0], data


def _by_own_step(
    model: Trainer, mode: str, data: tuple[Any, Any, Any], class_weight: Any, return_dict: bool
) -> Any:
    """What a `train_step` or `test_step` of the user's own, or what these call, makes of the batch."""
    from fastmlp.training.array_batches import one_batch
    from fastmlp.training.own_step import listed, own_step

    with model._lock if mode == "train" else nullcontext():
        batch = one_batch(model, f"{mode}_on_batch", data, class_weight)
        model.reset_metrics()
        return listed(model, own_step(model, mode, batch), return_dict)

"""The steps of `fit` as methods, which a subclass may define in its own way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from fastmlp.graph import Tensor
from fastmlp.plan.objectives import Whole
from fastmlp.training.compiled import Compiled
from fastmlp.training.compiling import Compiling
from fastmlp.training.data_tuples import unpack_x_y_sample_weight
from fastmlp.training.logs import LogReader
from fastmlp.training.on_batch import run_one
from fastmlp.training.sized import Sized
from fastmlp.training.structure import pack

if TYPE_CHECKING:
    from fastmlp.training.trainer import Trainer


class StepMethods(Compiling):
    """What happens to a batch; `Trainer` inherits it."""

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step of training; a subclass may do it in its own way, and `fit` calls it then.

        `fit` is faster without: the steps of a model that defines none of these methods run natively,
        many in one call.

        Args:
            data: Arrays of one batch: `x`, `(x, y)` or `(x, y, sample_weight)`. What a generator yields
                is always a tuple.

        Returns:
            Logs, as `{"loss": loss}`; those of an epoch are those of its last batch. Of this method:
            what `compute_metrics` returns, over the epoch so far.

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
        return self._measured("train", data)

    def test_step(self, data: Any) -> dict[str, Any]:
        """One step of `evaluate` and of validations; a subclass may do it in its own way.

        Args:
            data: As for `train_step`.

        Returns:
            Logs, as `{"loss": loss}`; those of the last batch count. Of this method: what
            `compute_metrics` returns, over the batches so far.

        Example:

        >>> import numpy as np
        >>> import fastmlp
        >>> class Mirrored(fastmlp.Sequential):
        ...     def test_step(self, data):
        ...         x, y = data
        ...         y_pred = (self(x) + self(-x)) / 2
        ...         self.metrics[0].update_state(self.compute_loss(x, y, y_pred))  # the mean loss
        ...         return self.compute_metrics(x, y, y_pred)
        >>> model = Mirrored([fastmlp.Input((2,)), fastmlp.layers.Dense(1)])
        >>> model.compile("adam", "mse", metrics=["mae"])
        >>> sorted(model.evaluate(np.ones((8, 2)), np.zeros((8, 1)), verbose=0, return_dict=True))
        ['loss', 'mae']
        """
        return self._measured("test", data)

    def predict_step(self, data: Any) -> Any:
        """One step of `predict`; a subclass may do it in its own way.

        Args:
            data: As for `train_step`; of arrays `x` alone.

        Returns:
            Arrays `(batch, …)`: one, or any nesting of them.

        Example:

        >>> import numpy as np
        >>> from fastmlp import Input, Sequential, layers
        >>> class Labels(Sequential):
        ...     def predict_step(self, data):
        ...         return super().predict_step(data).argmax(axis=-1)
        >>> model = Labels([Input((2,)), layers.Dense(3)])
        >>> model.predict(np.ones((5, 2)), verbose=0).shape
        (5,)
        """
        x, *_ = unpack_x_y_sample_weight(data)
        return self(x)  # type: ignore[operator]

    def _measured(self, mode: str, data: Any) -> dict[str, Any]:
        """A native step; its losses are added to their means, the rest is up to `compute_metrics`."""
        model, compiled = cast("Trainer", self), self._require_compiled(f"{mode}_step")
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        with self._lock if mode == "train" else self._lock.reading():
            known = None if sample_weight is not None else model._quick.fetch(model, mode, x, y)
            if known is not None:
                total, rows, outputs = known
                compiled.mean("loss").acc[:] += total, rows
            else:
                outputs = []
                executable, row, data = run_one(model, mode, x, y, sample_weight, outputs=outputs)
                LogReader(executable).add(row, compiled)
                given = (x, y, sample_weight)
                model._quick.keep_step(model, mode, executable, data, given, fetches=True)
        y_pred = pack(self._output_slots().structure, outputs)
        return self.compute_metrics(x, y, y_pred, sample_weight)

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
        total = compiled_loss(self, y, y_pred, sample_weight, training)
        return total if isinstance(total, Tensor) else total + sum(getattr(self, "losses", ()))

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Adds a batch of arrays to the compiled metrics; a subclass may measure what it likes.

        `fit` and `evaluate` call it then after each batch, in which the metrics are no part of the
        native step.

        Args:
            x: Inputs; they are not looked at.
            y: Targets.
            y_pred: Outputs.
            sample_weight: Weights of the samples, or `None`.

        Returns:
            What `get_metrics_result` returns; of a subclass a dict of logs.

        Example:

        >>> import numpy as np
        >>> from fastmlp import Input, Sequential, layers
        >>> class Watched(Sequential):
        ...     def compute_metrics(self, x, y, y_pred, sample_weight=None):
        ...         logs = super().compute_metrics(x, y, y_pred, sample_weight)
        ...         return logs | {"largest": np.abs(y - y_pred).max()}
        >>> model = Watched([Input((2,)), layers.Dense(1)])
        >>> model.compile("adam", "mse", metrics=["mae"])
        >>> sorted(model.fit(np.ones((8, 2)), np.zeros((8, 1)), verbose=0).history)
        ['largest', 'loss', 'mae']
        """
        from fastmlp.training.own_metrics import update

        self._require_compiled("compute_metrics")
        update(self, y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """The results of the metrics so far, by name; the loss among them, if a step has told of it."""
        from fastmlp.training.own_metrics import results

        return results(self)

    def _overrides(self, mode: str) -> bool:
        """Whether a step of `'train'`, `'test'` or `'predict'` is one of the model's own."""
        names = [f"{mode}_step"]
        if mode != "predict":
            names += ["compute_metrics", "get_metrics_result"]
        return any(self._is_own(name) for name in names)

    def _is_own(self, name: str) -> bool:
        """Whether the model, or its class, has a method of its own in place of one of these."""
        return name in self.__dict__ or getattr(type(self), name) is not getattr(StepMethods, name)

    def _begin_metrics(self) -> None:
        """Calls `reset_metrics` before a pass, if it is the model's own: native sums begin anew anyhow."""
        if self._is_own("reset_metrics"):
            cast("Trainer", self).reset_metrics()

    @property
    def _has_own_loss(self) -> bool:
        """Whether `compute_loss` is to be traced: one's own, or where layers have added all losses."""
        without = self._compiled is not None and not self._compiled.has_loss
        return without or self._is_own("compute_loss")

    def _own_loss(self, sized: Sized, training: bool) -> Whole | None:
        if not self._has_own_loss:
            return None
        from fastmlp.training.own_loss import traced

        return traced(self, sized, training)

    def _require_compiled(self, method: str) -> Compiled:
        if self._compiled is None or self.optimizer is None:
            raise _NotCompiled(
                f"{method}: the model has no optimizer and loss yet. Hint: call "
                "model.compile(optimizer=..., loss=...) first"
            )
        return self._compiled


class _NotCompiled(RuntimeError, ValueError):
    """A RuntimeError by its kind; a ValueError, too, since Keras raises one."""

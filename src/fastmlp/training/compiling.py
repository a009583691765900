"""What a model is told by `compile`: how it learns, and what is measured."""

from __future__ import annotations

from typing import Any

from fastmlp import optimizers
from fastmlp._spelling import accepts_old, warn_bare_metric
from fastmlp.errors import check_int
from fastmlp.training.binding import Binding
from fastmlp.training.compiled import Compiled
from fastmlp.training.cursor import FitSeeds


class Compiling(Binding):
    """`compile`, and what asks for what it was told; `Trainer` inherits it."""

    jit_compile: Any
    _seeds: FitSeeds

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
                dict by their names, where `None` leaves an output without. `None`: what
                layers add, by `add_loss` or an `activity_regularizer`, is all.
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

        Example:

        >>> from fastmlp import Input, Sequential, layers, optimizers
        >>> model = Sequential([Input((4,)), layers.Dense(1, activation="sigmoid")])
        >>> model.compile(optimizers.Adam(0.01), loss="binary_crossentropy", metrics=["accuracy", "auc"])
        >>> model.metrics_names
        ['loss', 'accuracy', 'auc']
        """
        steps_per_execution = check_int("compile", "steps_per_execution", steps_per_execution, 1)
        warn_bare_metric("metrics", metrics)
        warn_bare_metric("weighted_metrics", weighted_metrics)
        new_optimizer = optimizers.get(optimizer)
        with self._lock:
            self._look_again()
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
        """The mean of the loss, and the metrics given to `compile`, after the last pass."""
        return self._compiled_metrics()

    @property
    def metrics_names(self) -> list[str]:
        """Names of what `evaluate` lists, `['loss', 'mae']`; before the model is built, `['loss']`."""
        if self._compiled is None or not self.outputs:
            return ["loss"]
        return self._objective().names([t.shape for t in self.outputs])

    def _compiled_metrics(self) -> list[Any]:
        return [] if self._compiled is None else [one for _, one in self._compiled.objects]

    def reset_metrics(self) -> None:
        """Sets the metrics back that keep a state of their own.

        `fit`, `evaluate` and the steps on batches begin with new sums anyhow. A subclass may do more:
        it is called before each epoch of `fit` and before each validation and `evaluate`.
        """
        for metric in self.metrics:
            if callable(reset := getattr(metric, "reset_state", None)):
                reset()

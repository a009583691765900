"""The steps of `fit` as methods, which a subclass may define in its own way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from fastmlp.graph import Tensor
from fastmlp.plan.objectives import Whole
from fastmlp.training.compiled import Compiled
from fastmlp.training.compiling import Compiling

if TYPE_CHECKING:
    from fastmlp.training.trainer import Trainer


class StepMethods(Compiling):
    """What happens to a batch; `Trainer` inherits it."""

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
        model = cast("Trainer", self)
        logs: dict[str, float] = model.train_on_batch(x, y, sample_weight, return_dict=True)
        return logs

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

    @property
    def _has_own_loss(self) -> bool:
        return type(self).compute_loss is not StepMethods.compute_loss

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

    def _refuse_overrides(self, where: str, *names: str) -> None:
        """Methods that Keras would call, but fastmlp would not, do not go unnoticed."""
        for name in names:
            if getattr(type(self), name, None) is not getattr(StepMethods, name, None):
                raise TypeError(
                    f"{where}: {type(self).__name__}.{name} would not be called. Hint: a metric of your "
                    "own is a function given to compile(), a loss that one or a compute_loss(), all else "
                    "a train_step() of your own, or a loop over predict_on_batch()"
                )

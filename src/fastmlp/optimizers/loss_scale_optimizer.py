"""An optimizer that works on the gradients of a scaled loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np

from fastmlp.errors import check_int, check_number
from fastmlp.optimizers.base import Optimizer, registry
from fastmlp.optimizers.wrapping import Wrapping
from fastmlp.variables import Rate, Variable

_OWN = ("initial_scale", "dynamic_growth_steps", "name")


@registry.register
class LossScaleOptimizer(Wrapping):
    """Another optimizer, for a loss multiplied by a scale, so that small gradients do not vanish.

    ```
    loss = dynamic_scale · loss                                  by scale_loss
    g = g / dynamic_scale                                        by apply
    dynamic_scale = 2 · dynamic_scale      after dynamic_growth_steps steps of finite gradients
    dynamic_scale = dynamic_scale / 2      after one that is not: it leaves the weights alone
    ```

    Numbers of half precision need it. `fit` computes in float32 or float64, whose range is wide enough:
    it does not scale, and does what the inner optimizer does.

    Args:
        inner_optimizer: The optimizer that does the work.
        initial_scale: The first scale, > 0. Default: 2¹⁵.
        dynamic_growth_steps: Steps before the scale doubles, >= 1. Default: 2000.
        name: Name; `None`: `"loss_scale_optimizer"`.

    Raises:
        ValueError: An argument is not as described.

    Example:

    >>> from fastmlp import Variable, optimizers
    >>> w, optimizer = Variable([1.0]), LossScaleOptimizer(optimizers.SGD(0.5), 8.0)
    >>> optimizer.apply([[8.0]], [w])
    >>> w.numpy(), optimizer.scale_loss(1.0)
    (array([0.5], dtype=float32), 8.0)

    Source: Micikevicius et al., "Mixed precision training", 2018.
    """

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
    ) -> None:
        where = "LossScaleOptimizer"
        self.initial_scale = check_number(where, "initial_scale", initial_scale, 0, above=True)
        self.dynamic_growth_steps = check_int(
            where, "dynamic_growth_steps", dynamic_growth_steps, 1
        )
        self._scale = Variable(
            self.initial_scale, dtype="float32", trainable=False, name="dynamic_scale"
        )
        self._counter = Variable(0, trainable=False, name="step_counter")
        super().__init__(None, name)
        self._add(inner_optimizer, where)

    @property
    def inner_optimizer(self) -> Optimizer:
        """The optimizer that does the work."""
        return self.parts[0]

    @property
    def dynamic_scale(self) -> float:
        """The scale of now."""
        return float(self._scale.value)

    @property
    def learning_rate(self) -> Rate:
        """That of the inner optimizer."""
        return self.parts[0].learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if self.parts:
            self.parts[0].learning_rate = value

    def choose(self, variable: Variable) -> Optimizer:
        """The inner optimizer, for all weights."""
        return self.parts[0]

    @property
    def variables(self) -> list[Variable]:
        """The number of steps, the scale and its counter, then all that changes of the inner one."""
        found = super().variables
        return [found[0], self._counter, self._scale, *found[1:]]

    def scale_loss(self, loss: Any) -> Any:
        """Multiplies a loss by the scale."""
        return loss * self.dynamic_scale

    def apply(self, grads: Iterable[Any], trainable_variables: Iterable[Any] | None = None) -> None:
        """Does one step with gradients of the scaled loss; see `Optimizer.apply`.

        Args:
            grads: A gradient for each weight.
            trainable_variables: The weights; `None`: those of `build`.
        """
        scale = self.dynamic_scale
        gradients = [None if g is None else np.asarray(g) / scale for g in grads]
        if all(g is None or np.isfinite(g).all() for g in gradients):
            super().apply(gradients, trainable_variables)
            self._counter.value[...] += 1
            if int(self._counter.value) == self.dynamic_growth_steps:
                self._counter.value[...] = 0
                self._scale.value[...] = min(2 * scale, float(np.finfo("float32").max))
        else:
            self._counter.value[...] = 0
            self._scale.value[...] = scale / 2

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal optimizer."""
        return {
            "name": self.name,
            "inner_optimizer": registry.serialize(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Makes an optimizer from what `get_config` returned."""
        inner = registry.get(config["inner_optimizer"])
        return cls(inner, **{k: v for k, v in config.items() if k in _OWN})

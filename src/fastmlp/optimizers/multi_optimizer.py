"""Several optimizers for the weights of one model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

from fastmlp.custom_objects import get_registered_object, registered_name
from fastmlp.optimizers.base import Optimizer, registry
from fastmlp.optimizers.optimizer_map import OptimizerMap
from fastmlp.optimizers.wrapping import Wrapping
from fastmlp.variables import Rate, Variable


@registry.register
class MultiOptimizer(Wrapping):
    """Several optimizers for one model, each for weights of its own.

    `w = optimizer(w).update(w, g)`, where the map or function chooses `optimizer(w)` once for each
    weight. All of them are parts of one plan, and count steps together. There is no
    `learning_rate`: set those of the `optimizers`.

    Args:
        optimizer_map: An `OptimizerMap`, or a function from a weight, which has `path`, `name` and
            `shape`, to an optimizer.
        loss_scale_factor: As that of `Optimizer`, for all of them.
        name: Name; `None`: `"multi_optimizer"`.

    Raises:
        TypeError: The map is none and no function.
        ValueError: An optimizer is one of several itself, or there are more than 16.

    Example:

    >>> import numpy as np
    >>> from fastmlp import Input, Sequential, layers, optimizers
    >>> model = Sequential([Input((3,)), layers.Dense(4, name="body"), layers.Dense(1, name="head")])
    >>> table = optimizers.OptimizerMap(optimizers.Adam(), {"head/.*": optimizers.SGD(0.1)})
    >>> model.compile(optimizers.MultiOptimizer(table), "mse")
    >>> history = model.fit(np.ones((8, 3)), np.ones((8, 1)), epochs=2, verbose=0)
    >>> [optimizer.iterations for optimizer in model.optimizer.optimizers]
    [2, 2]

    Source: Keras 3's class of that name.
    """

    def __init__(
        self,
        optimizer_map: OptimizerMap | Callable[[Variable], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ) -> None:
        if not callable(optimizer_map):
            expected = "an OptimizerMap or a function from a weight to an optimizer"
            raise TypeError(f"MultiOptimizer: expected {expected}. Received: {optimizer_map!r}")
        super().__init__(loss_scale_factor, name)
        self._optimizer_map = optimizer_map
        if isinstance(optimizer_map, OptimizerMap):
            for key in optimizer_map:
                self._add(optimizer_map[key], "MultiOptimizer")
            self._add(optimizer_map.default_optimizer, "MultiOptimizer")

    @property
    def optimizers(self) -> list[Optimizer]:
        """The optimizers, as far as they are known; a function's after `build`."""
        return list(self.parts)

    @property
    def learning_rate(self) -> Rate:
        """There is none: each of the `optimizers` has its own."""
        raise AttributeError(
            "MultiOptimizer: has no learning_rate. Hint: see those of optimizer.optimizers"
        )

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if value != 0.0 or "name" in vars(self):
            raise AttributeError(
                "MultiOptimizer: has no learning_rate. Hint: set those of optimizer.optimizers"
            )

    def choose(self, variable: Variable) -> Optimizer:
        """What map or function say of a weight."""
        return self._optimizer_map(variable)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal optimizer; a function must be a registered one."""
        given: Any = self._optimizer_map
        if isinstance(given, OptimizerMap):
            told: Any = {"class_name": "OptimizerMap", "config": given.get_config()}
        else:
            told = registered_name(given)
            if get_registered_object(told) is not given:
                raise ValueError(
                    "MultiOptimizer: expected a registered function, to be saved by its name. "
                    f"Received: {given!r}. Hint: @fastmlp.saving.register_keras_serializable()"
                )
        return {
            "optimizer_map": told,
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Makes an optimizer from what `get_config` returned."""
        told = config["optimizer_map"]
        if isinstance(told, str):
            given: Any = get_registered_object(told)
        else:
            given = OptimizerMap.from_config(told["config"])
        return cls(given, config.get("loss_scale_factor"), config.get("name"))

"""What optimizers that are made of others share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fastmlp.errors import bad_argument
from fastmlp.optimizers.base import Optimizer
from fastmlp.variables import Variable

_LARGEST = 16  # optimizers of a plan: MAX_UPDATES of program.pxd


class Wrapping(Optimizer):
    """Base of optimizers that others work for, in `parts`, each on weights of its own.

    They count steps together. `fit` runs their updates in one plan.
    """

    wraps = True

    def __init__(self, loss_scale_factor: float | None = None, name: str | None = None) -> None:
        self.parts: tuple[Optimizer, ...] = ()
        self._place: dict[Variable, int] = {}
        super().__init__(0.0, loss_scale_factor=loss_scale_factor, name=name)

    def _add(self, optimizer: Any, where: str) -> int:
        """Number of an optimizer among the parts."""
        if not isinstance(optimizer, Optimizer) or optimizer.wraps or optimizer.whole_data:
            raise bad_argument(where, "an optimizer of one kind", "optimizer", optimizer)
        for number, known in enumerate(self.parts):
            if known is optimizer:
                return number
        if len(self.parts) == _LARGEST:
            raise bad_argument(where, f"at most {_LARGEST} optimizers", "optimizers", _LARGEST + 1)
        self.parts = (*self.parts, optimizer)
        optimizer._iteration = self._iteration
        return len(self.parts) - 1

    def choose(self, variable: Variable) -> Optimizer:
        """The optimizer of a weight that has none yet."""
        raise NotImplementedError

    def build(self, variables: Iterable[Any]) -> None:
        """Makes the arrays for weights, each by its optimizer.

        Args:
            variables: All weights to be trained.
        """
        given = list(variables)
        where = f"{type(self).__name__}.build"
        for variable in given:
            if not isinstance(variable, Variable):
                raise bad_argument(where, "weights, as model.weights", "variables", type(variable))
        chosen = {v: self.choose(v) for v in given if v not in self._place}
        for variable, optimizer in chosen.items():
            self._place[variable] = self._add(optimizer, f"{where}: '{variable.path}'")
        self.state = {}
        for number, part in enumerate(self.parts):
            part.loss_scale_factor = self.loss_scale_factor
            own = [v for v in given if self._place[v] == number]
            if own:
                self.state |= part.ensure_built(own)
        self._trainable_variables = given
        self._builds += 1
        self.built = True

    def ensure_built(self, variables: Iterable[Any]) -> dict[Variable, list[np.ndarray]]:
        """Calls `build` unless it knows all of these weights; returns `state`."""
        given = list(variables)
        if not self.built or any(v not in self.state for v in given):
            self.build([*self.state, *(v for v in given if v not in self.state)])
        return self.state

    def split(self, variables: Sequence[Variable]) -> list[tuple[Optimizer, list[Variable]]]:
        """Each part with those of the weights that are its own."""
        places = [self._place.get(v) for v in variables]
        return [
            (part, [v for v, place in zip(variables, places, strict=True) if place == number])
            for number, part in enumerate(self.parts)
        ]

    def hyper(self) -> tuple[Any, ...]:
        """The scalars of each part's native update."""
        return tuple(part.hyper() for part in self.parts)

    @property
    def variables(self) -> list[Variable]:
        """The number of steps, then all that changes of each part, as live views."""
        return [self._iteration, *(v for part in self.parts for v in part.variables)]

    def apply(self, grads: Iterable[Any], trainable_variables: Iterable[Any] | None = None) -> None:
        """Does one step: each part on its weights; see `Optimizer.apply`.

        Args:
            grads: A gradient for each weight.
            trainable_variables: The weights; `None`: those of `build`.
        """
        gradients = list(grads)
        targets = self._trainable_variables if trainable_variables is None else trainable_variables
        targets = list(targets)
        where = f"{type(self).__name__}.apply"
        if len(gradients) != len(targets):
            expected = f"{len(targets)} gradients, one for each weight"
            raise bad_argument(where, expected, "len(grads)", len(gradients))
        for gradient, variable in zip(gradients, targets, strict=True):
            if gradient is not None and np.shape(gradient) != variable.shape:
                expected = f"a gradient of shape {variable.shape} for '{variable.path}'"
                raise bad_argument(where, expected, "shape", np.shape(gradient))
        self.ensure_built(targets)
        step = self.steps
        for number, part in enumerate(self.parts):
            pairs = zip(gradients, targets, strict=True)
            own = [(g, v) for g, v in pairs if self._place[v] == number and g is not None]
            if own:
                self.steps = step
                part.apply([g for g, _ in own], [v for _, v in own])
        self.steps = step + 1

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """Writes the moving averages into weights, of parts that keep them."""
        for part, own in self.split(list(var_list)):
            part.finalize_variable_values(own)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {list(self.parts)}>"

"""Running a layer's `call` on symbolic tensors: phases, losses added in it, weights assigned in it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from fastmlp import _tree, graph, ops
from fastmlp.errors import warn_old_spelling
from fastmlp.graph import Tensor
from fastmlp.layers import eager
from fastmlp.layers.configured import Configured, parameters
from fastmlp.ops.states import assign_weights
from fastmlp.variables import InCall, recording


class Traced(Configured):
    """Base of `Layer`: what `call` computes, as a graph."""

    _added: list[Tensor] | None = None  # losses, while call runs

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """What the layer computes from symbolic tensors."""
        raise NotImplementedError(
            f"{type(self).__name__} '{self.name}': a layer needs a call(self, x) method."
        )

    def add_loss(self, loss: Any) -> None:
        """Adds to the loss that `fit` minimises; for use in `call`.

        Args:
            loss: A symbolic tensor, of which the elements are summed, or a list of them.

        Raises:
            RuntimeError: `call` is not running.
            TypeError: It is no symbolic tensor.

        Example:

        >>> from fastmlp import layers, ops
        >>> class Sparse(layers.Layer):
        ...     def call(self, x):
        ...         self.add_loss(0.01 * ops.mean(ops.abs(x)))
        ...         return x
        >>> Sparse()([[1.0, -2.0]])
        array([[ 1., -2.]], dtype=float32)
        """
        where = f"{type(self).__name__} '{self.name}': add_loss"
        if self._added is None:
            raise RuntimeError(f"{where} belongs into call(), which computes what it is made of")
        for value in loss if isinstance(loss, (list, tuple)) else [loss]:
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"{where}: expected a symbolic tensor. Received: {value!r}. "
                    "Hint: compute it from the inputs of call() with fastmlp.ops"
                )
            self._added.append(value)

    def add_update(self, updates: Any, inputs: Any = None) -> None:
        """Assigns to weights, as Keras 1 and 2 did; today `variable.assign(value)`.

        Args:
            updates: A pair of a weight and its new value, or a list of pairs.
            inputs: Accepted; what a value is made of is known.

        Raises:
            TypeError: `updates` are no pairs.
        """
        warn_old_spelling("add_update((variable, value))", "variable.assign(value)")
        for update in updates if isinstance(updates, list) else [updates]:
            if not isinstance(update, tuple) or len(update) != 2:
                raise TypeError(
                    f"{type(self).__name__} '{self.name}': add_update: expected (variable, value). "
                    f"Received: {update!r:.80}. Hint: write variable.assign(value)"
                )
            variable, value = update
            variable.assign(value)

    def _trace(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Runs `call`; twice if it asks whether the model trains, and nobody has told yet."""
        takes = self._call_takes()
        kwargs = dict(kwargs)
        training = kwargs.pop("training", None)
        if training is None:
            training = graph.current_training()
        if kwargs.get("mask", 0) is None and "mask" not in takes:
            del kwargs["mask"]

        def trace(phase: bool | None) -> Any:
            told = {"training": phase} if "training" in takes else {}
            outer, self._added = self._added, []
            before = recording.get() or {}
            token = recording.set(InCall(before))
            try:
                with graph.training_scope(phase):
                    outputs = self.call(*args, **kwargs, **told)
                return self._with_effects(outputs, before)
            finally:
                recording.reset(token)
                self._added = outer

        if training is not None or "training" not in takes:
            return trace(None if training is None else bool(training))
        train, infer = trace(True), trace(False)
        if not _tree.same_form(train, infer):
            raise ValueError(
                f"{type(self).__name__} '{self.name}': expected call to return one structure with "
                f"training=True and training=False. Received: {train!r} and {infer!r}"
            )
        both = zip(_tree.flatten(train), _tree.flatten(infer), strict=True)
        return _tree.pack(train, [a if a is b else graph.phase(a, b) for a, b in both])

    def _with_effects(self, outputs: Any, before: Mapping[Any, Any]) -> Any:
        """The outputs; whoever computes one has the added losses, and assigns what `call` assigned."""
        outputs = eager.weights_as_tensors(outputs)
        assigned = {v: x for v, x in (recording.get() or {}).items() if before.get(v) is not x}
        if self._added or assigned:
            self._check_outputs(outputs)
        for value in self._added or ():
            key = object()
            outputs = _tree.apply(functools.partial(ops.penalty, value=value, key=key), outputs)
        if assigned:
            key = object()
            outputs = _tree.apply(lambda y: assign_weights(y, assigned, key), outputs)
        return outputs

    def _call_takes(self) -> tuple[str, ...]:
        """Names of the arguments of `call`."""
        return parameters(type(self).call)

    def _check_outputs(self, outputs: Any) -> Any:
        found = _tree.flatten(outputs)
        wrong = [leaf for leaf in found if not isinstance(leaf, Tensor)]
        if wrong or not found:
            raise TypeError(
                f"{type(self).__name__} '{self.name}': expected call to return tensors. "
                f"Received: {(wrong[0] if wrong else outputs)!r}. Hint: call gets symbolic tensors; "
                "compute with fastmlp.ops, and return the result"
            )
        return outputs

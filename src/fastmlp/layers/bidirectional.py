"""Bidirectional: a recurrent layer on a sequence and on its reverse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

from fastmlp import ops
from fastmlp.errors import bad_argument
from fastmlp.graph import Tensor
from fastmlp.layers.base import Layer
from fastmlp.layers.phase import may_be_told

_MERGE: dict[str | None, Callable[[Tensor, Tensor], Any]] = {
    "concat": lambda a, b: ops.concatenate([a, b], axis=-1),
    "sum": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "ave": lambda a, b: (a + b) * 0.5,
    None: lambda a, b: (a, b),
}
_EQUAL = ("stateful", "return_sequences", "return_state")


class Bidirectional(Layer):
    """Runs a recurrent layer forwards and a second one backwards over time, and merges the outputs.

    `y = merge(forward(x), reverse(backward(reverse(x))))`, reversed along the steps.

    Args:
        layer: `LSTM`, `GRU`, `SimpleRNN` or `RNN`; layers like it are made anew from its config.
        merge_mode: How the outputs are merged: `'concat'`, `'sum'`, `'mul'`, `'ave'` (the mean), or
            `None`: a tuple of both.
        weights: Values that the weights start from, those of the forward layer first.
        backward_layer: The layer that runs backwards, with `go_backwards=True`; default: one like
            `layer`.
        **kwargs: `name`, `dtype`, `trainable`, `activity_regularizer`, `input_shape`.

    Call arguments:
        sequences: `(batch, steps, features)`.
        initial_state: List of states before the first step: those of the forward layer, then those of
            the backward layer.
        mask: `(batch, steps)`: steps at which it is 0 do not count; in sequences of outputs they are
            zeros.

    Input shape:
        `(batch, steps, features)`

    Output shape:
        With `'concat'` `(batch, 2 · units)`, with the other modes `(batch, units)`; with
        `return_sequences` `(batch, steps, …)`, both layers' outputs in the order of time; with
        `return_state` a tuple, the last states of the forward and of the backward layer behind it.

    Raises:
        ValueError: An argument is not as described, or the two layers do not suit each other.

    Example:

    >>> import numpy as np
    >>> from fastmlp import layers
    >>> layer = Bidirectional(layers.GRU(4, return_sequences=True))
    >>> layer(np.ones((2, 5, 3))).shape
    (2, 5, 8)

    Source: Schuster and Paliwal, "Bidirectional recurrent neural networks", 1997.
    """

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        if merge_mode not in _MERGE:
            expected = "merge_mode to be one of 'concat', 'sum', 'mul', 'ave', None"
            raise bad_argument("Bidirectional", expected, "merge_mode", merge_mode)
        _check_recurrent("layer", layer)
        if backward_layer is not None:
            _check_recurrent("backward_layer", backward_layer)
        super().__init__(**kwargs)
        self.merge_mode = merge_mode
        self.forward_layer = _again(layer, "forward_")
        if backward_layer is None:
            backward_layer = _again(layer, "backward_", go_backwards=True)
        self.backward_layer = backward_layer
        self._check_pair()
        for one in (self.forward_layer, self.backward_layer):
            if hasattr(one, "zero_output_for_mask"):
                one.zero_output_for_mask = one.return_sequences
        self.return_sequences = bool(layer.return_sequences)
        self.return_state = bool(layer.return_state)
        self.stateful = bool(getattr(layer, "stateful", False))
        self._first_weights = weights

    def _check_pair(self) -> None:
        where = f"Bidirectional '{self.name}'"
        pair = self.forward_layer, self.backward_layer
        if pair[0].go_backwards == pair[1].go_backwards:
            expected = "layers of which one has go_backwards=True"
            raise bad_argument(where, expected, "go_backwards", [one.go_backwards for one in pair])
        for name in _EQUAL:
            found = [getattr(one, name, False) for one in pair]
            if found[0] != found[1]:
                raise bad_argument(where, f"layers with the same {name}", name, found)

    def build(self, sequences_shape: Any, *_: Any) -> None:
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
                for variable in layer.weights:
                    variable.path = f"{self.name}/{variable.path}"

    @property
    def states(self) -> tuple[Any, ...] | None:
        """States that stateful layers keep between batches, those of the forward layer first."""
        kept = self.forward_layer.states, self.backward_layer.states
        return None if None in kept else (*kept[0], *kept[1])

    def reset_state(self) -> None:
        """Sets the states that stateful layers keep between batches to zeros.

        Raises:
            AttributeError: The layers are not stateful.
        """
        if not self.stateful:
            raise AttributeError(
                f"Bidirectional '{self.name}': expected a layer with stateful=True, which keeps states"
            )
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    def reset_states(self) -> None:
        """The same as `reset_state`."""
        self.reset_state()

    @may_be_told
    def call(self, sequences: Tensor, initial_state: Any = None, mask: Tensor | None = None) -> Any:
        states = self._halves(initial_state)
        found = []
        for layer, first in zip((self.forward_layer, self.backward_layer), states, strict=True):
            told = {} if first is None else {"initial_state": first}
            if mask is not None:
                told["mask"] = mask
            y = layer(sequences, **told)
            found.append((y[0], list(y[1:])) if self.return_state else (y, []))
        (y, last), (reverse, last_of_reverse) = found
        if self.return_sequences:
            reverse = ops.flip(reverse, axis=1)
        output = _MERGE[self.merge_mode](y, reverse)
        if not self.return_state:
            return output
        outputs = output if self.merge_mode is None else (output,)
        return (*outputs, *last, *last_of_reverse)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        mask = previous_mask[0] if isinstance(previous_mask, (list, tuple)) else previous_mask
        mask = mask if self.return_sequences else None
        return (mask, mask) if self.merge_mode is None else mask

    def _halves(self, states: Any) -> tuple[Any, Any]:
        if states is None:
            return None, None
        if not isinstance(states, (list, tuple)) or len(states) % 2:
            raise ValueError(
                f"Bidirectional '{self.name}': expected initial_state to be a list: the states of "
                f"the forward layer, then those of the backward layer. Received: {states!r}"
            )
        half = len(states) // 2
        return list(states[:half]), list(states[half:])

    def get_config(self) -> dict[str, Any]:
        from fastmlp.layers import lookup  # it imports this module

        return {
            **super().get_config(),
            "merge_mode": self.merge_mode,
            "layer": lookup.serialize(self.forward_layer),
            "backward_layer": lookup.serialize(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        from fastmlp.layers import lookup

        made = {
            name: lookup.deserialize(config[name])
            for name in ("layer", "backward_layer")
            if config.get(name) is not None
        }
        return super().from_config({**config, **made})


def _check_recurrent(name: str, layer: Any) -> None:
    needed = ("go_backwards", "return_sequences", "return_state")
    if not isinstance(layer, Layer) or not all(hasattr(layer, a) for a in needed):
        hint = "give LSTM(4), GRU(4), SimpleRNN(4) or RNN(cell)"
        raise bad_argument("Bidirectional", "a recurrent layer", name, layer, hint)


def _again(layer: Any, prefix: str, **changes: Any) -> Any:
    """A layer like this one, of a name with the prefix, with weights of its own."""
    return layer._again(**changes, name=prefix + layer.name.removeprefix(prefix))

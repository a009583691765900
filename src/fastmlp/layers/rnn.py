"""RNN: a cell, run over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from fastmlp import _tree, graph, ops
from fastmlp._spelling import give_names
from fastmlp.graph import Tensor
from fastmlp.layers import over_time
from fastmlp.layers.base import Layer
from fastmlp.layers.holder import set_values
from fastmlp.layers.stacked_rnn_cells import StackedRNNCells, check_cell, output_size
from fastmlp.ops.states import read_state, write_states
from fastmlp.registry import overridden
from fastmlp.variables import Variable, first_value


class RNN(Layer):
    """Runs a cell over the time steps of its input: `output_t, states = cell(input_t, states)`.

    Cells of this library run in a native loop, also when they are stacked. Any other cell becomes ops
    of each time step.

    A cell of your own has an attribute `state_size`, the size of its state or a list of sizes; perhaps
    `output_size` (default: the size of its first state) and `get_initial_state(batch_size)` (default:
    zeros); and `call(inputs, states)`, which takes the inputs of one step `(batch, features)` and a
    list of states, and returns the output of the step and the list of states after it.

    Args:
        cell: A cell, or a list of cells, each of which reads the outputs of the one before it.
        return_sequences: Whether to return the output of each step, not of the last one alone.
        return_state: Whether to return the last states, too.
        go_backwards: Whether to begin with the last step; outputs are in the order of computation.
        stateful: Whether a batch begins with the states that the batch before has left: the sample at
            one place of a batch goes on where the sample at that place of the batch before ended, in
            `fit` (with `shuffle=False`), `evaluate` and `predict` alike. Then all batches have the same
            number of samples, which the `Input` tells: `Input((steps, features), batch_size=32)`.
            `reset_state()` of the layer, or `reset_states()` of the model, sets them to zeros.
        unroll: Accepted; makes no difference.
        zero_output_for_mask: Whether outputs of masked steps are zeros, not those of the step before.
        **kwargs: `name`, `dtype`, `trainable`, `activity_regularizer`, `input_shape`.

    Call arguments:
        sequences: `(batch, steps, features)`.
        initial_state: States before the first step: a tensor, or a list of them. Default: those of
            the cell's `get_initial_state`.
        mask: `(batch, steps)`: where it is 0, states and outputs stay as they are.
        training: For cells whose `call` takes it.

    Input shape:
        `(batch, steps, features)`

    Output shape:
        `(batch, output_size)`; with `return_sequences` `(batch, steps, output_size)`; with
        `return_state` a tuple, the last states behind it.

    Raises:
        ValueError: An argument is not as described, or the number of features is not known.

    Example:

    >>> import numpy as np
    >>> from fastmlp import layers, ops
    >>> class Leaky(layers.Layer):  # a cell: h = tanh(x · kernel + 0.9 · h)
    ...     def __init__(self, units, **kwargs):
    ...         super().__init__(**kwargs)
    ...         self.units = self.state_size = units
    ...
    ...     def build(self, input_shape):
    ...         self.kernel = self.add_weight((input_shape[-1], self.units), name="kernel")
    ...
    ...     def call(self, inputs, states):
    ...         h = ops.tanh(ops.matmul(inputs, self.kernel) + 0.9 * states[0])
    ...         return h, [h]
    >>> layer = layers.RNN([layers.LSTMCell(4), Leaky(2)], return_sequences=True)
    >>> layer(np.ones((8, 5, 3))).shape
    (8, 5, 2)

    Source: Elman, "Finding structure in time", 1990.
    """

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        check_cell("RNN", cell)
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences = bool(return_sequences)
        self.return_state = bool(return_state)
        self.go_backwards = bool(go_backwards)
        self.stateful = bool(stateful)
        self.states: list[Any] | None = None
        self.unroll = bool(unroll)
        self.zero_output_for_mask = bool(zero_output_for_mask)

    def _where(self) -> str:
        return f"{type(self).__name__} '{self.name}'"

    @property
    def state_size(self) -> list[Any]:
        """Sizes of the cell's states."""
        size = self.cell.state_size
        return list(size) if isinstance(size, (list, tuple)) else [size]

    def build(self, sequences_shape: Any, *_: Any) -> None:
        shape = self._check_shape(sequences_shape)
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((None, *shape[2:]))
            for variable in self.cell.weights:
                variable.path = f"{self.name}/{variable.path}"

    def _check_shape(self, sequences_shape: Any) -> tuple[Any, ...]:
        shape = tuple(sequences_shape)
        if len(shape) < 3 or None in shape[2:]:
            hint = ""
            if len(shape) == 2:
                hint = (
                    ". Hint: a recurrent layer before it needs return_sequences=True; of an array, "
                    "x[..., None] makes one feature of each number"
                )
            raise ValueError(
                f"{self._where()}: expected inputs (batch, steps, features). "
                f"Received: shape={shape}{hint}"
            )
        return shape

    def _check_mask(self, mask: Any, steps: Any) -> Tensor | None:
        """A mask of steps; one of features counts a step if it counts any of them."""
        if mask is None:
            return None
        if isinstance(mask, Tensor) and mask.ndim == 3 and mask.shape[1] == steps:
            mask = ops.any(mask, axis=-1)
        if not (isinstance(mask, Tensor) and mask.per_sample and mask.shape[1:] == (steps,)):
            hint = "" if isinstance(mask, Tensor) else ". Hint: np.array(mask)"
            raise ValueError(
                f"{self._where()}: expected a mask of shape (batch, {steps}). "
                f"Received: {getattr(mask, 'shape', mask)}{hint}"
            )
        return mask

    def _build_once(self, args: tuple[Any, ...], kwargs: Any = None) -> None:
        super()._build_once(args, kwargs)
        if self.stateful and self.states is None:
            rows = graph.batch_size(args[0])
            if rows is None:
                raise ValueError(
                    f"{self._where()}: expected inputs of a known batch size, since stateful=True keeps "
                    "states of its samples. Received: an input without. Hint: begin with "
                    "Input((steps, features), batch_size=32)"
                )
            self._make_states(rows)

    def compute_output_shape(self, sequences_shape: Any, *_: Any) -> Any:
        """Shapes of the output, and with `return_state` of the states, for inputs of this shape."""
        batch, steps = sequences_shape[:2]
        size = output_size(self.cell)
        shape = (batch, steps, size) if self.return_sequences else (batch, size)
        if not self.return_state:
            return shape
        return (shape, *_tree.apply(lambda n: (batch, n), self.state_size))

    def _make_states(self, rows: int) -> None:
        """Makes the states of so many samples; they are no weights of the layer."""

        def state(value: Any) -> Variable:
            shape = (rows, *np.shape(value)[1:])
            first_value(shape, self.dtype, np.zeros)  # of a file: whether it holds such states
            value = value.value if isinstance(value, Variable) else value
            start = np.broadcast_to(0.0 if isinstance(value, Tensor) else value, shape)
            return Variable.apart(start, self.dtype, f"{self.name}/rnn_state")

        self.states = _tree.apply(state, self.get_initial_state(1))

    def reset_state(self, states: Any = None) -> None:
        """Sets the states that a stateful layer keeps between batches.

        Args:
            states: Arrays `(batch, size)`: one, or a list of them; `None`: zeros.

        Raises:
            ValueError: They do not fit; nothing has changed then.
        """
        known = _tree.flatten(self.states)
        given = [np.zeros(v.shape) for v in known] if states is None else _tree.flatten(states)
        shapes = [np.shape(value) for value in given]
        if shapes != [v.shape for v in known]:
            raise ValueError(
                f"{self._where()}: expected states of shapes {[v.shape for v in known]}. "
                f"Received: {shapes}"
            )
        set_values(self._where(), known, given)

    def reset_states(self, states: Any = None) -> None:
        """The same as `reset_state`."""
        self.reset_state(states)

    def unbuild(self) -> None:
        super().unbuild()
        self.states = None

    def call(
        self,
        sequences: Tensor,
        initial_state: Any = None,
        mask: Tensor | None = None,
        training: bool | None = None,
    ) -> Any:
        self._check_shape(sequences.shape)
        mask = self._check_mask(mask, sequences.shape[1])
        first = self._first_states(initial_state)
        if self.go_backwards:
            sequences = ops.flip(sequences, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
        if first is None and self.stateful:
            first = _tree.apply(read_state, self.states)
        outputs, output, last = over_time.run(self.cell, sequences, first, mask, training)
        if self.return_sequences:
            output = outputs
        if self.zero_output_for_mask and mask is not None:
            output = over_time.where(mask if self.return_sequences else mask[:, -1], output, 0.0)
        if self.stateful:
            output, last = self._with_states_written(output, last)
        return (output, *last) if self.return_state else output

    def _with_states_written(self, output: Tensor, last: list[Any]) -> tuple[Tensor, list[Any]]:
        """The same tensors; whoever computes one of them leaves the last states to the next batch."""
        states, values = _tree.flatten(self.states), _tree.flatten(last)
        written = _tree.apply(lambda y: write_states(y, states, values), [output, last])
        return written[0], written[1]

    def _call_takes(self) -> tuple[str, ...]:
        """Without `training` if the cell does not ask for it: then one graph serves both."""
        names = super()._call_takes()
        return (
            names
            if over_time.takes_training(self.cell)
            else tuple(n for n in names if n != "training")
        )

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        mask = previous_mask[0] if isinstance(previous_mask, (list, tuple)) else previous_mask
        mask = mask if self.return_sequences else None
        return [mask, *[None] * len(self.state_size)] if self.return_state else mask

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """The states before the first step, as the cell has them."""
        known = batch_size is not None or graph.is_tracing()
        return over_time.initial_states(self.cell, batch_size if known else 1)

    def _first_states(self, given: Any) -> list[Any] | None:
        """What was given, in the form of the cell's states; `None`: zeros of built-in cells."""
        form = self.get_initial_state(1)
        if given is None:
            if self.stateful:
                return None
            known = over_time.has_zero_states(self.cell)
            known = known and not overridden(self, "get_initial_state")
            return None if known else over_time.for_each_sample(self._where(), form, self.dtype)
        found = [self._of_each_sample(state) for state in _tree.flatten(given)]
        expected = [(None, *np.shape(leaf)[1:]) for leaf in _tree.flatten(form)]
        of_samples = [
            isinstance(s, Tensor) and s.per_sample and (None, *s.shape[1:]) for s in found
        ]
        if of_samples != expected:
            shapes = [f"(batch, {', '.join(map(str, s[1:]))})" for s in expected]
            same = len(set(shapes)) == 1
            told = f"of shape {shapes[0]}" if same else f"of shapes {', '.join(shapes)}"
            raise ValueError(
                f"{self._where()}: expected {len(expected)} state{'s' * (len(expected) > 1)} {told}. "
                f"Received: {[getattr(s, 'shape', s) for s in found]}. "
                "Hint: ops.shape(x)[0] is the number of samples of inputs x"
            )
        packed: list[Any] = _tree.pack(form, found)
        return packed

    def _of_each_sample(self, state: Any) -> Any:
        """Numbers that are the same in all rows, as `ops.zeros((batch, size))`, for any number of samples."""
        if isinstance(state, np.ndarray) and state.ndim > 1 and (state == state[:1]).all():
            return over_time.for_each_sample(self._where(), [state[:1]], self.dtype)[0]
        return state

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        for name in (
            "return_sequences", "return_state", "go_backwards", "stateful", "unroll",
            "zero_output_for_mask",
        ):  # fmt: skip
            config[name] = getattr(self, name)
        from fastmlp.layers import lookup  # it imports this module

        return {**config, "cell": lookup.serialize(self.cell)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        from fastmlp.layers import lookup

        if "cell" in config:
            config = {**config, "cell": lookup.deserialize(config["cell"])}
        return super().from_config(config)


give_names(__name__)  # Keras's recurrent layers are all in a package of this name

"""Recurrent layers: SimpleRNN, GRU and LSTM."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp import activations, constraints, graph, initializers, ops, regularizers
from fastmlp._spelling import accepts_old
from fastmlp.errors import bad_argument, check_int, check_number
from fastmlp.graph import Tensor
from fastmlp.layers.base import Layer
from fastmlp.ops.recurrent import ACTIVATIONS, GATES, recurrent
from fastmlp.variables import Variable


class Recurrent(Layer):
    """Base of recurrent layers; see `LSTM` for the arguments.

    With built-in activations a native op runs the loop over time. Where it cannot, as with a
    recurrent dropout, the loop becomes ops of each step, which run natively too, but slower.
    """

    kind = ""

    @accepts_old
    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        where = f"{type(self).__name__} '{self.name}'"
        self.units = check_int(where, "units", units, 1)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout = check_number(where, "dropout", dropout, 0, 1)
        self.recurrent_dropout = check_number(where, "recurrent_dropout", recurrent_dropout, 0, 1)
        self.return_sequences = bool(return_sequences)
        self.return_state = bool(return_state)
        self.go_backwards = bool(go_backwards)
        if stateful:
            hint = "give the last state to the next call: layer(x, initial_state=…)"
            raise bad_argument(where, "stateful=False", "stateful", stateful, hint)
        self.stateful = False
        self.unroll = bool(unroll)
        self.seed = None if seed is None else check_int(where, "seed", seed)

    def build(self, sequence_shape: Any, *_: Any) -> None:
        shape = sequence_shape
        if len(shape) != 3 or None in shape[1:]:
            raise ValueError(
                f"{type(self).__name__} '{self.name}': expected inputs (batch, steps, features). "
                f"Received: shape={shape}"
            )
        width = GATES[self.kind] * self.units
        self._kernel = self.add_weight(
            (shape[2], width), self.kernel_initializer, regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint, name="kernel",
        )  # fmt: skip
        self._recurrent_kernel = self.add_weight(
            (self.units, width), self.recurrent_initializer,
            regularizer=self.recurrent_regularizer, constraint=self.recurrent_constraint,
            name="recurrent_kernel",
        )  # fmt: skip
        self._bias: Variable | None = None
        if self.use_bias:
            self._bias = self.add_weight(
                self._bias_shape(width), self._first_bias, regularizer=self.bias_regularizer,
                constraint=self.bias_constraint, name="bias",
            )  # fmt: skip

    def _bias_shape(self, width: int) -> tuple[int, ...]:
        return (width,)

    def _first_bias(self, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        return np.asarray(self.bias_initializer(shape, dtype=dtype))

    def call(self, sequence: Tensor, initial_state: Any = None, mask: Tensor | None = None) -> Any:
        if self.go_backwards:
            sequence = ops.flip(sequence, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
        states = self._given_states(initial_state)
        if self.dropout:
            one_step = (None, 1, sequence.shape[2])
            sequence = ops.dropout(sequence, self.dropout, self._stream(0), one_step)
        x = self._products(sequence)
        found = self._natively(x, states, mask) if self._is_native() else None
        y, last = self._by_steps(x, states, mask) if found is None else found
        if not self.return_sequences:
            y = last[0]
        return [y, *last] if self.return_state else y

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        mask = previous_mask[0] if isinstance(previous_mask, (list, tuple)) else previous_mask
        mask = mask if self.return_sequences else None
        return [mask, *[None] * (2 if self.kind == "lstm" else 1)] if self.return_state else mask

    def _given_states(self, given: Any) -> list[Tensor] | None:
        if given is None:
            return None
        states = list(given) if isinstance(given, (list, tuple)) else [given]
        n = 2 if self.kind == "lstm" else 1
        if len(states) != n or any(s.shape != (None, self.units) for s in states):
            expected = f"{n} state{'s' * (n > 1)} of shape (batch, {self.units})"
            raise ValueError(
                f"{type(self).__name__} '{self.name}': expected {expected}. "
                f"Received: {[s.shape for s in states]}"
            )
        return states

    def _stream(self, number: int) -> int | None:
        return None if self.seed is None else (self.seed + number) % 2**31

    def _products(self, sequence: Tensor) -> Tensor:
        """Inputs and kernel of all steps, multiplied at once: (batch, steps, gates · units)."""
        return ops.dense(sequence, self._kernel, self._bias)

    def _used_activations(self) -> list[Any]:
        return [self.activation]

    def _is_native(self) -> bool:
        names = [getattr(f, "__name__", "") for f in self._used_activations()]
        own = [name in ACTIVATIONS and getattr(activations, name) is f
               for name, f in zip(names, self._used_activations(), strict=True)]  # fmt: skip
        return all(own) and not self.recurrent_dropout

    def _natively(
        self, x: Tensor, states: list[Tensor] | None, mask: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        first = [None, None] if states is None else [*states, None][:2]
        names = [f.__name__ for f in self._used_activations()]
        b = self._recurrent_bias()
        hc = recurrent(
            x, self._recurrent_kernel, self.kind, names[0], names[-1], b, first[0], first[1], mask
        )
        steps = int(x.shape[1] or 0)
        n = int(hc.shape[1] or 0)
        return hc[:, 0, 1:], [hc[:, i, steps] for i in range(n)]

    def _recurrent_bias(self) -> Tensor | None:
        return None

    def _by_steps(
        self, x: Tensor, states: list[Tensor] | None, mask: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        n = 2 if self.kind == "lstm" else 1
        current = states or [ops.zeros_like(x[:, 0, : self.units]) for _ in range(n)]
        drop = None
        if self.recurrent_dropout:
            ones = ops.ones_like(current[0])
            drop = ops.dropout(ones, self.recurrent_dropout, self._stream(1), None)
        outputs = []
        for t in range(int(x.shape[1] or 0)):
            h = current[0] if drop is None else current[0] * drop
            new = self._step(x[:, t], h, current)
            if mask is not None:
                on = ops.expand_dims(mask[:, t], -1)
                new = [ops.where(on, a, b) for a, b in zip(new, current, strict=True)]
            current = new
            outputs.append(current[0])
        return ops.stack(outputs, axis=1), current

    def _step(self, x: Tensor, h: Tensor, states: list[Tensor]) -> list[Tensor]:
        """The states after a step; `h` is the first of those before, for the recurrent product."""
        raise NotImplementedError

    def _split(self, x: Tensor) -> list[Tensor]:
        return [x[:, i * self.units : (i + 1) * self.units] for i in range(GATES[self.kind])]

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "activation": activations.serialize(self.activation)}
        for name in ("kernel", "recurrent", "bias"):
            for what, module in (("initializer", initializers), ("regularizer", regularizers)):
                config[f"{name}_{what}"] = module.serialize(getattr(self, f"{name}_{what}"))
            limit = getattr(self, f"{name}_constraint")
            config[f"{name}_constraint"] = constraints.serialize(limit)
        config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        names = (
            "units use_bias dropout recurrent_dropout return_sequences return_state go_backwards"
        )
        for name in (*names.split(), "stateful", "unroll", "seed"):
            config[name] = getattr(self, name)
        return config


class SimpleRNN(Recurrent):
    """A fully connected recurrent layer: `h = activation(x · kernel + h · recurrent_kernel + bias)`.

    Args: as those of `LSTM`, without those of gates.

    Input shape:
        `(batch, steps, features)`

    Output shape:
        `(batch, units)`; with `return_sequences` `(batch, steps, units)`; with `return_state` a list,
        the last state behind it.

    Example:

    >>> import numpy as np
    >>> SimpleRNN(4)(np.ones((2, 5, 3))).shape
    (2, 4)
    """

    kind = "simple"

    def _step(self, x: Tensor, h: Tensor, states: list[Tensor]) -> list[Tensor]:
        return [self.activation(x + ops.matmul(h, self._recurrent_kernel))]


class LSTM(Recurrent):
    """Long short-term memory.

    `i, f, c, o` are the gates' parts of `x · kernel + h · recurrent_kernel + bias`, in this order:
    `c = σ(f) · c + σ(i) · activation(c')`, `h = σ(o) · activation(c)`.

    Args:
        units: Number of outputs.
        activation: Of candidate and output.
        recurrent_activation: Of the gates, σ.
        use_bias: Whether there is a bias.
        kernel_initializer: First value of the kernel `(features, 4 · units)`.
        recurrent_initializer: Of the recurrent kernel `(units, 4 · units)`.
        bias_initializer: Of the bias `(4 · units)`.
        unit_forget_bias: Whether the forget gate's bias begins at 1.
        kernel_regularizer: Penalty on the kernel.
        recurrent_regularizer: Penalty on the recurrent kernel.
        bias_regularizer: Penalty on the bias.
        activity_regularizer: Penalty on the outputs.
        kernel_constraint: Projection of the kernel after each update.
        recurrent_constraint: Projection of the recurrent kernel.
        bias_constraint: Projection of the bias.
        dropout: Share of inputs dropped in training, the same in all steps.
        recurrent_dropout: Share of the state dropped in training, the same in all steps.
        seed: Of dropout.
        return_sequences: Whether to return the output of each step, not of the last one alone.
        return_state: Whether to return the last states, too.
        go_backwards: Whether to begin with the last step.
        stateful: Must be `False`.
        unroll: Accepted; the loop over time is native.
        use_cudnn: Accepted.
        **kwargs: `name`, `dtype`, `trainable`, `input_shape`.

    Input shape:
        `(batch, steps, features)`

    Output shape:
        `(batch, units)`; with `return_sequences` `(batch, steps, units)`; with `return_state` a list,
        the last `h` and `c` behind it.

    Raises:
        ValueError: An argument is not as described.

    Example:

    >>> import numpy as np
    >>> y, h, c = LSTM(4, return_sequences=True, return_state=True)(np.ones((2, 5, 3)))
    >>> y.shape, h.shape, c.shape, bool((y[:, -1] == h).all())
    ((2, 5, 4), (2, 4), (2, 4), True)

    Source: Hochreiter and Schmidhuber, "Long short-term memory", 1997; with the forget gate of Gers
    et al., 2000.
    """

    kind = "lstm"

    @accepts_old
    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        *,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units, activation, use_bias, kernel_initializer, recurrent_initializer,
            bias_initializer, **kwargs,
        )  # fmt: skip
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = bool(unit_forget_bias)

    def _first_bias(self, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        bias = np.array(super()._first_bias(shape, dtype))
        if self.unit_forget_bias:
            bias[self.units : 2 * self.units] = 1
        return bias

    def _used_activations(self) -> list[Any]:
        return [self.activation, self.recurrent_activation]

    def _step(self, x: Tensor, h: Tensor, states: list[Tensor]) -> list[Tensor]:
        gate = self.recurrent_activation
        i, f, candidate, o = self._split(x + ops.matmul(h, self._recurrent_kernel))
        c = gate(f) * states[1] + gate(i) * self.activation(candidate)
        return [gate(o) * self.activation(c), c]

    def get_config(self) -> dict[str, Any]:
        gate = activations.serialize(self.recurrent_activation)
        own = {"recurrent_activation": gate, "unit_forget_bias": self.unit_forget_bias}
        return {**super().get_config(), **own}


class GRU(Recurrent):
    """Gated recurrent unit.

    `z` and `r` are gates: `h = z · h + (1 - z) · h'`, where the candidate `h'` is
    `activation(x · kernel + r · (h · recurrent_kernel + bias[1]))`; with `reset_after=False` it is
    `activation(x · kernel + (r · h) · recurrent_kernel + bias)`.

    Args: as those of `LSTM`, and

        reset_after: Whether the reset gate `r` multiplies after the recurrent product; the bias then is
            `(2, 3 · units)`. `False` runs as ops of each step.

    Input shape:
        `(batch, steps, features)`

    Output shape:
        `(batch, units)`; with `return_sequences` `(batch, steps, units)`; with `return_state` a list,
        the last state behind it.

    Example:

    >>> import numpy as np
    >>> GRU(4, return_sequences=True)(np.ones((2, 5, 3))).shape
    (2, 5, 4)

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014.
    """

    kind = "gru"

    @accepts_old
    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        *args: Any,
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(units, activation, use_bias, *args, **kwargs)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = bool(reset_after)

    def _bias_shape(self, width: int) -> tuple[int, ...]:
        return (2, width) if self.reset_after else (width,)

    def _products(self, sequence: Tensor) -> Tensor:
        if self._bias is None or not self.reset_after:
            return super()._products(sequence)
        x: Tensor = ops.dense(sequence, self._kernel) + graph.weight_tensor(self._bias)[0]
        return x

    def _recurrent_bias(self) -> Tensor:
        if self._bias is None:
            return graph.constant_tensor(np.zeros(3 * self.units), self.dtype)
        b: Tensor = graph.weight_tensor(self._bias)[1]
        return b

    def _used_activations(self) -> list[Any]:
        return [self.activation, self.recurrent_activation]

    def _is_native(self) -> bool:
        return self.reset_after and super()._is_native()

    def _step(self, x: Tensor, h: Tensor, states: list[Tensor]) -> list[Tensor]:
        gate, u = self.recurrent_activation, self.units
        xz, xr, xh = self._split(x)
        if self.reset_after:
            iz, ir, ih = self._split(ops.matmul(h, self._recurrent_kernel) + self._recurrent_bias())
            z, candidate = gate(xz + iz), self.activation(xh + gate(xr + ir) * ih)
        else:
            kernel = graph.weight_tensor(self._recurrent_kernel)
            iz, ir = (ops.matmul(h, kernel[:, i * u : (i + 1) * u]) for i in range(2))
            z = gate(xz + iz)
            inner = ops.matmul(gate(xr + ir) * h, kernel[:, 2 * u :])
            candidate = self.activation(xh + inner)
        return [z * states[0] + (1 - z) * candidate]

    def get_config(self) -> dict[str, Any]:
        gate = activations.serialize(self.recurrent_activation)
        own = {"recurrent_activation": gate, "reset_after": self.reset_after}
        return {**super().get_config(), **own}

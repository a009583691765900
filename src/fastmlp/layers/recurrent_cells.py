"""Cells: what SimpleRNN, GRU and LSTM compute at a step of time, and over all steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp import activations, constraints, graph, initializers, ops, regularizers
from fastmlp.errors import check_int, check_number
from fastmlp.graph import Tensor
from fastmlp.layers.activation import ActivationAttribute
from fastmlp.layers.base import Layer
from fastmlp.layers.phase import may_be_told
from fastmlp.ops.recurrent import ACTIVATIONS, GATES, recurrent
from fastmlp.ops.spec import for_each_sample
from fastmlp.variables import Variable


def zeros_of(batch_size: int | None, units: int, dtype: str) -> Any:
    """A first state `(batch_size, units)`; of `None`, within `call`, one for each of its samples, else 1."""
    if batch_size is None and graph.is_tracing():
        return for_each_sample("zeros", np.zeros(units), dtype)
    return np.zeros((batch_size or 1, units), dtype)


class RecurrentCell(Layer):
    """Base of the cells; see `LSTMCell` for the arguments.

    With built-in activations a native op runs the loop over time. Where it cannot, as with a
    recurrent dropout, the loop becomes ops of each step, which run natively too, but slower.
    """

    kind = ""
    activation = ActivationAttribute()
    kernel: Variable
    recurrent_kernel: Variable
    bias: Variable | None = None

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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        by_gate = kwargs.pop("implementation", None) == 1
        super().__init__(**kwargs)
        where = f"{type(self).__name__} '{self.name}'"
        self.units = check_int(where, "units", units, 1)
        self.activation = activation
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
        self.seed = None if seed is None else check_int(where, "seed", seed)
        # As in Keras, then each gate has its own dropout of inputs and of states.
        self._n_drops = GATES[self.kind] if by_gate or self.recurrent_dropout else 1

    @property
    def state_size(self) -> Any:
        """Elements of the state of one sample; a list of them for several states."""
        return self.units

    @property
    def output_size(self) -> int:
        """Elements of the output of one sample."""
        return self.units

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """The states before the first step: zeros. `None`, within `call`, is the number of its samples."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [zeros_of(batch_size, n, self.dtype) for n in sizes]

    def build(self, input_shape: Any) -> None:
        width = GATES[self.kind] * self.units
        self.kernel = self.add_weight(
            (input_shape[-1], width), self.kernel_initializer, regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint, name="kernel",
        )  # fmt: skip
        self.recurrent_kernel = self.add_weight(
            (self.units, width), self.recurrent_initializer,
            regularizer=self.recurrent_regularizer, constraint=self.recurrent_constraint,
            name="recurrent_kernel",
        )  # fmt: skip
        if self.use_bias:
            self.bias = self.add_weight(
                self._bias_shape(width), self._first_bias, regularizer=self.bias_regularizer,
                constraint=self.bias_constraint, name="bias",
            )  # fmt: skip

    def _bias_shape(self, width: int) -> tuple[int, ...]:
        return (width,)

    def _first_bias(self, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        return np.asarray(self.bias_initializer(shape, dtype=dtype))

    # One step.

    @may_be_told
    def call(self, inputs: Tensor, states: Any) -> Any:
        """The output `(batch, units)` of one step, and the states after it."""
        several = isinstance(states, (list, tuple))
        before = list(states) if several else [states]
        n = 2 if self.kind == "lstm" else 1
        shapes = [getattr(state, "shape", state) for state in before]
        if [tuple(shape)[1:] if isinstance(shape, tuple) else None for shape in shapes] != [
            (self.units,)
        ] * n:
            raise ValueError(
                f"{type(self).__name__} '{self.name}': expected states of shapes "
                f"{[('batch', self.units)] * n}. Received: {shapes}"
            )
        after = self._step(self._products(inputs), self._dropped(before[0]), before)
        return after[0], after if several else after[0]

    def _step(self, x: Tensor, hs: list[Tensor], states: list[Tensor]) -> list[Tensor]:
        """The states after a step.

        Args:
            x: Products of inputs and kernel.
            hs: The first of the states before, for the recurrent product: one, or one for each gate.
            states: The states before.
        """
        raise NotImplementedError

    def _inner(self, hs: list[Tensor]) -> Tensor:
        """The recurrent product (batch, gates · units)."""
        return self._by_gate(hs, self.recurrent_kernel)

    def _by_gate(self, xs: list[Tensor], w: Variable) -> Tensor:
        """`x · w`; if there are several x, one for each gate's part of w."""
        y: Tensor
        if len(xs) == 1:
            y = ops.matmul(xs[0], w)
        else:
            kernel, u = graph.weight_tensor(w), self.units
            parts = [ops.matmul(x, kernel[:, i * u : (i + 1) * u]) for i, x in enumerate(xs)]
            y = ops.concatenate(parts, axis=-1)
        return y

    def _dropped(self, h: Tensor) -> list[Tensor]:
        """`h` after dropout, as often as gates have their own."""
        if not self.recurrent_dropout:
            return [h]
        streams = range(self._n_drops, 2 * self._n_drops)
        return [ops.dropout(h, self.recurrent_dropout, self._stream(i), None) for i in streams]

    def _split(self, x: Tensor) -> list[Tensor]:
        return [x[:, i * self.units : (i + 1) * self.units] for i in range(GATES[self.kind])]

    def _stream(self, number: int) -> int | None:
        return None if self.seed is None else (self.seed + number) % 2**31

    # All steps.

    def over_time(
        self, sequences: Tensor, states: list[Tensor] | None, mask: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        """Runs all steps.

        Args:
            sequences: `(batch, steps, features)`.
            states: Those before the first step; `None`: zeros.
            mask: `(batch, steps)`: at 0 the states stay as they are.

        Returns:
            The outputs `(batch, steps, units)` and the last states.
        """
        x = self._products(sequences)
        run = self._natively if self._is_native() else self._by_steps
        return run(x, states, mask)

    def _products(self, inputs: Tensor) -> Tensor:
        """Inputs and kernel of all steps, multiplied at once: (batch, steps, gates · units)."""
        if not self.dropout:
            return self._product([inputs])
        noise = (None, 1, inputs.shape[2]) if inputs.ndim == 3 else None
        streams = range(self._n_drops)
        return self._product(
            [ops.dropout(inputs, self.dropout, self._stream(i), noise) for i in streams]
        )

    def _product(self, xs: list[Tensor]) -> Tensor:
        """Inputs, one or one for each gate, and kernel, with the bias."""
        if len(xs) == 1:
            return ops.dense(xs[0], self.kernel, self.bias)
        y = self._by_gate(xs, self.kernel)
        return y if self.bias is None else y + self.bias

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
            x, self.recurrent_kernel, self.kind, names[0], names[-1], b, first[0], first[1], mask
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
        drops: list[Any] = []
        if self.recurrent_dropout:
            drops = self._dropped(ops.ones_like(current[0]))  # the same at all steps
        outputs = []
        for t in range(int(x.shape[1] or 0)):
            hs = [current[0] * drop for drop in drops] or [current[0]]
            new = self._step(x[:, t], hs, current)
            if mask is not None:
                on = ops.expand_dims(mask[:, t], -1)
                new = [ops.where(on, a, b) for a, b in zip(new, current, strict=True)]
            current = new
            outputs.append(current[0])
        return ops.stack(outputs, axis=1), current

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "units": self.units}
        config["activation"] = activations.serialize(self.activation)
        for name in ("kernel", "recurrent", "bias"):
            for what, module in (("initializer", initializers), ("regularizer", regularizers)):
                config[f"{name}_{what}"] = module.serialize(getattr(self, f"{name}_{what}"))
            limit = getattr(self, f"{name}_constraint")
            config[f"{name}_constraint"] = constraints.serialize(limit)
        for name in ("use_bias", "dropout", "recurrent_dropout", "seed"):
            config[name] = getattr(self, name)
        return config


class SimpleRNNCell(RecurrentCell):
    """A step of `SimpleRNN`: `h = activation(x · kernel + h · recurrent_kernel + bias)`.

    Args: as those of `LSTMCell`, without those of gates.

    Call arguments:
        inputs: `(batch, features)`.
        states: `[h]`, `(batch, units)` before the step.

    Example:

    >>> import numpy as np
    >>> y, [h] = SimpleRNNCell(4)(np.ones((2, 3)), [np.zeros((2, 4))])
    >>> y.shape, bool((y == h).all())
    ((2, 4), True)
    """

    kind = "simple"

    def _step(self, x: Tensor, hs: list[Tensor], states: list[Tensor]) -> list[Tensor]:
        return [self.activation(x + self._inner(hs))]


class LSTMCell(RecurrentCell):
    """A step of `LSTM`, whose docstring has the formula.

    Args:
        units: Number of outputs.
        activation: Of candidate and output.
        recurrent_activation: Of the gates.
        use_bias: Whether there is a bias.
        kernel_initializer: First value of the kernel `(features, 4 · units)`; of a GRU 3.
        recurrent_initializer: Of the recurrent kernel `(units, 4 · units)`; of a GRU 3.
        bias_initializer: Of the bias `(4 · units)`; of a GRU 3.
        unit_forget_bias: Whether the forget gate's bias begins at 1.
        kernel_regularizer: Penalty on the kernel.
        recurrent_regularizer: Penalty on the recurrent kernel.
        bias_regularizer: Penalty on the bias.
        kernel_constraint: Projection of the kernel after each update.
        recurrent_constraint: Projection of the recurrent kernel.
        bias_constraint: Projection of the bias.
        dropout: Share of inputs dropped in training, the same in all steps of an `RNN`.
        recurrent_dropout: Share of the state dropped in training, the same in all steps.
        seed: Of dropout.
        **kwargs: `name`, `dtype`, `trainable`.

    Call arguments:
        inputs: `(batch, features)`.
        states: `[h, c]`, each `(batch, units)`, before the step.

    Raises:
        ValueError: An argument is not as described.

    Example:

    >>> import numpy as np
    >>> y, [h, c] = LSTMCell(4)(np.ones((2, 3)), [np.zeros((2, 4)), np.zeros((2, 4))])
    >>> y.shape, c.shape, bool((y == h).all())
    ((2, 4), (2, 4), True)
    """

    kind = "lstm"
    recurrent_activation = ActivationAttribute()

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
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units, activation, use_bias, kernel_initializer, recurrent_initializer,
            bias_initializer, *args, **kwargs,
        )  # fmt: skip
        self.recurrent_activation = recurrent_activation
        self.unit_forget_bias = bool(unit_forget_bias)

    @property
    def state_size(self) -> list[int]:
        return [self.units, self.units]

    def _first_bias(self, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        bias = np.array(super()._first_bias(shape, dtype))
        if self.unit_forget_bias:
            bias[self.units : 2 * self.units] = 1
        return bias

    def _used_activations(self) -> list[Any]:
        return [self.activation, self.recurrent_activation]

    def _step(self, x: Tensor, hs: list[Tensor], states: list[Tensor]) -> list[Tensor]:
        gate = self.recurrent_activation
        i, f, candidate, o = self._split(x + self._inner(hs))
        c = gate(f) * states[1] + gate(i) * self.activation(candidate)
        return [gate(o) * self.activation(c), c]

    def get_config(self) -> dict[str, Any]:
        gate = activations.serialize(self.recurrent_activation)
        own = {"recurrent_activation": gate, "unit_forget_bias": self.unit_forget_bias}
        return {**super().get_config(), **own}


class GRUCell(RecurrentCell):
    """A step of `GRU`, whose docstring has the formula.

    Args: as those of `LSTMCell` without `unit_forget_bias`, and

        reset_after: Whether the reset gate multiplies after the recurrent product; the bias then is
            `(2, 3 · units)`. `False` runs as ops of each step.

    Call arguments:
        inputs: `(batch, features)`.
        states: `[h]`, `(batch, units)` before the step.

    Example:

    >>> import numpy as np
    >>> y, [h] = GRUCell(4)(np.ones((2, 3)), [np.zeros((2, 4))])
    >>> y.shape, bool((y == h).all())
    ((2, 4), True)
    """

    kind = "gru"
    recurrent_activation = ActivationAttribute()

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        *args: Any,
        reset_after: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, activation, use_bias, *args, **kwargs)
        self.recurrent_activation = recurrent_activation
        self.reset_after = bool(reset_after)

    def _bias_shape(self, width: int) -> tuple[int, ...]:
        return (2, width) if self.reset_after else (width,)

    def _product(self, xs: list[Tensor]) -> Tensor:
        if self.bias is None or not self.reset_after:
            return super()._product(xs)
        y = ops.dense(xs[0], self.kernel) if len(xs) == 1 else self._by_gate(xs, self.kernel)
        x: Tensor = y + graph.weight_tensor(self.bias)[0]
        return x

    def _recurrent_bias(self) -> Tensor:
        if self.bias is None:
            return graph.constant_tensor(np.zeros(3 * self.units), self.dtype)
        b: Tensor = graph.weight_tensor(self.bias)[1]
        return b

    def _used_activations(self) -> list[Any]:
        return [self.activation, self.recurrent_activation]

    def _is_native(self) -> bool:
        return self.reset_after and super()._is_native()

    def _step(self, x: Tensor, hs: list[Tensor], states: list[Tensor]) -> list[Tensor]:
        gate, u = self.recurrent_activation, self.units
        xz, xr, xh = self._split(x)
        if self.reset_after:
            iz, ir, ih = self._split(self._inner(hs) + self._recurrent_bias())
            z, candidate = gate(xz + iz), self.activation(xh + gate(xr + ir) * ih)
        else:
            kernel = graph.weight_tensor(self.recurrent_kernel)
            of_z, of_r, of_h = hs if len(hs) == 3 else hs * 3
            z = gate(xz + ops.matmul(of_z, kernel[:, :u]))
            r = gate(xr + ops.matmul(of_r, kernel[:, u : 2 * u]))
            inner = ops.matmul(r * of_h, kernel[:, 2 * u :])
            candidate = self.activation(xh + inner)
        return [z * states[0] + (1 - z) * candidate]

    def get_config(self) -> dict[str, Any]:
        gate = activations.serialize(self.recurrent_activation)
        own = {"recurrent_activation": gate, "reset_after": self.reset_after}
        return {**super().get_config(), **own}

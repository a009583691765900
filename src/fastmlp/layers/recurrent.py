"""Recurrent layers: SimpleRNN, GRU and LSTM."""

from __future__ import annotations

from typing import Any

from fastmlp import regularizers
from fastmlp._spelling import accepts_old, give_names
from fastmlp.errors import bad_argument
from fastmlp.layers.recurrent_cells import GRUCell, LSTMCell, RecurrentCell, SimpleRNNCell
from fastmlp.layers.rnn import RNN


def _of_cell(name: str) -> Any:
    return property(lambda self: getattr(self.cell, name), doc=f"The cell's `{name}`.")


def _arguments_of_cell(cell: str, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments of a layer that its cell has, too."""
    shared: dict[str, Any] = {key: kwargs[key] for key in ("dtype", "trainable") if key in kwargs}
    return {**shared, "name": cell, "implementation": kwargs.pop("implementation", None)}


class Recurrent(RNN):
    """Base of the layers that make their cell themselves; see `LSTM` for the arguments.

    Args:
        cell: The cell.
        use_cudnn: Accepted.
        **kwargs: Of `RNN`.
    """

    cell: RecurrentCell

    def __init__(self, cell: RecurrentCell, use_cudnn: Any = "auto", **kwargs: Any) -> None:
        if use_cudnn not in ("auto", True, False):
            name = type(self).__name__
            raise bad_argument(name, "'auto', True or False", "use_cudnn", use_cudnn)
        super().__init__(cell, **kwargs)
        self.use_cudnn = use_cudnn

    units = _of_cell("units")
    activation = _of_cell("activation")
    use_bias = _of_cell("use_bias")
    kernel_initializer = _of_cell("kernel_initializer")
    recurrent_initializer = _of_cell("recurrent_initializer")
    bias_initializer = _of_cell("bias_initializer")
    kernel_regularizer = _of_cell("kernel_regularizer")
    recurrent_regularizer = _of_cell("recurrent_regularizer")
    bias_regularizer = _of_cell("bias_regularizer")
    kernel_constraint = _of_cell("kernel_constraint")
    recurrent_constraint = _of_cell("recurrent_constraint")
    bias_constraint = _of_cell("bias_constraint")
    dropout = _of_cell("dropout")
    recurrent_dropout = _of_cell("recurrent_dropout")
    seed = _of_cell("seed")

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["cell"]
        penalty = regularizers.serialize(self.activity_regularizer)
        return {**self.cell.get_config(), **config, "activity_regularizer": penalty}


class SimpleRNN(Recurrent):
    """A fully connected recurrent layer: `h = activation(x · kernel + h · recurrent_kernel + bias)`.

    Args: as those of `LSTM`, without those of gates.

    Input shape:
        `(batch, steps, features)`

    Output shape:
        `(batch, units)`; with `return_sequences` `(batch, steps, units)`; with `return_state` a tuple,
        the last state behind it.

    Example:

    >>> import numpy as np
    >>> SimpleRNN(4)(np.ones((2, 5, 3))).shape
    (2, 4)

    Source: Elman, "Finding structure in time", 1990.
    """

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
        cell = SimpleRNNCell(
            units, activation, use_bias, kernel_initializer, recurrent_initializer, bias_initializer,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint,
            dropout=dropout, recurrent_dropout=recurrent_dropout, seed=seed,
            **_arguments_of_cell("simple_rnn_cell", kwargs),
        )  # fmt: skip
        super().__init__(
            cell, activity_regularizer=activity_regularizer, return_sequences=return_sequences,
            return_state=return_state, go_backwards=go_backwards, stateful=stateful,
            unroll=unroll, **kwargs,
        )  # fmt: skip


class LSTM(Recurrent):
    """Long short-term memory.

    `i, f, c, o` are the gates' parts of `x · kernel + h · recurrent_kernel + bias`, in this order:
    `c = σ(f) · c + σ(i) · activation(c')`, `h = σ(o) · activation(c)`.

    Args:
        units: Number of outputs.
        activation: Of candidate and output.
        recurrent_activation: Of the gates, σ.
        use_bias: Whether there is a bias.
        kernel_initializer: First value of the kernel `(features, 4 · units)`; of a GRU 3.
        recurrent_initializer: Of the recurrent kernel `(units, 4 · units)`; of a GRU 3.
        bias_initializer: Of the bias `(4 · units)`; of a GRU 3.
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
        stateful: Whether a batch begins with the states that the batch before has left; see `RNN`.
        unroll: Accepted; makes no difference.
        use_cudnn: Accepted.
        **kwargs: `name`, `dtype`, `trainable`, `input_shape`, `zero_output_for_mask`: whether outputs of
            masked steps are zeros, not those of the step before.

    Input shape:
        `(batch, steps, features)`

    Output shape:
        `(batch, units)`; with `return_sequences` `(batch, steps, units)`; with `return_state` a tuple,
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
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        cell = LSTMCell(
            units, activation, recurrent_activation, use_bias, kernel_initializer,
            recurrent_initializer, bias_initializer, unit_forget_bias,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint,
            dropout=dropout, recurrent_dropout=recurrent_dropout, seed=seed,
            **_arguments_of_cell("lstm_cell", kwargs),
        )  # fmt: skip
        super().__init__(
            cell, activity_regularizer=activity_regularizer, return_sequences=return_sequences,
            return_state=return_state, go_backwards=go_backwards, stateful=stateful,
            unroll=unroll, use_cudnn=use_cudnn, **kwargs,
        )  # fmt: skip

    recurrent_activation = _of_cell("recurrent_activation")
    unit_forget_bias = _of_cell("unit_forget_bias")


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
        `(batch, units)`; with `return_sequences` `(batch, steps, units)`; with `return_state` a tuple,
        the last state behind it.

    Example:

    >>> import numpy as np
    >>> GRU(4, return_sequences=True)(np.ones((2, 5, 3))).shape
    (2, 5, 4)

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014.
    """

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
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        cell = GRUCell(
            units, activation, recurrent_activation, use_bias, kernel_initializer,
            recurrent_initializer, bias_initializer, reset_after=reset_after,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint,
            dropout=dropout, recurrent_dropout=recurrent_dropout, seed=seed,
            **_arguments_of_cell("gru_cell", kwargs),
        )  # fmt: skip
        super().__init__(
            cell, activity_regularizer=activity_regularizer, return_sequences=return_sequences,
            return_state=return_state, go_backwards=go_backwards, stateful=stateful,
            unroll=unroll, use_cudnn=use_cudnn, **kwargs,
        )  # fmt: skip

    recurrent_activation = _of_cell("recurrent_activation")
    reset_after = _of_cell("reset_after")


give_names(__name__)  # RNN was in a module of this name

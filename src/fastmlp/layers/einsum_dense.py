"""A dense layer between any axes."""

from __future__ import annotations

from typing import Any, NamedTuple

from fastmlp import activations, constraints, initializers, ops, regularizers
from fastmlp._spelling import accepts_old
from fastmlp.errors import bad_argument, is_int
from fastmlp.graph import Shape, Tensor
from fastmlp.initializers import VarianceScaling
from fastmlp.layers.activation import ActivationAttribute
from fastmlp.layers.base import Layer
from fastmlp.layers.phase import may_be_told
from fastmlp.variables import Variable

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class EinsumDense(Layer):
    """A dense layer between the axes that an equation names.

    y = activation(einsum(equation, x, kernel) + bias)

    Args:
        equation: As `'abc,cd->abd'`: letters of the input's axes, of the kernel's and of the output's.
            `'...x,xy->...y'` leaves the axes before open, `'ab...,bc->ac...'` those behind.
        output_shape: Sizes of the output's axes that the equation names, but for the batch; `None`
            where a size is the input's.
        activation: Name or function; `None`: linear.
        bias_axes: Letters of the output's axes along which the bias differs; `None`: no bias.
        kernel_initializer: First value of the kernel.
        bias_initializer: First value of the bias.
        kernel_regularizer: Penalty on the kernel, added to the loss.
        bias_regularizer: Penalty on the bias.
        kernel_constraint: Projection of the kernel after each update.
        bias_constraint: Projection of the bias after each update.
        **kwargs: `name`, `dtype`, `trainable`, `activity_regularizer`, `input_shape`.

    Input shape:
        As the equation says; the batch is the first axis.

    Output shape:
        As the equation says; the batch is the first axis.

    Raises:
        ValueError: The equation is not understood, or does not fit the shapes.

    Example:

    >>> import numpy as np
    >>> layer = EinsumDense("abc,cd->abd", (None, 2), bias_axes="d", kernel_initializer="ones")
    >>> layer(np.ones((1, 2, 3)))
    array([[[3., 3.],
            [3., 3.]]], dtype=float32)

    Source: Keras 3; as `numpy.einsum`.
    """

    activation = ActivationAttribute()
    kernel: Variable
    bias: Variable | None = None

    @accepts_old
    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.equation = equation
        self.partial_output_shape = (output_shape,) if is_int(output_shape) else tuple(output_shape)
        self.activation = activation
        self.bias_axes = bias_axes
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self._terms()  # refuses what is no equation

    def _where(self) -> str:
        return f"EinsumDense '{self.name}'"

    def _terms(self) -> tuple[str, str, str]:
        """Letters of input, kernel and output, an ellipsis among them."""
        text = str(self.equation).replace(" ", "")
        first, comma, rest = text.partition(",")
        kernel, arrow, output = rest.partition("->")
        bare = [term.replace("...", "", 1) for term in (first, kernel, output)]
        known = all(set(term) <= set(_LETTERS) and term for term in bare)
        places = [(t.startswith("..."), t.endswith("...")) for t in (first, output)]
        if not (comma and arrow and known and "." not in kernel and places[0] == places[1]):
            expected = "an equation as 'ab,bc->ac', '...b,bc->...c' or 'ab...,bc->ac...'"
            raise bad_argument(self._where(), expected, "equation", self.equation)
        return first, kernel, output

    def _plan(self, input_shape: Shape) -> _Plan:
        """The equation without an ellipsis, and the shapes that follow from it.

        Raises:
            ValueError: Equation and shapes do not fit.
        """
        first, kernel, output = self._terms()
        bare, result = first.replace("...", ""), output.replace("...", "")
        free = len(input_shape) - len(bare)
        if free < 0 or (free and bare == first):
            raise self._misfit(f"inputs of {len(bare)} axes", input_shape)
        spare = "".join(c for c in _LETTERS if c not in bare + kernel + result)[:free]
        left = first.startswith("...")
        letters = spare + bare if left else bare + spare
        made = spare + result if left else result + spare
        size = dict(zip(letters, input_shape, strict=True))
        given = [input_shape[0], *([size[c] for c in spare[1:]] if left else [])]
        given += [*self.partial_output_shape, *([] if left else [size[c] for c in spare])]
        if len(given) != len(made) or made[0] != letters[0]:
            expected = f"an output_shape of {len(made) - max(1, free if left else 1 + free)} sizes"
            raise self._misfit(f"{expected}, and the batch first", input_shape)
        for letter, wanted in zip(made, given, strict=True):
            if letter not in size and letter not in kernel:
                raise self._misfit(f"'{letter}' to be an axis of the input or kernel", input_shape)
            known = size.setdefault(letter, wanted)
            if wanted is not None and known != wanted:
                raise self._misfit(f"one size of axis '{letter}'", input_shape)
        for letter in kernel:
            if size.get(letter) is None:
                raise self._misfit(f"a size of axis '{letter}' of the kernel", input_shape)
        bias = None
        if self.bias_axes is not None:
            if not self.bias_axes or not set(self.bias_axes) <= set(result):
                raise bad_argument(
                    self._where(), f"letters of '{result}'", "bias_axes", self.bias_axes
                )
            start = min(made.index(c) for c in self.bias_axes)
            bias = tuple(int(size[c] or 0) if c in self.bias_axes else 1 for c in made[start:])
        return _Plan(
            f"{letters},{kernel}->{made}",
            tuple(int(size[c] or 0) for c in kernel),
            bias,
            tuple(size[c] for c in made),
            [i for i, c in enumerate(kernel) if c not in made],
            [i for i, c in enumerate(kernel) if c in made],
        )

    def _misfit(self, expected: str, input_shape: Shape) -> ValueError:
        return ValueError(
            f"{self._where()}: expected {expected}. Received: equation={self.equation!r}, "
            f"output_shape={self.partial_output_shape}, input_shape={tuple(input_shape)}"
        )

    def build(self, input_shape: Shape) -> None:
        plan = self._plan(input_shape)
        first = self.kernel_initializer
        if isinstance(first, VarianceScaling) and None in (first.input_axes, first.output_axes):
            axes = {"input_axes": plan.input_axes, "output_axes": plan.output_axes}
            first = type(first).from_config({**first.get_config(), **axes})
        self.kernel = self.add_weight(
            plan.kernel,
            first,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        if plan.bias is not None:
            self.bias = self.add_weight(
                plan.bias,
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    @may_be_told
    def call(self, x: Tensor) -> Tensor:
        y = ops.einsum(self._plan(x.shape).equation, x, self.kernel)
        if self.bias is not None:
            y = ops.add(y, self.bias)
        result: Tensor = self.activation(y)
        return result

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self._plan(input_shape).output

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "equation": self.equation,
            "output_shape": self.partial_output_shape,
            "activation": activations.serialize(self.activation),
            "bias_axes": self.bias_axes,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }


class _Plan(NamedTuple):
    """What an equation means for inputs of a shape."""

    equation: str
    kernel: tuple[int, ...]
    bias: tuple[int, ...] | None
    output: Shape
    input_axes: list[int]
    output_axes: list[int]

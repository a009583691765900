"""Where a model's data enters."""

from __future__ import annotations

from typing import Any

from fastmlp import _names, config, graph
from fastmlp._dtype_names import dtype_name
from fastmlp._spelling import accepts_old
from fastmlp.calls import Call
from fastmlp.errors import bad_argument, check_int, unknown_name
from fastmlp.graph import Tensor
from fastmlp.layers.base import Layer
from fastmlp.layers.shapes import check_shape

_DTYPES = (
    "float32", "float64", "float16", "bool", "int8", "int16", "int32", "int64",
    "uint8", "uint16", "uint32", "uint64", "string",
)  # fmt: skip


class InputLayer(Layer):
    """Declares the shape of the samples that a model takes.

    Args:
        shape: Shape of one sample, without the batch; `None` where each call's data may have another size, as a
            number of steps.
        batch_size: Samples of every batch, for stateful layers; others take any number.
        dtype: Type of the data to expect; any number is converted on the way in. `'string'`: strings,
            which layers as `StringLookup` make numbers of.
        batch_shape: `shape` with the batch in front.
        name: Name of the input.

    Raises:
        ValueError: Neither or both shapes are given, or two sizes of the batch; or a size is not a positive integer.
    """

    @accepts_old
    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: str | None = None,
        batch_shape: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("optional", None)  # data may not be left out, but need not
        kwargs.pop("sparse", None)  # SciPy's sparse matrices are taken in any case
        if kwargs.pop("ragged", False):
            raise bad_argument("Input", "ragged=False", "ragged", True)
        if kwargs.pop("tensor", kwargs.pop("input_tensor", None)) is not None:
            raise bad_argument("Input", "tensor=None", "tensor", "…", "give a shape instead")
        super().__init__(name=name or _names.unique_name("input_layer"), **kwargs)
        dtype = dtype_name(dtype)
        if dtype is not None and dtype not in _DTYPES:
            raise unknown_name("Input dtype", dtype, _DTYPES)
        if (shape is None) == (batch_shape is None):
            hint = "a sample of 4 numbers is Input((4,))"
            raise bad_argument(
                f"Input '{self.name}'", "either shape or batch_shape", "shape", shape, hint
            )
        sample = shape
        if batch_shape is not None:
            if batch_size is not None:
                expected = f"one of batch_size and batch_shape={batch_shape}"
                raise bad_argument(f"Input '{self.name}'", expected, "batch_size", batch_size)
            batch_size, *sample = batch_shape
        if batch_size is not None:
            batch_size = check_int(f"Input '{self.name}'", "batch_size", batch_size, 1)
        self.shape = check_shape(f"Input '{self.name}'", sample, may_be_open=True)
        self.batch_shape = (batch_size, *self.shape)
        self.built = True
        self.input_dtype = dtype
        kind = dtype if dtype in ("float64", "string") else config.floatx()
        self.tensor = graph.input_tensor((None, *self.shape), kind, self.name, batch_size)
        self.tensor.call = Call(self, (), {}, self.tensor)
        self.calls.append(self.tensor.call)
        self._shapes = (self.tensor.shape, self.tensor.shape)

    def call(self, x: Tensor) -> Tensor:
        return x

    @property
    def input(self) -> Tensor:
        """The symbolic tensor that the model starts from."""
        return self.tensor

    @property
    def output(self) -> Tensor:
        """The same tensor."""
        return self.tensor

    def get_config(self) -> dict[str, Any]:
        return {"batch_shape": self.batch_shape, "dtype": self.input_dtype, "name": self.name}


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: str | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    **kwargs: Any,
) -> Tensor:
    """The symbolic tensor that a model starts from.

    Args:
        shape: Shape of one sample, without the batch: `(4,)` for four numbers; `None` where each call's data may
            have another size, as a number of steps.
        batch_size: Samples of every batch, for stateful layers; others take any number.
        dtype: Type of the data to expect; any number is converted on the way in. `'string'`: strings,
            which layers as `StringLookup` make numbers of.
        batch_shape: `shape` with the batch in front.
        name: Name of the input.
        **kwargs: `tensor`: a symbolic tensor, which is returned as it is. `optional`: accepted; data are
            needed in any case. `sparse`: accepted; dense and sparse data are taken in any case.

    Returns:
        A symbolic tensor `(None, *shape)`.

    Raises:
        ValueError: Neither or both shapes are given, or two sizes of the batch; or a size is not a positive integer.

    Example:

    >>> Input((4,)).shape, Input((None, 4)).shape
    ((None, 4), (None, None, 4))
    """
    given = kwargs.get("tensor")
    if isinstance(given, Tensor):
        return given
    return InputLayer(shape, batch_size, dtype, batch_shape, name, **kwargs).tensor

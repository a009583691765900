"""Whole numbers as vectors, and the base of layers that read arrays of any rank."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from fastmlp import ops
from fastmlp.errors import bad_argument, check_choice, check_int
from fastmlp.graph import Shape, Tensor
from fastmlp.layers.base import Layer

MODES = ("int", "one_hot", "multi_hot", "count")


class ArrayLayer(Layer):
    """Base of layers whose `call` computes on arrays with NumPy, also on those without a batch."""

    def _call_arrays(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        kwargs.pop("training", None)
        arrays = [self._to_array(arg) for arg in args]
        options = {k: v if v is None else self._to_array(v) for k, v in kwargs.items()}
        return self.call(*arrays, **options)

    def _to_array(self, x: Any) -> Any:
        return numbers(f"{type(self).__name__} '{self.name}'", x)


def numbers(where: str, x: Any) -> np.ndarray:
    """An array of real numbers.

    Raises:
        TypeError: It is something else.
    """
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{where}: expected numbers. Received: dtype={array.dtype}")
    return array


def check_mode(where: str, mode: Any, sparse: Any, modes: Iterable[str] = MODES) -> str:
    """The `output_mode`, in today's spelling.

    Raises:
        ValueError: It is none of `modes`, or a sparse result is asked for.
    """
    if sparse:
        raise bad_argument(where, "sparse=False", "sparse", sparse, "results are dense arrays")
    old = {"binary": "multi_hot", "tf-idf": "tf_idf"}
    return check_choice(where, "output_mode", old.get(mode, mode), modes)


def encode(codes: Any, mode: str, depth: int, dtype: str, weights: Any = None) -> Any:
    """Whole numbers as they are, or as vectors of `depth` elements; others than those are dropped.

    Args:
        codes: Tensor or array of whole numbers.
        mode: `'int'`: as they are. `'one_hot'`: each as a vector, on a new axis, or on the last one
            if that has size 1. `'multi_hot'`, `'count'`: those of a sample as one vector.
        depth: Size of the vectors.
        dtype: Of vectors, if `codes` is an array.
        weights: What each counts, of `codes`' shape; `None`: 1.
    """
    if mode == "int":
        return codes
    rank = len(codes.shape)
    if rank == 0:
        codes, rank = codes.reshape(1), 1
    if mode == "multi_hot":
        return ops.multi_hot(codes, depth, dtype=dtype)
    if mode == "one_hot":
        if rank > 1 and codes.shape[-1] == 1:
            codes = ops.squeeze(codes, -1)
        return ops.one_hot(codes, depth, dtype=dtype)
    hot = ops.one_hot(codes, depth, dtype=dtype)
    if weights is not None:
        hot = hot * ops.expand_dims(weights, -1)
    return ops.sum(hot, 1 if rank > 1 else 0)


def encoded_shape(input_shape: Sequence[int | None], mode: str, depth: int) -> Shape:
    """Shape of what `encode` makes of an array of this shape."""
    shape = tuple(input_shape)
    if mode == "int":
        return shape
    if mode == "one_hot":
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape or (1,)), depth)
    return (*shape[: len(shape) > 1], *shape[2:], depth)


def parts_of(where: str, data: Any, steps: int | None = None) -> Iterator[Any]:
    """What `adapt` reads: the data as a whole, or batch by batch.

    Args:
        where: Who asks, for errors.
        data: An array, a list, a frame or a series; or an iterable of batches (a generator, a
            `PyDataset`, a list of arrays or of tuples of such), each an array, or a tuple of which the
            first is the inputs.
        steps: Batches that are read; `None`: all.

    Raises:
        ValueError: It is none of these, or `steps` is no positive number.
    """
    if steps is not None:
        steps = check_int(where, "steps", steps, 1)
    if isinstance(data, (str, bytes)) or not hasattr(data, "__iter__"):
        raise bad_argument(where, "an array or an iterable of batches", "data", data)
    if isinstance(data, (list, tuple)) and not data:
        return
    plain = isinstance(data, (list, tuple)) and not any(map(_is_batch, data))
    if plain or hasattr(data, "shape") or hasattr(data, "iloc"):
        yield data
        return
    for number, batch in enumerate(data):
        if number == steps:
            return
        yield batch[0] if isinstance(batch, tuple) else batch
        if number + 1 == steps:
            return


def _is_batch(one: Any) -> bool:
    """Whether it is an array, or a tuple that begins with one."""
    return bool(getattr(one[0] if isinstance(one, tuple) and one else one, "shape", ()))


def is_symbolic(x: Any) -> bool:
    """Whether `call` is being traced."""
    return isinstance(x, Tensor)

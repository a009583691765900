"""Calls on arrays: from what a user passes to arrays, and to the tensors that stand for them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from fastmlp import _tree, calls, graph
from fastmlp._sparse import is_sparse, to_csr
from fastmlp.graph import Tensor
from fastmlp.variables import Variable

NUMBERS, ANYTHING = "biuf", "biufUSTO"


def to_arrays(where: str, given: Any, options: bool = False, kinds: str = NUMBERS) -> Any:
    """Makes arrays of everything that has numbers in it.

    Args:
        where: What is called, for errors.
        given: Arrays, frames, SciPy's sparse matrices, nested lists of numbers; or a list, tuple or
            dict of such.
        kinds: Kinds of elements that are taken, by NumPy's letters.
        options: Whether only arrays become arrays: what is no array is an option.

    Raises:
        TypeError: Something holds no numbers.
        ValueError: An array has no axis of samples.
    """
    if given is None:
        return None
    if _tree.is_dict(given):
        return {key: to_arrays(where, part, options, kinds) for key, part in given.items()}
    if isinstance(given, (list, tuple)) and (options or _holds_arrays(given)):
        parts = [to_arrays(where, part, options, kinds) for part in given]
        return _tree.like(given, parts)
    if options and not hasattr(given, "shape"):
        return given
    array = np.asarray(to_csr(given, where)[0].toarray() if is_sparse(given) else given)
    if array.dtype.kind not in kinds:
        raise TypeError(f"{where}: expected numbers. Received: dtype={array.dtype}")
    if array.ndim == 1 and hasattr(given, "iloc"):  # a column of a frame
        return array[:, None]
    if not array.ndim:
        raise no_batch(where, array)
    return array


def no_batch(where: str, array: np.ndarray) -> ValueError:
    """The error for an array that lacks an axis."""
    return ValueError(
        f"{where}: expected inputs (batch, features). Received: shape={array.shape}. "
        "Hint: x[None] makes a batch of one sample."
    )


def is_vector(args: tuple[Any, ...]) -> bool:
    """Whether it is one array, or list of numbers, of one axis."""
    one = len(args) == 1 and isinstance(args[0], (list, np.ndarray))
    return one and not any(isinstance(x, list) for x in args[0]) and np.ndim(args[0]) == 1


def is_rows(given: Any) -> bool:
    """Whether it is a list of vectors."""
    return isinstance(given, list) and all(isinstance(r, np.ndarray) and r.ndim == 1 for r in given)


def by_columns(x: Any, names: Sequence[str]) -> Any:
    """Of a frame the columns of these names, if it has them and there are several; else `x`."""
    is_frame = hasattr(x, "iloc") and hasattr(x, "columns")
    if len(names) < 2 or not is_frame or not set(names) <= set(x.columns):
        return x
    return {name: x[name] for name in names}


def holds_strings(x: Any) -> bool:
    """Whether it is an array of no numbers."""
    return isinstance(x, np.ndarray) and x.dtype.kind not in NUMBERS


def _holds_arrays(given: Any) -> bool:
    """Whether a list is one of arrays, not of numbers or rows; a vector alone is a row."""
    least = 1 if len(given) > 1 else 2
    return any(getattr(leaf, "ndim", 0) >= least for leaf in _tree.flatten(given))


def to_constants(args: Any, dtype: str) -> Any:
    """The structure with tensors in place of weights and arrays of numbers, if it holds no tensor.

    So a layer that is called on an array within `call`, as on the positions of steps, becomes part of the
    plan, and its weights are trained.
    """
    if calls.tensors(args):
        return args

    def swap(leaf: Any) -> Any:
        numbers = isinstance(leaf, np.ndarray) and leaf.dtype.kind in "biuf"
        return graph.constant_tensor(leaf, dtype) if numbers else leaf

    return _tree.apply(swap, weights_as_tensors(args))


def holds_weights(structure: Any) -> bool:
    """Whether a leaf is a weight."""
    return any(isinstance(leaf, Variable) for leaf in _tree.flatten(structure))


def weights_as_tensors(structure: Any) -> Any:
    """The structure with tensors in place of weights."""
    return _tree.apply(
        lambda leaf: graph.weight_tensor(leaf) if isinstance(leaf, Variable) else leaf, structure
    )


def key(form: Any) -> Hashable:
    """What a compiled function depends on: structure, shapes of samples, options."""
    return repr(
        _tree.apply(
            lambda leaf: leaf.shape[1:] if isinstance(leaf, np.ndarray) else repr(leaf), form
        )
    )


def to_tensors(form: Any, dtype: str) -> tuple[list[Tensor], Any]:
    """A symbolic tensor for each array.

    Returns:
        The tensors, and the structure with them in the arrays' places.
    """
    tensors: list[Tensor] = []

    def swap(leaf: Any) -> Any:
        if not isinstance(leaf, np.ndarray):
            return leaf
        tensors.append(graph.input_tensor((None, *leaf.shape[1:]), dtype, None, len(leaf)))
        return tensors[-1]

    swapped = _tree.apply(swap, form)
    return tensors, swapped

"""Sizes that the data tell: a `None` behind the batch, as the steps of `Input((None, 8))`; or the batch's.

No plan can be made of such tensors. What a call makes of them is found by running it with a number in the
place of each `None`, and with another one: a size that changes is open, too. The call is on record, and
is repeated with the sizes of the data once there are some (`Model._sized_for`). So are calls that take the
batch for an axis like others (`whole_batch.py`): they are repeated for each number of samples.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Any

from fastmlp import _tree, graph, whole_batch
from fastmlp.graph import Node, Tensor

# Primes that hardly anybody has as a size; for what has to divide them, numbers of many divisors.
_TRIED = ((61, 67), (120, 240))

_trying: ContextVar[bool] = ContextVar("trying", default=False)


def is_open(leaf: Any) -> bool:
    """Whether it is a tensor of a size that is not known."""
    return isinstance(leaf, Tensor) and None in leaf.shape[1:]


def is_trying() -> bool:
    """Whether a call runs with numbers that stand for open sizes."""
    return _trying.get()


def is_tried(size: int | None) -> bool:
    """Whether a size stands for an open one."""
    return _trying.get() and any(size in pair for pair in _TRIED)


def call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """`function(*args, **kwargs)`, where tensors among the arguments may be open."""
    if graph.known_batch() is not None:
        return whole_batch.call(function, args, kwargs)
    return across(function, args, kwargs)


def across(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    around: Callable[[], AbstractContextManager[Any]] = nullcontext,
    may_be_open: bool = True,
) -> Any:
    """What a function returns; if it refuses samples one by one, the outputs for any number of them.

    Args:
        function: Called once; twice if tensors are open; twice more if it needs to know how many samples
            there are.
        args: Its positional arguments, with tensors anywhere inside.
        kwargs: Its keyword arguments.
        around: Entered around calls with numbers in the places of sizes.
        may_be_open: Whether a tensor among the arguments may be.

    Raises:
        ValueError, TypeError, IndexError: It refuses in any case.
    """

    def one_by_one() -> Any:
        if may_be_open and any(map(is_open, _tree.flatten((args, kwargs)))):
            return outputs_of(function, args, kwargs, around)
        return function(*args, **kwargs)

    if graph.is_tracing() or graph.known_batch() is not None:
        return one_by_one()
    return whole_batch.either(
        one_by_one, lambda: outputs_of(function, args, kwargs, around, batch=True)
    )


def outputs_of(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    around: Callable[[], AbstractContextManager[Any]] = nullcontext,
    batch: bool = False,
) -> Any:
    """What a function of open tensors returns, with `None` for the sizes that follow from theirs.

    Args:
        function: Called twice.
        args: Its positional arguments, with tensors anywhere inside.
        kwargs: Its keyword arguments.
        around: Entered around both calls.
        batch: Whether the number of samples is one of the sizes.

    Raises:
        ValueError: The function refuses them, or what it returns depends on more than sizes.
    """
    first: ValueError | None = None
    for pair in _TRIED:
        try:
            with around():
                return _common_outputs(function, args, kwargs, pair, batch)
        except ValueError as error:
            first = first or _told(error)
    assert first is not None
    raise first


def _common_outputs(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    pair: tuple[int, int],
    batch: bool,
) -> Any:
    one, other = (_tried(function, args, kwargs, size, batch) for size in pair)
    if not _tree.same_form(one, other):
        raise ValueError(
            f"{graph.current_layer() or getattr(function, '__name__', function)}: expected as many "
            "outputs whatever a size that is None may be. Hint: give the Input all sizes"
        )
    reads = [t for t in _tree.flatten((args, kwargs)) if isinstance(t, Tensor)]
    both = zip(_tree.flatten(one), _tree.flatten(other), strict=True)
    return _tree.pack(one, [_common(a, b, reads) for a, b in both])


def _tried(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    size: int,
    batch: bool,
) -> Any:
    made: dict[Tensor, Tensor] = {}

    def closed(leaf: Any) -> Any:
        if not (is_open(leaf) or (batch and isinstance(leaf, Tensor))):
            return leaf
        if leaf not in made:
            shape = (leaf.shape[0], *(size if d is None else d for d in leaf.shape[1:]))
            made[leaf] = graph.input_tensor(shape, leaf.dtype, leaf.name, graph.batch_size(leaf))
            made[leaf].mask = None if leaf.mask is None else closed(leaf.mask)
        return made[leaf]

    token = _trying.set(True)
    try:
        with graph.batch_of(size if batch else None):
            args, kwargs = _tree.apply(closed, (args, dict(kwargs)))
            return (whole_batch.call if batch else _call)(function, args, kwargs)
    finally:
        _trying.reset(token)


def _call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    return function(*args, **kwargs)


def _common(one: Any, other: Any, reads: list[Tensor]) -> Any:
    """A tensor with the sizes that two have in common; of what is no tensor the first."""
    if not isinstance(one, Tensor):
        return one
    shape = tuple(a if a == b else None for a, b in zip(one.shape, other.shape, strict=True))
    found = Node("open", reads, shape, one.dtype).output
    if one.mask is not None and other.mask is not None:
        found.mask = _common(one.mask, other.mask, reads)
    return found


def _told(error: ValueError) -> ValueError:
    """The error with `None` where a size was tried."""
    a, b = _TRIED[0]
    error.args = tuple(re.sub(rf"\b({a}|{b})\b", "None", str(part)) for part in error.args)
    error.add_note(f"Sizes that are None were tried with {a} and {b}.")
    return error


def narrowed(tensor: Any, like: Tensor) -> Any:
    """An open tensor with the sizes of another one of its rank; anything else as it is."""
    if not is_open(tensor) or tensor.ndim != like.ndim:
        return tensor
    sizes = [b if a is None else a for a, b in zip(tensor.shape[1:], like.shape[1:], strict=True)]
    found = Node("open", [tensor], (tensor.shape[0], *sizes), tensor.dtype).output
    found.mask = tensor.mask
    return found

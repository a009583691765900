"""A cell over all steps of time: natively where it can be, else as ops of each step."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp import _tree, ops
from fastmlp.graph import Tensor
from fastmlp.layers.base import Layer
from fastmlp.layers.recurrent_cells import RecurrentCell, zeros_of
from fastmlp.layers.stacked_rnn_cells import StackedRNNCells
from fastmlp.ops import spec


def run(
    cell: Any,
    sequences: Tensor,
    states: list[Any] | None,
    mask: Tensor | None,
    training: bool | None = None,
) -> tuple[Tensor, Tensor, list[Any]]:
    """Runs a cell over all steps.

    Cells in a stack run one after the other, each over all steps: a step of one needs nothing of later
    steps of those before it.

    Args:
        cell: A cell.
        sequences: `(batch, steps, …)`.
        states: In the form of `initial_states`; `None`: zeros.
        mask: `(batch, steps)`: at 0 states and outputs stay as they are.
        training: For cells that ask for it.

    Returns:
        The outputs of all steps `(batch, steps, …)`, that of the last, and the last states.
    """
    if type(cell) is StackedRNNCells:
        last: list[Any] = []
        output = sequences
        for i, part in enumerate(cell.cells):
            of_part = None if states is None else as_list(states[i])
            sequences, output, after = run(part, sequences, of_part, mask, training)
            nested = isinstance(initial_states(cell, 1)[i], (list, tuple))
            last.append(after if nested else after[0])
        return sequences, output, last
    if isinstance(cell, RecurrentCell) and type(cell).call is RecurrentCell.call:
        outputs, after = cell.over_time(sequences, states, mask)
        return outputs, after[0], after
    if states is None:
        states = for_each_sample(repr(cell), initial_states(cell, 1), sequences.dtype)
    return _step_by_step(cell, sequences, states, mask, training)


def _step_by_step(
    cell: Any,
    sequences: Tensor,
    states: list[Any],
    mask: Tensor | None,
    training: bool | None,
) -> tuple[Tensor, Tensor, list[Any]]:
    told = {"training": training} if takes_training(cell) and training is not None else {}
    step = cell if callable(cell) else cell.call
    outputs: list[Tensor] = []
    for t in range(int(sequences.shape[1] or 0)):
        y, new = step(sequences[:, t], states, **told)
        new = as_list(new)
        if not _tree.same_form(new, states):
            raise ValueError(
                f"Cell {cell!r}: expected call to return (output, states) with states as it gets "
                f"them, {len(_tree.flatten(states))} in number. Received: {new!r}"
            )
        for after, before in zip(_tree.flatten(new), _tree.flatten(states), strict=True):
            if getattr(after, "shape", ()) != before.shape:
                raise ValueError(
                    f"Cell {cell!r}: expected call to return states of the shapes that it gets, here "
                    f"{before.shape}. Received: {after!r}"
                )
        if mask is not None:
            first = _tree.flatten(states)[0]
            start = first if first.shape == y.shape else ops.zeros_like(y)
            before = outputs[-1] if outputs else start
            y = where(mask[:, t], y, before)
            pairs = zip(_tree.flatten(new), _tree.flatten(states), strict=True)
            new = _tree.pack(states, [where(mask[:, t], a, b) for a, b in pairs])
        states = new
        outputs.append(y)
    return ops.stack(outputs, axis=1), outputs[-1], states


def where(on: Tensor, a: Tensor, b: Any) -> Tensor:
    """`a` where `on`, of the first axes of `a`, is not 0, else `b`."""
    for _ in range(a.ndim - on.ndim):
        on = ops.expand_dims(on, -1)
    y: Tensor = ops.where(on, a, b)
    return y


def as_list(states: Any) -> list[Any]:
    """States as a list; one alone may come without."""
    return list(states) if isinstance(states, (list, tuple)) else [states]


def initial_states(cell: Any, batch_size: int | None) -> list[Any]:
    """The states before the first step: what the cell says, or zeros."""
    own = getattr(cell, "get_initial_state", None)
    if own is not None:
        return as_list(own(batch_size=batch_size))
    dtype = getattr(cell, "dtype", "float32")
    return [zeros_of(batch_size, n, dtype) for n in as_list(cell.state_size)]


def has_zero_states(cell: Any) -> bool:
    """Whether the states before the first step are known to be zeros."""
    if type(cell) is StackedRNNCells:
        return all(has_zero_states(part) for part in cell.cells)
    own = getattr(type(cell), "get_initial_state", None)
    return own is None or own is RecurrentCell.get_initial_state


def takes_training(cell: Any) -> bool:
    """Whether a cell, or one in a stack, asks whether the model trains."""
    if type(cell) is StackedRNNCells:
        return any(takes_training(part) for part in cell.cells)
    return isinstance(cell, Layer) and "training" in cell._call_takes()


def for_each_sample(where: str, states: list[Any], dtype: str) -> list[Any]:
    """The states that every sample begins with.

    Args:
        where: The layer or cell, for errors.
        states: Those of one sample, `(1, size)`: arrays, or tensors made of weights.
        dtype: Of the result.

    Raises:
        ValueError: They are not of one sample.
    """

    def repeated(state: Any) -> Tensor:
        if tuple(np.shape(state)[:1]) != (1,):
            raise ValueError(
                f"{where}: expected get_initial_state(batch_size=1) to return states of shape "
                f"(1, size). Received: shape={np.shape(state)}"
            )
        return spec.for_each_sample(where, state[0], dtype)

    repeats: list[Any] = _tree.apply(repeated, states)
    return repeats

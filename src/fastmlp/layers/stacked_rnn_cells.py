"""Several cells as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from fastmlp.errors import bad_argument, is_int
from fastmlp.graph import Tensor
from fastmlp.layers.base import Layer
from fastmlp.layers.phase import may_be_told
from fastmlp.layers.recurrent_cells import zeros_of


class StackedRNNCells(Layer):
    """Cells of which each reads the outputs of the one before it.

    `x_1 = inputs; x_{k+1}, states_k = cell_k(x_k, states_k)`

    Args:
        cells: List of cells; see `RNN`.
        **kwargs: `name`, `dtype`, `trainable`.

    Call arguments:
        inputs: `(batch, features)`.
        states: A list with the states of each cell.

    Output shape:
        The output of the last cell, and the list of all states.

    Raises:
        ValueError: Something in the list is no cell.

    Example:

    >>> import numpy as np
    >>> from fastmlp import layers
    >>> cells = StackedRNNCells([layers.LSTMCell(4), layers.GRUCell(2)])
    >>> layers.RNN(cells)(np.ones((8, 5, 3))).shape
    (8, 2)

    Source: Graves, Mohamed, Hinton, "Speech recognition with deep recurrent neural networks", 2013.
    """

    def __init__(self, cells: Any, **kwargs: Any) -> None:
        if not isinstance(cells, (list, tuple)) or not cells:
            raise bad_argument("StackedRNNCells", "a list of cells", "cells", cells)
        for cell in cells:
            check_cell("StackedRNNCells", cell)
        super().__init__(**kwargs)
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        """The cells' sizes of states."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        """Elements of the last cell's output of one sample."""
        return output_size(self.cells[-1])

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """The states of each cell before the first step."""
        found = []
        for cell in self.cells:
            own = getattr(cell, "get_initial_state", None)
            size = cell.state_size
            if own is not None:
                first = own(batch_size=batch_size)
                one = isinstance(first, (list, tuple)) and not isinstance(size, (list, tuple))
                found.append(first[0] if one else first)
            elif isinstance(size, (list, tuple)):
                found.append([zeros_of(batch_size, part, self.dtype) for part in size])
            else:
                found.append(zeros_of(batch_size, size, self.dtype))
        return found

    def build(self, input_shape: Any) -> None:
        shape = tuple(input_shape)
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(shape)
                for variable in cell.weights:
                    variable.path = f"{self.name}/{variable.path}"
            shape = (None, output_size(cell))

    @may_be_told
    def call(self, inputs: Tensor, states: Any) -> Any:
        after = []
        for cell, before in zip(self.cells, states, strict=True):
            several = isinstance(before, (list, tuple))
            run = cell if callable(cell) else cell.call
            inputs, new = run(inputs, list(before) if several else [before])
            new = list(new) if isinstance(new, (list, tuple)) else [new]
            after.append(new if several else new[0])
        return inputs, after

    def get_config(self) -> dict[str, Any]:
        from fastmlp.layers import lookup  # it imports this module

        return {**super().get_config(), "cells": [lookup.serialize(cell) for cell in self.cells]}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        from fastmlp.layers import lookup

        cells = [lookup.deserialize(cell) for cell in config["cells"]]
        return super().from_config({**config, "cells": cells})


def check_cell(where: str, cell: Any) -> None:
    """Checks that something is a cell.

    Raises:
        ValueError: It has no `call`, or no `state_size`.
    """
    size = getattr(cell, "state_size", None)
    if isinstance(cell, type):
        hint = f"write {cell.__name__}(…), not {cell.__name__}"
    elif hasattr(cell, "return_sequences"):
        hint = "a layer runs its cell itself; a cell is LSTMCell, not LSTM"
    elif not callable(getattr(cell, "call", None)):
        hint = "LSTMCell(4), GRUCell(4) and SimpleRNNCell(4) are cells"
    elif not is_int(size) and not isinstance(size, (list, tuple)):
        hint = "it needs an attribute state_size: the size of its state, or a list of sizes"
    else:
        return
    raise bad_argument(where, "a cell with state_size and call(inputs, states)", "cell", cell, hint)


def output_size(cell: Any) -> int:
    """Elements of a cell's output of one sample: `output_size`, or the size of its first state."""
    size = getattr(cell, "output_size", None)
    if size is None:
        size = cell.state_size
    while isinstance(size, (list, tuple)):
        size = size[0]
    return int(size)

"""Twins of the ops of `_core/embedding.pyx`: rows of a table, and its gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastmlp.ops.embedding import rows_of
from fastmlp.plan.ir import Op

if TYPE_CHECKING:
    from fastmlp._reference.step import State


def embed(op: Op, s: State) -> None:
    index, w = op.ins
    s.put(op.outs[0], s[w][rows_of(op, s[index])])


def sort_rows(op: Op, s: State) -> None:
    s.put(op.outs[0], np.argsort(s[op.ins[0]].reshape(-1).astype(np.int64), kind="stable"))


def grad_rows(op: Op, s: State) -> np.ndarray:
    """The gradient of the table, added up in the order of the index."""
    dy, index, order = op.ins
    g = np.zeros((op.attrs["rows"], op.attrs["n"]), s[dy].dtype)
    places = s[order].reshape(-1).astype(np.int64)
    rows = s[index].reshape(-1).astype(np.int64)[places]
    np.add.at(g, rows, s.rows(dy, op.attrs["n"])[places])
    return g

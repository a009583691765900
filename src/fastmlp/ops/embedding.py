"""Rows of a weight by number: what an Embedding looks up, and the gradient of its table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.graph import Node
from fastmlp.ops import spec
from fastmlp.ops.reduce import reshaped
from fastmlp.ops.spec import OpSpec
from fastmlp.variables import Variable

if TYPE_CHECKING:
    from fastmlp.plan.ir import Buffer, Builder, Op

_MOVE = 8  # floating-point operations that take as long as an element's way from the table
_LARGEST = {"float32": 2**24, "float64": 2**31 - 1}  # numbers up to there are exact, and int32


class Embed(OpSpec):
    """y (…, d) = w (rows, d) at index (…)"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        (index,), w = ins, b.weight(node.weights[0])
        assert w is not None
        rows, d = w.shape
        y = b.result(ins, spec.sample(node.output))
        rep, cost = index.width, _MOVE * index.width * d
        b.emit("embed", [y], [index, w], rep=rep, n=d, rows=rows, cost=cost)
        return y

    @staticmethod
    def bwd(b: Builder, op: Op, dy: Buffer) -> None:
        """dw at index += dy, in an order that sorting gives"""
        index, w = op.ins
        assert index is not None and w is not None
        rep, rows = op.attrs["rep"], op.attrs["rows"]
        if b.of_samples:
            b.add_gradient(w, _of_samples(b, index, dy, rep, rows))
            return
        order = b.result([index], (rep,), f"order of {index.name}")
        sort = b.emit("sort_rows", [order], [index], True, rep=rep, rows=rows)
        sort.scratch = rep * (b.plan.capacity if index.per_sample else 1)
        attrs = {"rep": rep, "n": op.attrs["n"], "rows": rows, "samples": index.per_sample}
        b.add_weight_gradient("grad_rows", w, [dy, index, order], **attrs)


def _of_samples(b: Builder, index: Buffer, dy: Buffer, rep: int, rows: int) -> Buffer:
    """What each sample adds to dw: for each row Σ dy where the index is its number."""
    numbers = b.result([index], (rep, 1))
    b.emit("map", [numbers], [reshaped(b, index, (rep, 1))], kind="trunc")
    hits = b.result([index], (rep, rows))
    every = b.constant(np.arange(rows, dtype=b.plan.dtype))
    b.emit("map", [hits], [numbers, every], kind="equal")
    d = dy.width // rep
    dw = b.value((rows, d))
    dy = reshaped(b, dy, (rep, d))
    b.emit("bmm", [dw], [hits, dy], transposed=True, stack=1, m=rows, n=d, k=rep)
    return dw


def embed(index: Any, table: Variable) -> Any:
    """Rows of a weight `(rows, d)` at an index of any shape `(…)`: `(…, d)`.

    Raises:
        ValueError: The table has more rows than its type has whole numbers.
    """
    rows, d = table.shape
    most = _LARGEST[table.dtype]
    if rows > most:
        raise ValueError(
            f"{spec.where('take')}: expected at most {most:,} rows in {table.dtype}. Received: "
            f"{rows:,}. Hint: dtype='float64' takes more"
        )
    (index,) = spec.operands("take", index)
    if math.prod(spec.sample(index)) == 0:
        raise ValueError(f"{spec.where('take')}: expected indices. Received: shape={index.shape}")
    return Node("embed", [index], (*index.shape, d), table.dtype, [table]).output


def no_such_row(op: Op, value: float, row: int, of: str = "") -> ValueError:
    """The error of an index that is no row of the table.

    Args:
        op: The op.
        value: The index.
        row: Number of the sample.
        of: What it counts in, if not the data.
    """
    rows = op.attrs["rows"]
    given = int(value) if math.isfinite(value) and value == int(value) else value
    return ValueError(
        f"Embedding '{op.label}': expected whole numbers from 0 to {rows - 1}, the rows of its table. "
        f"Received: {given} in sample {row}{of}. Hint: input_dim is the largest index plus one"
    )


def rows_of(op: Op, index: np.ndarray) -> np.ndarray:
    """The indices as whole numbers.

    Raises:
        ValueError: One is no row.
    """
    bad = ~((index > -1) & (index < op.attrs["rows"]))
    if bad.any():
        at = int(np.flatnonzero(bad.reshape(-1))[0])
        value = float(index.reshape(-1)[at])
        raise no_such_row(op, value, at // op.attrs["rep"], " of the batch")
    return index.astype(np.int64)

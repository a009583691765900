"""Element-wise functions of one to three operands that broadcast: one op, `map`, for all of them.

`FUNCTIONS` is the list: what NumPy calls a function, and its gradient with respect to each operand,
as a function of the same list of kernels (`csrc/kernels/map.inc.c`), applied to dy, the result y
and the operands a, b, c.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp._record import Record
from fastmlp.graph import Node
from fastmlp.ops import spec
from fastmlp.ops.reduce import add_reduced
from fastmlp.ops.spec import OpSpec

if TYPE_CHECKING:
    from fastmlp.plan.ir import Buffer, Builder, Op

Rule = tuple[str, ...]


class Function(Record):
    """An element-wise function.

    Attributes:
        numpy: What it computes.
        gradient: For each operand the kernel and its operands; `None`: no gradient.
        floating: Whether integers become floats first.
    """

    numpy: Callable[..., Any]
    gradient: tuple[Rule | None, ...] = ()
    floating: bool = False


def _float(numpy: Callable[..., Any], *gradient: Rule | None) -> Function:
    return Function(numpy, gradient, floating=True)


_erf = np.vectorize(math.erf, otypes=[np.float64])


FUNCTIONS: dict[str, Function] = {
    # arithmetic
    "copy": Function(lambda a: a, (("copy", "dy"),)),
    "negative": Function(np.negative, (("negative", "dy"),)),
    "absolute": Function(np.absolute, (("absolute_dx", "dy", "a"),)),
    "square": Function(np.square, (("square_dx", "dy", "a"),)),
    "sqrt": _float(np.sqrt, ("sqrt_dx", "dy", "y")),
    "rsqrt": _float(lambda a: 1 / np.sqrt(a), ("rsqrt_dx", "dy", "y")),
    "reciprocal": _float(np.reciprocal, ("reciprocal_dx", "dy", "y")),
    "sign": Function(np.sign),
    "add": Function(np.add, (("copy", "dy"), ("copy", "dy"))),
    "subtract": Function(np.subtract, (("copy", "dy"), ("negative", "dy"))),
    "multiply": Function(np.multiply, (("multiply", "dy", "b"), ("multiply", "dy", "a"))),
    "divide": _float(np.divide, ("divide", "dy", "b"), ("divide_db", "dy", "a", "b")),
    "maximum": Function(
        np.maximum, (("maximum_da", "dy", "a", "b"), ("maximum_da", "dy", "b", "a"))
    ),
    "minimum": Function(
        np.minimum, (("minimum_da", "dy", "a", "b"), ("minimum_da", "dy", "b", "a"))
    ),
    "power": Function(np.power, (("power_da", "dy", "a", "b"), ("power_db", "dy", "a", "b"))),
    "mod": Function(np.mod, (("copy", "dy"), ("mod_db", "dy", "a", "b"))),
    "floor_divide": Function(np.floor_divide),
    "floor": _float(np.floor),
    "ceil": _float(np.ceil),
    "trunc": Function(np.trunc),
    "round": Function(np.round),
    # comparisons
    "equal": Function(np.equal),
    "not_equal": Function(np.not_equal),
    "less": Function(np.less),
    "less_equal": Function(np.less_equal),
    "logical_and": Function(np.logical_and),
    "logical_or": Function(np.logical_or),
    "logical_xor": Function(np.logical_xor),
    "logical_not": Function(np.logical_not),
    "isnan": Function(np.isnan),
    "isinf": Function(np.isinf),
    "isfinite": Function(np.isfinite),
    "where": Function(
        lambda a, b, c: np.where(a != 0, b, c),
        (None, ("where_da", "dy", "a"), ("where_db", "dy", "a")),
    ),
    # exponentials and logarithms
    "exp": _float(np.exp, ("multiply", "dy", "y")),
    "exp2": _float(np.exp2, ("exp2_dx", "dy", "y")),
    "expm1": _float(np.expm1, ("expm1_dx", "dy", "y")),
    "log": _float(np.log, ("divide", "dy", "a")),
    "log1p": _float(np.log1p, ("log1p_dx", "dy", "a")),
    "log2": _float(np.log2, ("log2_dx", "dy", "a")),
    "log10": _float(np.log10, ("log10_dx", "dy", "a")),
    "logaddexp": _float(np.logaddexp, ("exp_gap", "dy", "a", "y"), ("exp_gap", "dy", "b", "y")),
    "erf": _float(lambda a: _erf(a).astype(a.dtype), ("erf_dx", "dy", "a")),
    # trigonometry
    "sin": _float(np.sin, ("sin_dx", "dy", "a")),
    "cos": _float(np.cos, ("cos_dx", "dy", "a")),
    "tan": _float(np.tan, ("tan_dx", "dy", "y")),
    "arcsin": _float(np.arcsin, ("arcsin_dx", "dy", "a")),
    "arccos": _float(np.arccos, ("arccos_dx", "dy", "a")),
    "arctan": _float(np.arctan, ("arctan_dx", "dy", "a")),
    "arctan2": _float(np.arctan2, ("arctan2_da", "dy", "a", "b"), ("arctan2_db", "dy", "a", "b")),
    "sinh": _float(np.sinh, ("sinh_dx", "dy", "a")),
    "cosh": _float(np.cosh, ("cosh_dx", "dy", "a")),
    "arcsinh": _float(np.arcsinh, ("arcsinh_dx", "dy", "a")),
    "arccosh": _float(np.arccosh, ("arccosh_dx", "dy", "a")),
    "arctanh": _float(np.arctanh, ("arctanh_dx", "dy", "a")),
}


class Map(OpSpec):
    """y = f(a, b, c), element by element"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        y = b.result(ins, spec.sample(node.output))
        b.emit("map", [y], ins, kind=node.attrs["kind"])
        return y

    @staticmethod
    def bwd(b: Builder, op: Op, dy: Buffer) -> None:
        """da = dy · ∂f/∂a, summed over the axes along which a was broadcast"""
        named = dict(zip(("dy", "y", "a", "b", "c"), (dy, op.outs[0], *op.ins), strict=False))
        for x, rule in zip(op.ins, FUNCTIONS[op.attrs["kind"]].gradient, strict=False):
            if x is None or rule is None or not b.differentiable(x):
                continue
            kind, *names = rule
            dx = dy
            if kind != "copy":
                dx = b.result([dy], dy.shape, f"d_{x.name}")
                b.emit("map", [dx], [named[name] for name in names], kind=kind)
            add_reduced(b, x, dx)


class Full(OpSpec):
    """A number for every element of every sample"""

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        y = b.value(spec.sample(node.output))
        b.emit("map", [y], ins, kind="copy")
        return y

    @staticmethod
    def bwd(b: Builder, op: Op, dy: Buffer) -> None:
        """Nothing: the number is a constant."""


def apply(kind: str, *values: Any) -> Any:
    """A function of `FUNCTIONS` of tensors, weights, arrays and numbers."""
    function = FUNCTIONS[kind]
    if spec.is_symbolic(*values):
        tensors, shape = spec.broadcast(kind, spec.operands(kind, *values))
        return spec.node("map", tensors, shape, kind=kind)
    operands = spec.arrays(*values, floating=function.floating)
    with np.errstate(all="ignore"):
        return np.asarray(function.numpy(*operands))

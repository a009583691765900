"""Python's operators on tensors and weights: functions of `fastmlp.ops`, which lies above them."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

# Operators of two operands, by their names in `fastmlp.ops`.
_BINARY: set[str] = set()
_SCALARS = (bool, int, float, np.generic)
_NUMBERS = (*_SCALARS, list, tuple, np.ndarray)


def _operator(name: str, swap: bool = False) -> Callable[[Any, Any], Any]:
    """The method behind an operator of two operands; `swap`: the object is the second."""
    _BINARY.add(name)

    def method(self: Any, other: Any) -> Any:
        return _call(name, other, self) if swap else _call(name, self, other)

    return method


def _call(name: str, *operands: Any) -> Any:
    return _function(name)(*operands)


@functools.cache
def _function(name: str) -> Any:
    return getattr(importlib.import_module("fastmlp.ops"), name)


def _compared(name: str, one: Any, other: Any) -> Any:
    """Element by element, where a layer, loss or metric computes; elsewhere `==` with a number, and `!=`.

    Elsewhere `==` with an array or a tensor tells whether they are the same object, as does all else:
    lists look for one so.
    """
    if not isinstance(other, (*_NUMBERS, Operators)):
        return NotImplemented
    graph = importlib.import_module("fastmlp.graph")
    weights = not (isinstance(one, graph.Tensor) or isinstance(other, graph.Tensor))
    if isinstance(other, Operators) and weights:
        return (one is other) is (name == "equal")
    if name == "equal" and not isinstance(other, _SCALARS) and not graph.is_tracing():
        return one is other
    return _call(name, one, other)


class Operators:
    """Base of what may be an operand: `a + b`, `2 * x`, `x[:, :3]`."""

    __slots__ = ()

    __add__, __radd__ = _operator("add"), _operator("add", swap=True)
    __sub__, __rsub__ = _operator("subtract"), _operator("subtract", swap=True)
    __mul__, __rmul__ = _operator("multiply"), _operator("multiply", swap=True)
    __truediv__, __rtruediv__ = _operator("true_divide"), _operator("true_divide", swap=True)
    __floordiv__, __rfloordiv__ = _operator("floor_divide"), _operator("floor_divide", swap=True)
    __mod__, __rmod__ = _operator("mod"), _operator("mod", swap=True)
    __pow__, __rpow__ = _operator("power"), _operator("power", swap=True)
    __matmul__, __rmatmul__ = _operator("matmul"), _operator("matmul", swap=True)
    __lt__, __le__ = _operator("less"), _operator("less_equal")
    __gt__, __ge__ = _operator("greater"), _operator("greater_equal")
    __and__, __rand__ = _operator("logical_and"), _operator("logical_and", swap=True)
    __or__, __ror__ = _operator("logical_or"), _operator("logical_or", swap=True)
    __xor__, __rxor__ = _operator("logical_xor"), _operator("logical_xor", swap=True)
    __hash__ = object.__hash__

    def __eq__(self, other: Any) -> Any:
        return _compared("equal", self, other)

    def __ne__(self, other: Any) -> Any:
        return _compared("not_equal", self, other)

    def __getitem__(self, key: Any) -> Any:
        return _call("get_item", self, key)

    def __neg__(self) -> Any:
        return _call("negative", self)

    def __abs__(self) -> Any:
        return _call("absolute", self)

    def __invert__(self) -> Any:
        return _call("logical_not", self)

    def __pos__(self) -> Any:
        return self


# What NumPy calls the operator of an array and a tensor, where fastmlp.ops has another name.
_UFUNCS = {
    "divide": "true_divide", "remainder": "mod", "bitwise_and": "logical_and",
    "bitwise_or": "logical_or", "bitwise_xor": "logical_xor",
}  # fmt: skip


def _holds_objects(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "O"


def of_numpy(ufunc: Any, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What `array * tensor` is; NumPy's other functions need values, and there are none yet.

    Args:
        ufunc: The function of NumPy that was called with a tensor.
        method: `"__call__"`, or `"reduce"` and the like.
        inputs: Its operands.
        options: Its other arguments; `out` is the left one of `array *= tensor`.

    Raises:
        TypeError: It is no operator.
    """
    name = ufunc.__name__
    if method == "__call__" and len(inputs) == 2 and options.keys() <= {"out"}:
        if name in ("equal", "not_equal"):
            if any(map(_holds_objects, inputs)):
                return (inputs[0] is inputs[1]) is (name == "equal")
            one, other = inputs if isinstance(inputs[0], Operators) else inputs[::-1]
            return _compared(name, one, other)
        known = _UFUNCS.get(name, name)
        (target,) = options.get("out", (None,))
        if known in _BINARY and (target is None or target is inputs[0]):
            return _call(known, *inputs)
    shown = f"np.{name}" if method == "__call__" else f"np.{name}.{method}"
    raise TypeError(
        f"{shown}: expected arrays. Received: a symbolic tensor, which has no values yet. "
        "Hint: use the function of fastmlp.ops"
    )

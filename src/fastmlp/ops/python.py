"""Plain NumPy code as an op, with a gradient of its own."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.graph import Node, Tensor, is_batch
from fastmlp.ops import spec
from fastmlp.ops.shapes import get_item, reshape
from fastmlp.ops.spec import OpSpec

if TYPE_CHECKING:
    from fastmlp.plan.ir import Buffer, Builder, Op

Arrays = Sequence[np.ndarray]
Shape = tuple[int, ...]


class Python(OpSpec):
    """y = f(x0, x1, …), by code that gets the arrays of the whole batch

    Several results are one row each in y, one after the other: `custom_gradient` takes it apart.
    """

    @staticmethod
    def fwd(b: Builder, node: Node, ins: list[Buffer], training: bool) -> Buffer:
        code = Code(**node.attrs, layer=node.layer, operands=[x.shape for x in ins])
        y = b.result(ins, spec.sample(node.output))
        if not node.output.per_sample:
            y = b.batch(spec.sample(node.output))
        b.emit("python_fwd", [y], ins, batch=True, call=code)
        return y

    @staticmethod
    def bwd(b: Builder, op: Op, dy: Buffer) -> None:
        """dx0, dx1, … as the code that f returned gives them"""
        code = op.attrs["call"]
        code.keeps = True
        wanted = [i for i, x in enumerate(op.ins) if b.differentiable(x)]
        found = []
        for x in (op.ins[i] for i in wanted):
            assert x is not None
            make = b.value if x.per_sample else b.batch
            found.append((x, make(x.shape, f"d_{x.name}")))
        b.emit("python_bwd", [dx for _, dx in found], [dy], batch=True, call=code, wanted=wanted)
        for x, dx in found:
            b.add_gradient(x, dx)


class Code:
    """One use of a function within a plan.

    Args:
        function: Of arrays; returns results and the code of their gradient.
        args: Its positional arguments; `None` in the places of tensors.
        places: Which of them the tensors are.
        kwargs: Its further arguments.
        shapes: Of one sample of each result, or of the whole where samples have none of their own.
        single: Whether it returns one array, not several.
        per_sample: Whether samples have results of their own.
        layer: Name of the layer that uses it.
        operands: Shapes of the tensors, as those of the results.

    Attributes:
        keeps: Whether a backward pass follows.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        places: tuple[int, ...],
        kwargs: dict[str, Any],
        shapes: tuple[Shape, ...],
        single: bool,
        per_sample: bool,
        layer: str,
        operands: Sequence[Shape],
    ) -> None:
        self.function, self.args, self.places, self.kwargs = function, args, places, kwargs
        self.shapes, self.single, self.per_sample = shapes, single, per_sample
        self.operands = operands
        self.where = title(function) + (f" in {layer!r}" if layer else "")
        self.keeps = False
        self._gradient: Any = None
        self._inputs: list[Shape] = []

    def forward(self, xs: Arrays) -> list[np.ndarray]:
        """Runs the function on the arrays of a batch; returns the array of the node."""
        self._inputs = [x.shape for x in xs]
        results, gradient = run(self.function, self.args, self.places, self.kwargs, xs, self.where)
        m = next(
            (x.shape[0] for x, own in zip(xs, self.operands, strict=True) if x.ndim > len(own)), 1
        )
        lead = (m,) if self.per_sample else ()
        expected, came = [(*lead, *shape) for shape in self.shapes], [y.shape for y in results]
        if came != expected:
            raise ValueError(
                f"{self.where}: expected it to return {_listed(expected)}, as for the batch it was "
                f"first called on. Received: {_listed(came)}"
            )
        self._gradient = gradient if self.keeps else None
        if self.single:
            return results
        rows = [y.reshape(*lead, math.prod(s)) for y, s in zip(results, self.shapes, strict=True)]
        return [np.concatenate(rows, axis=-1)]

    def backward(self, dys: Arrays) -> list[np.ndarray]:
        """Runs the gradient's code; returns one array for each tensor."""
        gradient, self._gradient = self._gradient, None
        parts = list(dys) if self.single else self._parts(dys[0])
        if gradient is None:
            return [np.zeros(shape) for shape in self._inputs]
        where = f"the gradient of {self.where}"
        with noted(where):
            found = gradient(*parts)
        return self._checked(found, where)

    def _parts(self, dy: np.ndarray) -> list[np.ndarray]:
        lead = dy.shape[:-1]
        ends = np.cumsum([math.prod(shape) for shape in self.shapes])[:-1]
        pieces = np.split(dy, ends, axis=-1)
        return [p.reshape(*lead, *s) for p, s in zip(pieces, self.shapes, strict=True)]

    def _checked(self, found: Any, where: str) -> list[np.ndarray]:
        """A gradient for each tensor, from one, or from one for each argument or each tensor."""
        n = len(self.places)
        given = list(found) if isinstance(found, (tuple, list)) else [found]
        if len(given) == len(self.args) != n:
            given = [given[place] for place in self.places]
        if len(given) != n:
            raise ValueError(
                f"{where[0].upper()}{where[1:]}: expected {n} arrays, one for each tensor it was "
                f"given. Received: {len(given)}"
            )
        gradients = []
        for number, (value, shape) in enumerate(zip(given, self._inputs, strict=True)):
            what = f"{where[0].upper()}{where[1:]}: expected for argument {self.places[number]}"
            array = np.zeros(shape) if value is None else np.asarray(value)
            if array.dtype.kind not in "biuf":
                raise TypeError(f"{what} an array of real numbers. Received: dtype={array.dtype}")
            if array.shape != shape:
                raise ValueError(
                    f"{what} shape {shape}, that of the argument. Received: shape={array.shape}"
                )
            gradients.append(array)
        return gradients


def title(function: Callable[..., Any]) -> str:
    """What messages call a function."""
    name = getattr(function, "__name__", type(function).__name__)
    return f"custom function '{name}'"


class noted:
    """A context that adds to an exception where it comes from; the exception stays the same."""

    def __init__(self, where: str) -> None:
        self.where = where

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception):
            error.add_note(f"Raised by {self.where}, which runs as Python code within a step.")


def run(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    places: tuple[int, ...],
    kwargs: dict[str, Any],
    xs: Arrays,
    where: str,
) -> tuple[list[np.ndarray], Any]:
    """Calls the function; returns its results and the code of their gradient, checked."""
    given = list(args)
    for place, x in zip(places, xs, strict=True):
        given[place] = x
    with noted(where):
        answer = function(*given, **kwargs)
    pair = isinstance(answer, tuple) and len(answer) == 2
    if not pair or not (answer[1] is None or callable(answer[1])):
        raise TypeError(
            f"{where}: expected it to return (result, gradient), where gradient(dy) returns the "
            f"gradients of its arguments. Received: a {type(answer).__name__}. "
            "Hint: return y, None if there is no gradient"
        )
    results = answer[0] if isinstance(answer[0], (tuple, list)) else [answer[0]]
    arrays = [np.asarray(y) for y in results]
    for array in arrays:
        if array.dtype.kind not in "biuf":
            raise TypeError(
                f"{where}: expected it to return arrays of real numbers. "
                f"Received: dtype={array.dtype}"
            )
    return arrays, answer[1]


def custom_gradient(function: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a function of NumPy arrays usable in layers, losses and metrics.

    The function returns its result, and a function that computes gradients: it gets the loss's
    gradient by the result and returns that by each argument. Within a model the function gets
    arrays of the whole batch, `(batch, …)`, and of weights; it runs as Python code, one call a
    step, which `model.plan_summary()` shows. Prefer `fastmlp.ops` where it can say the same: what is
    written with it runs natively.

    To learn the shape of the result, the function is called on arrays of ones, of two and of three
    samples, when a model is built.

    Args:
        function: Takes arrays, and whatever else; returns `(result, gradient)`. `result` is an
            array or a tuple of arrays. `gradient(*dys)` gets an array for each and returns one array
            for each argument, of its shape, or `None` where there is none; `gradient` may be `None`.

    Returns:
        A function of the same arguments: of symbolic tensors and weights it returns symbolic
        tensors, of arrays arrays.

    Raises:
        TypeError: When called: the function does not return such a pair, or no real numbers.
        ValueError: When called: its result is not `(batch, …)`; in a step: a gradient has not the
            shape of its argument.

    Example:

    >>> import numpy as np
    >>> @custom_gradient
    ... def clipped_exp(x):
    ...     y = np.exp(np.minimum(x, 5))
    ...     return y, lambda dy: dy * y * (x < 5)
    >>> clipped_exp(np.array([0.0, 9.0]))
    array([  1.        , 148.4131591])
    """
    if not callable(function):
        raise TypeError(
            f"custom_gradient: expected a function of arrays. Received: {function!r}. "
            "Hint: write @fastmlp.custom_gradient above its def"
        )

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        where = spec.where(title(function))
        symbolic = [name for name, value in kwargs.items() if spec.is_symbolic(value)]
        if symbolic:
            raise TypeError(f"{where}: expected tensors by position. Received: {symbolic[0]}=…")
        places = tuple(i for i, value in enumerate(args) if spec.is_symbolic(value))
        if not places:
            results, _ = run(function, args, (), kwargs, [], where)
            return results[0] if len(results) == 1 else tuple(results)
        tensors = spec.operands(where, *(args[i] for i in places))
        rest = tuple(None if i in places else value for i, value in enumerate(args))
        return _node(function, rest, places, kwargs, tensors, where)

    return wrapped


def _node(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    places: tuple[int, ...],
    kwargs: dict[str, Any],
    tensors: list[Tensor],
    where: str,
) -> Any:
    """The results of a function of tensors, as tensors."""
    shapes, single, per_sample = _trial(function, args, places, kwargs, tensors, where)
    code = {"function": function, "args": args, "places": places, "kwargs": kwargs}
    code |= {"shapes": shapes, "single": single, "per_sample": per_sample}
    sizes = [math.prod(shape) for shape in shapes]
    whole = shapes[0] if single else (sum(sizes),)
    y = Node("python", tensors, spec.with_batch(whole, per_sample), tensors[0].dtype, attrs=code)
    if single:
        return y.output
    results, start = [], 0
    for shape, size in zip(shapes, sizes, strict=True):
        part = get_item(y.output, (..., slice(start, start + size)))
        results.append(reshape(part, (-1, *shape) if per_sample else shape))
        start += size
    return tuple(results)


def of_batch(function: Callable[..., Any], tensors: list[Tensor], shape: Shape) -> Tensor:
    """What a function of arrays of the whole batch makes of tensors, if the shape is known before.

    Args:
        function: As `custom_gradient` takes it.
        tensors: Its arguments.
        shape: Of one sample of its result, or of the whole if no tensor has a batch axis.
    """
    per_sample = any(t.per_sample for t in tensors)
    places = tuple(range(len(tensors)))
    code = {"function": function, "args": (None,) * len(tensors), "places": places, "kwargs": {}}
    code |= {"shapes": (shape,), "single": True, "per_sample": per_sample}
    return spec.node("python", tensors, spec.with_batch(shape, per_sample), **code)


def _trial(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    places: tuple[int, ...],
    kwargs: dict[str, Any],
    tensors: list[Tensor],
    where: str,
) -> tuple[tuple[Shape, ...], bool, bool]:
    """Shapes of the results, whether it is one, and whether samples have results of their own."""
    batched = any(t.per_sample for t in tensors)
    where = f"{where}, called on ones to learn the shape of its result"
    tries = []
    for m in (2, 3) if batched else (1,):
        xs = [
            np.ones([m if d is None or is_batch(d) else d for d in t.shape], t.dtype)
            for t in tensors
        ]
        given = list(args)
        for place, x in zip(places, xs, strict=True):
            given[place] = x
        results, _ = run(function, args, places, kwargs, xs, where)
        tries.append([y.shape for y in results])
    single = len(tries[0]) == 1
    if tries[0] == tries[-1]:
        return tuple(tries[0]), single, False
    both = list(zip(*tries, strict=False))
    if len(tries[0]) != len(tries[1]) or any(a[:1] != (2,) or b != (3, *a[1:]) for a, b in both):
        raise ValueError(
            f"{where}: expected results (batch, …). "
            f"Received: {_listed(tries[0])} for two samples, {_listed(tries[1])} for three"
        )
    return tuple(a[1:] for a, _ in both), single, True


def _listed(shapes: Sequence[Shape]) -> str:
    return f"shape{'s' * (len(shapes) > 1)} {', '.join(map(str, shapes))}"

"""Every op in the middle of a network: native = NumPy twins, gradients = central differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fastmlp import graph, ops
from fastmlp.ops.elementwise import FUNCTIONS
from fastmlp.plan.lower import LossSpec
from tests.plan.graphs import Case, dense, weight
from tests.plan.test_graphs import check_gradients

ROWS, WIDTH = 7, 6


def case(make: Callable[[Any], Any], dtype: str = "float64", seed: int = 2) -> Case:
    """dense → what is made of it → dense → mean squared error"""
    rng = np.random.default_rng(seed)
    x = graph.input_tensor((None, WIDTH), dtype, "x")
    hidden = dense(x, weight(rng, WIDTH, WIDTH, dtype=dtype), weight(rng, WIDTH, dtype=dtype))
    with graph.layer_scope("custom"):
        z = make(hidden)
        if not z.per_sample:
            z = ops.add(ops.full_like(hidden, 0.3), z)
    z = ops.reshape(z, (-1, int(np.prod(z.shape[1:]))))
    y = dense(z, weight(rng, z.shape[1], 3, dtype=dtype), weight(rng, 3, dtype=dtype))
    feeds = [rng.normal(size=(ROWS, WIDTH)).astype(dtype), rng.normal(size=(ROWS, 3)).astype(dtype)]
    loss = LossSpec(0, "mean_squared_error", target_shape=(3,))
    return Case([x], [y], [loss], feeds, dtype, hyper=(1e-3,))


def check(make: Callable[[Any], Any]) -> None:
    check_gradients(case(make))
    single = case(make, "float32")
    expected = single.run_reference(2, batch=4)
    single.run_native(2, batch=4)
    for v in single.variables:
        # float32: sums in another order, through functions that may magnify it.
        np.testing.assert_allclose(v.value, expected.weights[v], rtol=1e-4, atol=1e-5)


def cube(x: Any) -> Any:
    return ops.reshape(x, (-1, 2, 3))


# An argument within the domain of each function, from any number.
INSIDE: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(
        ("sqrt", "rsqrt", "log", "log1p", "log2", "log10", "power", "reciprocal"),
        lambda x: ops.add(ops.square(x), 0.5),
    ),
    **dict.fromkeys(("arcsin", "arccos", "arctanh"), lambda x: ops.multiply(ops.sin(x), 0.8)),
    "arccosh": lambda x: ops.add(ops.square(x), 1.5),
}
UNARY = [n for n, f in FUNCTIONS.items() if len(f.gradient) == 1 and n != "copy"]
BINARY = [n for n, f in FUNCTIONS.items() if len(f.gradient) == 2]


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_operand(name):
    inside = INSIDE.get(name, lambda x: x)
    check(lambda x: getattr(ops, name)(inside(x)))


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_operands(name):
    inside = INSIDE.get(name, lambda x: x)
    f = getattr(ops, name)
    check(lambda x: f(inside(x), ops.add(ops.square(ops.cos(ops.multiply(x, 0.3))), 0.4)))
    check(lambda x: f(inside(x), 1.7))
    check(lambda x: f(0.8, ops.add(ops.square(x), 0.4)))


BROADCASTS = {
    "vector": lambda x: ops.multiply(x, np.arange(6.0)),
    "array first": lambda x: ops.multiply(np.arange(6.0), x),
    "one a sample": lambda x: ops.multiply(x, ops.mean(x, 1, keepdims=True)),
    "batch axis of one": lambda x: ops.multiply(x, np.arange(6.0)[None]),
    "outer": lambda x: ops.multiply(
        ops.reshape(x, (-1, 2, 3, 1)), ops.reshape(ops.sin(x), (-1, 1, 3, 2))
    ),
    "number without a batch": lambda x: ops.multiply(x, ops.exp(ops.mean(x))),
    "vector without a batch": lambda x: ops.multiply(ops.sin(ops.mean(x, 0)), x),
    "column without a batch": lambda x: ops.multiply(cube(x), ops.mean(cube(x), (0, 2), True)),
    "two without a batch": lambda x: ops.divide(ops.sin(ops.mean(x, 0)), ops.exp(ops.mean(x))),
}


@pytest.mark.parametrize("make", BROADCASTS.values(), ids=BROADCASTS)
def test_operands_that_broadcast(make):
    check(make)


@pytest.mark.parametrize(
    ("shape", "fit"),
    [((6,), lambda x: x), ((1,), lambda x: x), ((), lambda x: x), ((3,), cube), ((2, 1), cube), ((2, 3), cube),
     ((1, 6), lambda x: x)],
)  # fmt: skip
def test_a_weight_as_operand_gets_the_sum_of_what_the_samples_have(shape, fit):
    v = weight(np.random.default_rng(4), *shape)

    def make(x):
        return ops.divide(ops.sin(ops.multiply(fit(x), v)), ops.exp(v))

    made = case(make)
    assert v in made.variables
    check_gradients(made)


def test_a_weight_used_twice_and_alone_adds_up_its_gradients():
    v = weight(np.random.default_rng(4), 6)
    check_gradients(
        case(lambda x: ops.add(ops.multiply(x, v), ops.add(v, ops.mean(ops.square(ops.sin(v))))))
    )


REDUCTIONS = {
    f"{kind} {axis} {keepdims}": lambda x, kind=kind, axis=axis, keepdims=keepdims: getattr(
        ops, kind
    )(cube(x), axis, keepdims)
    for kind in ("sum", "mean", "max", "min", "prod", "logsumexp", "var", "std")
    for axis, keepdims in ((1, False), (-1, True), ((1, 2), True))
}
OVER_BATCH = {
    f"{kind} {axis}": lambda x, kind=kind, axis=axis: ops.multiply(
        ops.sin(getattr(ops, kind)(x, axis, keepdims=True)), x
    )
    for kind in ("sum", "mean", "max", "min", "logsumexp", "var", "std")
    for axis in (0, None)
}


@pytest.mark.parametrize(
    "make", [*REDUCTIONS.values(), *OVER_BATCH.values()], ids=[*REDUCTIONS, *OVER_BATCH]
)
def test_reductions(make):
    check(make)


MOVES = {
    "slice": lambda x: ops.get_item(x, (slice(None), slice(1, 4))),
    "backwards": lambda x: ops.get_item(x, (slice(None), slice(None, None, -2))),
    "one": lambda x: ops.get_item(x, (slice(None), 2, None)),
    "repeated": lambda x: ops.get_item(x, (slice(None), [0, 0, 5])),
    "ellipsis": lambda x: ops.get_item(cube(x), (..., 0)),
    "concatenate": lambda x: ops.concatenate(
        [x, ops.sin(x), ops.get_item(x, (slice(None), slice(2)))], -1
    ),
    "concatenate constants": lambda x: ops.concatenate([x, ops.ones_like(x)], 1),
    "concatenate inner": lambda x: ops.concatenate([cube(x), ops.cos(cube(x))], 1),
    "concatenate a late part": lambda x: ops.concatenate(
        [ops.subtract(x, ops.mean(x, 0)), ops.sin(x)], -1
    ),
    "stack": lambda x: ops.stack([x, ops.sin(x)], -1),
    "split": lambda x: ops.multiply(*ops.split(x, 2, 1)),
    "transpose": lambda x: ops.transpose(cube(x), (0, 2, 1)),
    "swapaxes": lambda x: ops.swapaxes(cube(x), 1, 2),
    "moveaxis": lambda x: ops.moveaxis(cube(x), -1, 1),
    "flip": lambda x: ops.flip(cube(x), (1, 2)),
    "roll": lambda x: ops.roll(x, 2, 1),
    "repeat": lambda x: ops.repeat(x, 2, 1),
    "tile": lambda x: ops.tile(x, (1, 2)),
    "take": lambda x: ops.take(x, [1, 1, 0], 1),
    "pad": lambda x: ops.pad(x, ((0, 0), (1, 2))),
    "reflect": lambda x: ops.pad(x, ((0, 0), (1, 2)), "reflect"),
    "tril": lambda x: ops.tril(cube(x)),
    "triu": lambda x: ops.triu(cube(x), 1),
    "squeeze": lambda x: ops.squeeze(ops.expand_dims(x, 1)),
    "broadcast_to": lambda x: ops.broadcast_to(ops.expand_dims(x, 1), (None, 2, 6)),
    "cumsum": lambda x: ops.cumsum(cube(x), 1),
    "clip": lambda x: ops.clip(x, -0.5, 0.5),
    "where": lambda x: ops.where(ops.greater(x, 0.0), x, ops.square(x)),
    "sparsemax": lambda x: ops.sparsemax(x),
    "sparsemax inner": lambda x: ops.sparsemax(cube(x), 1),
    "softmax inner": lambda x: ops.softmax(cube(x), 1),
    "softmax of two axes": lambda x: ops.log_softmax(cube(x), (1, 2)),
    "norm": lambda x: ops.norm(x, axis=-1, keepdims=True),
    "norm 3": lambda x: ops.norm(x, 3, axis=-1, keepdims=True),
    "nan_to_num": lambda x: ops.nan_to_num(x),
    "batch norm": lambda x: ops.divide(
        ops.subtract(x, ops.mean(x, 0, True)), ops.sqrt(ops.add(ops.var(x, 0, True), 1e-3))
    ),
}


@pytest.mark.parametrize("make", MOVES.values(), ids=MOVES)
def test_shapes_and_moves(make):
    check(make)


PRODUCTS = {
    "constant": lambda x: ops.matmul(x, np.arange(12.0).reshape(6, 2)),
    "constant column": lambda x: ops.expand_dims(ops.matmul(x, np.arange(6.0)), 1),
    "constant first": lambda x: ops.matmul(np.arange(6.0).reshape(3, 2), cube(x)),
    "within samples": lambda x: ops.matmul(cube(x), ops.reshape(ops.sin(x), (-1, 3, 2))),
    "stacks": lambda x: ops.matmul(ops.reshape(x, (-1, 3, 2, 1)), ops.reshape(x, (-1, 3, 1, 2))),
    "stacks with one": lambda x: ops.matmul(ops.reshape(x, (-1, 3, 1, 2)), np.eye(2) + 1),
    "without a batch": lambda x: ops.matmul(cube(x), ops.mean(ops.reshape(x, (-1, 3, 2)), 0)),
    "tensordot": lambda x: ops.tensordot(
        cube(x), np.arange(12.0).reshape(3, 2, 2), [[1, 2], [1, 0]]
    ),
    "dot": lambda x: ops.dot(x, 0.5),
}


@pytest.mark.parametrize("make", PRODUCTS.values(), ids=PRODUCTS)
def test_products(make):
    check(make)


def test_tensordot_that_does_not_fit_says_what_multiplies_samples():
    u, v = (graph.input_tensor((None, n), "float32") for n in (4, 3))
    with pytest.raises(ValueError, match=r"^tensordot .* Hint: .* ops\.sum\(x1 \* x2, axis=-1"):
        ops.tensordot(u, v, 2)


@pytest.mark.parametrize(
    ("shape", "make"),
    [
        ((6, 4), lambda x, v: ops.matmul(x, v)),
        ((3, 4), lambda x, v: ops.matmul(cube(x), ops.sin(v))),
        ((4, 2), lambda x, v: ops.matmul(v, cube(x))),
        ((3, 4), lambda x, v: ops.tensordot(cube(x), v, 1)),
    ],
)
def test_a_weight_as_a_factor(shape, make):
    v = weight(np.random.default_rng(4), *shape)
    made = case(lambda x: make(x, v))
    assert v in made.variables
    check_gradients(made)


def test_no_gradient_passes_what_has_none_or_was_stopped():
    for make in (
        ops.stop_gradient,
        ops.floor,
        ops.sign,
        lambda x: ops.equal(x, 0),
        lambda x: ops.argmax(x, 0),
    ):
        made = case(lambda x, make=make: ops.add(ops.multiply(x, 0.0), make(x)))
        first = made.variables[0]
        before = first.value.copy()
        made.run_native(2)
        np.testing.assert_array_equal(first.value, before)

"""Recurrent cells: native = NumPy twins = loops of element-wise ops; gradients = differences."""

import numpy as np
import pytest

from fastmlp import graph, ops
from fastmlp.ops.recurrent import ACTIVATIONS, GATES, recurrent
from tests.ops.test_gradients import case
from tests.plan.graphs import weight
from tests.plan.test_graphs import check_gradients

STEPS, UNITS = 3, 2


def inputs(hidden, kind):
    """(batch, 3, gates · 2), of different functions of hidden (batch, 6)."""
    parts = [ops.sin(ops.multiply(hidden, 1.0 + 0.7 * i)) for i in range(GATES[kind])]
    return ops.reshape(ops.concatenate(parts, axis=-1), (-1, STEPS, GATES[kind] * UNITS))


def cell(kind, masked=False, states=False, dtype="float64", **kwargs):
    """A function of hidden, with weights that are the same at each call."""
    rng = np.random.default_rng(8)
    u = weight(rng, UNITS, GATES[kind] * UNITS, dtype=dtype)
    b = weight(rng, 3 * UNITS, dtype=dtype) if kind == "gru" else None

    def use(hidden):
        given = dict(kwargs)
        if b is not None:
            given["b"] = graph.weight_tensor(b)
        if states:
            given["h0"] = hidden[:, :UNITS]
            if kind == "lstm":
                given["c0"] = hidden[:, UNITS : 2 * UNITS]
        if masked:
            given["mask"] = ops.greater(hidden[:, 1 : 1 + STEPS], -0.2)
        return recurrent(inputs(hidden, kind), u, kind, given.pop("activation", "tanh"), **given)

    return use


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("states", [False, True])
def test_gradients_and_twins(kind, masked, states):
    check_gradients(case(cell(kind, masked, states)))
    for dtype, tolerance in (("float64", 1e-10), ("float32", 1e-4)):
        native, twin = (case(cell(kind, masked, states, dtype), dtype) for _ in range(2))
        expected = twin.run_reference(3, batch=4)
        native.run_native(3, batch=4, threads=2)
        for v, w in zip(native.variables, twin.variables, strict=True):
            np.testing.assert_allclose(v.value, expected.weights[w], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize(("masked", "states"), [(False, False), (True, True)])
@pytest.mark.parametrize("first", [1, STEPS])
def test_gradients_of_each_h_and_of_the_last_alone(kind, masked, states, first):
    use = cell(kind, masked, states)

    def part(hidden):
        return use(hidden)[:, 0, first:]

    (backward,) = (op for op in case(part).plan().ops() if op.name == "rnn_bwd")
    assert backward.attrs["given"] == ("each" if first == 1 else "last")
    check_gradients(case(part))
    native, twin = (case(part) for _ in range(2))
    expected = twin.run_reference(3, batch=4)
    native.run_native(3, batch=4, threads=2)
    for v, w in zip(native.variables, twin.variables, strict=True):
        np.testing.assert_allclose(v.value, expected.weights[w], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    "activation", sorted({*ACTIVATIONS} - {"exponential"})
)  # of which states explode
def test_any_activation_whose_gradient_needs_its_result(activation):
    for kind in GATES:
        use = cell(kind, activation=activation, recurrent_activation="hard_sigmoid")
        check_gradients(case(use))


def test_the_loop_is_that_of_element_wise_ops():
    """An LSTM written step by step with other ops has the same loss, and moves weights the same way."""

    def loop(hidden):
        u = weight(np.random.default_rng(8), UNITS, 4 * UNITS)
        x = inputs(hidden, "lstm")
        h = c = ops.multiply(hidden[:, :UNITS], 0.0)
        steps = [h]
        for t in range(STEPS):
            z = ops.add(x[:, t], ops.matmul(h, u))
            i, f, n, o = (z[:, k * UNITS : (k + 1) * UNITS] for k in range(4))
            c = ops.add(
                ops.multiply(ops.activation(f, "sigmoid"), c),
                ops.multiply(ops.activation(i, "sigmoid"), ops.activation(n, "tanh")),
            )
            h = ops.multiply(ops.activation(o, "sigmoid"), ops.activation(c, "tanh"))
            steps.append(h)
        return ops.stack(steps, axis=1)

    def native(hidden):
        return cell("lstm")(hidden)[:, 0]

    results = []
    for make in (loop, native):
        made = case(make)
        made.run_native(3)
        results.append({v.shape: v.value for v in made.variables})
    for shape, value in results[0].items():
        np.testing.assert_allclose(results[1][shape], value, rtol=1e-10)


@pytest.mark.parametrize("kind", GATES)
def test_bits_do_not_depend_on_threads(kind):
    found = []
    for threads in (1, 3):
        made = case(cell(kind, dtype="float32"), "float32")
        made.run_native(4, threads=threads)
        found.append([v.value.copy() for v in made.variables])
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))

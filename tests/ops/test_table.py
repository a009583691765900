"""Every function on symbolic tensors: native = arrays = NumPy twins; gradients = differences."""

from __future__ import annotations

import numpy as np
import pytest

from fastmlp import Input, Model, graph, ops
from fastmlp._core.plan import Run
from fastmlp._reference import State, run_step
from fastmlp.layers import Dense
from fastmlp.runtime import Executable, compile_plan
from fastmlp.training.data import as_source
from tests.ops.cases import SMOOTH, STEPS
from tests.ops.test_gradients import check

# Gradients that central differences do not meet: of NaN and of numbers on an edge.
UNCHECKED = {
    "nan_to_num",
    "nanmin",
    "nanmean",
    "nansum",
    "nanmax",
    "nanprod",
    "nanvar",
    "nanstd",
    "nancumsum",
    "nancumprod",
    "outer",
}


def params(*tables):
    return [
        pytest.param(make, id=f"{name}-{i}")
        for table in tables
        for name, makes in table.items()
        for i, make in enumerate(makes)
    ]


def computed(make, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What native code and the NumPy twins make of a tensor."""
    dtype = values.dtype.name
    x = graph.input_tensor((None, 6), dtype, "x")
    y = make(ops, x)
    fed = y if y.per_sample else ops.repeat_samples(y)
    plan = compile_plan([x], [fed], dtype, len(values), fetch=True)
    executable = Executable(plan)
    executable.bind_all([as_source(values, "x")])
    out = np.empty((len(values), *fed.shape[1:]), dtype)
    executable.bind_output(0, out)
    Run(executable.program, len(values), len(values)).go()
    state = State([values], {})
    run_step(plan, state)
    twin = state.outputs[0]
    return (out, twin) if y.per_sample else (out[0], twin[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make", params(SMOOTH, STEPS))
def test_native_is_what_arrays_give(make, dtype):
    values = np.random.default_rng(7).normal(size=(7, 6)).astype(dtype)
    expected = np.asarray(make(ops, values))
    native, twin = computed(make, values)
    assert native.shape == expected.shape
    # float32: sums in another order, functions of another library.
    rtol, atol = (2e-5, 2e-6) if dtype == "float32" else (1e-12, 1e-13)
    np.testing.assert_allclose(native, expected.astype(dtype), rtol=rtol, atol=atol)
    np.testing.assert_allclose(native, twin, rtol=rtol, atol=atol)


@pytest.mark.parametrize(
    "make", params({name: makes for name, makes in SMOOTH.items() if name not in UNCHECKED})
)
def test_gradients_of_all(make):
    check(lambda x: make(ops, x))


def test_computed_indices_are_cut_to_whole_numbers_and_stay_within_the_sample():
    x, index = Input((2,)), Input((1,))
    model = Model([x, index], ops.take_along_axis(x, index, 1))
    data = [np.arange(12).reshape(6, 2), [[-0.5], [0.5], [-1.5], [-2], [-2.5], [2]]]
    expected = [[0], [2], [5], [6], [np.nan], [np.nan]]
    np.testing.assert_array_equal(model.predict(data, verbose=0), expected)

    dense = Dense(2, kernel_initializer="zeros", use_bias=False)
    model = Model([x, index], ops.take_along_axis(dense(x), index, 1))
    model.compile("sgd", "mse")
    model.fit([[[1, 1]], [[-0.5]]], [[1]], verbose=0)
    np.testing.assert_array_equal(np.array(dense.kernel) != 0, [[True, False]] * 2)


def test_arrays_are_joined_along_the_first_axis_and_fabs_makes_floats():
    assert ops.concatenate([np.zeros((2, 3)), np.ones((1, 3))]).shape == (3, 3)
    with pytest.raises(ValueError, match="axis=-1"):
        ops.concatenate([graph.input_tensor((None, n), "float32", "x") for n in (2, 3)])
    assert ops.fabs(np.array([-2, 1])).dtype == "float32"


@pytest.mark.parametrize("ids", [np.zeros((3, 2), int), np.zeros(2, int), np.zeros((), int)])
def test_segments_need_an_id_for_each_row(ids):
    with pytest.raises(ValueError, match=r"segment_prod: expected segment_ids of shape \(3,\)"):
        ops.segment_prod(np.ones((3, 2)), ids, 2)


def test_sizes_below_minus_one_are_refused():
    with pytest.raises(ValueError, match="reshape: expected sizes >= 0, and -1"):
        ops.reshape(np.zeros(20), (-2, 5))


def test_a_histogram_is_of_a_vector():
    with pytest.raises(ValueError, match="histogram: expected a vector"):
        ops.histogram(np.zeros((2, 3)))


def test_vectors_of_four_numbers_have_no_cross_product():
    with pytest.raises(ValueError, match="expected vectors of 2 or 3 numbers"):
        ops.cross(np.ones((3, 4)), np.ones((3, 4)))

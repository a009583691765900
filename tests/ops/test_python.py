"""NumPy code with a gradient of its own, in layers, losses and penalties."""

import numpy as np
import pytest

import fastmlp
from fastmlp import custom_gradient, graph, ops
from fastmlp.plan.lower import LossSpec
from tests.ops.test_gradients import case, check
from tests.plan.graphs import Case, dense, weight
from tests.plan.test_graphs import check_gradients


@custom_gradient
def cube(x):
    return x**3, lambda dy: 3 * dy * x**2


@custom_gradient
def scaled(x, w, factor, power=1):
    """x · wᵖ · factor, and the mean square of each sample"""
    y, size = x * w**power * factor, (x**2).mean(axis=1)

    def gradient(dy, dsize):
        dx = dy * w**power * factor + dsize[:, None] * 2 * x / x.shape[1]
        return dx, (dy * x * factor * power * w ** (power - 1)).sum(axis=0), None

    return (y, size), gradient


@custom_gradient
def spread(x):
    """How far the samples of a batch are from their mean: one number."""
    centred = x - x.mean(axis=0)
    return np.square(centred).mean(), lambda dy: dy * 2 * centred / x.size


def test_a_function_of_each_element():
    check(cube)


def test_results_of_several_arrays_weights_and_arguments():
    w = weight(np.random.default_rng(4), 6)

    def use(x):
        y, size = scaled(x, w, 0.7, power=2)
        assert y.shape == (None, 6) and size.shape == (None,)
        return ops.multiply(y, ops.expand_dims(size, -1))

    check_gradients(case(use))
    expected = case(use).run_reference(3, batch=4)
    native = case(use)
    native.run_native(3, batch=4)
    for v in native.variables:
        if v is not w:
            twin = next(u for u in expected.weights if u.name == v.name and u.shape == v.shape)
            np.testing.assert_allclose(v.value, expected.weights[twin], rtol=1e-9)


def test_one_number_of_the_whole_batch():
    assert spread(graph.input_tensor((None, 3), "float64")).shape == ()
    check(lambda x: ops.multiply(x, spread(x)))


def test_a_number_that_comes_from_a_weight_alone():
    w = weight(np.random.default_rng(4), 6, 6)
    check_gradients(case(lambda x: ops.multiply(x, spread(graph.weight_tensor(w)))))


def with_loss(function, dtype="float64") -> Case:
    rng = np.random.default_rng(2)
    x = graph.input_tensor((None, 4), dtype, "x")
    y = dense(x, weight(rng, 4, 3, dtype=dtype), weight(rng, 3, dtype=dtype), "tanh")
    feeds = [rng.normal(size=(9, 4)).astype(dtype), rng.normal(size=(9, 3)).astype(dtype)]
    loss = LossSpec(0, "own", target_shape=(3,), function=function)
    return Case([x], [y], [loss], feeds, dtype)


@custom_gradient
def own_loss(y_true, y_pred):
    error = y_pred - y_true
    return (error**4).mean(axis=1), lambda dv: (None, dv[:, None] * 4 * error**3 / 3)


def test_a_loss():
    check_gradients(with_loss(own_loss))
    for threads in (1, 3):
        made = with_loss(own_loss)
        expected = made.run_reference(6, 4)
        made.run_native(6, 4, threads)
        for v in made.variables:
            np.testing.assert_allclose(v.value, expected.weights[v], rtol=1e-11)


def test_no_gradient_where_none_is_given():
    frozen = custom_gradient(lambda x: (x * 2.0, None))
    made = case(frozen)
    state = made.run_reference(2)
    before = [v.value.copy() for v in made.variables]
    made.run_native(2)
    for v, old, moves in zip(made.variables, before, (False, False, True, True), strict=True):
        assert np.array_equal(v.value, old) != moves
        np.testing.assert_allclose(v.value, state.weights[v], rtol=1e-12)


def test_arrays_and_functions_of_arrays_alone():
    np.testing.assert_array_equal(cube(np.array([1.0, 2.0])), [1, 8])
    y, size = scaled(np.ones((2, 3)), np.full(3, 2.0), 0.5)
    assert y.shape == (2, 3) and size.shape == (2,)
    assert cube.__name__ == "cube"


def model(function, **kwargs):
    fastmlp.utils.set_random_seed(1)

    class Own(fastmlp.layers.Layer):
        def call(self, x):
            return function(x)

    made = fastmlp.Sequential(
        [fastmlp.Input((4,)), fastmlp.layers.Dense(5), Own(name="own"), fastmlp.layers.Dense(1)]
    )
    made.compile("sgd", "mse", **kwargs)
    return made


def data(n=20):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 4)), rng.normal(size=(n, 1))


def test_a_layer_trains_is_checked_and_called():
    x, y = data()
    made, native = model(cube), model(lambda x: ops.power(x, 3))
    assert max(fastmlp.check_gradients(made, x, y).values()) < 1e-3
    logs = [
        m.fit(x, y, 7, epochs=3, verbose=0, shuffle=False).history["loss"] for m in (made, native)
    ]
    np.testing.assert_allclose(*logs, rtol=1e-5)
    np.testing.assert_allclose(made.predict(x, verbose=0), native.predict(x, verbose=0), rtol=1e-4)
    np.testing.assert_allclose(made(x), native(x), rtol=1e-4)
    np.testing.assert_allclose(
        made.evaluate(x, y, verbose=0), native.evaluate(x, y, verbose=0), rtol=1e-5
    )


def test_a_wrong_gradient_is_found_by_the_check():
    wrong = custom_gradient(lambda x: (x**3, lambda dy: 2 * dy * x**2))
    before, _, behind, _ = fastmlp.check_gradients(model(wrong), *data()).values()
    assert before > 0.1 > 1e-3 > behind


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("where", ["forward", "backward"])
def test_what_it_raises_comes_unchanged_and_the_model_stays_usable(where, eager):
    class Boom(Exception):
        pass

    error, armed = Boom("mine"), []

    @custom_gradient
    def fragile(x):
        if armed and where == "forward":
            raise error

        def gradient(dy):
            if armed and where == "backward":
                raise error
            return dy

        return x * 1.0, gradient

    x, y = data()
    made = model(fragile, run_eagerly=eager)
    made.fit(x, y, epochs=1, verbose=0)
    before, steps = made.get_weights(), made.optimizer.iterations
    armed.append(True)
    with pytest.raises(Boom) as caught:
        made.fit(x, y, epochs=1, verbose=0)
    assert caught.value is error
    assert error.args == ("mine",)
    (note,) = error.__notes__
    assert "custom function 'fragile' in 'own'" in note
    assert all(np.array_equal(a, b) for a, b in zip(before, made.get_weights(), strict=True))
    assert made.optimizer.iterations == steps
    armed.clear()
    made.fit(x, y, epochs=1, verbose=0)
    assert made.optimizer.iterations == steps + 1


def test_what_it_raises_comes_through_calls_too():
    armed = []

    @custom_gradient
    def fragile(x):
        if armed:
            raise KeyError("mine")
        return x, lambda dy: dy

    made, x = model(fragile), data()[0]
    expected = made(x)
    armed.append(True)
    for call in (made, made.predict_on_batch, lambda x: made.predict(x, verbose=0)):
        with pytest.raises(KeyError, match="mine"):
            call(x)
    armed.clear()
    np.testing.assert_array_equal(made(x), expected)


WRONG = {
    "shape": (lambda dy: dy[:, :2], ValueError, r"argument 0 shape \(20, 5\), .* shape=\(20, 2\)"),
    "dtype": (lambda dy: dy.astype(complex), TypeError, "real numbers. Received: dtype=complex128"),
    "object": (lambda dy: np.array(["a"]), TypeError, "real numbers. Received: dtype=<U1"),
    "number": (lambda dy: (dy, dy), ValueError, "expected 1 arrays, .* Received: 2"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_gradient_of_the_wrong_form_is_told(name):
    gradient, kind, message = WRONG[name]

    @custom_gradient
    def bad(x):
        return x * 2.0, gradient

    x, y = data()
    made = model(bad)
    before = made.get_weights()
    with pytest.raises(kind, match="(?s)gradient of custom function 'bad' in 'own'.*" + message):
        made.fit(x, y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, made.get_weights(), strict=True))
    assert made.predict(x, verbose=0).shape == (20, 1)


@pytest.mark.parametrize(
    ("function", "kind", "message"),
    [
        (lambda x: x, TypeError, r"expected it to return \(result, gradient\)"),
        (lambda x: (x, x), TypeError, r"expected it to return \(result, gradient\)"),
        (lambda x: (x.astype(str), None), TypeError, "arrays of real numbers"),
        (lambda x: (x.sum(axis=0).repeat(len(x)), None), ValueError, r"results \(batch, …\)"),
    ],
)
def test_a_result_of_the_wrong_form_is_told_when_the_model_is_built(function, kind, message):
    with pytest.raises(kind, match=message):
        model(custom_gradient(function))


def test_a_result_that_changes_its_shape_is_told():
    changing = custom_gradient(lambda x: (x if len(x) < 4 else x[:, :2], None))
    x, _ = data()
    made = model(changing)
    with pytest.raises(ValueError, match=r"'own'.*expected it to return shape \(20, 5\)"):
        made.predict(x, verbose=0)


def test_tensors_by_keyword_and_what_is_no_function_are_told():
    x = graph.input_tensor((None, 3), "float32")
    with pytest.raises(TypeError, match="expected tensors by position"):
        cube(x=x)
    with pytest.raises(TypeError, match="expected a function of arrays"):
        custom_gradient(3)

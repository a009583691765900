"""Models of symbolic tensors, and of a method call: graphs, sharing, nesting, bad graphs."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Model, Sequential, graph, layers, ops
from fastmlp.layers.base import Layer
from fastmlp.runtime import compile_plan

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(20, 3)).astype("f4"), RNG.normal(size=(20, 3)).astype("f4")
P, Q = RNG.normal(size=(20, 1)).astype("f4"), RNG.normal(size=(20, 2)).astype("f4")


@pytest.fixture(autouse=True)
def _names():
    fastmlp._names.reset()
    keras.utils.clear_session(free_memory=False)


def siamese(lib):
    """Two inputs, a shared layer, a nested model used twice, two outputs."""
    tensors = [lib.Input((3,), name="a"), lib.Input((3,), name="b")]
    shared = lib.layers.Dense(4, "tanh", kernel_regularizer="l2", name="shared")
    inner_in = lib.Input((4,))
    inner = lib.Model(inner_in, lib.layers.Dense(4, "sigmoid", name="inside")(inner_in), name="in")
    left, right = (inner(shared(t)) for t in tensors)
    both = lib.ops.add(left, right)
    outs = [lib.layers.Dense(1, name="p")(both), lib.layers.Dense(2, name="q")(left)]
    return lib.Model(tensors, outs)


def test_graph_trains_as_in_keras():
    """Five epochs of SGD; float32 sums in another order differ by some 1e-6."""
    ours, theirs = siamese(fastmlp), siamese(keras)
    assert ours.output_names == theirs.output_names
    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    theirs.set_weights(ours.get_weights())
    logs = []
    for model in (ours, theirs):
        model.compile("sgd", ["mse", "mae"], loss_weights=[1.0, 0.3])
        fit = model.fit([A, B], [P, Q], batch_size=7, epochs=5, shuffle=False, verbose=0)
        logs.append(fit.history)
    assert logs[0].keys() == logs[1].keys()
    for key, values in logs[0].items():
        np.testing.assert_allclose(values, logs[1][key], rtol=1e-5, atol=1e-6)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    for a, b in zip(ours([A, B]), theirs([A, B]), strict=True):
        np.testing.assert_allclose(a, np.asarray(b), rtol=1e-4, atol=1e-5)


def test_layers_stand_in_the_order_of_keras():
    ours = [layer.name for layer in siamese(fastmlp).layers]
    assert ours == [layer.name for layer in siamese(keras).layers]


def test_functional_form_compiles_to_the_plan_of_the_sequential_form():
    def stack(name):
        return [layers.Dense(8, "relu", name=f"{name}0"), layers.Dropout(0.2),
                layers.Dense(3, "softmax", name=f"{name}1")]  # fmt: skip

    x = entry = Input((4,))
    for layer in stack("f"):
        x = layer(x)
    models = [Sequential([Input((4,)), *stack("s")]), Model(entry, x)]
    plans = [compile_plan(m.inputs, m.outputs, "float32", 16, True, fetch=True) for m in models]
    first, second = ([(op.name, [o.shape for o in op.outs]) for op in p.ops()] for p in plans)
    assert first == second and len(first) > 3


def test_dicts_go_in_and_come_out_by_name():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    model = Model({"a": a, "b": b}, {"sum": ops.add(a, b), "a": layers.Dense(2, name="d")(a)})
    assert model.input_names == ["a", "b"] and model.output_names == ["a", "sum"]
    result = model({"b": B, "a": A})
    np.testing.assert_array_equal(result["sum"], A + B)
    np.testing.assert_array_equal(model.predict({"a": A, "b": B}, verbose=0)["a"], result["a"])
    for given in ({"a": A}, {"a": A, "b": None}, {"a": A, "c": B}):
        with pytest.raises(ValueError, match=r"expected the inputs.*'b' is missing"):
            model(given)


def test_what_a_dict_holds_beside_the_inputs_is_left_aside_wherever_it_is_given():
    a = Input((3,), name="a")
    model = Model({"a": a}, layers.Dense(2)(a))
    given, expected = {"a": A, "b": B}, model({"a": A})
    np.testing.assert_array_equal(model(given), expected)
    np.testing.assert_array_equal(model.predict(given, verbose=0), expected)
    assert model({"a": a, "b": Input((3,))}).shape == (None, 2)


@pytest.mark.parametrize("form", [lambda t: t, lambda t: [t], lambda t: (t,), lambda t: {"d": t}])
def test_results_have_the_form_of_keras(form):
    """One output in a list comes alone."""
    kinds = []
    for lib in (keras, fastmlp):
        entry = lib.Input((3,))
        model = lib.Model([entry], form(lib.layers.Dense(2, name="d")(entry)))
        results = model([A]), model.predict([A], verbose=0), model.predict_on_batch(A)
        kinds += [[isinstance(y, dict) for y in results] + [type(model.output).__name__[-6:]]]
        assert all(np.shape(y) in ((20, 2), ()) for y in results)
    assert kinds[0] == kinds[1]


def test_model_may_end_or_begin_amid_another():
    a = Input((3,))
    hidden = layers.Dense(4, "relu", name="h")(a)
    model = Model(a, layers.Dense(1)(hidden))
    head, tail = Model(model.input, model.get_layer("h").output), Model(hidden, model.output)
    assert head.layers[1] is model.get_layer("h")
    np.testing.assert_array_equal(tail(head(A)), model(A))


class Block(Layer):
    """Layers in a list, and a weight of its own that `build` makes."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.parts = [layers.Dense(3, name="one"), {"two": layers.Dense(3, name="two")}]

    def build(self, input_shape):
        self.extra = self.add_weight((input_shape[-1], 3), name="extra")

    def call(self, x):
        return ops.add(self.parts[1]["two"](self.parts[0](x)), ops.dense(x, self.extra))


def test_layer_finds_the_layers_in_its_attributes():
    block = Block()
    model = Model((entry := Input((3,))), block(entry))
    assert [w.path for w in model.weights] == [
        "block/extra", "one/kernel", "one/bias", "two/kernel", "two/bias"
    ]  # fmt: skip
    block.trainable = False
    assert block.trainable_weights == [] and model.trainable_weights == []
    block.build((None, 3))
    assert len(block.weights) == 5


class Noisy(Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.out = layers.Dense(6, "relu"), layers.Dense(1)

    def call(self, x, training=None):
        h = self.hidden(x)
        return self.out(h if not training else ops.affine(h, 0.0, 0.0))


def test_subclass_is_traced_for_training_and_for_the_rest():
    model = Noisy()
    model.compile("sgd", "mse")
    assert not model.built
    model.fit(A, P, epochs=2, verbose=0)
    assert model.input_shape == (None, 3) and len(model.weights) == 4
    _, bias = model.out.get_weights()
    np.testing.assert_allclose(model(A, training=True), np.tile(bias, (20, 1)), atol=1e-6)
    assert np.ptp(model(A)) > 0.01
    np.testing.assert_array_equal(model(A), model.predict(A, verbose=0))


def test_explicit_training_holds_whatever_the_model_does():
    entry = Input((50,))
    always = Model(entry, layers.Dropout(0.5)(entry, training=True))
    never = Model(entry, layers.Dropout(0.5)(entry, training=False))
    x = np.ones((4, 50), "f4")
    assert set(np.unique(always(x))) == {0.0, 2.0}
    assert (never(x, training=True) == 1).all()


def test_frozen_layers_keep_their_weights():
    entry = Input((3,))
    frozen = layers.Dense(4, trainable=False)
    model = Model(entry, layers.Dense(1)(frozen(entry)))
    before = frozen.get_weights()
    model.compile("adam", "mse")
    model.fit(A, P, epochs=2, verbose=0)
    assert len(model.trainable_weights) == 2
    for a, b in zip(before, frozen.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# Bad graphs.


def test_missing_input_is_named():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    with pytest.raises(ValueError, match=r"need the input 'b', which is not among inputs"):
        Model(a, ops.add(a, b))


def test_names_taken_twice_are_refused():
    a = Input((3,))
    with pytest.raises(ValueError, match="both named 'd'"):
        Model(a, layers.Dense(2, name="d")(layers.Dense(2, name="d")(a)))


def test_what_is_no_tensor_is_refused():
    a = Input((3,))
    with pytest.raises(TypeError, match="expected outputs to be symbolic tensors"):
        Model(a, layers.Dense(2))
    with pytest.raises(ValueError, match="each input once"):
        Model([a, a], ops.add(a, a))
    with pytest.raises(TypeError, match="Received: no outputs"):
        Model(a)


def test_cycle_is_refused():
    a = Input((3,))
    first = layers.Dense(3)(a)
    second = layers.Dense(3, name="second")(first)
    first.call.inputs = [second]
    with pytest.raises(ValueError, match="cycle"):
        Model(a, second)


@pytest.mark.parametrize("wrong", [None, 3, "x", [1]])
def test_call_that_returns_no_tensor_is_refused(wrong):
    class Bad(Layer):
        def call(self, x):
            return wrong

    with pytest.raises(TypeError, match="Bad 'bad': expected call to return tensors"):
        Bad()(Input((3,)))


def test_layer_without_super_init_says_so():
    class Bad(Layer):
        def __init__(self):
            pass

    with pytest.raises(RuntimeError, match=r"did not call super\(\).__init__\(\)"):
        Bad()(Input((3,)))


def test_a_weight_is_set_by_writing_into_it():
    dense = layers.Dense(2, name="d")
    dense.build((None, 3))
    with pytest.raises(
        AttributeError, match=r"^Dense 'd': kernel .* layer\.kernel\[\.\.\.\] = value"
    ):
        dense.kernel = np.ones((3, 2))
    with pytest.raises(AttributeError, match="no setter"):
        dense.losses = []
    dense.kernel[...] = 1
    np.testing.assert_array_equal(dense(np.ones((1, 3))), [[3, 3]])


@pytest.mark.parametrize(
    "cut",
    [
        lambda x: x[:, 7:],
        lambda x: x[:, :0],
        lambda x: ops.take(x, [], axis=1),
        lambda x: ops.mean(x, axis=0)[4:],
    ],
)
def test_a_slice_that_leaves_nothing_is_refused(cut):
    with pytest.raises(ValueError, match="expected at least one element"):
        cut(Input((4,)))


@pytest.mark.parametrize("cut", [lambda x, n: x[:n], lambda x, n: x[n:] - x[:n], lambda x, n: x[:]])
def test_a_slice_to_the_unknown_number_of_samples_is_refused_as_in_keras(cut):
    for library in (keras, fastmlp):
        x = library.Input((3,))
        with pytest.raises(ValueError, match="slice"):
            cut(x, library.ops.shape(x)[0])


def test_a_call_that_slices_to_the_number_of_samples_is_told_it():
    class Halves(layers.Layer):
        def call(self, x):
            both, n = ops.concatenate([x, 3 * x], axis=0), ops.shape(x)[0]
            return both[n:] - both[:n]

    x = np.arange(6.0).reshape(2, 3)
    model = Sequential([Input((3,)), Halves()])
    np.testing.assert_array_equal(model.predict(x, verbose=0), 2 * x)
    np.testing.assert_array_equal(Halves()(x), 2 * x)


@pytest.mark.parametrize(
    "use",
    [
        lambda model: model.compile("sgd", "mse"),
        lambda model: model.fit(np.ones((2, 3)), np.ones(2)),
        lambda model: model(np.ones((2, 3))),
        lambda model: model.summary(),
        lambda model: model.weights,
    ],
)
def test_model_without_super_init_says_so(use):
    class Bad(Model):
        def __init__(self):
            self.dense = layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    with pytest.raises(AttributeError, match=r"^Bad: __init__ did not call super\(\).__init__\(\)"):
        use(Bad())


def test_symbolic_tensors_are_no_truth_values_and_have_no_length():
    a = Input((3,))
    for use in (bool, len, list, float, np.asarray):
        with pytest.raises(TypeError, match="symbolic"):
            use(a)


def test_an_output_that_depends_on_no_input_is_refused():
    a, b = Input((2,), name="a"), Input((2,), name="b")
    with pytest.raises(ValueError, match=r"need the input 'b', which is not among inputs.*\['a'\]"):
        Model(a, [layers.Dense(1)(a), layers.Dense(1)(b)])
    alone = weights_alone()
    with pytest.raises(
        ValueError, match=r"depend on its inputs, \['a'\].*output 1, .*none of them"
    ):
        Model(a, [layers.Dense(1)(a), alone])


def weights_alone():
    """A tensor that no input leads to."""
    return graph.constant_tensor(np.ones((3, 4)), "float32")


class Bias(layers.Layer):
    """Gives a weight, whatever it is called on."""

    def build(self, input_shape):
        self.bias = self.add_weight(shape=(3,), initializer="ones", name="bias")

    def call(self, x):
        return self.bias + 1.0


@pytest.mark.parametrize("make", [
    lambda x: ops.mean(x), lambda x: ops.mean(x, axis=0), lambda x: ops.sum(x, axis=0, keepdims=True),
    lambda x: Bias()(x),
])  # fmt: skip
def test_one_value_for_all_samples_is_no_output_to_fit_or_predict(make):
    x = np.arange(6.0, dtype="float32").reshape(3, 2)
    a = Input((2,))
    model = Model(a, make(a))
    expected = np.full(3, 2.0) if model.outputs[0].shape == (3,) else make(x)
    np.testing.assert_allclose(model(x), expected)
    np.testing.assert_allclose(model(x[:2]), expected if expected.shape == (3,) else make(x[:2]))
    assert model(x).shape == expected.shape
    for call in (lambda: model.compile("sgd", "mse"), lambda: model.predict(x, verbose=0)):
        with pytest.raises(
            ValueError, match=r"expected one row for each sample.*keep the batch axis"
        ):
            call()


@pytest.mark.parametrize("join", [
    lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a - b, lambda a, b: a / b, lambda a, b: a > b,
    lambda a, b: a @ b, ops.maximum, lambda a, b: ops.stack([a, b], axis=1),
])  # fmt: skip
def test_shapes_that_do_not_merge_are_named_with_their_layers(join):
    one = layers.Dense(3, name="one")(Input((2,)))
    two = layers.Dense(4, name="two")(Input((2,)))
    with pytest.raises(
        ValueError, match=r"\(None, \d\) from '(one|two)' and \(None, \d\) from '(one|two)'"
    ):
        join(one, two)


def test_what_does_not_merge_with_a_weight_or_an_array_is_named():
    one = layers.Dense(3, name="one")
    made = one(Input((2,)))
    with pytest.raises(ValueError, match=r"\(None, 3\) from 'one' and \(4,\) of an array"):
        made + np.ones(4)
    with pytest.raises(ValueError, match=r"\(None, 3\) from 'one' and \(2, 3\) of weight 'kernel'"):
        made + one.weights[0]


def test_input_takes_a_tensor_and_may_be_called_optional():
    for k in (keras, fastmlp):
        tensor = k.Input((2,))
        assert k.Input(tensor=tensor) is tensor
        assert tuple(k.Input((2,), optional=True).shape) == (None, 2)

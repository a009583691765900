"""RNN, its cells and Bidirectional: against Keras, from configs and files, with wrong arguments."""

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import layers, models, ops

pytestmark = pytest.mark.filterwarnings("ignore:.*does not support masking")  # of Flatten

STEPS, FEATURES, SAMPLES = 4, 3, 12


def minimal_cell(lib):
    """A cell of the user's own, of two states of different sizes; its output is the second."""

    class MinimalCell(lib.layers.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.state_size = [units, units + 1]
            self.output_size = units

        def build(self, input_shape):
            self.kernel = self.add_weight((input_shape[-1], self.units), "ones", name="kernel")
            self.mix = self.add_weight((self.units, self.units + 1), "ones", name="mix")

        def call(self, inputs, states):
            a, b = states
            a = lib.ops.tanh(lib.ops.matmul(inputs, self.kernel) + 0.5 * a)
            b = 0.5 * b + lib.ops.sigmoid(lib.ops.matmul(a, self.mix))
            return a, [a, b]

        def get_initial_state(self, batch_size=None):
            return [
                lib.ops.ones((batch_size, self.units)),
                lib.ops.zeros((batch_size, self.units + 1)),
            ]

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    return MinimalCell


Minimal = minimal_cell(fastmlp)
scope = fastmlp.utils.custom_object_scope


def branches(lib):
    """Layers that return one tensor each; between them every way of running a cell."""
    cells = lib.layers
    cell = minimal_cell(lib) if lib is keras else Minimal
    stack = [cells.LSTMCell(3), cell(2), cells.GRUCell(2)]
    simple = cells.RNN(cells.SimpleRNNCell(2, activation="relu"))
    return {
        "custom": cells.RNN(cell(3), return_sequences=True, go_backwards=True),
        "stack": cells.RNN(stack, return_sequences=True, zero_output_for_mask=True),
        "ave": cells.Bidirectional(cells.GRU(2, reset_after=False), merge_mode="ave"),
        "mul": cells.Bidirectional(
            simple, merge_mode="mul", backward_layer=cells.LSTM(2, go_backwards=True)
        ),
    }


def built(lib, without=()):
    x, mask = lib.Input((STEPS, FEATURES)), lib.Input((STEPS,))
    used = [layer for name, layer in branches(lib).items() if name not in without]
    flat = [lib.layers.Flatten()(layer(x, mask=mask)) for layer in used]
    model = lib.Model([x, mask], lib.layers.Dense(1)(lib.layers.Concatenate()(flat)))
    model.compile(lib.optimizers.SGD(0.125), "mse")
    return model


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(SAMPLES, STEPS, FEATURES)).astype("float32")
    mask = (rng.random((SAMPLES, STEPS)) > 0.3).astype("float32")
    return x, mask, rng.normal(size=(SAMPLES, 1)).astype("float32")


def test_losses_and_weights_of_ten_steps_with_masks_are_those_of_keras():
    x, mask, y = data()
    theirs, ours = (built(lib, without=["ave"]) for lib in (keras, fastmlp))
    ours.set_weights(theirs.get_weights())
    losses = [[model.train_on_batch([x, mask], y) for _ in range(10)] for model in (theirs, ours)]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_masks_pass_through_as_in_keras():
    x, mask, _ = data()
    x *= mask[..., None]

    def model(lib):
        both = lib.layers.Bidirectional(lib.layers.SimpleRNN(2, return_sequences=True))
        last = lib.layers.RNN([lib.layers.LSTMCell(2), lib.layers.LSTMCell(3)])
        return lib.Sequential([lib.Input(x.shape[1:]), lib.layers.Masking(), both, last])

    theirs, ours = model(keras), model(fastmlp)
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(x), np.asarray(theirs(x)), atol=1e-5)
    pair = layers.Bidirectional(layers.GRU(2, return_sequences=True, return_state=True), None)
    found = pair(layers.Masking()(fastmlp.Input(x.shape[1:])))
    assert [y.mask is not None for y in found] == [True, True, False, False]


def test_gradients_pass_the_check():
    x, mask, y = data()
    errors = fastmlp.check_gradients(built(fastmlp), [x, mask], y, elements=1)
    assert max(errors.values()) < 1e-2


def test_states_are_returned_and_given_as_in_keras():
    x, mask, _ = data()
    rng = np.random.default_rng(1)

    def run(lib):
        cell = minimal_cell(lib)
        stack = lib.layers.RNN([lib.layers.LSTMCell(2), cell(3)], return_state=True)
        both = lib.layers.Bidirectional(lib.layers.LSTM(2, return_state=True), merge_mode=None)
        found = [stack(x, mask=mask), both(x, mask=mask)]
        return stack, both, found

    (stack, both, first), (ours, ours_both, _) = run(keras), run(fastmlp)
    ours.set_weights([np.asarray(w) for w in stack.get_weights()])
    ours_both.set_weights([np.asarray(w) for w in both.get_weights()])
    given = [[rng.normal(size=(SAMPLES, n)).astype("float32") for n in k] for k in ((2, 2), (3, 4))]
    states = [rng.normal(size=(SAMPLES, 2)).astype("float32") for _ in range(4)]
    expected = [
        *first,
        stack(x, initial_state=given),
        both(x, initial_state=states),
    ]
    found = [
        ours(x, mask=mask),
        ours_both(x, mask=mask),
        ours(x, initial_state=given),
        ours_both(x, initial_state=states),
    ]
    for a, b in zip(found, expected, strict=True):
        assert type(a) is type(b) is tuple
        assert fastmlp._tree.same_form(a, b)
        for part, reference in zip(*map(fastmlp._tree.flatten, (a, b)), strict=True):
            np.testing.assert_allclose(part, np.asarray(reference), atol=1e-5)


@pytest.mark.parametrize("name", branches(fastmlp))
def test_config_has_the_layout_of_keras_and_makes_an_equal_layer(name):
    ours, theirs = branches(fastmlp)[name].get_config(), branches(keras)[name].get_config()

    def keys(config):
        nested = {k: v for k, v in config.items() if k in ("cell", "layer", "backward_layer")}
        inner = [*nested.values(), *config.get("cells", [])]
        return [set(config), *(found for part in inner for found in keys(part["config"]))]

    for a, b in zip(keys(ours), keys(theirs), strict=True):
        assert b <= a
    with scope({"MinimalCell": Minimal}):
        kind = type(branches(fastmlp)[name])
        assert kind.from_config(ours).get_config() == ours
        if name != "custom":
            kind.from_config(theirs)  # Keras's own config, with module and registered_name


def test_files_clones_and_json_give_the_same_outputs(tmp_path):
    x, mask, _ = data()
    model = built(fastmlp)
    expected = model.predict([x, mask], verbose=0)
    path = tmp_path / "model.fastmlp"
    model.save(path)
    loaded = models.load_model(path, custom_objects={"MinimalCell": Minimal})
    np.testing.assert_array_equal(loaded.predict([x, mask], verbose=0), expected)
    with scope({"MinimalCell": Minimal}):
        copies = [models.clone_model(model), models.model_from_json(model.to_json())]
    for copy in copies:
        copy.set_weights(model.get_weights())
        np.testing.assert_array_equal(copy.predict([x, mask], verbose=0), expected)


def test_classes_of_the_users_are_cloned_without_being_registered():
    x, *_ = data()
    wrapped = layers.Bidirectional(layers.RNN(Minimal(2)))
    model = fastmlp.Sequential([fastmlp.Input((STEPS, FEATURES)), wrapped])
    twin = models.clone_model(model)
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(twin(x), model(x))


def test_weights_have_the_names_and_order_of_keras():
    def paths(lib):
        both = lib.layers.Bidirectional(lib.layers.LSTM(2, name="a"), name="b")
        both.build((None, STEPS, FEATURES))
        rnn = lib.layers.RNN([lib.layers.GRUCell(2, name="c")], name="d")
        rnn.build((None, STEPS, FEATURES))
        return [w.path.replace("stacked_rnn_cells_1", "s") for w in (*both.weights, *rnn.weights)]

    ours, theirs = ([p.split("/") for p in paths(lib)] for lib in (fastmlp, keras))
    for a, b in zip(ours, theirs, strict=True):
        assert a[0] == b[0]
        assert a[-2:] == b[-2:]


def test_bidirectional_starts_from_given_weights():
    x, *_ = data()
    layer = layers.Bidirectional(layers.GRU(2))
    layer(x)
    again = layers.Bidirectional(layers.GRU(2), weights=layer.get_weights())
    np.testing.assert_array_equal(again(x), layer(x))


def test_cells_of_the_library_and_stacks_of_them_run_natively():
    x = fastmlp.Input((STEPS, FEATURES))
    stack = layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)])(x)
    both = layers.Bidirectional(layers.RNN(layers.SimpleRNNCell(2)))(x)
    nodes = fastmlp.graph.order([stack, both])
    assert [node.op for node in nodes].count("recurrent") == 4


def test_a_cell_that_asks_whether_the_model_trains():
    class Noisy(layers.SimpleRNNCell):
        def call(self, inputs, states, training=False):
            h, states = super().call(inputs, states)
            return (h + 1.0 if training else h), states

    x, *_ = data()
    layer = layers.RNN([Noisy(2)], return_sequences=True)
    np.testing.assert_allclose(layer(x, training=True), layer(x) + 1.0, atol=1e-6)
    model = fastmlp.Sequential([fastmlp.Input((STEPS, FEATURES)), layer])
    np.testing.assert_allclose(model.predict(x, verbose=0), layer(x), atol=1e-6)


def test_an_initial_state_that_is_trained():
    class Started(Minimal):
        def build(self, input_shape):
            super().build(input_shape)
            self.start = self.add_weight((1, self.units), "ones", name="start")

        def get_initial_state(self, batch_size=None):
            return [self.start, ops.zeros((batch_size, self.units + 1))]

    x, *_ = data()
    model = fastmlp.Sequential([fastmlp.Input((STEPS, FEATURES)), layers.RNN(Started(2))])
    model.compile("sgd", "mse")
    errors = fastmlp.check_gradients(model, x, np.zeros((SAMPLES, 2)), elements=2)
    assert len(errors) == 3
    assert max(errors.values()) < 1e-2


def test_output_shapes_are_known_without_building():
    stack = layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)], return_state=True, stateful=True)
    found = stack.compute_output_shape((None, 5, 7))
    assert (found, stack.built) == (((None, 2), [(None, 3), (None, 3)], (None, 2)), False)
    assert layers.GRU(4, return_sequences=True).compute_output_shape((8, 5, 7)) == (8, 5, 4)


def test_masks_of_features_and_sequences_by_name():
    x, mask, _ = data()
    layer = layers.GRU(2)
    by_feature = np.repeat(mask[..., None], FEATURES, -1)
    np.testing.assert_array_equal(layer(sequences=x, mask=by_feature), layer(x, mask=mask))


def test_a_cell_need_not_be_a_layer():
    class Sum:
        state_size = FEATURES

        def call(self, inputs, states):
            total = inputs + states[0]
            return total, total

    x, *_ = data()
    np.testing.assert_allclose(layers.RNN(Sum())(x), x.sum(1), atol=1e-5)


def test_what_is_no_cell_or_does_not_fit_is_told():
    for wrong, hint in ((layers.LSTM(3), "LSTMCell, not LSTM"), (layers.Dense(3), "state_size")):
        with pytest.raises(ValueError, match=hint):
            layers.RNN(wrong)
    with pytest.raises(ValueError, match="a list of cells"):
        layers.StackedRNNCells([])
    with pytest.raises(ValueError, match="a recurrent layer"):
        layers.Bidirectional(layers.Dense(3))
    with pytest.raises(ValueError, match="merge_mode to be one of"):
        layers.Bidirectional(layers.LSTM(3), "average")
    with pytest.raises(ValueError, match="one has go_backwards=True"):
        layers.Bidirectional(layers.LSTM(3), backward_layer=layers.LSTM(3))
    other = layers.LSTM(3, go_backwards=True, return_sequences=True)
    with pytest.raises(ValueError, match="the same return_sequences"):
        layers.Bidirectional(layers.LSTM(3), backward_layer=other)
    with pytest.raises(ValueError, match="Did you mean 'dropout'"):
        layers.GRUCell(3, dropuot=0.1)
    with pytest.raises(ValueError, match=r"write LSTMCell\(…\)"):
        layers.RNN(layers.LSTMCell)
    x, *_ = data()
    for mask in (np.ones((SAMPLES, STEPS - 1)), [True] * STEPS):
        with pytest.raises(ValueError, match=r"expected a mask of shape \(batch, 4\)"):
            layers.LSTM(2)(x, mask=mask)
    with pytest.raises(ValueError, match="one number of samples"):
        layers.GRU(2)(x, initial_state=np.zeros((SAMPLES - 1, 2)))
    with pytest.raises(ValueError, match="expected states of shapes"):
        layers.LSTMCell(2)(x[:, 0], [np.zeros((SAMPLES, 2))])
    with pytest.raises(ValueError, match="expected dtype float64"):
        layers.RNN([layers.GRUCell(2)], dtype="float64")(x)
    entry = fastmlp.Input((STEPS, FEATURES), dtype="float64")
    wrong = fastmlp.Model(entry, layers.LSTM(2)(entry))
    with pytest.raises(ValueError, match="expected dtype float64"):
        wrong.predict(x, verbose=0)
    with pytest.raises(ValueError, match="states of the forward layer, then"):
        layers.Bidirectional(layers.GRU(3))(x, initial_state=x[:, 0])
    with pytest.raises(ValueError, match=r"expected 1 state of shape \(batch, 2\)"):
        layers.RNN(layers.GRUCell(2))(x, initial_state=[x[:, 0]])
    with pytest.raises(ValueError, match="batch, steps, features"):
        layers.GRU(2)(fastmlp.Input((3, None)))

    class Forgets(Minimal):
        def call(self, inputs, states):
            return states[0], states[0]

    with pytest.raises(ValueError, match="expected call to return"):
        layers.RNN(Forgets(2))(x)

    class Grows(Minimal):
        def call(self, inputs, states):
            return states[0], [ops.concatenate([s, s], axis=-1) for s in states]

    with pytest.raises(ValueError, match=r"of the shapes that it gets, here \(None, 2\)"):
        layers.RNN(Grows(2))(x)


@pytest.mark.parametrize("kinds", ["GRU SimpleRNN", "SimpleRNN GRU LSTM", "LSTM LSTM"])
def test_states_of_a_stack_have_the_structure_of_its_sizes(kinds):
    found = []
    for k in (keras, fastmlp):
        cells = [getattr(k.layers, f"{kind}Cell")(n + 2) for n, kind in enumerate(kinds.split())]
        _, *states = k.layers.RNN(cells, return_state=True)(k.Input((5, 2)))
        shapes = [[t.shape for t in s] if isinstance(s, list) else s.shape for s in states]
        found.append(shapes)
    assert found[0] == found[1]


@pytest.mark.parametrize("lib", [keras, fastmlp])
def test_the_first_state_may_be_of_a_number_of_samples(lib):
    class Encoder(lib.Model):
        def __init__(self):
            super().__init__()
            self.gru = lib.layers.GRU(3, kernel_initializer="ones", recurrent_initializer="ones")

        def call(self, x):
            return self.gru(x, initial_state=lib.ops.ones((4, 3)))

    model = Encoder()
    model.compile("sgd", "mse")
    x = np.linspace(-1, 1, 48, dtype="float32").reshape(8, 3, 2)
    found = model.predict(x, batch_size=4, verbose=0)
    entry, state = fastmlp.Input((3, 2)), fastmlp.Input((3,))
    twin = layers.GRU(3, kernel_initializer="ones", recurrent_initializer="ones")
    given = fastmlp.Model([entry, state], twin(entry, initial_state=state))
    np.testing.assert_allclose(found, given.predict([x, np.ones((8, 3))], verbose=0), rtol=1e-5)


def test_a_first_state_of_other_rows_for_each_sample_is_an_input():
    with pytest.raises(ValueError, match=r"Hint: ops.shape\(x\)\[0\] is the number of samples"):
        layers.GRU(3)(fastmlp.Input((3, 2)), initial_state=np.arange(12.0).reshape(4, 3))

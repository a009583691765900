"""Masks: how they get from layer to layer, and what losses and metrics make of them."""

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Model, Sequential, layers, ops
from fastmlp.losses.custom import FunctionLoss

rng = np.random.default_rng(3)
STEPS = 5
X = rng.normal(size=(7, STEPS, 3)).astype("float32")
LENGTHS = np.array([5, 1, 3, 2, 5, 4, 3])
X[np.arange(STEPS) >= LENGTHS[:, None]] = 0
COUNTS = (np.arange(STEPS) < LENGTHS[:, None]).astype("float32")


def mask_behind(*stack):
    """The mask of what a stack of layers makes of masked inputs, or None."""
    x = layers.Masking()(Input((STEPS, 3)))
    y = Sequential(stack)(x) if len(stack) > 1 else stack[0](x)
    return y.mask


def values(y, x=X):
    """What a tensor is for given inputs of the one Input it comes from."""
    entry = next(n for n in fastmlp.graph.order([y]) if n.op == "input").output
    return Model(entry, y)(x)


PASS_ON = [
    layers.Dense(4), layers.Activation("tanh"), layers.ReLU(), layers.Dropout(0.5),
    layers.GaussianNoise(0.1), layers.BatchNormalization(), layers.LayerNormalization(),
    layers.UnitNormalization(), layers.Identity(), layers.Rescaling(2.0), layers.Softmax(),
    layers.SpatialDropout1D(0.5), layers.ActivityRegularization(0.1), layers.PReLU(),
    layers.LSTM(2, return_sequences=True), layers.GRU(2, return_sequences=True),
    layers.Dense(2, activity_regularizer="l2"),
]  # fmt: skip


@pytest.mark.parametrize("layer", PASS_ON, ids=lambda layer: layer.name)
def test_layers_that_work_step_by_step_pass_the_mask_on(layer):
    mask = mask_behind(layer)
    assert mask.shape == (None, STEPS)
    np.testing.assert_array_equal(values(mask), COUNTS)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Flatten(),
        layers.Permute((2, 1)),
        layers.Lambda(lambda x: 2 * x),
        layers.Reshape((15,)),
    ],
    ids=lambda layer: layer.name,
)
def test_where_a_mask_is_lost_a_warning_says_so(layer):
    with pytest.warns(UserWarning, match=f"'{layer.name}'.*have a mask, which ends here"):
        assert mask_behind(layer) is None


@pytest.mark.parametrize("layer", [layers.LSTM(2), layers.GlobalAveragePooling1D()])
def test_what_uses_the_mask_up_ends_it_silently(layer):
    assert mask_behind(layer) is None


def test_outputs_of_several_tensors_have_masks_of_their_own():
    x = layers.Masking()(Input((STEPS, 3)))
    y, h, c = layers.LSTM(2, return_sequences=True, return_state=True)(x)
    assert y.mask is x.mask
    assert h.mask is None and c.mask is None


def test_a_layer_of_ones_own_gets_the_mask_and_may_pass_it_on():
    class Total(layers.Layer):
        def call(self, x, mask=None):
            return ops.sum(x * ops.expand_dims(mask, -1), axis=1)

    class Twice(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.supports_masking = True

        def call(self, x):
            return 2 * x

    class Shorter(layers.Layer):
        def call(self, x):
            return x[:, 1:]

        def compute_mask(self, inputs, previous_mask=None):
            return previous_mask[:, 1:]

    x = layers.Masking()(Input((STEPS, 3)))
    y = Shorter()(Twice()(x))
    np.testing.assert_array_equal(values(y.mask), COUNTS[:, 1:])
    with pytest.warns(UserWarning, match="does not support masking"):
        total = Total()(Twice()(x))
    np.testing.assert_allclose(values(total), (2 * X * COUNTS[:, :, None]).sum(1), rtol=1e-5)


def test_compute_mask_that_returns_no_tensor_is_refused():
    class Wrong(layers.Layer):
        def call(self, x):
            return 2 * x

        def compute_mask(self, inputs, previous_mask=None):
            return "all"

    with pytest.raises(TypeError, match="expected compute_mask to return symbolic tensors or None"):
        mask_behind(Wrong())


def test_merges_join_masks_as_in_keras():
    a, b = Input((STEPS, 3)), Input((STEPS, 3))
    masked = layers.Masking()(a)
    other = layers.Masking(1.0)(b)
    assert layers.add([masked, b]).mask is None
    either = layers.add([masked, other]).mask
    x2 = np.ones_like(X)
    x2[0, 0] = 5
    got = Model([a, b], either)([X, x2])
    expected = COUNTS.copy()
    expected[0, 0] = 1
    np.testing.assert_array_equal(got, expected)
    side = layers.concatenate([masked, b]).mask
    np.testing.assert_array_equal(Model([a, b], side)([X, X]), np.ones_like(COUNTS))
    behind = layers.concatenate([masked, other], axis=1).mask
    np.testing.assert_array_equal(
        Model([a, b], behind)([X, x2]), np.hstack([COUNTS, (x2 != 1).any(-1)])
    )
    assert layers.Dot(axes=2)([masked, other]).mask is None


def test_masks_go_through_models_within_models():
    inner = Sequential([layers.Dense(4), layers.LSTM(3, return_sequences=True)])
    outer = Sequential([Input((STEPS, 3)), layers.Masking(), inner, layers.LSTM(2)])
    flat = Sequential(
        [Input((STEPS, 3)), layers.Masking(), *inner.layers, outer.layers[-1]]
    )  # the same weights
    np.testing.assert_array_equal(outer(X), flat(X))
    alone = outer.layers[-1](inner(X[:1, : LENGTHS[0]]))
    np.testing.assert_allclose(outer(X)[:1], alone, rtol=1e-5)


def test_a_subclassed_model_and_training_in_call_keep_masks():
    class Net(Model):
        def __init__(self):
            super().__init__()
            self.first = layers.Masking()
            self.noise = layers.Dropout(0.3)
            self.last = layers.LSTM(2)

        def call(self, x, training=None):
            return self.last(self.noise(self.first(x), training=training))

    net = Net()
    y = net(X)
    np.testing.assert_allclose(y[1:2], net.last(X[1:2, :1]), rtol=1e-5)


def test_mask_of_a_model_may_be_given():
    model = Sequential([Input((STEPS, 3)), layers.LSTM(2)])
    np.testing.assert_allclose(
        model(X, mask=COUNTS), Sequential([layers.Masking(), *model.layers])(X), rtol=1e-6
    )


def test_an_initial_state_turns_implicit_masks_off_as_in_keras():
    x, h = Input((STEPS, 3)), Input((2,))
    layer = layers.GRU(2)
    masked = layers.Masking()(x)
    plain = Model([x, h], layer(masked, initial_state=h))
    told = Model([x, h], layer(masked, initial_state=h, mask=masked.mask))
    zeros = np.zeros((7, 2), "float32")
    np.testing.assert_array_equal(plain([X, zeros]), layer(X))
    np.testing.assert_array_equal(told([X, zeros]), layer(X, mask=COUNTS))


def test_masking_zeroes_the_steps_that_do_not_count():
    x = np.array([[[1.0, 2.0], [7.0, 7.0], [7.0, 1.0]]], "float32")
    layer = layers.Masking(7)
    assert layer(x).tolist() == [[[1, 2], [0, 0], [7, 1]]]
    assert layer.compute_mask(x).tolist() == [[True, False, True]]
    assert layers.deserialize(layers.serialize(layer)).mask_value == 7
    with pytest.raises(ValueError, match=r"Masking 'wrong': expected .*mask_value"):
        layers.Masking("a", name="wrong")


def test_lambda_takes_a_mask_and_makes_one():
    x = layers.Masking()(Input((STEPS, 3)))
    y = layers.Lambda(lambda x, mask: x * ops.expand_dims(mask, -1), mask=lambda x, mask: mask)(x)
    np.testing.assert_array_equal(values(y.mask), COUNTS)
    assert values(y).shape == X.shape


def test_softmax_leaves_masked_elements_out():
    x = np.array([[1.0, 2.0, 3.0]], "float32")
    y = layers.Softmax()(x, mask=np.array([[1, 0, 1]]))
    np.testing.assert_allclose(y, [[1 / (1 + np.e**2), 0, 1 / (1 + np.e**-2)]], rtol=1e-5)


def test_pooling_averages_the_steps_that_count_and_makes_zero_of_none():
    x = X.copy()
    x[2] = 0
    got = Sequential([Input((STEPS, 3)), layers.Masking(), layers.GlobalAveragePooling1D()])(x)
    expected = x.sum(1) / LENGTHS[:, None]
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-7)
    first = np.swapaxes(x, 1, 2)
    pool = layers.GlobalAveragePooling1D("channels_first", keepdims=True)
    np.testing.assert_allclose(pool(first, mask=COUNTS)[:, :, 0], expected, rtol=1e-5, atol=1e-7)


def test_padding_changes_neither_losses_nor_metrics_nor_gradients():
    def model():
        one = Sequential([Input((STEPS, 3)), layers.Masking(), layers.Dense(2)])
        one.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mse"])
        return one

    y = rng.normal(size=(7, STEPS, 2)).astype("float32")
    w = rng.uniform(size=7).astype("float32")
    one = model()
    p = one(X)
    errors = np.square(p - y).mean(-1) * COUNTS
    loss, mae, mse = one.evaluate(X, y, verbose=0)
    assert loss == pytest.approx(errors.sum() / COUNTS.sum(), rel=1e-5)
    assert mse == pytest.approx(errors.sum() / COUNTS.sum(), rel=1e-5)
    assert mae == pytest.approx((abs(p - y).mean(-1) * COUNTS).sum() / COUNTS.sum(), rel=1e-5)
    before = fastmlp.gradients(one, X, y)[1]
    changed = y + 9 * (1 - COUNTS[:, :, None])
    for a, b in zip(before, fastmlp.gradients(one, X, changed)[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    loss, _, mse = one.evaluate(X, y, sample_weight=w, verbose=0)
    assert loss == pytest.approx((errors * w[:, None]).sum() / COUNTS.sum(), rel=1e-5)
    weights = COUNTS * w[:, None]
    assert mse == pytest.approx((errors * w[:, None]).sum() / weights.sum(), rel=1e-5)


def test_evaluate_does_not_depend_on_how_many_batches_a_step_takes():
    one = Sequential([Input((STEPS, 3)), layers.Masking(), layers.Dense(2)])
    one.compile("sgd", "mse")
    y = rng.normal(size=(7, STEPS, 2)).astype("float32")
    batches = [(X[i : i + 2], y[i : i + 2]) for i in range(0, 7, 2)]
    losses = [one.evaluate(*batch, verbose=0) * len(batch[0]) for batch in batches]
    assert one.evaluate(X, y, batch_size=2, verbose=0) == pytest.approx(sum(losses) / 7, rel=1e-5)


def test_a_batch_in_which_nothing_counts_has_loss_zero():
    one = Sequential([Input((STEPS, 3)), layers.Masking(), layers.Dense(2)])
    one.compile("sgd", "mse")
    assert one.evaluate(np.zeros_like(X), np.ones((7, STEPS, 2)), verbose=0) == 0


def test_a_mask_that_does_not_fit_the_values_says_what_to_do():
    class Last(layers.Layer):
        supports_masking = True

        def call(self, x):
            return x[:, -1]

    one = Sequential([Input((STEPS, 3)), layers.Masking(), Last()])
    one.add(layers.Dense(1))
    one.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"mask: expected .* Hint: .*compute_mask"):
        one.fit(X, np.zeros((7, 1)), verbose=0)


@pytest.mark.parametrize("loss", ["mse", lambda t, p: ops.mean(ops.square(t - p), axis=-1)])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
def test_gradients_of_masked_losses_are_those_of_central_differences(loss, reduction):
    fn = FunctionLoss(loss, reduction) if callable(loss) else None
    loss = fn or fastmlp.losses.MeanSquaredError(reduction)
    one = Sequential(
        [
            Input((STEPS, 3), dtype="float64"),
            layers.Masking(dtype="float64"),
            layers.LSTM(2, return_sequences=True, dtype="float64"),
            layers.BatchNormalization(dtype="float64"),
            layers.Dense(2, dtype="float64"),
        ]
    )
    one.compile("sgd", loss)
    y = rng.normal(size=(7, STEPS, 2))
    w = rng.uniform(size=7)
    errors = fastmlp.check_gradients(one, X.astype("float64"), y, w)
    assert max(errors.values()) < 1e-5  # the differences are good to about 1e-6

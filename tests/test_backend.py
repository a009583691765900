"""Names at the top of fastmlp, and fastmlp.backend, as in Keras."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Model, Sequential, _backend_functions, backend, layers, ops, random


def test_base_classes_are_at_hand():
    assert fastmlp.Layer is layers.Layer
    assert fastmlp.Loss is fastmlp.losses.Loss
    assert fastmlp.Metric is fastmlp.metrics.Metric
    assert fastmlp.Optimizer is fastmlp.optimizers.Optimizer
    assert fastmlp.Initializer is fastmlp.initializers.Initializer
    assert fastmlp.Regularizer is fastmlp.regularizers.Regularizer
    assert fastmlp.version() == fastmlp.__version__


def test_settings_of_the_backend():
    assert backend.backend() == "fastmlp"
    assert backend.floatx() == "float32"
    before = backend.epsilon()
    try:
        backend.set_epsilon(1e-4)
        assert fastmlp.config.epsilon() == 1e-4
        assert fastmlp.optimizers.Adam(epsilon=None).epsilon == 1e-4
    finally:
        backend.set_epsilon(before)
    for wrong in (0, -1, "1", True):
        with pytest.raises(ValueError, match="number above 0"):
            backend.set_epsilon(wrong)


@pytest.mark.parametrize(
    "dtype",
    [None, float, int, bool, str, "string", "float64", "uint8", np.int64, np.dtype("float16")],
    ids=repr,
)
def test_types_have_the_names_that_they_have_in_keras(dtype):
    for ask in ("standardize_dtype", "is_float_dtype", "is_int_dtype"):
        assert getattr(backend, ask)(dtype) == getattr(keras.backend, ask)(dtype)


def test_what_is_no_type_has_no_name():
    with pytest.raises(ValueError, match=r"expected the name of a type\. Received: dtype='flout'"):
        backend.standardize_dtype("flout")


def test_policies_of_types_are_names_of_floats():
    policy = fastmlp.DTypePolicy("float64")
    inner = layers.Dense(2, dtype=policy)
    assert inner.dtype == inner.compute_dtype == "float64" and inner.dtype_policy == policy
    assert (
        fastmlp.DTypePolicy.from_config(policy.get_config())
        == policy
        != fastmlp.DTypePolicy("float32")
    )
    try:
        fastmlp.config.set_dtype_policy(policy)
        assert fastmlp.config.dtype_policy() == policy and layers.Dense(2).dtype == "float64"
    finally:
        fastmlp.config.set_dtype_policy("float32")
    for refused in (fastmlp.DTypePolicy, fastmlp.config.set_dtype_policy):
        with pytest.raises(ValueError, match="mixed_float16"):
            refused("mixed_float16")


def test_scopes_change_nothing():
    with fastmlp.name_scope("encoder") as name, fastmlp.device("/CPU:0"), fastmlp.device("cpu"):
        assert name == "encoder" and layers.Dense(2, name="d").name == "d"
    with (
        pytest.raises(ValueError, match=r"device: expected 'cpu:0'.*'gpu:0'"),
        fastmlp.device("gpu:0"),
    ):
        pass
    with pytest.raises(ValueError, match="name_scope: expected a string"), fastmlp.name_scope(None):
        pass


def test_switches_without_an_effect_are_taken():
    config = fastmlp.config
    assert config.is_traceback_filtering_enabled()
    config.disable_traceback_filtering()
    assert not config.is_traceback_filtering_enabled()
    config.enable_traceback_filtering()
    backend.set_image_data_format("channels_last")
    with pytest.raises(ValueError, match="channels_frist"):
        backend.set_image_data_format("channels_frist")


@pytest.mark.parametrize("wrong", ["1000", "0", "-1", "two", "1.5"])
def test_threads_of_the_environment_are_those_that_can_be_set(wrong, monkeypatch):
    monkeypatch.setenv("FASTMLP_NUM_THREADS", wrong)
    with pytest.raises(
        ValueError, match="FASTMLP_NUM_THREADS: expected a whole number from 1 to 256"
    ):
        fastmlp.config._threads_from_environment()
    with pytest.raises(ValueError, match="set_num_threads: expected a whole number from 1 to 256"):
        fastmlp.config.set_num_threads(int(wrong) if wrong.isdigit() else wrong)
    monkeypatch.setenv("FASTMLP_NUM_THREADS", " 256 ")
    assert fastmlp.config._threads_from_environment() == 256


def test_clear_session_starts_the_counters_again():
    backend.clear_session()
    assert layers.Dense(1).name == "dense"


RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3)).astype("float32")
B = np.arange(12, dtype="float32").reshape(2, 3, 2)
OLD = "ignore:.*earlier Keras:FutureWarning"


def test_a_function_of_tensors_is_that_of_ops_and_warns_once():
    for name in _backend_functions._SAME:
        with pytest.warns(
            FutureWarning, match=rf"backend\.{name} is .* write ops\.{name}\."
        ) as told:
            assert getattr(backend, name) is getattr(ops, name)
        assert len(told) == 1 and told[0].filename == __file__
    with pytest.warns(FutureWarning, match=r"write ops\.clip\(x, x_min, x_max\)"):
        backend.clip  # noqa: B018


@pytest.mark.filterwarnings(OLD)
@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (lambda K: K.argmax(X), X.argmax(-1)),
        (lambda K: K.argmin(X), X.argmin(-1)),
        (lambda K: K.arange(2, 7, 2), [2, 4, 6]),
        (lambda K: K.batch_dot(B, B, axes=[2, 2]), B @ B.transpose(0, 2, 1)),
        (lambda K: K.batch_dot(B, B.transpose(0, 2, 1)), B @ B.transpose(0, 2, 1)),
        (lambda K: K.batch_dot(X, X, axes=1), (X * X).sum(1, keepdims=True)),
        (lambda K: K.batch_flatten(X.reshape(2, 2, 3)), X.reshape(2, 6)),
        (lambda K: K.batch_get_value([X, 0.5])[0], X),
        (
            lambda K: K.batch_normalization(X, X.mean(0), X.var(0), 1.0, 2.0),
            (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-3) * 2 + 1,
        ),
        (lambda K: K.cast_to_floatx([1, 2]), [1.0, 2.0]),
        (lambda K: K.clip(X, min_value=-0.5, max_value=0.5), X.clip(-0.5, 0.5)),
        (lambda K: K.concatenate([X, X]), np.hstack([X, X])),
        (lambda K: K.constant(2, shape=(2, 1)), [[2.0], [2.0]]),
        (lambda K: K.constant([1, 2]), [1.0, 2.0]),
        (lambda K: K.count_params(X), 12),
        (lambda K: K.cumprod(X), X.cumprod(0)),
        (lambda K: K.cumsum(X), X.cumsum(0)),
        (lambda K: K.eval(X), X),
        (lambda K: K.expand_dims(X), X[..., None]),
        (lambda K: K.eye(3), np.eye(3)),
        (lambda K: K.gather(X, [2, 0]), X[[2, 0]]),
        (lambda K: K.get_value(0.25), 0.25),
        (lambda K: K.hard_sigmoid(X), (0.2 * X + 0.5).clip(0, 1)),
        (lambda K: K.in_top_k(X, X.argmax(-1), 1), [True] * 4),
        (lambda K: K.int_shape(X), (4, 3)),
        (lambda K: K.l2_normalize(X, axis=1), X / np.linalg.norm(X, axis=1, keepdims=True)),
        (lambda K: K.one_hot([1, 0], 2), [[0, 1], [1, 0]]),
        (lambda K: K.permute_dimensions(X, (1, 0)), X.T),
        (lambda K: K.pow(X, a=2), X**2),
        (lambda K: K.relu(X, alpha=0.5, max_value=1.0), np.where(X > 0, X.clip(None, 1), X / 2)),
        (lambda K: K.repeat(X, 2), np.stack([X, X], 1)),
        (lambda K: K.repeat_elements(X, 2, axis=1), X.repeat(2, axis=1)),
        (lambda K: K.reshape(X, shape=(2, 6)), X.reshape(2, 6)),
        (lambda K: K.reverse(X, 1), X[:, ::-1]),
        (lambda K: K.sqrt(X), np.sqrt(X.clip(0))),
        (lambda K: K.switch(X > 0, X, 2 * X), np.where(X > 0, X, 2 * X)),
        (lambda K: K.switch(X > 0, lambda: X, lambda: 2 * X), np.where(X > 0, X, 2 * X)),
    ],
)
def test_functions_in_the_arguments_of_earlier_keras(found, wanted):
    np.testing.assert_allclose(found(backend), wanted, rtol=1e-6)


@pytest.mark.filterwarnings(OLD)
def test_values_are_set_where_they_can_be():
    model = Sequential([Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    assert backend.get_value(model.optimizer.lr) == 0.01
    table = layers.Embedding(2, 3)
    table.build((None,))
    backend.set_value(table.embeddings, np.ones((2, 3)))
    assert (table.get_weights()[0] == 1).all()
    backend.set_value(model.optimizer.lr, 0.5)
    assert model.optimizer.learning_rate == 0.5
    with pytest.raises(TypeError, match="set_value: expected a weight"):
        backend.set_value(0.1, 0.5)
    kernel, bias = model.weights
    backend.batch_set_value([(kernel, X[:3, :1]), (model.layers[0].bias, [7.0])])
    np.testing.assert_array_equal(backend.get_value(kernel), X[:3, :1])
    np.testing.assert_array_equal(bias, [7.0])


@pytest.mark.filterwarnings(OLD)
def test_losses_and_metrics_of_old_tutorials_train():
    K = backend

    def root(y_true, y_pred):
        return K.sqrt(K.mean(K.square(y_pred - y_true), axis=-1))

    def f1(y_true, y_pred):
        hits = K.sum(K.round(K.clip(y_true * y_pred, 0, 1)))
        found = K.sum(K.round(K.clip(y_pred, 0, 1)))
        return hits / (found + K.epsilon())

    inputs = Input((3,))
    assert K.int_shape(inputs) == (None, 3)
    hidden = layers.Lambda(lambda x: K.expand_dims(K.l2_normalize(x, axis=-1)))(inputs)
    model = Model(inputs, layers.Dense(1, "sigmoid")(layers.Flatten()(hidden)))
    model.compile("adam", root, metrics=[f1])
    y = (X[:, :1] > 0).astype("float32")
    history = model.fit(X, y, epochs=2, verbose=0).history
    assert set(history) == {"loss", "f1"} and np.isfinite(history["loss"]).all()


def test_functions_without_a_counterpart_say_what_to_do():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, hint in [
            ("function", r"use Model\(model\.input, layer\.output\)"),
            ("random_binomial", "random.uniform"),
            ("rnn", "RNN"),
            ("gradients", "fastmlp.gradients"),
            ("variable", "add_weight"),
        ]:
            with pytest.raises(AttributeError, match=hint):
                getattr(backend, name)
        assert not hasattr(backend, "nothing_like_this")


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_variational_autoencoder_of_earlier_tutorials_samples():
    def sampling(args):
        mean, log_variance = args
        noise = backend.random_normal(shape=(backend.shape(mean)[0], 2), mean=0.0, stddev=1.0)
        return mean + backend.exp(log_variance / 2) * noise

    inputs = Input((3,))
    zeros = layers.Lambda(lambda x: 0.0 * x[:, :2])(inputs)
    z = layers.Lambda(sampling, output_shape=(2,))([zeros, zeros])
    found = Model(inputs, z).predict(np.zeros((500, 3)), verbose=0)
    assert abs(found.mean()) < 0.2 and abs(found.std() - 1) < 0.1


def test_noise_for_a_constant_batch_is_told_how_to_ask_for_the_batch():
    noise = layers.Lambda(lambda x: x + random.normal((10, 3)))
    with pytest.raises(ValueError, match=r"one sample.*\(10, 3\).*Hint: .* ops\.shape\(x\)\[0\]"):
        noise(Input(batch_shape=(10, 3)))

"""L-BFGS and Levenberg-Marquardt: `fit` on all data at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastmlp
from fastmlp import callbacks, layers, ops, optimizers
from fastmlp.training.whole_data import WholeData

SECOND_ORDER = ["lbfgs", "levenberg_marquardt"]
X = np.linspace(-3, 3, 64)[:, None]
Y = np.sin(X)


def network(optimizer: Any, units: int = 8, loss: str = "mse", **options: Any) -> Any:
    fastmlp.utils.set_random_seed(5)
    hidden = layers.Dense(units, "tanh", dtype="float64", **options)
    model = fastmlp.Sequential([fastmlp.Input((1,)), hidden, layers.Dense(1, dtype="float64")])
    model.compile(optimizer, loss, metrics=["mae"])
    return model


@pytest.mark.parametrize("optimizer", SECOND_ORDER)
def test_a_sine_is_learned_in_a_few_iterations(optimizer: str) -> None:
    model = network(optimizer)
    history = model.fit(X, Y, epochs=150, verbose=0).history
    assert history["loss"][-1] < 2e-5
    assert len(history["loss"]) == len(history["mae"]) == model.optimizer.iterations <= 150
    assert np.all(np.diff(history["loss"]) <= 0)
    assert model.evaluate(X, Y, verbose=0)[0] == pytest.approx(history["loss"][-1], rel=1e-9)


@pytest.mark.parametrize("optimizer", SECOND_ORDER)
def test_linear_least_squares_are_solved(optimizer: str) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 4)), rng.normal(size=(50, 2))
    model = fastmlp.Sequential([fastmlp.Input((4,)), layers.Dense(2, dtype="float64")])
    model.compile(optimizer, "mse")
    model.fit(x, y, epochs=200, verbose=0)
    expected = np.linalg.lstsq(np.c_[x, np.ones(50)], y, rcond=None)[0]
    np.testing.assert_allclose(model.layers[0].kernel, expected[:4], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(model.layers[0].bias, expected[4], rtol=1e-5, atol=1e-7)
    assert model.optimizer.message


class Decay(layers.Layer):
    """a · exp(-b · x) + c"""

    def build(self, input_shape: Any) -> None:
        self.abc = self.add_weight((3,), "ones")

    def call(self, x: Any) -> Any:
        a, b, c = (self.abc[i] for i in range(3))
        return a * ops.exp(-b * x) + c


@pytest.mark.parametrize("optimizer", SECOND_ORDER)
def test_the_weights_of_a_curve_are_found(optimizer: str) -> None:
    x = np.linspace(0, 4, 50)[:, None]
    model = fastmlp.Sequential([fastmlp.Input((1,)), Decay(dtype="float64")])
    model.compile(optimizer, "mse")
    model.fit(x, 2.5 * np.exp(-1.3 * x) + 0.5, epochs=100, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], [2.5, 1.3, 0.5], rtol=1e-5)


@pytest.mark.parametrize("optimizer", SECOND_ORDER)
def test_the_message_tells_why_it_ended(optimizer: str) -> None:
    model = network(optimizer)
    model.fit(X, Y, epochs=2, verbose=0)
    assert model.optimizer.message == "All iterations are done."
    stop = fastmlp.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", epoch == 1)
    )
    model.fit(X, Y, epochs=9, verbose=0, callbacks=[stop])
    assert model.optimizer.message == "A callback stopped the training."


@pytest.mark.parametrize("optimizer", SECOND_ORDER)
@pytest.mark.filterwarnings("ignore:.*holds (nan|inf) in row")
def test_what_is_not_finite_at_the_start_is_told(optimizer: str) -> None:
    bad = X.copy()
    bad[7] = np.nan
    for x, y, sentence in (
        (bad, Y, "nan at the start: x: column 0 holds nan in row 7."),
        (X, bad, "nan at the start: y: column 0 holds nan in row 7."),
        (X, np.where(X[3] == X, np.inf, X), "inf at the start: y: column 0 holds inf in row 3."),
    ):
        model = network(optimizer)
        before = model.get_weights()
        history = model.fit(x, y, epochs=5, verbose=0).history
        assert np.isfinite(history["loss"]).tolist() == [False]
        assert model.optimizer.message == f"The loss is {sentence}"
        for a, b in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    model = network(optimizer)
    model.set_weights([np.full_like(w, np.inf) for w in model.get_weights()])
    model.fit(X, Y, epochs=5, verbose=0)
    assert "/kernel' holds inf." in model.optimizer.message


@pytest.mark.parametrize("optimizer", SECOND_ORDER)
def test_where_nothing_is_gained_the_history_tells_the_loss_as_it_is(optimizer: str) -> None:
    model = network(optimizer)
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    history = model.fit(X, 0 * X, epochs=5, verbose=0).history
    assert history == {"loss": [0.0], "mae": [0.0]}
    assert model.optimizer.message not in ("", "All iterations are done.")


def shared(f: Any) -> Any:
    x = fastmlp.Input((3,), dtype=f)
    inner = layers.Dense(3, "tanh", dtype=f)
    return fastmlp.Model(x, layers.Dense(2, dtype=f)(inner(inner(x)) * x))


class Spare(layers.Dense):
    """With a weight that the outputs do not depend on."""

    def build(self, input_shape: Any) -> None:
        self.spare = self.add_weight((2,), "ones")
        super().build(input_shape)


def spread(shape: Any, dtype: Any = None) -> np.ndarray:
    """Numbers that a small step does not put in another order."""
    return np.cos(np.arange(np.prod(shape))).reshape(shape)


class OfWeights(layers.Layer):
    """Samples meet functions of weights."""

    def build(self, input_shape: Any) -> None:
        self.a, self.b = self.add_weight((3,), spread), self.add_weight((3, 4), spread)
        self.dense = layers.Dense(4, dtype=self.dtype)

    def call(self, x: Any) -> Any:
        w = ops.cumsum(ops.sort(self.b, axis=-1), axis=-1)
        y = ops.matmul(x * ops.softmax(self.a) * ops.tanh(2.0 - 3.0 * self.a), w)
        y = y + ops.max(self.b, axis=0) * ops.prod(self.a) - ops.mean(self.b[1:])
        y = y * ops.reshape(ops.matmul(ops.transpose(self.b), self.a[:, None]), (1, 4))
        y = y + ops.mean(self.dense(ops.relu(self.b[:, :3])), axis=0)
        return ops.concatenate([ops.exp(-self.a * x), y * ops.logsumexp(self.b)], axis=-1)


class Tied(layers.Layer):
    """Goes back through the weights that it came through."""

    def build(self, input_shape: Any) -> None:
        self.dense = layers.Dense(2, "tanh", dtype=self.dtype)

    def call(self, x: Any) -> Any:
        return ops.matmul(self.dense(x), ops.transpose(self.dense.kernel))


class Numbers(layers.Layer):
    """Rows of a table, by what samples hold and by their places."""

    def build(self, input_shape: Any) -> None:
        self.table = layers.Embedding(5, 2, dtype=self.dtype)

    def call(self, x: Any) -> Any:
        rows = self.table(ops.minimum(ops.abs(2 * x), 4.0))
        return ops.sin(rows) * x[..., None] + self.table(ops.arange(3))


NETWORKS: dict[str, Any] = {
    "dense": lambda f: [layers.Dense(4, "tanh", dtype=f), layers.Dense(2, dtype=f)],
    "without biases": lambda f: [layers.Dense(4, "tanh", use_bias=False, dtype=f)],
    "steps": lambda f: [
        layers.Reshape((3, 1), dtype=f), layers.Dense(2, "sigmoid", dtype=f),
        layers.Flatten(dtype=f), layers.Dense(2, dtype=f),
    ],
    "operands": lambda f: [
        layers.Dense(4, dtype=f), layers.PReLU("ones", dtype=f), layers.LayerNormalization(dtype=f),
        layers.Dense(2, dtype=f),
    ],
    "recurrent": lambda f: [
        layers.Reshape((3, 1), dtype=f), layers.LSTM(3, dtype=f), layers.Dense(2, dtype=f)
    ],
    "gru": lambda f: [
        layers.Reshape((3, 1), dtype=f), layers.GRU(2, dtype=f), layers.Dense(2, dtype=f)
    ],
    "bidirectional": lambda f: [
        layers.Reshape((3, 1), dtype=f),
        layers.Bidirectional(layers.GRU(2, reset_after=False, dtype=f), dtype=f),
    ],
    "functions of weights": lambda f: [OfWeights(dtype=f), layers.Dense(2, dtype=f)],
    "tied": lambda f: [Tied(dtype=f)],
    "embedding": lambda f: [Numbers(dtype=f), layers.Flatten(dtype=f), layers.Dense(1, dtype=f)],
    "frozen": lambda f: [
        layers.Dense(4, "tanh", trainable=False, dtype=f), layers.Dense(2, dtype=f)
    ],
    "shared": shared,
    "spare": lambda f: [Spare(4, "tanh", dtype=f), layers.Dense(2, dtype=f)],
}  # fmt: skip


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize(("n", "dtype"), [(5, "float64"), (300, "float64"), (5, "float32")])
def test_the_jacobian_is_the_central_difference(make: Any, n: int, dtype: str) -> None:
    fastmlp.utils.set_random_seed(2)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(n, 3))
    model = make(dtype)
    if isinstance(model, list):
        model = fastmlp.Sequential([fastmlp.Input((3,), dtype=dtype), *model])
    y = rng.normal(size=model(x).shape)
    model.compile("levenberg_marquardt", "mse")
    found = []

    def look(self: Any, problem: WholeData, done: Any) -> None:
        w = problem.start()
        r, jacobian = problem.jacobian(w)
        exact = 1e-9 if dtype == "float64" else 1e-5
        np.testing.assert_allclose(
            r.reshape(y.shape), model.predict(x, verbose=0) - y, rtol=exact, atol=exact
        )
        for i in range(0, len(w), 3 if n > 5 else 1):
            h = np.zeros_like(w)
            h[i] = 1e-6 if dtype == "float64" else 1e-2
            slope = (problem.jacobian(w + h)[0] - problem.jacobian(w - h)[0]) / (2 * h[i])
            close = {"rtol": 1e-6, "atol": 1e-8} if dtype == "float64" else {"atol": 2e-3}
            np.testing.assert_allclose(jacobian[:, i], slope, **close)
        assert jacobian.dtype == np.float64
        found.append(jacobian.shape)

    model.optimizer.minimize = look.__get__(model.optimizer)
    model.fit(x, y, verbose=0)
    assert found == [(y.size, sum(v.size for v in model.trainable_weights))]


def test_samples_that_depend_on_each_other_are_refused() -> None:
    model = network("lbfgs")
    model.add(layers.BatchNormalization(name="mixes", dtype="float64"))
    model.compile("levenberg_marquardt", "mse")
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"each sample by itself.*'mixes'.*use optimizer='lbfgs'"):
        model.fit(X, Y, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("optimizer", SECOND_ORDER)
def test_any_number_of_threads_gives_the_same_bits(optimizer: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 1))
    found, threads = [], fastmlp.config.num_threads()
    for number in (1, 3):
        fastmlp.config.set_num_threads(number)
        try:
            model = network(optimizer)
            model.fit(x, np.sin(x), epochs=8, verbose=0)
        finally:
            fastmlp.config.set_num_threads(threads)
        found.append([w.tobytes() for w in model.get_weights()])
    assert found[0] == found[1]


@pytest.mark.parametrize("optimizer", SECOND_ORDER)
def test_callbacks_are_told_of_each_iteration(optimizer: str) -> None:
    told: list[tuple[str, int]] = []

    class Tell(callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            told.append(("train", 0))

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            told.append(("begin", epoch))

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            assert set(logs) == {"loss", "mae", "val_loss", "val_mae"}
            told.append(("end", epoch))
            self.model.stop_training = epoch == 3

    model = network(optimizer)
    history = model.fit(X, Y, epochs=9, validation_split=0.25, callbacks=[Tell()], verbose=0)
    hooks = [(hook, epoch) for epoch in range(4) for hook in ("begin", "end")]
    assert told == [("train", 0), *hooks]
    assert history.epoch == [0, 1, 2, 3]
    at = model.evaluate(X[48:], Y[48:], verbose=0)[0]
    assert at == pytest.approx(history.history["val_loss"][-1], rel=1e-9)


def test_maxiter_takes_the_place_of_epochs_and_initial_epoch_goes_on() -> None:
    model = network(optimizers.LBFGS(maxiter=5))
    assert model.fit(X, Y, verbose=0).epoch == [0, 1, 2, 3, 4]
    model = network("lbfgs")
    model.fit(X, Y, epochs=3, verbose=0)
    assert model.fit(X, Y, initial_epoch=3, epochs=5, verbose=0).epoch == [3, 4]
    assert model.fit(X, Y, epochs=0, verbose=0).epoch == []


def test_lbfgs_takes_penalties_weights_and_any_loss() -> None:
    model = network("lbfgs", loss="huber", kernel_regularizer="l2")
    weight = np.linspace(0.1, 2, 64)
    history = model.fit(X, Y, sample_weight=weight, epochs=30, verbose=0).history["loss"]
    assert history[-1] < history[0]
    loss, gradients = fastmlp.gradients(model, X, Y, weight)
    assert loss == pytest.approx(history[-1], rel=1e-9)
    assert max(np.abs(g).max() for g in gradients) < 0.05


def test_the_progress_bar_shows_iterations(capsys: Any) -> None:
    network("lbfgs").fit(X, Y, epochs=2, verbose=2)
    shown = capsys.readouterr().out
    assert "Epoch 2/2" in shown
    assert "loss:" in shown


def test_lbfgs_keeps_to_the_constraint_non_neg() -> None:
    from scipy.optimize import nnls

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 4)), rng.normal(size=50)
    model = fastmlp.Sequential([
        fastmlp.Input((4,)),
        layers.Dense(1, use_bias=False, kernel_constraint="non_neg", dtype="float64"),
    ])  # fmt: skip
    model.set_weights([-np.ones((4, 1))])
    model.compile("lbfgs", "mse")
    model.fit(x, y, epochs=100, verbose=0)
    kernel = model.get_weights()[0]
    assert kernel.min() == 0
    np.testing.assert_allclose(kernel[:, 0], nnls(x, y)[0], atol=1e-6)


@pytest.mark.parametrize(
    ("optimizer", "constraint", "sentence"),
    [
        ("lbfgs", "max_norm", "LBFGS: expected no constraints but 'non_neg'.*optimizer='adam'"),
        ("levenberg_marquardt", "non_neg", "expected no constraints.*use optimizer='lbfgs'"),
        ("levenberg_marquardt", abs, "constraint of 'dense.*/kernel'.*use optimizer='adam'"),
    ],
)
def test_other_constraints_are_refused(optimizer: str, constraint: Any, sentence: str) -> None:
    model = network(optimizer, kernel_constraint=constraint)
    with pytest.raises(ValueError, match=sentence):
        model.fit(X, Y, verbose=0)


@pytest.mark.parametrize(
    ("options", "fit", "sentence"),
    [
        ({"loss": "mae"}, {}, "expected one output, with loss 'mse'.*use optimizer='lbfgs'"),
        ({"kernel_regularizer": "l2"}, {}, "expected no regularizers"),
        ({"activity_regularizer": "l2"}, {}, "expected layers that add no losses"),
        ({}, {"sample_weight": np.ones(64)}, "expected samples of equal weight"),
        ({"optimizer": optimizers.LevenbergMarquardt(max_bytes=1000)}, {}, "at most 1,000 bytes"),
    ],
)
def test_levenberg_marquardt_refuses_what_it_cannot_do(
    options: Any, fit: Any, sentence: str
) -> None:
    model = network(**{"optimizer": "levenberg_marquardt", **options})
    before = model.get_weights()
    with pytest.raises(ValueError, match=sentence):
        model.fit(X, Y, verbose=0, **fit)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("optimizer", SECOND_ORDER)
def test_single_batches_are_refused(optimizer: str) -> None:
    model = network(optimizer)
    with pytest.raises(RuntimeError, match=r"trains on all data at once\. Hint: use fit"):
        model.train_on_batch(X, Y)


@pytest.mark.parametrize("optimizer", SECOND_ORDER)
def test_the_config_makes_an_equal_optimizer(optimizer: str) -> None:
    made = optimizers.get(optimizer)
    again = optimizers.deserialize(optimizers.serialize(made))
    assert type(again) is type(made)
    assert again.get_config() == made.get_config()


def test_a_callback_that_raises_leaves_the_weights_of_the_last_iteration() -> None:
    class Stop(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.loss = logs["loss"]
            if epoch == 2:
                raise KeyError("mine")

    model, stop = network("lbfgs"), Stop()
    with pytest.raises(KeyError, match="mine"):
        model.fit(X, Y, epochs=9, callbacks=[stop], verbose=0)
    assert model.evaluate(X, Y, verbose=0)[0] == pytest.approx(stop.loss, rel=1e-9)


def test_lbfgs_says_what_it_has_no_memory_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*arguments: Any, **options: Any) -> None:
        raise MemoryError("Unable to allocate")

    model = fastmlp.Sequential([fastmlp.Input((3,)), layers.Dense(2)])
    model.compile("lbfgs", "mse")
    before = model.get_weights()
    monkeypatch.setattr("scipy.optimize.minimize", no_memory)
    with pytest.raises(
        MemoryError, match=r"LBFGS: expected memory for 20 changes of 8 weights .* 2,560 bytes"
    ):
        model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)

"""fit with a compute_loss of the user's own."""

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Model, Sequential, layers, losses, metrics, ops

RNG = np.random.default_rng(0)
X, W = RNG.normal(size=(50, 3)).astype("float32"), RNG.uniform(size=50).astype("float32")
Y = (X @ RNG.normal(size=(3, 2))).astype("float32")


class Own(Sequential):
    def compute_loss(self, x, y, y_pred, sample_weight, training=True):
        loss = super().compute_loss(x, y, y_pred, sample_weight)
        return loss + sum(self.losses) + 0.1 * ops.mean(ops.abs(y_pred))


def make(kind, loss="mse", **kwargs):
    fastmlp.utils.set_random_seed(2)
    dense = layers.Dense(4, "tanh", kernel_regularizer="l2")
    model = kind([Input((3,)), dense, layers.Dense(2)])
    model.compile("adam", loss, **kwargs)
    return model


def both(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred), -1) + 0.1 * ops.mean(ops.abs(y_pred), -1)


def test_it_is_what_a_loss_function_of_the_same_formula_is():
    logs = []
    own, plain = make(Own, metrics=["mae"]), make(Sequential, both, metrics=["mae"])
    for model in (own, plain):
        fastmlp.utils.set_random_seed(5)
        logs.append(model.fit(X, Y, 8, 3, 0, validation_split=0.2).history)
    assert list(logs[0]) == list(logs[1])
    for key, values in logs[0].items():
        np.testing.assert_allclose(values, logs[1][key], rtol=1e-5)
    for a, b in zip(own.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert own.train_on_batch(X, Y) == pytest.approx(plain.train_on_batch(X, Y), rel=1e-5)
    assert max(fastmlp.check_gradients(own, X[:5], Y[:5]).values()) < 1e-4


@pytest.mark.parametrize("weight", [None, W])
@pytest.mark.parametrize("loss", ["mse", "huber"])
def test_it_is_called_as_in_keras(loss, weight):
    keras = pytest.importorskip("keras")

    class Theirs(keras.Sequential):
        def compute_loss(self, x, y, y_pred, sample_weight, training=True):
            loss = super().compute_loss(x, y, y_pred, sample_weight)
            return loss + 0.1 * keras.ops.mean(keras.ops.abs(y_pred))

    dense = keras.layers.Dense(4, "tanh", kernel_regularizer="l2")
    theirs = Theirs([keras.Input((3,)), dense, keras.layers.Dense(2)])
    theirs.compile("adam", loss, jit_compile=False)
    ours = make(Own, loss)
    theirs.set_weights(ours.get_weights())
    common = {"batch_size": 25, "epochs": 2, "verbose": 0, "sample_weight": weight}
    common |= {"shuffle": False, "validation_split": 0.2}
    expected = theirs.fit(X, Y, **common).history
    found = ours.fit(X, Y, **common).history
    assert list(found) == list(expected)
    for key, values in expected.items():
        np.testing.assert_allclose(found[key], values, rtol=1e-5)


class Autoencoder(Model):
    def __init__(self):
        super().__init__()
        self.encode, self.decode = layers.Dense(2, name="code"), layers.Dense(3)
        self.rebuilt = metrics.Mean(name="rebuilt")
        self.size = metrics.Mean(name="size")

    def call(self, x):
        code = self.encode(x)
        return {"code": code, "x": self.decode(code)}

    def compute_loss(self, x=None, y_pred=None):
        error = ops.mean(ops.square(x - y_pred["x"]), -1)
        size = ops.mean(ops.square(y_pred["code"]))
        self.rebuilt.update_state(error)
        self.size.update_state(size)
        return ops.mean(error) + 0.1 * size


def test_without_targets_and_with_means_in_the_logs():
    model = Autoencoder()
    model.compile("adam")
    history = model.fit(X, epochs=20, verbose=0, validation_data=(X,)).history
    names = ["loss", "rebuilt", "size"]
    assert sorted(history) == [*names, *(f"val_{name}" for name in names)]
    assert history["loss"][-1] < history["loss"][0]
    logs = model.evaluate(X, batch_size=50, verbose=0, return_dict=True)
    found = model.predict(X, verbose=0)
    assert logs["rebuilt"] == pytest.approx(np.mean((found["x"] - X) ** 2), rel=1e-5)
    assert logs["size"] == pytest.approx(np.mean(found["code"] ** 2), rel=1e-5)
    assert logs["loss"] == pytest.approx(logs["rebuilt"] + 0.1 * logs["size"], rel=1e-5)
    assert float(model.rebuilt.result()) == pytest.approx(logs["rebuilt"])
    batches = ((X[:10],) for _ in range(4))
    assert sorted(model.fit(batches, steps_per_epoch=4, verbose=0).history) == names


def test_a_teacher_that_is_no_part_of_the_outputs():
    class Distiller(Model):
        def __init__(self, student, teacher):
            super().__init__()
            self.student, self.teacher = student, teacher

        def call(self, x):
            return self.student(x)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, allow_empty=False):
            taught = ops.softmax(self.teacher(x, training=False) / 3.0)
            hard = losses.SparseCategoricalCrossentropy(from_logits=True)(y, y_pred)
            return 0.1 * hard + 0.9 * losses.KLDivergence()(taught, ops.softmax(y_pred / 3.0))

    teacher = Sequential([Input((3,)), layers.Dropout(0.5), layers.Dense(2)])
    teacher.trainable = False
    before = [w.copy() for w in teacher.get_weights()]
    model = Distiller(Sequential([Input((3,)), layers.Dense(2)]), teacher)
    model.compile("adam", metrics=["sparse_categorical_accuracy"])
    history = model.fit(X, (X[:, 0] > 0).astype(int), epochs=20, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert sorted(history) == ["loss", "sparse_categorical_accuracy"]
    for weight, old in zip(teacher.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)


def test_masks_and_several_outputs_count_in_the_compiled_losses():
    def model(kind):
        fastmlp.utils.set_random_seed(3)
        x = Input((4,), dtype="int32")
        h = layers.Embedding(5, 3, mask_zero=True)(x)
        steps = layers.LSTM(2, return_sequences=True, name="steps")(h)
        model = kind(x, [steps, layers.Dense(1, name="last")(layers.LSTM(2)(h))])
        model.compile("sgd", ["mse", "mae"], loss_weights=[1.0, 0.3])
        return model

    class Same(Model):
        def compute_loss(self, x, y, y_pred, sample_weight, training):
            return super().compute_loss(x, y, y_pred, sample_weight)

    x = np.array([[1, 2, 0, 0], [3, 0, 0, 0], [4, 4, 1, 2]])
    y = [RNG.normal(size=(3, 4, 2)), RNG.normal(size=(3, 1))]
    ours, plain = model(Same), model(Model)
    for one in (ours, plain):
        one.fit(x, y, batch_size=3, epochs=3, verbose=0)
    for a, b in zip(ours.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert ours.evaluate(x, y, verbose=0) == pytest.approx(plain.evaluate(x, y, verbose=0)[0])


def test_bad_ones_are_refused_before_a_weight_changes():
    class Number(Sequential):
        def compute_loss(self, y, y_pred):
            return 3.0

    class Twice(Sequential):
        def compute_loss(self, y, y_pred):
            for _ in range(2):
                self.mean.update_state(ops.mean(y_pred))
            return ops.mean(y_pred)

    class Plain(Sequential):
        def compute_loss(self, y_pred):
            return ops.mean(y_pred)

    model = make(Number)
    before = model.get_weights()
    with pytest.raises(TypeError, match=r"Number\.compute_loss: expected .* Received: a float"):
        model.fit(X, Y)
    twice = make(Twice)
    twice.mean = metrics.Mean()
    with pytest.raises(ValueError, match="metrics of different names"):
        twice.fit(X, Y)
    with pytest.raises(ValueError, match=r"Own\.compute_loss: .* without a loss"):
        make(Own, None).fit(X, Y)
    with pytest.raises(ValueError, match="fit: expected y, since the metrics need it"):
        make(Plain, None, metrics=["mae"]).fit(X)
    with pytest.raises(TypeError, match="within a model's compute_loss"):
        metrics.Mean().update_state(Input((2,)))
    for weight, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)


def test_on_arrays_it_is_a_number_with_the_penalties():
    model = make(Sequential)
    expected = model.evaluate(X, Y, verbose=0, batch_size=50)
    assert model.compute_loss(X, Y, model(X)) == pytest.approx(expected, rel=1e-5)

"""run_eagerly=True: the ops' NumPy twins tell the same story as the core."""

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, callbacks, constraints, layers, optimizers, regularizers
from fastmlp.eager import EagerExecutable


def data(n=53):
    rng = np.random.default_rng(1)
    return rng.normal(size=(n, 4)), (rng.random((n, 1)) > 0.5).astype("uint8")


def make(eager, optimizer="adam", dtype="float64"):
    fastmlp.utils.set_random_seed(3)
    hidden = {"kernel_regularizer": regularizers.L1L2(0.01, 0.02), "dtype": dtype}
    model = Sequential(
        [
            Input((4,), dtype=dtype),
            layers.Dense(6, "relu", kernel_constraint=constraints.MaxNorm(1.0), **hidden),
            layers.Dropout(0.3, dtype=dtype),
            layers.Dense(1, "sigmoid", dtype=dtype),
        ]
    )
    metrics = ["accuracy", "auc"]
    model.compile(optimizer, "binary_crossentropy", metrics=metrics, run_eagerly=eager)
    return model


OPTIMIZERS = {
    "adam": lambda: "adam",
    "clipped": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True, global_clipnorm=0.1),
    "accumulated": lambda: optimizers.RMSprop(0.01, gradient_accumulation_steps=3, use_ema=True),
    "decayed": lambda: optimizers.AdamW(
        optimizers.schedules.ExponentialDecay(0.1, 3, 0.9), weight_decay=0.01
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fit_with_validation_tells_the_same_story(name):
    x, y = data()
    stories, weights = [], []
    for eager in (False, True):
        model = make(eager, OPTIMIZERS[name]())
        history = model.fit(x, y, 8, epochs=4, validation_split=0.3, verbose=0)
        stories.append(history.history)
        weights.append(model.get_weights())
        assert eager == any(isinstance(e, EagerExecutable) for e in model._executables.values())
    assert stories[0].keys() == stories[1].keys()
    for key, values in stories[0].items():
        np.testing.assert_allclose(stories[1][key], values, rtol=1e-8, err_msg=key)
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-12)


def both(action, dtype="float64"):
    """What a model gives natively and interpreted, from equal seeds."""
    results = []
    for eager in (False, True):
        model = make(eager, dtype=dtype)
        results.append(action(model))
    return results


def test_float32_is_rounded_op_by_op():
    x, y = data()
    logs = both(lambda m: m.fit(x, y, 8, epochs=2, verbose=0).history["loss"], "float32")
    np.testing.assert_allclose(*logs, rtol=1e-5)
    assert both(lambda m: m.predict(x, verbose=0), "float32")[1].dtype == np.float32


def test_evaluate_predict_and_single_batches_agree():
    x, y = data()
    weight = np.linspace(0, 1, len(x))
    actions = [
        lambda m: m.evaluate(x, y, batch_size=10, verbose=0, sample_weight=weight),
        lambda m: m.test_on_batch(x, y, weight),
        lambda m: [m.train_on_batch(x, y, weight), m.train_on_batch(x, y, weight)],
        lambda m: m.predict(x, batch_size=7, verbose=0),
        lambda m: fastmlp.gradients(m, x, y)[0],
        lambda m: np.concatenate([g.reshape(-1) for g in fastmlp.gradients(m, x, y)[1]]),
    ]
    for action in actions:
        np.testing.assert_allclose(*both(action), rtol=1e-7, atol=1e-12)


def test_batch_hooks_and_stopping_work():
    seen = []

    class Watch(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((batch, round(logs["loss"], 9)))
            if len(seen) == 9:
                self.model.stop_training = True

    stories = []
    for eager in (False, True):
        seen.clear()
        x, y = data()
        make(eager).fit(x, y, 8, epochs=3, verbose=0, callbacks=[Watch()])
        stories.append(list(seen))
    assert stories[0] == stories[1]
    assert len(stories[0]) == 9


def test_an_interrupted_step_changes_nothing(monkeypatch):
    from fastmlp import _reference

    x, y = data()
    model = make(True)
    model.fit(x, y, 53, epochs=1, verbose=0)
    before = model.get_weights()

    def broken(op, state):
        raise ZeroDivisionError("in the update")

    monkeypatch.setitem(_reference.step.OPS, "constrain", broken)
    with pytest.raises(ZeroDivisionError):
        model.fit(x, y, 53, epochs=1, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert model.optimizer.iterations == 1


def test_the_switch_may_be_turned_between_calls_and_nan_is_told():
    x, y = data()
    model = make(False)
    expected = model.evaluate(x, y, verbose=0)
    model.run_eagerly = True
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), expected, rtol=1e-8)
    x[3, 2] = np.nan
    with pytest.warns(UserWarning, match="column 2 holds nan in row 3"):
        model.predict(x, verbose=0)

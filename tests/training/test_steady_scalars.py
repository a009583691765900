"""An optimizer's scalars are computed once where they are those of all steps, until a number changes."""

import numpy as np
import pytest

from fastmlp import Input, Sequential, callbacks, layers, optimizers
from fastmlp._core.optimizers import HYPER, UPDATES
from tests.optimizers.test_optimizers import CASES

X = np.random.default_rng(0).random((160, 3), dtype=np.float32)
Y = X[:, :1] * X[:, 1:2]

# The betas leave the bias corrections at 1 from step 67 on.
FAST = {"learning_rate": 0.01, "beta_1": 0.3, "beta_2": 0.4}


def maker(cls, arguments, kind):
    own = {name: FAST[name] for name in HYPER[kind] if name in FAST}
    return lambda: cls(**{**own, **arguments})


MAKERS = {kind: maker(cls, arguments, kind) for cls, arguments, kind, *_ in CASES}
MAKERS["schedule"] = lambda: optimizers.SGD(optimizers.schedules.InverseTimeDecay(0.1, 20, 0.5))


def test_every_update_is_among_them():
    assert set(MAKERS) == {*UPDATES, "schedule"}


@pytest.mark.parametrize("name", list(MAKERS))
def test_whole_epochs_give_the_bits_of_single_steps(name):
    whole, single = network(MAKERS[name]()), network(MAKERS[name]())
    whole.fit(X, Y, batch_size=1, epochs=2, shuffle=False, verbose=0)
    for _ in range(2):
        for x, y in zip(X, Y, strict=True):
            single.train_on_batch(x[None], y[None])
    assert [a.tobytes() for a in whole.get_weights()] == [b.tobytes() for b in single.get_weights()]


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adam"])
def test_a_learning_rate_that_changes_between_epochs_counts_from_then_on(name):
    model = network(MAKERS[name]())
    weights = []

    def stop(epoch, rate):
        weights.append(model.get_weights())
        return 0.0 if epoch == 1 else rate

    model.fit(
        X,
        Y,
        batch_size=1,
        epochs=2,
        verbose=0,
        callbacks=[callbacks.LearningRateScheduler(stop)],
    )
    assert any(np.any(a != b) for a, b in zip(*weights, strict=True))
    for a, b in zip(weights[1], model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def network(optimizer):
    model = Sequential([Input((3,)), layers.Dense(4, "tanh"), layers.Dense(1)])
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    model.compile(optimizer=optimizer, loss="mse")
    return model

"""Several optimizers for one model, and one with a loss scale."""

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, layers, optimizers
from fastmlp.variables import Variable

rng = np.random.default_rng(0)
X = rng.normal(size=(20, 3)).astype("float32")
Y = rng.normal(size=(20, 2)).astype("float32")


def several(k, schedule=False, by_function=False, third="Adafactor"):
    rate = k.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5) if schedule else 0.05
    adam = k.optimizers.Adam(rate, clipnorm=0.5)
    sgd = k.optimizers.SGD(0.1, momentum=0.9, weight_decay=0.01, use_ema=True)
    traced = getattr(k.optimizers, third)(0.05)
    if by_function:
        return k.optimizers.MultiOptimizer(
            lambda v: sgd if "head" in v.path else traced if "mid/kernel" in v.path else adam
        )
    found = {".*head/.*": sgd, ".*mid/kernel": traced}
    return k.optimizers.MultiOptimizer(k.optimizers.OptimizerMap(adam, found))


def model(k, optimizer, dtype="float32", **options):
    dense, own = k.layers.Dense, {"dtype": dtype}
    made = k.Sequential(
        [
            k.Input((3,), **own),
            dense(4, "tanh", name="body", **own),
            dense(
                4, "tanh", name="mid", kernel_regularizer="l2", kernel_constraint="max_norm", **own
            ),
            dense(2, name="head", **own),
        ]
    )
    draw = np.random.default_rng(1)
    made.set_weights([draw.normal(size=np.shape(w)) * 0.5 for w in made.get_weights()])
    made.compile(optimizer, "mse", **options)
    return made


def trained(made, epochs=3, **options):
    fit = {"batch_size": 10, "shuffle": False, "verbose": 0} | options
    losses = made.fit(X, Y, epochs=epochs, **fit).history["loss"]
    return losses, [np.asarray(w) for w in made.get_weights()]


@pytest.fixture(scope="module")
def of_keras():
    return trained(model(keras, several(keras, schedule=True, third="RMSprop")))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [{}, {"run_eagerly": True}], ids=["native", "eager"])
def test_training_is_that_of_keras(of_keras, dtype, options):
    losses, weights = of_keras
    for by_function in (False, True):
        made = model(fastmlp, several(fastmlp, True, by_function, "RMSprop"), dtype, **options)
        ours = trained(made)
        np.testing.assert_allclose(ours[0], losses, atol=1e-5)
        for a, b in zip(ours[1], weights, strict=True):
            np.testing.assert_allclose(a, b, atol=2e-5)
        assert [part.iterations for part in made.optimizer.optimizers] == [6, 6, 6]


def test_steps_on_batches_and_apply_do_the_same():
    first, second = (model(fastmlp, several(fastmlp)) for _ in range(2))
    for _ in range(3):
        first.train_on_batch(X, Y)
        grads = fastmlp.gradients(second, X, Y)[1]
        second.optimizer.apply(grads, second.trainable_weights)
    assert first.optimizer.iterations == second.optimizer.iterations == 3
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_learning_rates_are_those_of_the_parts_and_may_be_set():
    made = model(fastmlp, several(fastmlp))
    trained(made, 1)
    assert not hasattr(made.optimizer, "learning_rate")
    with pytest.raises(AttributeError, match=r"set those of optimizer\.optimizers"):
        made.optimizer.learning_rate = 0.1
    head = made.get_layer("head").get_weights()
    body = made.get_layer("body").get_weights()
    adam = made.optimizer.optimizers[2]
    adam.learning_rate = 0.0
    trained(made, 1)
    assert all(
        (a == b).all() for a, b in zip(made.get_layer("body").get_weights(), body, strict=True)
    )
    assert (made.get_layer("head").get_weights()[0] != head[0]).any()


def test_files_go_on_to_the_same_bits(tmp_path):
    whole, part = (model(fastmlp, several(fastmlp, schedule=True)) for _ in range(2))
    trained(whole, 2)
    trained(part, 2)
    part.save(path := str(tmp_path / "m.fastmlp"))
    again = fastmlp.models.load_model(path)
    assert again.optimizer.get_config() == part.optimizer.get_config()
    for one in (whole, again):
        trained(one, 4, initial_epoch=2)
    for a, b in zip(again.get_weights(), whole.get_weights(), strict=True):
        assert (a == b).all()
    again.summary(print_fn=lambda text: None)


def test_frozen_layers_stay_as_they_are():
    made = model(fastmlp, several(fastmlp))
    made.get_layer("mid").trainable = False
    before = made.get_layer("mid").get_weights()
    trained(made)
    assert all(
        (a == b).all() for a, b in zip(made.get_layer("mid").get_weights(), before, strict=True)
    )


def test_a_map_finds_exact_keys_then_patterns_then_the_default():
    sgd, adam, lion = optimizers.SGD(), optimizers.Adam(), optimizers.Lion()
    table = optimizers.OptimizerMap(sgd, {"encoder/.*": adam})
    table["encoder/out"] = lion
    found = [table[path] for path in ("encoder/in", "encoder/out", "decoder", "my/encoder/in")]
    assert found == [adam, lion, sgd, sgd]
    assert list(table) == ["encoder/.*", "encoder/out"] and len(table) == 2
    table["enc.*/in"] = lion
    with pytest.raises(ValueError, match=r"expected one pattern for 'encoder/in'"):
        table["encoder/in"]
    del table["enc.*/in"]
    twin = optimizers.OptimizerMap.from_config(table.get_config())
    assert twin.get_config() == table.get_config()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optimizers.MultiOptimizer("adam"), TypeError, "an OptimizerMap or a function"),
        (lambda: optimizers.OptimizerMap("adam"), TypeError, "default_optimizer to be an optimizer"),
        (lambda: optimizers.OptimizerMap(optimizers.SGD(), [1]), TypeError, "expected a dict"),
        (
            lambda: optimizers.OptimizerMap(optimizers.SGD(), {"a": several(fastmlp)}),
            ValueError,
            "an optimizer of one kind",
        ),
        (
            lambda: model(fastmlp, optimizers.MultiOptimizer(lambda v: "adam")).fit(X, Y, verbose=0),
            ValueError,
            "'body/kernel': expected an optimizer of one kind",
        ),
        (
            lambda: optimizers.MultiOptimizer(lambda v: optimizers.SGD()).get_config(),
            ValueError,
            "a registered function",
        ),
        (lambda: optimizers.LossScaleOptimizer("adam"), ValueError, "an optimizer of one kind"),
        (
            lambda: model(
                fastmlp, optimizers.MultiOptimizer(lambda v: optimizers.LBFGS())
            ).fit(X, Y, verbose=0),
            ValueError,
            "an optimizer of one kind",
        ),
    ],
)  # fmt: skip
def test_what_is_no_optimizer_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_gradients_of_another_shape_change_nothing():
    optimizer = several(fastmlp)
    w = [Variable(np.ones(2), name="body/kernel"), Variable(np.ones(2), name="head/kernel")]
    for variable, path in zip(w, ("body/kernel", "head/kernel"), strict=True):
        variable.path = path
    with pytest.raises(ValueError, match=r"shape.*for 'head/kernel'"):
        optimizer.apply([np.ones(2), np.ones(3)], w)
    assert all((v.numpy() == 1).all() for v in w) and optimizer.iterations == 0


def test_a_loss_scale_doubles_after_steps_of_finite_gradients_and_halves_after_others():
    optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(0.5), 8.0, 2)
    w = Variable(np.ones(2), name="w")
    steps = [[8.0, 16.0], [np.inf, 1.0], [4.0, 0.0], [-4.0, 0.0], [8.0, 8.0], [np.nan, 0.0]]
    found = []
    for gradient in steps:
        optimizer.apply([gradient], [w])
        found.append((w.numpy().tolist(), optimizer.scale_loss(1.0), optimizer.iterations))
    assert found == [
        ([0.5, 0.0], 8.0, 1),
        ([0.5, 0.0], 4.0, 1),
        ([0.0, 0.0], 4.0, 2),
        ([0.5, 0.0], 8.0, 3),
        ([0.0, -0.5], 8.0, 4),
        ([0.0, -0.5], 4.0, 4),
    ]


def test_a_loss_scale_does_in_fit_what_its_inner_optimizer_does():
    inner = optimizers.Adam(0.05)
    optimizer = optimizers.LossScaleOptimizer(inner, 4.0, 7, name="scaled")
    plain, scaled = model(fastmlp, optimizers.Adam(0.05)), model(fastmlp, optimizer)
    for a, b in zip(trained(plain)[1], trained(scaled)[1], strict=True):
        assert (a == b).all()
    optimizer.learning_rate = 0.25
    assert inner.learning_rate == optimizer.learning_rate == 0.25
    twin = optimizers.get({"class_name": "LossScaleOptimizer", "config": optimizer.get_config()})
    assert twin.get_config() == optimizer.get_config()


def test_more_optimizers_than_a_plan_has_room_for_are_refused():
    with pytest.raises(ValueError, match="at most 16 optimizers"):
        optimizers.MultiOptimizer(
            optimizers.OptimizerMap(optimizers.SGD(), {f"{i}": optimizers.SGD() for i in range(16)})
        )
    stack = [layers.Dense(1) for _ in range(9)]
    deep = Sequential([Input((3,)), *stack])
    deep.compile(optimizers.MultiOptimizer(lambda v: optimizers.SGD()), "mse")
    with pytest.raises(ValueError, match="at most 16 optimizers"):
        deep.fit(X, Y[:, :1], verbose=0)

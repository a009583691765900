"""The table of a step's ops."""

import re

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, layers, ops


@fastmlp.custom_gradient
def cube(x):
    return x**3, lambda dy: 3 * dy * x**2


class Cube(layers.Layer):
    def call(self, x):
        return cube(x)


def make(*middle, loss="mse", **kwargs):
    model = Sequential(
        [Input((4,)), layers.Dense(5, "relu", name="a"), *middle, layers.Dense(2, name="b")]
    )
    model.compile("adam", loss, **kwargs)
    return model


def text(model, *args):
    lines = []
    model.plan_summary(*args, print_fn=lines.append)
    return lines[0]


@pytest.mark.usefixtures("native_products")
def test_each_op_is_listed_with_its_cost():
    model = make()
    summary = text(model, 64)
    assert summary.startswith(
        f"Plan of a training step of '{model.name}', 64 samples, float32\nphase"
    )
    # 2 · 64 · 4 · 5 operations; it reads x, the kernel and the bias, and writes 64 · 5 numbers
    line = next(line for line in summary.splitlines() if " dense_fwd " in line)
    assert re.split(r"  +", line.strip()) == [
        "dense_fwd",
        "a",
        "(batch, 5)",
        "kernel",
        "0.00256",
        "2.35",
    ]
    weights = re.findall(r"update adam +(\S+)", summary)
    assert sorted(weights) == ["a/bias", "a/kernel", "b/bias", "b/kernel"]
    assert "2 phases a step. Memory: weights 0.1 KB, optimizer 0.3 KB, activations" in summary
    assert "Python" not in summary


def test_it_is_of_the_last_fit_and_python_code_is_told_with_its_time():
    model = make(Cube(name="cube"))
    assert "32 samples" in text(model)
    rng = np.random.default_rng(0)
    model.fit(rng.normal(size=(60, 4)), rng.normal(size=(60, 2)), batch_size=15, verbose=0)
    summary = text(model)
    assert "15 samples" in summary
    assert re.search(r"python_fwd +custom function 'cube' in 'cube' +\(batch, 5\) +Python", summary)
    assert "Python code is 2 of these phases." in summary
    shares = re.findall(
        r"python_(?:fwd|bwd) of custom function 'cube' in 'cube': (\d+) % of", summary
    )
    assert len(shares) == 2
    assert 0 < sum(map(int, shares)) <= 100
    model.run_eagerly = True
    model.fit(rng.normal(size=(60, 4)), rng.normal(size=(60, 2)), batch_size=15, verbose=0)
    assert "run_eagerly: NumPy interprets every op." in text(model)


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "crossentropy"])
def test_targets_of_any_loss_are_made_up(loss):
    assert "loss" in text(make(layers.Dense(3, "softmax"), loss=loss), 8)
    own = make(loss=lambda t, p: ops.mean(ops.abs(t - p), axis=-1))
    assert "loss_values" in text(own)


def test_what_cannot_be_shown_is_told():
    with pytest.raises(RuntimeError, match="plan_summary: the model has no optimizer and loss yet"):
        Sequential([Input((2,)), layers.Dense(1)]).plan_summary()
    model = Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(RuntimeError, match="does not know the sizes of its input"):
        model.plan_summary()
    with pytest.raises(ValueError, match="batch_size"):
        make().plan_summary(0)


def test_it_prints_without_print_fn(capsys):
    make().plan_summary()
    assert "dense_fwd" in capsys.readouterr().out

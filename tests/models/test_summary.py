"""The table of `summary()`: Keras's own, character by character."""

from __future__ import annotations

import io
import sys
import types

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp.models.summary import print_summary, render_summary


class Layer:
    """Just what the table needs."""

    def __init__(self, name, shape, weights=(), built=True, trainable=True, layers=()) -> None:
        self.name, self.output_shape, self.weights = name, shape, list(weights)
        self.built, self.trainable, self.layers = built, trainable, list(layers)

    def count_params(self) -> int:
        return int(sum(np.prod(w.shape) for w in self.weights))


def layer(kind: str, name: str, shape, weights=(), **kwargs) -> Layer:
    return type(kind, (Layer,), {})(name, shape, weights, **kwargs)


def like(model) -> types.SimpleNamespace:
    """A Keras model, seen through the interface that the table uses."""

    def convert(one):
        inner = [convert(child) for child in getattr(one, "layers", [])]
        shape = one.output.shape if one.built else None
        weights = [
            types.SimpleNamespace(shape=tuple(w.shape), dtype=w.dtype, trainable=w.trainable)
            for w in one.weights
        ]
        if inner:
            weights = [w for child in inner for w in child.weights]
        kind = type(one).__name__
        arguments = {"built": one.built, "trainable": one.trainable, "layers": inner}
        return layer(kind, one.name, shape, weights, **arguments)

    optimizer = None
    if getattr(model, "optimizer", None) is not None and model.optimizer.built:
        count = len(model.trainable_variables)
        slots = (len(model.optimizer.variables) - 2) // max(1, count)
        names, hyper = ("slot",) * slots, lambda: (0.1,)
        optimizer = types.SimpleNamespace(iterations=1, wraps=False, slot_names=names, hyper=hyper)
    return types.SimpleNamespace(
        name=model.name,
        layers=[convert(one) for one in model.layers],
        optimizer=optimizer,
        network_to_show=lambda: None,
    )


@pytest.fixture(scope="module")
def models():
    """Keras models of all sorts."""
    keras = pytest.importorskip("keras", reason="compares with Keras itself")
    k = keras.layers
    plain = keras.Sequential([k.Input((4,)), k.Dense(8), k.Dense(1)], name="plain")
    wide = keras.Sequential(
        [
            k.Input((28, 28)),
            k.Flatten(),
            k.Dense(3, name="a_very_long_layer_name_that_wraps_or_is_cut_somewhere"),
            k.Dropout(0.5, name="drop"),
            k.Dense(123_456, name="[bold]x"),
            k.Dense(2, name="日本語の長い名前の層がここにありますよ"),
            k.BatchNormalization(),
        ],
        name="wide",
    )
    wide.layers[1].trainable = False
    adam = keras.Sequential([k.Input((5,)), k.Dense(300)], name="adam")
    adam.compile("adam", "mse")
    adam.optimizer.build(adam.trainable_variables)
    sgd = keras.Sequential([k.Input((5,)), k.Dense(3)], name="sgd")
    sgd.compile("sgd", "mse")
    sgd.optimizer.build(sgd.trainable_variables)
    compiled = keras.Sequential([k.Input((5,)), k.Dense(3)], name="compiled")
    compiled.compile("adam", "mse")
    unbuilt = keras.Sequential([k.Dense(8), k.Flatten()], name="unbuilt")
    empty = keras.Sequential([], name="empty")
    inner = keras.Sequential([k.Input((4,)), k.Dense(8), k.Dense(1)], name="inner")
    nested = keras.Sequential([k.Input((4,)), inner, k.Dense(2)], name="nested")
    return [plain, wide, adam, sgd, compiled, unbuilt, empty, nested]


@pytest.mark.parametrize("show_trainable", [False, True])
@pytest.mark.parametrize("arguments", [
    {},
    {"line_length": 40},
    {"line_length": 59},
    {"line_length": 78},
    {"positions": [0.3, 0.5, 0.7]},
    {"line_length": 61, "positions": [0.2, 0.7, 1.0]},
    {"expand_nested": True},
], ids=str)  # fmt: skip
def test_the_table_is_keras_own(models, arguments, show_trainable):
    arguments = arguments | {"show_trainable": show_trainable}
    for model in models:
        told: list[str] = []
        model.summary(print_fn=told.append, **arguments)
        assert render_summary(like(model), **arguments) == told[0], model.name


@pytest.mark.parametrize("columns", [50, 80, 92, 104, 200])
def test_the_table_fits_the_terminal_as_keras_does(models, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    for model in models:
        for show_trainable in (False, True):
            told: list[str] = []
            model.summary(print_fn=told.append, show_trainable=show_trainable)
            assert render_summary(like(model), show_trainable=show_trainable) == told[0]


def fake(n_layers: int = 3) -> types.SimpleNamespace:
    weight = types.SimpleNamespace(shape=(4, 3), dtype="float32", trainable=True)
    layers = [layer("Dense", f"dense_{i}", (None, 3), [weight]) for i in range(n_layers)]
    return types.SimpleNamespace(
        name="m", layers=layers, optimizer=None, network_to_show=lambda: None
    )


def test_a_shared_weight_counts_once():
    assert " Total params: 12 (48.00 B)" in render_summary(fake())


def test_float64_weights_take_eight_bytes():
    model = fake(1)
    model.layers[0].weights[0].dtype = "float64"
    assert " Total params: 12 (96.00 B)" in render_summary(model)


@pytest.mark.parametrize(
    ("size", "text"),
    [(255, "1020.00 B"), (256, "1.00 KB"), (2**18, "1.00 MB"), (3 * 2**27, "1.50 GB")],
)
def test_sizes_have_units(size, text):
    model = fake(1)
    model.layers[0].weights[0].shape = (size,)
    assert f"({text})" in render_summary(model)


def test_several_outputs_are_listed():
    model = fake(2)
    model.layers[0].output_shape = [(None, 3), (None, 2)]
    model.layers[1].output_shape = {"a": (None, 3)}
    text = render_summary(model)
    assert "[(None, 3), (None, 2)]" in text and "{a: (None, 3)}" in text


def test_absolute_positions_are_characters():
    top = render_summary(fake(), positions=[20, 40, 60], line_length=60).split("\n")[1]
    assert len(top) == 60


def test_a_range_of_layers_is_shown():
    for names in (["dense_1", "dense_2"], ["dense_2", "dense_1"]):
        text = render_summary(fake(4), layer_range=names)
        assert [f"dense_{i} " in text for i in range(4)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer_range": ["dense_0"]}, "expected two names of layers"),
        ({"layer_range": ["dense_0", "other"]}, "expected names among: dense_0, dense_1, dense_2"),
        ({"line_length": 12}, "at least 4 characters, .*Received: line_length=12"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        render_summary(fake(), **arguments)


def test_print_fn_gets_the_whole_text_once():
    told: list[str] = []
    print_summary(fake(), print_fn=told.append)
    assert told == [render_summary(fake())]


def test_it_is_printed(capsys):
    print_summary(fake())
    assert capsys.readouterr().out == render_summary(fake())


def test_an_ascii_terminal_gets_plain_lines(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    print_summary(fake())
    lines = raw.getvalue().decode("ascii").split("\n")
    assert lines[1].startswith("+===") and lines[2].startswith("| Layer (type)")


def test_a_layer_is_shown_by_its_class_whatever_attributes_it_has():
    class Own(fastmlp.layers.Dense):
        kind = "attribute"

    assert "(Own)" in render_summary(fastmlp.Sequential([Own(2, name="own")]), 80)


def test_positions_are_one_for_each_column_and_more_do_not_count():
    positions = [0.3, 0.6, 0.8, 1.0]
    assert render_summary(fake(), positions=positions) == render_summary(
        fake(), positions=positions[:3]
    )
    with pytest.raises(ValueError, match="positions"):
        render_summary(fake(), positions=[0.5, 1.0])


@pytest.mark.parametrize("name", ["SGD", "Adam", "Lamb", "Adafactor", "Muon"])
def test_the_optimizers_state_is_counted_as_in_keras(name):
    found = []
    for lib in (keras, fastmlp):
        model = lib.Sequential([lib.Input((4,)), lib.layers.Dense(3), lib.layers.Dense(2)])
        model.compile(getattr(lib.optimizers, name)(), "mse")
        model.fit(np.ones((8, 4)), np.ones((8, 2)), verbose=0)
        lines = []
        model.summary(print_fn=lambda text, line_break=None, lines=lines: lines.append(text))
        text = "\n".join(lines)
        found.append(text[text.index("Optimizer params") :].split("\n")[0].strip())
    assert found[1] == found[0]

"""Drawings of models: the boxes and arrows of Keras, and clear words where a program is missing."""

from __future__ import annotations

import os
import re
import stat
import sys
from typing import Any

import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, layers, utils


def sequential(lib: Any) -> Any:
    return lib.Sequential(
        [
            lib.Input((3,)),
            lib.layers.Dense(4, "relu", name="a"),
            lib.layers.Dropout(0.1, name="b"),
            lib.layers.Dense(1, name="c", trainable=False),
        ]
    )


def functional(lib: Any) -> Any:
    left, right = lib.Input((3,), name="left"), lib.Input((3,), name="right")
    shared = lib.layers.Dense(4, "tanh", name="shared")
    x, y = shared(left), shared(right)
    return lib.Model([left, right], [lib.layers.Dense(1, name="one")(x), y], name="two")


def nested(lib: Any) -> Any:
    taken = lib.Input((3,), name="taken")
    inner_in = lib.Input((3,), name="inner_in")
    inner = lib.Model(inner_in, lib.layers.Dense(2, name="inner_out")(inner_in), name="inner")
    chain = lib.Sequential(
        [lib.Input((2,)), lib.layers.Dense(5, name="first"), lib.layers.Dense(2, name="last")],
        name="chain",
    )
    y = chain(inner(taken))
    return lib.Model(taken, lib.layers.Dense(1, name="end")(y), name="outer")


def described(dot: Any) -> tuple[Any, ...]:
    """Labels of boxes, pairs of labels for arrows, and the same of what lies within."""
    labels: dict[str, str] = {}
    arrows: set[tuple[str, str]] = set()
    frames: list[str] = []

    def collect(part: Any) -> None:
        for node in part.get_nodes():
            label = node.get_label()
            if label:
                label = re.sub(r'(bgcolor="white") (colspan="\d")', r"\2 \1", label)
                labels[node.get_name().strip('"')] = label
        for inner in part.get_subgraphs():
            frames.append(inner.get_label())
            collect(inner)

    def connect(part: Any) -> None:
        for edge in part.get_edges():
            ends = [str(end).strip('"') for end in (edge.get_source(), edge.get_destination())]
            arrows.add((labels[ends[0]], labels[ends[1]]))
        for inner in part.get_subgraphs():
            connect(inner)

    collect(dot)
    connect(dot)
    return sorted(labels.values()), sorted(arrows), sorted(frames)


OPTIONS: list[dict[str, Any]] = [
    {},
    {"show_shapes": True, "show_dtype": True, "show_layer_names": True},
    {"show_layer_activations": True, "show_trainable": True, "show_shapes": True},
    {"expand_nested": True, "show_layer_names": True, "show_shapes": True},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o) or "plain")
@pytest.mark.parametrize("make", [sequential, functional, nested])
def test_the_drawing_is_that_of_keras(make, options):
    theirs, ours = (lib.utils.model_to_dot(make(lib), **options) for lib in (keras, fastmlp))
    assert described(ours) == described(theirs)
    for name in ("rankdir", "concentrate", "dpi", "splines"):
        assert ours.get(name) == theirs.get(name)


def test_operations_are_boxes_too():
    x = Input((3,), name="x")
    model = fastmlp.Model(x, layers.Dense(1, name="d")(x * 2.0 + 1.0))
    boxes = str(described(utils.model_to_dot(model, show_shapes=True))[0])
    assert "(Multiply)" in boxes and "(Add)" in boxes


def test_a_cluster_for_another_drawing():
    dot = utils.model_to_dot(sequential(fastmlp), subgraph=True)
    assert dot.get_type() == "subgraph" and len(dot.get_nodes()) == 3


@pytest.fixture
def dot_program(tmp_path, monkeypatch):
    """A `dot` that writes what it was told instead of a picture."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "dot"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nprint(sys.argv[1], open(sys.argv[-1]).read())"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize(("name", "kind"), [("m.png", "png"), ("m.svg", "svg"), ("m", "png")])
def test_a_file_of_the_kind_that_its_name_tells(name, kind, dot_program, tmp_path):
    utils.plot_model(sequential(fastmlp), tmp_path / name, rankdir="LR")
    text = (tmp_path / name).read_text()
    assert text.startswith(f"-T{kind} digraph") and "rankdir=LR" in text and "Dropout" in text


def test_missing_programs_are_named(monkeypatch, tmp_path):
    model = sequential(fastmlp)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImportError, match="You must install graphviz"):
        utils.plot_model(model, tmp_path / "m.png")
    monkeypatch.setitem(sys.modules, "pydot", None)
    for call in (utils.plot_model, utils.model_to_dot):
        with pytest.raises(ImportError, match="You must install pydot"):
            call(model)
    assert not list(tmp_path.iterdir())


def test_a_model_that_is_not_built_has_no_drawing():
    for call in (utils.plot_model, utils.model_to_dot):
        with pytest.raises(ValueError, match="has not yet been built"):
            call(Sequential([layers.Dense(1)]))


# Curves.


def history(**arguments: Any) -> Any:
    model = Sequential([Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model.fit(np.zeros((8, 2)), np.zeros((8, 1)), verbose=0, **arguments)


def test_a_panel_for_each_value_with_its_validation():
    told = history(epochs=3, validation_split=0.5)
    figure = utils.plot_history(told)
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "mae"]
    for axes, name in zip(figure.axes, ("loss", "mae"), strict=True):
        training, validation = axes.get_lines()
        assert list(training.get_ydata()) == told.history[name]
        assert list(validation.get_ydata()) == told.history[f"val_{name}"]
        assert list(training.get_xdata()) == [1, 2, 3]


def test_chosen_values_in_a_file(tmp_path):
    utils.plot_history(history(epochs=2).history, "mae", tmp_path / "curves.svg")
    assert (tmp_path / "curves.svg").read_text().startswith("<?xml")


def test_what_cannot_be_drawn_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="at least one epoch"):
        utils.plot_history(history(epochs=0))
    with pytest.raises(ValueError, match="metrics='acc'"):
        utils.plot_history(history(), ["acc"])
    with pytest.raises(ValueError, match="what fit returned"):
        utils.plot_history(3)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match="You must install matplotlib"):
        utils.plot_history(history())

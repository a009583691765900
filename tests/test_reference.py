"""The reference pages are those of the docstrings, and these say what STYLE asks."""

from __future__ import annotations

import importlib.util
import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PATH = Path(__file__).parents[1] / "docs" / "make_reference.py"
SPEC = importlib.util.spec_from_file_location("make_reference", PATH)
assert SPEC is not None and SPEC.loader is not None
reference = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(reference)


def test_the_pages_are_what_the_docstrings_say() -> None:
    written = reference.pages()
    stale = [path.name for path, text in written.items() if path.read_text("utf-8") != text]
    assert not stale, "Run python docs/make_reference.py"
    assert {path.name for path in reference.FOLDER.glob("*.md")} == {p.name for p in written}


@pytest.mark.parametrize("module", reference.MODULES)
def test_every_public_name_tells_what_it_is_and_takes(module: str) -> None:
    names = reference.public(module)
    assert names
    around = {**reference.public("losses"), **names} if module == "metrics" else names
    faults = []
    for name, value in names.items():
        own = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
        if not own:
            faults.append(f"{name}: no docstring")
            continue
        parts = reference.complete(value, around)
        if not parts[""].split("\n\n")[0].rstrip("`\n ").endswith((".", ":")):
            faults.append(f"{name}: begins with no sentence")
        untold = reference.untold(value, parts)
        if module == "ops":  # whose functions are NumPy's, or formulas that name the arguments
            untold = [] if hasattr(np, name) or hasattr(np.linalg, name) else untold
            text, plain = str(parts), ("x", "x1", "x2", "keepdims", "dtype")
            untold = [q for q in untold if q not in plain and not re.search(rf"\b{q}\b", text)]
        faults += [f"{name}: {q}" for q in untold]
        if (
            module == "layers"
            and inspect.isclass(value)
            and name not in ("InputSpec", "Layer", "Wrapper")
        ):
            faults += [] if "Input shape" in parts else [f"{name}: no shapes"]
    assert not faults


SHOWN = (
    "Model.compile", "Model.fit", "Model.evaluate", "Model.predict", "Model.save", "Model.load_weights",
    "Model.train_on_batch", "Sequential.add", "Layer.add_weight",
)  # fmt: skip


def test_methods_tell_of_their_arguments() -> None:
    """Those that tell of one tell of all; the most used ones also show how they are called."""
    kinds = [
        value
        for m in reference.MODULES
        for value in reference.public(m).values()
        if inspect.isclass(value)
    ]
    told = {
        f"{kind.__name__}.{name}": (method, reference.sections(inspect.getdoc(method) or ""))
        for kind in kinds
        for name, method in reference.methods(kind).items()
    }
    told = {name: (method, parts) for name, (method, parts) in told.items() if "Args" in parts}
    assert len(told) > 50
    faults = {name: reference.untold(method, parts) for name, (method, parts) in told.items()}
    assert {name: untold for name, untold in faults.items() if untold not in ([], ["self"])} == {}
    assert [name for name in SHOWN if "Example" not in told[name][1]] == []


# Bases, containers and ways to get something: what they compute is somebody else's.
NO_FORMULA = {
    "Constraint", "Initializer", "Input", "InputLayer", "InputSpec", "Layer", "LearningRateSchedule",
    "Loss", "Metric", "Optimizer", "RandomInitializer", "ArrayInitializer", "Regularizer", "Wrapper",
    "align", "deserialize", "get", "resolve", "resolve_all", "serialize",
}  # fmt: skip
MATHEMATICS = (
    "layers", "losses", "metrics", "optimizers", "optimizers.schedules", "activations",
    "initializers", "regularizers", "constraints",
)  # fmt: skip


@pytest.mark.parametrize("module", MATHEMATICS)
def test_every_public_name_has_a_formula_and_a_source(module: str) -> None:
    names = reference.public(module)
    around = {**reference.public("losses"), **names} if module == "metrics" else names
    needed = {name: value for name, value in names.items() if name not in NO_FORMULA}
    assert len(needed) >= 4
    no_formula = [n for n, value in needed.items() if not reference.has_formula(value, around)]
    no_source = [n for n, v in needed.items() if not reference.complete(v, around).get("Source")]
    assert (no_formula, no_source) == ([], [])


def test_a_formula_is_a_line_of_mathematics() -> None:
    def area(x: float) -> None:
        """Some area: `y = x²`, for `x=1`."""

    def words(x: float) -> None:
        """Some `area` of `x=1`."""

    def other(x: float) -> None:
        """The same; see `area`."""

    found = [reference.has_formula(f, {"area": area, "words": words}) for f in (area, words, other)]
    assert found == [True, False, True]


def told(doc: str) -> dict[str, str]:
    found: dict[str, str] = reference.sections(doc)
    return found


def test_docstrings_are_understood() -> None:
    parts = told(
        "One line.\n\nArgs:\n    a: First\n        of two.\n    **b: More.\n\nReturns:\n    It."
    )
    assert parts == {
        "": "One line.",
        "Args": "a: First\n    of two.\n**b: More.",
        "Returns": "It.",
    }
    assert reference.listed(parts["Args"]) == "- `a`: First of two.\n- `**b`: More."


def test_what_a_docstring_leaves_to_another_is_taken_from_there() -> None:
    def gru(units: int, reset: bool) -> None:
        """A unit.

        Args: as those of `lstm`, and
            reset: When.
        """

    def lstm(units: int) -> None:
        """A memory.

        Args:
            units: Number of outputs.
        """

    names: dict[str, Any] = {"gru": gru, "lstm": lstm}
    parts = reference.complete(gru, names)
    assert reference.untold(gru, parts) == []
    assert "- `units`: Number of outputs." in reference.entry("gru", gru, [], names)
    assert reference.untold(gru, reference.sections(inspect.getdoc(gru) or "")) == ["units"]

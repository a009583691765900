"""Every public name of the installed Keras is here too, or listed with a reason in the docs."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

MODULES = (
    "", "activations", "backend", "callbacks", "config", "constraints", "datasets", "initializers", "layers", "losses",
    "metrics", "models", "ops", "ops.linalg", "ops.nn", "optimizers", "optimizers.schedules", "preprocessing",
    "preprocessing.sequence", "regularizers", "saving", "utils",
)  # fmt: skip
PAGE = Path(__file__).parents[2] / "docs" / "keras-differences.md"


def listed() -> set[str]:
    """The names of the page's section "Names of Keras that are not here"."""
    section = PAGE.read_text(encoding="utf-8").partition("## Names of Keras that are not here")[2]
    return set(re.findall(r"`([\w.]+)`", section.partition("\n## ")[0]))


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_of_keras_is_here_or_listed_with_a_reason(name: str) -> None:
    theirs = importlib.import_module(f"keras.{name}".rstrip("."))
    ours = importlib.import_module(f"fastmlp.{name}".rstrip("."))
    public = {n for n in dir(theirs) if not n.startswith("_")}
    missing = public - set(vars(ours)) - listed()
    assert not missing, f"keras.{name}: {sorted(missing)}"


def test_what_is_listed_is_in_keras() -> None:
    modules = [importlib.import_module(f"keras.{name}".rstrip(".")) for name in MODULES]
    known = {name for module in modules for name in dir(module)}
    assert listed() <= known

"""Every public name of the installed Keras is here too, or listed with a reason in the docs."""

from __future__ import annotations

import ast
import importlib
import inspect
import operator
import re
import warnings
from pathlib import Path
from types import ModuleType

import keras
import pytest

import fastmlp
from fastmlp import _backend_functions, _gone
from fastmlp.saving import keras_config
from tests.not_in_keras import NOT_IN_KERAS

MODULES = (
    "", "activations", "backend", "callbacks", "config", "constraints", "datasets", "initializers", "layers", "losses",
    "metrics", "models", "ops", "ops.linalg", "ops.nn", "optimizers", "optimizers.schedules", "preprocessing",
    "preprocessing.sequence", "random", "regularizers", "saving", "tree", "utils", "wrappers",
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
    missing = {n for n in public - listed() if not hasattr(ours, n)}
    assert not missing, f"keras.{name}: {sorted(missing)}"


def test_what_is_listed_is_in_keras() -> None:
    modules = [importlib.import_module(f"keras.{name}".rstrip(".")) for name in MODULES]
    known = {name for module in modules for name in dir(module)}
    assert listed() <= known


@pytest.mark.parametrize("name", NOT_IN_KERAS)
def test_what_keras_does_not_have_is_listed(name: str) -> None:
    theirs = importlib.import_module(f"keras.{name}")
    ours = importlib.import_module(f"fastmlp.{name}")
    known = {*dir(theirs), *(dir(keras.ops.nn) if name == "ops" else ())}
    compared = ours.__all__ if name in ("activations", "ops") else _classes(ours)
    assert set(compared) - known == NOT_IN_KERAS[name]


def test_saving_for_keras_knows_what_keras_does_not_have() -> None:
    listed = set().union(*(names for kind, names in NOT_IN_KERAS.items() if kind != "ops"))
    assert listed - {"RandomInitializer"} == keras_config.NOT_IN_KERAS  # a base class, in no config


def _classes(module: ModuleType) -> list[str]:
    return [name for name in module.__all__ if inspect.isclass(getattr(module, name))]


def test_every_function_of_the_old_backend_is_there_or_says_what_to_do() -> None:
    path = Path(keras.__file__).parent / "src" / "legacy" / "backend.py"  # imports TensorFlow
    names = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        for old in [node for node in names if not node.name.startswith("_")]:
            if old.name in _backend_functions._ADAPTED:
                own = inspect.signature(_backend_functions._ADAPTED[old.name][1]).parameters
                assert list(own) == [arg.arg for arg in old.args.args], old.name
            known = hasattr(fastmlp.backend, old.name)
            assert known or _gone.hint("backend", old.name), old.name


def defaults(of: object) -> dict[str, str]:
    """The default of each argument, as text; of names there may be none."""
    try:
        known = inspect.signature(of).parameters if callable(of) else {}
    except ValueError:  # of a type that is built in
        return {}
    return {p.name: str(p.default).lower() for p in known.values() if p.name != "name"}


@pytest.mark.parametrize("name", MODULES)
def test_arguments_have_the_defaults_of_keras(name: str) -> None:
    theirs = importlib.import_module(f"keras.{name}".rstrip("."))
    ours = importlib.import_module(f"fastmlp.{name}".rstrip("."))
    kinder = {("categorical_generalized_cross_entropy", "q")}  # has the default of its class
    for one in {n for n in dir(theirs) if not n.startswith("_") and hasattr(ours, n)}:
        own = defaults(getattr(ours, one))
        for argument, value in defaults(getattr(theirs, one)).items():
            if argument in own and (one, argument) not in kinder:
                assert own[argument] == value, (one, argument)


# Registries: module of strings, and classes that have no default and so no name of their own.
NAMELESS = {
    "Metric", "Loss", "LossFunctionWrapper", "Initializer", "Regularizer", "Constraint", "Optimizer",
    "MeanMetricWrapper", "PrecisionAtRecall", "RecallAtPrecision", "SensitivityAtSpecificity",
    "SpecificityAtSensitivity", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap",
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["activations", "constraints", "initializers", "losses", "metrics", "optimizers", "regularizers"],
)  # fmt: skip
def test_every_string_that_keras_knows_is_known(name: str) -> None:
    theirs = importlib.import_module(f"keras.src.{name}").ALL_OBJECTS_DICT
    ours = importlib.import_module(f"fastmlp.{name}")
    left_out = NAMELESS | listed()
    wanted = {
        key: value
        for key, value in theirs.items()
        if isinstance(key, str) and not {key, value.__name__} & left_out
    }
    assert len(wanted) >= 6
    for key in wanted:
        assert ours.get(key) is not None, key


def attributes() -> set[str]:
    """The names of the page's section on attributes."""
    section = PAGE.read_text(encoding="utf-8").partition("## Attributes and methods of Keras")[2]
    return set(re.findall(r"`([\w.]+)`", section.partition("\n## ")[0]))


OBJECTS = {
    "Sequential": lambda: fastmlp.Sequential([fastmlp.Input((2,)), fastmlp.layers.Dense(1)]),
    "layers.Dense": lambda: fastmlp.layers.Dense(1),
    "layers.Embedding": lambda: fastmlp.layers.Embedding(2, 2),
    "layers.LSTM": lambda: fastmlp.layers.LSTM(2),
    "layers.LSTMCell": lambda: fastmlp.layers.LSTMCell(2),
    "layers.Normalization": fastmlp.layers.Normalization,
    "layers.Discretization": lambda: fastmlp.layers.Discretization(num_bins=2),
    "layers.IntegerLookup": fastmlp.layers.IntegerLookup,
    "losses.Huber": fastmlp.losses.Huber,
    "metrics.AUC": fastmlp.metrics.AUC,
    "optimizers.Adam": fastmlp.optimizers.Adam,
    "optimizers.schedules.CosineDecay": lambda: fastmlp.optimizers.schedules.CosineDecay(0.1, 5),
    "callbacks.EarlyStopping": fastmlp.callbacks.EarlyStopping,
    "initializers.HeNormal": fastmlp.initializers.HeNormal,
    "utils.PyDataset": fastmlp.utils.PyDataset,
    "utils.Progbar": lambda: fastmlp.utils.Progbar(3, verbose=0),
}


def public_of(path: str) -> set[str]:
    """The public attributes of a class of Keras."""
    return {n for n in dir(operator.attrgetter(path)(keras)) if not n.startswith("_")}


@pytest.mark.parametrize("path", OBJECTS)
def test_every_attribute_of_an_object_of_keras_is_here_or_listed(path: str) -> None:
    ours = OBJECTS[path]()
    missing = {n for n in public_of(path) - attributes() if n not in dir(ours) and not has(ours, n)}
    assert not missing


def has(thing: object, name: str) -> bool:
    """Whether there is such an attribute, be it one that says that it is too early for it."""
    try:
        getattr(thing, name)
    except (AttributeError, ValueError) as error:
        return "has no attribute" not in str(error)
    return True


def test_attributes_that_are_listed_are_those_of_objects_of_keras() -> None:
    assert attributes() <= set().union(*map(public_of, OBJECTS))

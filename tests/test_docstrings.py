"""The examples in the docstrings of all public modules run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import fastmlp

MODULES = ["fastmlp"] + [
    module.name
    for module in pkgutil.walk_packages(fastmlp.__path__, "fastmlp.")
    if not any(part.startswith("_") for part in module.name.split("."))
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name):
    module = importlib.import_module(name)
    for used_first in dir(module):  # doctest goes through a dict that must not grow meanwhile
        getattr(module, used_first, None)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.testmod(module, optionflags=flags).failed == 0


def test_public_modules_have_examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    examples = [
        test
        for name in MODULES
        for test in finder.find(importlib.import_module(name))
        if test.examples
    ]
    assert len(examples) >= 20

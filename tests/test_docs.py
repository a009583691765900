"""The examples in docs/ run, and print what the page says."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import fastmlp

PAGES = ("functional.md", "preprocessing.md", "saving-and-callbacks.md", "second-order.md")


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_run(page, root: Path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = dict(fastmlp.utils.get_custom_objects())
    try:
        text = (root / "docs" / page).read_text().replace("```python", "").replace("```", "")
        test = doctest.DocTestParser().get_doctest(text, {}, page, page, 0)
        result = doctest.DocTestRunner().run(test)
    finally:
        fastmlp.utils.get_custom_objects().clear()
        fastmlp.utils.get_custom_objects().update(known)
    assert result.attempted > 10 and result.failed == 0

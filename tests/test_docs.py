"""The examples in docs/ run, and print what the page says."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import fastmlp

PAGES = (
    "extending.md",
    "functional.md",
    "keras-differences.md",
    "preprocessing.md",
    "recurrent.md",
    "saving-and-callbacks.md",
    "second-order.md",
    "sequences.md",
)


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_run(page, root: Path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = dict(fastmlp.utils.get_custom_objects())
    fastmlp.utils.clear_session()  # names of layers are numbered from the beginning
    try:
        text = (root / "docs" / page).read_text().replace("```python", "").replace("```", "")
        test = doctest.DocTestParser().get_doctest(text, {}, page, page, 0)
        result = doctest.DocTestRunner().run(test)
    finally:
        fastmlp.utils.get_custom_objects().clear()
        fastmlp.utils.get_custom_objects().update(known)
    assert result.attempted > 10 and result.failed == 0


def test_what_extending_walks_through_takes_less_than_30_lines(root: Path):
    text = (root / "docs" / "extending.md").read_text()
    blocks = [block.partition("```")[0].splitlines() for block in text.split("```python\n")[1:]]
    own = [[line for line in block if line.startswith(("...", ">>> @"))] for block in blocks]
    assert len([lines for lines in own if len(lines) > 2]) >= 3
    assert max(map(len, own)) < 30

"""The README keeps its promises: two commands, one table from JSON, an example that runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import report

COMMANDS = (
    'pip install ".[demo]" && python -m fastmlp demo',
    'pip install ".[test]" && pytest',
)


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text()


def code_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_both_commands_stand_alone_on_a_line(readme):
    assert [block.strip() for block in code_blocks(readme, "")] == list(COMMANDS)


def test_ci_runs_exactly_the_second_command(root):
    lines = [line.strip() for line in (root / ".ci" / "run").read_text().splitlines()]
    assert lines.count(COMMANDS[1]) == 1


def test_readme_has_the_sections_in_order(readme):
    sections = re.findall(r"^## (.+)$", readme, re.MULTILINE)
    assert sections == ["Try it", "Example", "What is supported", "Limits", "How it works"]


def test_example_has_fifteen_lines_and_runs(readme, capsys):
    (example,) = code_blocks(readme, "python")
    assert len(example.splitlines()) <= 15
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    history = names["model"].history.history
    assert history["val_accuracy"][-1] > 0.9
    assert "[[" in capsys.readouterr().out


def test_table_is_what_report_writes_from_the_stored_results(readme):
    assert report.rewritten(readme, report.newest()) == readme


def test_report_writes_one_row_for_each_network(readme):
    content = report.newest()
    text = report.rewritten(readme, content)
    for result in content["results"]:
        assert text.count(f"| {result['title']} |") == 1
    assert text.partition(report.END)[2] == readme.partition(report.END)[2]


def test_report_refuses_a_readme_without_markers():
    with pytest.raises(SystemExit, match="expected the markers"):
        report.rewritten("no table here", {})


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [(0.412, "0.41"), (1.04, "1.04"), (12.34, "12.3"), (371.5, "372"), (8374.0, "8,370")],
)
def test_figures_have_three_digits(microseconds, text):
    assert report.figure(microseconds) == text


def test_stored_results_tell_machine_versions_and_samples():
    content = report.newest()
    json.dumps(content)
    assert {"cpu", "cores", "system", "versions", "load_average"} <= content["machine"].keys()
    for result in content["results"]:
        assert result["difference"] <= 1e-4
        for column in result["samples_us"].values():
            assert len(column) == content["repeats"]


def test_files_that_the_readme_names_exist(readme, root):
    named = re.findall(r"`((?:docs|bench|examples|CONTRIBUTING)[\w./-]*)`", readme)
    assert named
    for name in named:
        assert (root / name).exists(), name

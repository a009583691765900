"""The README keeps its promises: two commands, one table from JSON, an example that runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import machine, report, tables

PAGES = report.PAGES

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


@pytest.mark.parametrize("page", PAGES)
def test_tables_are_what_report_writes_from_the_stored_results(page, root):
    text = (root / page).read_text()
    assert report.rewritten(text, report.newest()) == text


def test_summary_has_one_row_for_each_network(readme):
    content = report.newest()
    assert content["training"]
    for row in content["training"].values():
        assert readme.count(f"| {row['title']} |") == 1


def test_report_refuses_a_page_without_markers():
    with pytest.raises(SystemExit, match="expected markers"):
        report.rewritten("no table here", {})


def test_a_part_that_was_not_measured_says_so(readme):
    assert "\nNot measured yet.\n<!-- end summary -->" in report.rewritten(readme, {})


def test_performance_page_has_every_table_and_shows_every_plot(root):
    text = (root / "docs" / "performance.md").read_text()
    written = {match[2] for match in report.MARKERS.finditer(text)}
    assert written == report.TABLES.keys() - {"summary", "second_order"}
    for image in re.findall(r"\(images/([\w.]+)\)", text):
        assert (report.IMAGES / image).is_file()


def test_report_writes_pages_and_plots(tmp_path, monkeypatch, root):
    (tmp_path / "docs").mkdir()
    for page in PAGES:
        (tmp_path / page).write_text((root / page).read_text().replace("µs", "ms"))
    monkeypatch.setattr(report, "ROOT", tmp_path)
    monkeypatch.setattr(report, "IMAGES", tmp_path / "images")
    monkeypatch.setattr("sys.argv", ["report", "--check"])
    assert report.main() == 1
    monkeypatch.setattr("sys.argv", ["report"])
    assert report.main() == 0
    for page in PAGES:
        assert (tmp_path / page).read_text() == (root / page).read_text()
    drawn = sorted(path.name for path in (tmp_path / "images").iterdir())
    assert drawn == sorted(path.name for path in (root / "docs" / "images").iterdir())


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [(0.412, "0.41"), (1.04, "1.04"), (12.34, "12.3"), (371.5, "372"), (8374.0, "8,370")],
)
def test_figures_have_three_digits(microseconds, text):
    assert tables.figure(microseconds) == text


def test_stored_results_tell_machine_versions_and_samples():
    for path in machine.RESULTS.glob("*-cores.json"):
        for row in machine.load(path)["training"].values():
            assert {"cpu", "cores", "system", "versions", "load_average"} <= row["machine"].keys()
            assert {"fastmlp", "numpy"} <= row["samples_us"].keys()
            for name, column in row["samples_us"].items():
                assert len(column) == len(row["samples_us"]["fastmlp"])
                assert row["ready"][name]["difference"] <= 1e-4


def test_files_that_the_readme_names_exist(readme, root):
    named = re.findall(r"`((?:docs|bench|examples|CONTRIBUTING)[\w./-]*)`", readme)
    assert named
    for name in named:
        assert (root / name).exists(), name

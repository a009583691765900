"""Each program of examples/ runs, and learns what it shows."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest


def load(root: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, root / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_is_run_here(root):
    assert sorted(path.stem for path in (root / "examples").glob("*.py")) == [
        "autoencoder",
        "breast_cancer",
        "dqn",
        "health",
        "mnist",
        "physics_informed",
        "siamese",
        "structured_data",
    ]


def test_breast_cancer_is_told_apart(root, capsys):
    result = load(root, "breast_cancer").main(epochs=60, verbose=0)
    assert result["accuracy"] >= 0.94
    assert result["auc"] >= 0.98
    assert "held out: 143 patients" in capsys.readouterr().out


def test_mnist_learns_in_two_epochs(root, data_dir, capsys):
    accuracy = load(root, "mnist").main(str(data_dir / "mnist.npz"), epochs=2, verbose=0)
    assert accuracy >= 0.96
    assert f"{accuracy:.2%} of the test images right" in capsys.readouterr().out


def test_mnist_names_the_missing_file(root, tmp_path):
    with pytest.raises((OSError, ValueError), match=r"absent\.npz"):
        load(root, "mnist").main(str(tmp_path / "absent.npz"), epochs=1)


def test_dqn_learns_to_catch_fruit(root, capsys):
    assert load(root, "dqn").main(games=500) >= 0.6  # a third by chance
    assert "of 200 fruit caught" in capsys.readouterr().out


def test_an_oscillator_is_learned_from_its_equation(root, capsys):
    assert load(root, "physics_informed").main() < 0.02  # of a swing from -0.5 to 1
    assert "What is left of the equation" in capsys.readouterr().out


def test_the_code_of_the_page_on_custom_code_runs(root):
    text = (root / "docs" / "custom-code.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 10
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    assert names["loss"] > 0


def test_autoencoder_lends_its_encoder(root, capsys):
    """A guess would tell 10 % of the digits, the mean picture have an error of 0.07."""
    result = load(root, "autoencoder").main(epochs=20, verbose=0)
    assert result["error"] < 0.03
    assert result["accuracy"] > 0.5
    assert "the encoder is as it was: True" in capsys.readouterr().out


def test_health_model_learns_both_targets(root, capsys):
    """Errors are in units of the targets' spread."""
    result = load(root, "health").main(epochs=20, verbose=0)
    assert result["bmi_mae"] < 0.3
    assert result["life_expectancy_mae"] < 0.6
    assert "Connected to" in capsys.readouterr().out


def test_siamese_network_tells_pairs_apart(root, capsys):
    assert load(root, "siamese").main(epochs=10, verbose=0) > 0.85
    assert "└ dense" in capsys.readouterr().out


def test_a_table_of_numbers_and_words_is_learned(root, capsys):
    """Without the cross, one layer is right 75 % of the time."""
    result = load(root, "structured_data").main(epochs=25, verbose=0)
    assert 0.35 < result["subscribed"] < 0.65
    assert result["accuracy"] > 0.9
    assert "subscribes with a probability of" in capsys.readouterr().out

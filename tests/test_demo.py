"""`python -m fastmlp`: the demo at a small size, its picture, and its refusals."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

from fastmlp import demo
from fastmlp.__main__ import main


def npz(path, **changes):
    """A small data set in Keras's layout, with changes."""
    random = np.random.default_rng(0)
    arrays = {
        "x_train": random.integers(0, 256, (600, 5, 5), np.uint8),
        "y_train": np.arange(600, dtype=np.uint8) % 3,
        "x_test": random.integers(0, 256, (60, 5, 5), np.uint8),
        "y_test": np.arange(60, dtype=np.uint8) % 3,
    }
    arrays.update(changes)
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


def test_whole_demo_fits_the_sine_and_reads_the_digits(tmp_path, capsys):
    picture = tmp_path / "demo.png"
    assert main(["demo", "--output", str(picture)]) == 0
    out = capsys.readouterr().out
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert out.count("Total params") == 2
    sine = re.search(r"fastmlp +[\d.]+ s +validation error (\S+)", out)
    assert sine is not None
    assert float(sine[1]) < 1e-2
    ours, theirs = map(float, re.findall(r"([\d.]+)% of 360 held-out images right", out))
    assert ours >= 96
    assert abs(ours - theirs) <= 2.5  # NumPy trains as well: its time is worth comparing
    assert len(re.findall(r"NumPy +[\d.]+ s .*fastmlp was [\d.]+ times as fast", out)) == 2


def test_demo_trains_on_a_given_npz(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(demo, "_sine", lambda seed: ([0], [0], [0], {"loss": [1], "val_loss": [1]}))
    labels = np.arange(9000) % 3
    x = np.zeros((9000, 5, 5), np.uint8)
    x[np.arange(9000), 2, labels] = 255  # the class is where the bright pixel is
    data = npz(tmp_path / "own.npz", x_train=x, y_train=labels, x_test=x[:60])
    assert main(["demo", "--data", str(data), "--output", str(tmp_path / "own.png")]) == 0
    out = capsys.readouterr().out
    assert "own.npz: 25-128-128-3 relu" in out
    assert "100.00% of 60 held-out images right" in out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"y_test": None},
            "expected the arrays x_train, y_train, x_test, y_test. Received: x_train",
        ),
        ({"y_train": np.arange(599)}, "one class number for each of the 600 samples"),
        ({"y_train": np.full(600, 0.5)}, "whole and not negative"),
        ({"y_train": np.full(600, -1)}, "whole and not negative"),
        ({"y_train": np.full(600, "three")}, "whole and not negative"),
        ({"y_train": np.full(600, 10**9)}, "below the number of samples"),
        ({"x_test": np.zeros((60, 4, 4))}, "of one image size"),
        ({"x_train": np.full((600, 5, 5), np.nan)}, "finite numbers"),
        ({"x_train": np.zeros(600)}, "one row or image a sample"),
        ({"x_train": np.zeros((0, 5, 5))}, "one row or image a sample"),
        ({"x_train": np.array([{"an": "object"}])}, "expected an npz file of plain arrays"),
    ],
)
def test_bad_npz_is_refused_before_any_training(tmp_path, capsys, changes, message):
    data = npz(tmp_path / "bad.npz", **changes)
    assert main(["demo", "--data", str(data), "--output", str(tmp_path / "x.png")]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.startswith("fastmlp demo: --data ")
    assert captured.out == ""
    assert not (tmp_path / "x.png").exists()


def test_file_that_is_absent_or_no_npz_is_named(tmp_path, capsys):
    assert main(["demo", "--data", str(tmp_path / "absent.npz")]) == 2
    assert "absent.npz: no such file" in capsys.readouterr().err
    for name, content in (
        ("text.npz", b"not a zip"),
        ("empty.npz", b""),
        ("cut.npz", b"PK\x03\x04"),
    ):
        (tmp_path / name).write_bytes(content)
        assert main(["demo", "--data", str(tmp_path / name)]) == 2
        assert "expected an npz file of plain arrays" in capsys.readouterr().err
    np.save(tmp_path / "one.npy", np.zeros(3))
    assert main(["demo", "--data", str(tmp_path / "one.npy")]) == 2
    assert "expected an npz file of plain arrays" in capsys.readouterr().err
    assert main(["demo", "--data", str(tmp_path)]) == 2
    assert "fastmlp demo: --data" in capsys.readouterr().err


def test_picture_that_cannot_be_written_is_refused_first(tmp_path, capsys):
    assert main(["demo", "--output", str(tmp_path / "no" / "such" / "demo.png")]) == 2
    captured = capsys.readouterr()
    assert "--output" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("module", "name"), [("matplotlib.figure", "matplotlib"), ("sklearn.datasets", "sklearn")]
)
def test_missing_extra_is_named_with_the_command_that_installs_it(
    monkeypatch, capsys, module, name
):
    monkeypatch.setitem(sys.modules, module, None)
    assert main(["demo"]) == 2
    message = capsys.readouterr().err
    assert f"needs {name}, which is not installed" in message
    assert 'pip install "fastmlp[demo]"' in message


def test_no_command_prints_help(capsys):
    assert main([]) == 0
    out = capsys.readouterr().out
    assert "demo" in out
    assert "config" in out


def test_unknown_command_ends_with_status_2(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["train"])
    assert "invalid choice" in capsys.readouterr().err


def test_config_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "fastmlp", "config"], capture_output=True, text=True, check=True
    )
    assert "fastmlp" in done.stdout

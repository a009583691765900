"""Progbar draws what Keras's draws; interactive logging."""

from __future__ import annotations

import logging

import keras
import numpy as np
import pytest

from fastmlp import Input, Sequential, layers, utils

STEPS = [(1, 0.5), (2, 0.25), (5, -0.125), (9, 1e-4), (10, 3.0)]
CASES = {
    "plain": ({"target": 10}, [0.0, 0.3, 0.31, 4.0, 9.0, 9.5]),
    "hours": ({"target": 5000}, [0.0, 1.0, 30.0, 90.0, 7000.0, 7001.0]),
    "minutes": ({"target": 100}, [0.0, 1.0, 3.0, 8.0, 12.0, 13.0]),
    "unknown": ({"target": None}, [0.0, 0.3, 0.31, 4.0, 9.0, 9.5]),
    "width": ({"target": 10, "width": 7, "unit_name": "row"}, [0.0, 1e-5, 1.0, 1.5, 2.0, 3.0]),
    "stateful": ({"target": 10, "stateful_metrics": ["loss"]}, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
    "stateless": ({"target": 10, "stateless_metrics": ["mae"]}, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
    "line": ({"target": 10, "verbose": 2}, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
    "silent": ({"target": 10, "verbose": 0}, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
}


@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_the_bar_is_that_of_keras(case, add, monkeypatch, capsys):
    arguments, times = CASES[case]
    shown = []
    for kind in (utils.Progbar, keras.utils.Progbar):
        now = iter([100 + t for t in times])
        monkeypatch.setattr("time.time", lambda now=now: next(now))
        progress, seen = kind(**arguments), 0
        for step, value in STEPS:
            values = [("loss", value), ("mae", np.float32(2 * value))]
            if add:
                progress.add(step - seen, values)
            else:
                progress.update(step, values)
            seen = step
        monkeypatch.undo()
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]
    assert bool(shown[0]) == (case != "silent")


def test_the_end_may_be_told(capsys):
    for kind in (utils.Progbar, keras.utils.Progbar):
        kind(None, verbose=1).update(3, [("loss", 0.5)], finalize=True)
    ours, theirs, _ = capsys.readouterr().out.split("\n")
    assert ours.partition("us/step")[2] == theirs.partition("us/step")[2] == " - loss: 0.5000"


def test_bad_arguments():
    with pytest.raises(ValueError, match="Received: both"):
        utils.Progbar(3, stateful_metrics=["a"], stateless_metrics=["b"])
    with pytest.raises(ValueError, match="verbose"):
        utils.Progbar(3, verbose=4)


def test_progress_goes_to_a_logger_when_nobody_watches(capsys, caplog):
    model = Sequential([Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    assert utils.is_interactive_logging_enabled()
    utils.disable_interactive_logging()
    try:
        assert not utils.is_interactive_logging_enabled()
        with caplog.at_level(logging.INFO, "fastmlp"):
            model.fit(np.ones((4, 1)), np.ones(4), verbose=2)
            utils.Progbar(2, verbose=1).update(2)
    finally:
        utils.enable_interactive_logging()
    assert capsys.readouterr().out == ""
    lines = [record.getMessage() for record in caplog.records]
    assert any(line.startswith("1/1 - 0s") and "loss: " in line for line in lines)
    assert any(line.startswith("2/2 ━") for line in lines)

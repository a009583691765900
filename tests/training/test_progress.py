"""The progress display: Keras's own bytes, and quick mode."""

from __future__ import annotations

import io
import itertools
import random
import sys

import pytest

from fastmlp.training import progress
from fastmlp.training.progress import Progress, make_progress


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "_clock", clock)
    return clock


class Keras:
    """Keras's own display, on the same clock and with the trainer's calls."""

    def __init__(self, verbose: int, epochs: int, steps: int | None) -> None:
        from keras.src.callbacks.progbar_logger import ProgbarLogger

        self.logger = ProgbarLogger()
        self.logger.set_params({"verbose": verbose, "epochs": epochs, "steps": steps})
        self.logger.on_train_begin()

    def begin_epoch(self, epoch: int) -> None:
        self.logger.on_epoch_begin(epoch)

    def update(self, step: int, logs: dict[str, float]) -> None:
        self.logger.on_train_batch_end(step - 1, logs)

    def end_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        self.logger.on_epoch_end(epoch, logs)


@pytest.fixture(scope="module")
def keras_progbar():
    """The installed Keras's progress bar module."""
    pytest.importorskip("keras", reason="compares with Keras's own output")
    from keras.src.utils import progbar

    return progbar


def keras_text(capsys: pytest.CaptureFixture[str], run, *arguments) -> str:
    capsys.readouterr()
    run(Keras(*arguments))
    return capsys.readouterr().out


VALUES = [0.7354, 1.5, 12345.678, 1e-3, 9.99e-4, 0.0, -0.25, -1e-5, float("nan"), float("inf")]


@pytest.mark.parametrize("verbose", [1, 2])
@pytest.mark.parametrize("steps", [1, 7, 10, 100, 938, None])
@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("pace", [3e-6, 0.004, 0.3, 2.0, 25.0, 400.0])
def test_lines_are_keras_own_bytes(
    verbose, steps, epochs, pace, clock, keras_progbar, capsys, monkeypatch
):
    monkeypatch.setattr(keras_progbar.time, "time", clock)
    monkeypatch.setattr(progress, "QUICK_SECONDS", 0.0)

    def run(display) -> None:
        clock.now = 1000.0
        rng = random.Random(1)
        for epoch in range(epochs):
            display.begin_epoch(epoch)
            for step in range(1, (steps or 12) + 1):
                clock.now += pace * rng.uniform(0.5, 2)
                display.update(step, {"acc": rng.random(), "loss": rng.choice(VALUES)})
            names = ("acc", "loss", "val_acc", "val_loss", "learning_rate")  # a callback's, last
            logs = {name: rng.choice(VALUES) for name in names}
            display.end_epoch(epoch, logs)

    expected = keras_text(capsys, run, verbose, epochs, steps)
    display = make_progress(verbose, epochs, steps)
    run(display)
    display.end()
    assert capsys.readouterr().out == expected


def test_an_epoch_reported_only_at_its_end_looks_as_in_keras(clock, keras_progbar, capsys):
    def run(display) -> None:
        display.begin_epoch(0)
        display.end_epoch(0, {"loss": 0.5})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras_progbar.time, "time", clock)
        expected = keras_text(capsys, run, 1, 1, 5)
    run(Progress(1, 1, 5))
    assert capsys.readouterr().out == expected
    assert "5/5" in expected


@pytest.mark.parametrize(
    ("verbose", "expected"), [(0, False), (False, False), (1, True), (2, True), ("auto", True)]
)
def test_verbose_zero_needs_no_display(verbose, expected):
    assert (make_progress(verbose, 1, 1) is not None) is expected


@pytest.mark.parametrize("verbose", [3, -1, "yes", 0.5])
def test_other_values_of_verbose_are_refused(verbose):
    with pytest.raises(ValueError, match=r"expected verbose to be 0, 1, 2 or 'auto'\. Received"):
        make_progress(verbose, 1, 1)


def lines(stream: io.StringIO) -> list[str]:
    """What a terminal would show."""
    shown = [""]
    for char in progress._ESCAPE.sub("", stream.getvalue()):
        if char == "\n":
            shown.append("")
        elif char == "\r":
            column = 0
            continue
        elif char != "\b":
            column = 0 if shown[-1] == "" else column
            shown[-1] = shown[-1][:column] + char + shown[-1][column + 1 :]
            column += 1
    return [line.rstrip() for line in shown]


BAR = "━" * 20


def test_fast_epochs_redraw_one_line(clock):
    stream = io.StringIO()
    display = Progress(1, 2000, 3, stream=stream)
    epoch = 0
    while epoch < 2000:
        if display.wants_every_epoch:
            display.begin_epoch(epoch)
            clock.now += 30e-6
            display.end_epoch(epoch, {"loss": 0.5, "val_loss": 0.6})
            epoch += 1
        else:
            n = min(700, 2000 - epoch)
            clock.now += n * 20e-6
            display.epochs_done(epoch, n, {"loss": 1 / (epoch + n), "val_loss": 0.25})
            epoch += n
    display.end()
    assert lines(stream) == [
        "Epoch 1/2000",
        f"3/3 {BAR} 0s 10us/step - loss: 0.5000 - val_loss: 0.6000",
        f"Epoch 2000/2000 {BAR} 0s 20us/epoch - loss: 5.0000e-04 - val_loss: 0.2500",
        "",
    ]


def test_the_line_is_redrawn_at_most_ten_times_a_second(clock, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    stream = io.StringIO()
    display = Progress(1, 100_000, 1, stream=stream)
    display.begin_epoch(0)
    display.end_epoch(0, {"loss": 1.0})
    stream.truncate(0)
    for epoch in range(1, 20_000):
        clock.now += 1e-4
        display.epochs_done(epoch, 1, {"loss": 1.0})
    assert 18 <= stream.getvalue().count("\r") <= 20


def test_a_file_gets_one_redraw_a_second(clock):
    stream = io.StringIO()
    display = Progress(1, 100_000, 1, stream=stream)
    for epoch in range(50_000):
        clock.now += 1e-4
        display.epochs_done(epoch, 1, {"loss": 1.0})
    assert 5 <= stream.getvalue().count("\r") <= 6


def test_a_run_that_stops_early_ends_with_its_last_epoch(clock):
    stream = io.StringIO()
    display = Progress(1, 500, 1, stream=stream)
    for epoch in range(123):
        display.begin_epoch(epoch)
        clock.now += 1e-3
        display.end_epoch(epoch, {"loss": 1.0 + epoch})
    display.end()
    display.end()
    shown = lines(stream)
    assert len(shown) == 4
    assert shown[2].startswith("Epoch 123/500 ") and shown[2].endswith(" - loss: 123.0000")


def test_epochs_continue_from_the_initial_one(clock):
    stream = io.StringIO()
    display = Progress(1, 200, 1, initial_epoch=100, stream=stream)
    display.begin_epoch(100)
    clock.now += 1e-3
    display.end_epoch(100, {})
    clock.now += 99e-3
    display.epochs_done(101, 99, {})
    assert lines(stream)[0] == "Epoch 101/200"
    assert lines(stream)[2] == f"Epoch 200/200 {BAR} 0s 1ms/epoch"


@pytest.mark.parametrize(("epochs", "seconds"), [(20, 1e-6), (1000, 0.06)])
def test_few_or_slow_epochs_are_all_printed(epochs, seconds, clock):
    display = Progress(1, epochs, 1, stream=io.StringIO())
    for epoch in range(20):
        display.begin_epoch(epoch)
        clock.now += seconds
        display.end_epoch(epoch, {"loss": 1.0})
        assert display.wants_every_epoch


def test_verbose_2_prints_every_epoch_however_fast(clock):
    stream = io.StringIO()
    display = Progress(2, 300, 1, stream=stream)
    for epoch in range(300):
        display.begin_epoch(epoch)
        clock.now += 1e-6
        display.end_epoch(epoch, {"loss": 1.0})
        assert display.wants_every_epoch
    assert len(lines(stream)) == 601


def test_a_shorter_line_leaves_nothing_of_the_longer_one(clock):
    stream = io.StringIO()
    display = Progress(1, 1, 9, stream=stream)
    display.begin_epoch(0)
    display.update(1, {"loss": 123456.0})
    clock.now += 1
    display.end_epoch(0, {"loss": 1.0})
    assert lines(stream)[0].endswith(" - loss: 1.0000")


def test_logs_may_be_a_function_and_are_asked_only_for_drawn_lines(clock):
    calls = itertools.count()
    display = Progress(1, 1, 1000, stream=io.StringIO())
    display.begin_epoch(0)
    for step in range(1, 1001):
        display.update(step, lambda: {"loss": float(next(calls))})
    display.end_epoch(0, lambda: {"loss": float(next(calls))})
    assert next(calls) == 2


def test_an_interrupted_epoch_ends_its_line(clock):
    stream = io.StringIO()
    display = Progress(1, 1, 9, stream=stream)
    display.begin_epoch(0)
    display.update(3, {"loss": 1.0})
    display.end()
    assert stream.getvalue().endswith("\n")


class BrokenPipe(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [BrokenPipe(), closed()], ids=["broken pipe", "closed"])
def test_a_broken_stream_silences_the_display(stream, clock):
    display = Progress(1, 2, 1, stream=stream)
    display.begin_epoch(0)
    display.update(1, {"loss": 1.0})
    display.end_epoch(0, {"loss": 1.0})
    display.end()


def test_a_process_without_stdout_trains_silently(clock, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    display = Progress(1, 1, 1)
    display.begin_epoch(0)
    display.end_epoch(0, {"loss": 1.0})


def test_an_ascii_stream_gets_equal_signs(clock):
    raw = io.BytesIO()
    display = Progress(1, 1, 2, stream=io.TextIOWrapper(raw, encoding="ascii"))
    display.begin_epoch(0)
    display.end_epoch(0, {"loss": 1.0, "größe": 2.0})
    text = progress._ESCAPE.sub("", raw.getvalue().decode("ascii"))
    assert text == f"\r2/2 {'=' * 20} 0s 0s/step - loss: 1.0000 - gr??e: 2.0000\n"


def test_without_a_terminal_to_redraw_each_state_gets_its_line(clock, monkeypatch):
    stream = io.StringIO()
    display = Progress(1, 1, 2, stream=stream)
    monkeypatch.setattr(display._out, "redraws", False)
    display.begin_epoch(0)
    display.update(1, {})
    clock.now += 1
    display.end_epoch(0, {})
    assert "\r" not in stream.getvalue() and stream.getvalue().count("\n") == 3

"""What `fit`, `evaluate` and `predict` print: Keras's lines, and one line for very fast epochs.

`verbose=1` draws Keras's bar, escape codes and all, and `verbose=2` its single line per epoch.
Epochs of microseconds would fill the terminal faster than anybody can read and cost more than the
training, so when an epoch takes less than 1/20 s and many are left, one line is redrawn instead:

    Epoch 1234/2000 ━━━━━━━━━━━━━━━━━━━━ 0s 23us/epoch - loss: 0.0123 - val_loss: 0.0145

That is *quick mode*: the trainer then runs many epochs in one native call.
"""

from __future__ import annotations

import math
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from fastmlp import config
from fastmlp.errors import bad_argument

Logs = Mapping[str, float] | Callable[[], Mapping[str, float]]
"""Names and values to show, or a function that returns them: called only when a line is drawn."""

WIDTH = 20  # characters of the bar
INTERVAL = 0.05  # seconds between two redraws within an epoch
QUICK_INTERVAL = 0.1  # seconds between two redraws of the line of quick mode
QUICK_INTERVAL_FILE = 1.0  # the same where nobody watches: a file, a pipe
QUICK_SECONDS = 0.05  # an epoch shorter than this is too fast to read …
QUICK_EPOCHS = 20  # … which matters if this many are left

_BOLD, _GREEN, _WHITE, _END = "\x1b[1m", "\x1b[32m", "\x1b[37m", "\x1b[0m"
_ESCAPE = re.compile(r"\x1b\[\d+m")
_clock = time.perf_counter


def make_progress(
    verbose: int | str,
    epochs: int,
    steps: int | None,
    initial_epoch: int = 0,
    stream: TextIO | None = None,
) -> Progress | None:
    """Makes the display for one `fit`, `evaluate` or `predict` (the latter two have one epoch).

    Args:
        verbose: 0: silent. 1 or `'auto'`: a bar. 2: one line per epoch.
        epochs: Number of the last epoch.
        steps: Steps of an epoch; `None`: not known.
        initial_epoch: Number of epochs done before.
        stream: Where to print; `None`: to `sys.stdout` as it is at each write.

    Returns:
        The display, or `None` if `verbose` is 0.

    Raises:
        ValueError: If `verbose` is something else.

    Example:

    >>> make_progress(0, epochs=10, steps=3) is None
    True
    """
    if isinstance(verbose, str) and verbose == "auto":
        verbose = 1
    if isinstance(verbose, str) or verbose not in (0, 1, 2):
        raise bad_argument("Progress", "verbose to be 0, 1, 2 or 'auto'", "verbose", verbose)
    return Progress(int(verbose), epochs, steps, initial_epoch, stream) if verbose else None


class Progress:
    """Prints how a run goes on.

    The trainer calls for each epoch `begin_epoch`, any number of `update`s, and `end_epoch`. Once
    `wants_every_epoch` is false, it may report whole blocks of epochs by `epochs_done` instead. At
    last, also after an error, it calls `end`, before callbacks print their last words.

    A stream that breaks (closed pipe, closed file) silences the display, never the training.

    Args:
        verbose: 1 or 2.
        epochs: Number of the last epoch.
        steps: Steps of an epoch, or `None`.
        initial_epoch: Number of epochs done before.
        stream: Where to print; `None`: `sys.stdout`.
    """

    def __init__(
        self,
        verbose: int,
        epochs: int,
        steps: int | None,
        initial_epoch: int = 0,
        stream: TextIO | None = None,
    ) -> None:
        self._verbose = verbose
        self._epochs = epochs
        self._steps = steps
        self._out = Output(stream)
        self._quick = False
        self._quick_start = 0.0
        self._quick_from = initial_epoch  # epochs done when quick mode began
        self._undrawn: tuple[int, Logs | None] | None = None  # last epoch of quick mode, not final
        self._fit_start = self._start = _clock()
        self._after_first_step: float | None = None
        self._last = -math.inf  # time of the last redraw
        self._seen = 0
        self._line = 0  # characters on the unfinished line

    @property
    def within_epochs(self) -> bool:
        """Whether it shows how far an epoch is."""
        return self._verbose == 1

    @property
    def wants_every_epoch(self) -> bool:
        """Whether each epoch is to be reported by itself; false in quick mode."""
        return not self._quick

    def begin_epoch(self, epoch: int) -> None:
        """Prints the header of an epoch, counted from 0."""
        if self._quick:
            return
        if self._epochs > 1:
            self._out.write(f"Epoch {epoch + 1}/{self._epochs}\n")
        self._start = _clock()
        self._after_first_step = None
        self._last = -math.inf
        self._seen = 0
        self._line = 0

    def update(self, step: int, logs: Logs | None = None) -> None:
        """Redraws the bar within an epoch, at most 20 times a second.

        Args:
            step: Steps done in this epoch, from 1.
            logs: Values until now.
        """
        if self._quick:
            return
        self._seen = step
        if self._verbose != 1:
            return
        now = _clock()
        if step == 1:
            self._after_first_step = now
        if now - self._last >= INTERVAL:
            self._draw_bar(step, logs, now, final=False)

    def end_epoch(self, epoch: int, logs: Logs | None = None) -> None:
        """Prints the finished line of an epoch.

        Args:
            epoch: Counted from 0.
            logs: Values of the epoch, `val_*` included.
        """
        if self._quick:
            self.epochs_done(epoch, 1, logs)
            return
        now = _clock()
        if self._steps is None:  # now it is known
            self._steps = self._seen
        steps = self._steps
        if self._verbose == 1:
            self._draw_bar(steps, logs, now, final=True)
        elif steps:
            took = f"{now - self._start:.0f}s -{per(self._step_seconds(steps, now), 'step')}"
            values = "".join(f" - {k}: {number_2(v)}" for k, v in _ordered(logs))
            self._out.write(f"{count(steps, steps)} - {took}{values}\n")
        fast = now - self._start < QUICK_SECONDS and self._epochs - epoch > QUICK_EPOCHS
        if fast and self._verbose == 1:
            self._begin_quick(epoch + 1)

    def epochs_done(self, first_epoch: int, n: int, logs_of_last: Logs | None = None) -> None:
        """Redraws the line of quick mode, at most 10 times a second.

        Args:
            first_epoch: First epoch of the block, counted from 0.
            n: Number of epochs in the block.
            logs_of_last: Values of its last epoch; a function must stay valid until the next call.
        """
        last = first_epoch + n - 1
        if not self._quick:
            if self._verbose != 1:
                self.end_epoch(last, logs_of_last)
                return
            self._begin_quick(first_epoch)
        now = _clock()
        self._undrawn = (last, logs_of_last)
        if last + 1 >= self._epochs:
            self._draw_quick(now, final=True)
        elif now - self._last >= self._out.quick_interval:
            self._draw_quick(now, final=False)

    def end(self) -> None:
        """Finishes the line that is being drawn; may be called more than once."""
        if self._undrawn is not None:
            self._draw_quick(_clock(), final=True)
        elif self._line:
            self._out.write("\n")
        self._line = 0

    def _begin_quick(self, epochs_done: int) -> None:
        self._quick = True
        self._quick_start = _clock() if epochs_done else self._fit_start
        self._quick_from = epochs_done
        self._last = -math.inf

    def _draw_bar(self, step: int, logs: Logs | None, now: float, *, final: bool) -> None:
        steps = self._steps
        seconds = self._step_seconds(step, now)
        if steps:
            text = f"{_BOLD}{count(step, steps)}{_END} {bar(step / steps)}"
        else:
            text = f"{step:7d}/Unknown"
        took = f"{now - self._start:.0f}s"
        if steps and not final:
            took = eta(seconds * (steps - step))
        text += f" {_BOLD}{took}{_END}{per(seconds, 'step')}{_values(logs)}"
        self._redraw("\b" * self._line + "\r", text, final)
        self._last = now

    def _draw_quick(self, now: float, *, final: bool) -> None:
        assert self._undrawn is not None
        epoch, logs = self._undrawn
        done = epoch + 1
        seconds = (now - self._quick_start) / max(1, done - self._quick_from)
        took = f"{now - self._fit_start:.0f}s" if final else eta(seconds * (self._epochs - done))
        text = (
            f"{_BOLD}Epoch {count(done, self._epochs)}{_END} {bar(done / self._epochs)} "
            f"{_BOLD}{took}{_END}{per(seconds, 'epoch')}{_values(logs)}"
        )
        self._redraw("\r", text, final)
        self._last = now
        if final:
            self._undrawn = None

    def _redraw(self, back: str, text: str, final: bool) -> None:
        """Replaces the unfinished line."""
        width = len(_ESCAPE.sub("", text))
        pad = " " * (self._line - width)
        self._out.write((back if self._out.redraws else "\n") + text + pad + "\n" * final)
        self._line = 0 if final else width

    def _step_seconds(self, step: int, now: float) -> float:
        """Seconds a step; the first, which is not typical, counts only when there is no other."""
        if not step:
            return 0.0
        if self._after_first_step is not None and step > 1:
            return (now - self._after_first_step) / (step - 1)
        return (now - self._start) / step


class Output:
    """A text stream that may break at any time, and may not know the bar's character.

    Args:
        stream: The stream, or `None` for `sys.stdout` as it is at each write.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._broken = False
        watched = (
            self._is_terminal() or "ipykernel" in sys.modules or "PYCHARM_HOSTED" in os.environ
        )
        self.redraws = watched or "posix" in sys.modules
        self.quick_interval = QUICK_INTERVAL if watched else QUICK_INTERVAL_FILE

    def _is_terminal(self) -> bool:
        try:
            return bool((self._stream or sys.stdout).isatty())
        except (AttributeError, ValueError):  # no stream, or a closed one
            return False

    def write(self, text: str) -> None:
        stream: Any = sys.stdout if self._stream is None else self._stream
        if stream is None or self._broken:
            return
        if self._stream is None and not config.is_interactive_logging_enabled():
            config.log(_ESCAPE.sub("", text).strip("\b\r\n "))
            return
        try:
            try:
                stream.write(text)
            except UnicodeEncodeError:
                encoding = stream.encoding or "ascii"
                text = text.replace("━", "=").encode(encoding, "replace").decode(encoding)
                stream.write(text)
            stream.flush()
        except (OSError, ValueError):  # a broken pipe, a closed file
            self._broken = True


def bar(share: float, width: int = WIDTH) -> str:
    """A bar of which a share is drawn green."""
    full = int(width * share)
    done = f"{_GREEN}{'━' * full}{_END}" if full else ""
    return f"{done}{_WHITE}{'━' * (width - full)}{_END}"


def count(step: int, steps: int) -> str:
    """`' 7/10'`."""
    return f"{step:{len(str(steps))}d}/{steps}"


def eta(seconds: float) -> str:
    """Seconds as hours, minutes and seconds."""
    if seconds > 3600:
        return f"{int(seconds // 3600)}:{int(seconds % 3600 // 60):02d}:{int(seconds % 60):02d}"
    if seconds > 60:
        return f"{int(seconds // 60)}:{int(seconds % 60):02d}"
    return f"{int(seconds)}s"


def per(seconds: float, unit: str) -> str:
    """`' 12ms/step'`."""
    if seconds >= 1 or seconds == 0:
        return f" {seconds:.0f}s/{unit}"
    if seconds >= 1e-3:
        return f" {seconds * 1e3:.0f}ms/{unit}"
    return f" {seconds * 1e6:.0f}us/{unit}"


def _ordered(logs: Logs | None) -> list[tuple[str, float]]:
    """Names and values as they came, but those of the validation after those of the training, and
    what only callbacks tell, the learning rate, last; of an array its mean.
    """
    given = (logs() if callable(logs) else logs) or {}
    values = {name: v.mean() if hasattr(v, "mean") else v for name, v in given.items()}
    validated = any(name.startswith("val_") for name in values)

    def place(item: tuple[str, float]) -> int:
        if item[0].startswith("val_"):
            return 1
        return 2 if validated and f"val_{item[0]}" not in values else 0

    return sorted(values.items(), key=place)


def _values(logs: Logs | None) -> str:
    return "".join(f" - {name}: {number_1(value)}" for name, value in _ordered(logs))


def number_1(value: float) -> str:
    """As Keras with `verbose=1`."""
    return f"{value:.4f}" if abs(value) > 1e-3 else f"{value:.4e}"


def number_2(value: float) -> str:
    """As Keras with `verbose=2`, which writes negative numbers with an exponent."""
    return f"{value:.4f}" if value > 1e-3 else f"{value:.4e}"

"""A progress bar of one's own."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from fastmlp.errors import check_choice
from fastmlp.training.progress import Output, bar, count, eta, number_1, number_2, per

_BOLD, _END = "\x1b[1m", "\x1b[0m"


class Progbar:
    """Draws Keras's progress bar for a loop of one's own.

    Args:
        target: Steps of the loop; `None`: not known.
        width: Characters of the bar.
        verbose: 0: silent. 1: a bar. 2: one line, at the end.
        interval: Least number of seconds between two redraws.
        stateful_metrics: Names of values that are shown as they are; others are shown as their mean
            over the steps.
        stateless_metrics: The other way round: names of the values that are averaged.
        unit_name: What is counted.

    Raises:
        ValueError: Both lists of names are given, or `verbose` is something else.

    Example:

    >>> progress = Progbar(3, verbose=2)
    >>> for step in range(3):
    ...     progress.update(step + 1, [("loss", 1.0 / (step + 1))])
    3/3 - 0s - ...us/step - loss: 0.3333
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError(
                "Progbar: expected stateful_metrics or stateless_metrics. Received: both"
            )
        check_choice("Progbar", "verbose", str(verbose), ("0", "1", "2"))
        self.target, self.width, self.verbose = target, width, int(verbose)
        self.interval, self.unit_name = interval, unit_name
        self.stateful_metrics = set(stateful_metrics or ())
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self._output = Output(None)
        self._values: dict[str, tuple[Any, int]] = {}  # sum and number of steps
        self._seen = 0
        self._start = time.time()
        self._after_first: float | None = None
        self._last = 0.0
        self._drawn = 0  # characters

    def update(
        self,
        current: int,
        values: Iterable[tuple[str, Any]] | None = None,
        finalize: bool | None = None,
    ) -> None:
        """Tells how far the loop is.

        Args:
            current: Steps done.
            values: Names and values of the last step.
            finalize: Whether this is the last call; `None`: if `current` has reached the target.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values or ():
            self._take(name, value, current, finalize)
        self._seen = current
        now = time.time()
        seconds = self._seconds(current, now)
        if self.verbose == 1:
            if now - self._last < self.interval and not finalize:
                return
            self._draw(current, now, seconds, finalize)
        elif self.verbose == 2 and finalize and self.target:
            took = f"{now - self._start:.0f}s -{per(seconds, self.unit_name)}"
            shown = "".join(f" - {k}: {number_2(v)}" for k, v in self._means())
            self._output.write(f"{count(current, self.target)} - {took}{shown}\n")
        self._last = now

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Tells that `n` more steps are done."""
        self.update(self._seen + n, values)

    def _take(self, name: str, value: Any, current: int, finalize: bool) -> None:
        averaged = name not in self.stateful_metrics
        if self.stateless_metrics is not None:
            averaged = name in self.stateless_metrics
        if not averaged or finalize:
            self._values[name] = value, 1
        else:
            steps = max(current - self._seen, 1)
            total, n = self._values.get(name, (0, 0))
            self._values[name] = total + value * steps, n + steps

    def _means(self) -> list[tuple[str, float]]:
        return [(k, float(np.mean(total)) / max(1, n)) for k, (total, n) in self._values.items()]

    def _seconds(self, current: int, now: float) -> float:
        """Seconds a step; the first, which is not typical, counts only when there is no other."""
        if not current:
            return 0.0
        if self._after_first is not None and current > 1:
            return (now - self._after_first) / (current - 1)
        if current == 1:
            self._after_first = now
        return (now - self._start) / current

    def _draw(self, current: int, now: float, seconds: float, finalize: bool) -> None:
        back = "\b" * self._drawn + "\r" if self._output.redraws else "\n"
        target = self.target or 0
        done, took = f"{current:7d}/Unknown", f"{now - self._start:.0f}s"
        plain = len(done)
        if target > 0:
            shown = count(current, target)
            done = f"{_BOLD}{shown}{_END} {bar(current / target, self.width)}"
            plain = len(shown) + 1 + self.width
            if not finalize:
                took = eta(seconds * (target - current))
        rest = per(seconds, self.unit_name)
        rest += "".join(f" - {k}: {number_1(v)}" for k, v in self._means())
        width = plain + 1 + len(took) + len(rest)
        text = f"{done} {_BOLD}{took}{_END}{rest}" + " " * (self._drawn - width)
        self._output.write(back + text + "\n" * finalize)
        self._drawn = width

"""What follows the epochs of a fit: a pass over data that the model does not learn from."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from fastmlp.callbacks import CallbackList
from fastmlp.errors import bad_argument, check_int, warn_user
from fastmlp.training.batches import yields_batches
from fastmlp.training.logs import LogReader
from fastmlp.training.passes import run_batches
from fastmlp.training.rows import Rows
from fastmlp.training.steps import check_count, limited
from fastmlp.training.stream import RAN_OUT, Stream
from fastmlp.training.supply import Supply

if TYPE_CHECKING:
    from fastmlp.training.binding import Binding
    from fastmlp.training.inference import Inference


class Validation:
    """How a fit validates.

    Args:
        freq: After every so many epochs, or after those of these numbers, counted from 1.
        steps: Batches; `None`: all that there are.
        batch_size: Samples a step; `None`: as in training.
        first: Number of the fit's first epoch, counted from 0.
        end: Number after its last one.

    Attributes:
        always: Whether each epoch is followed by a validation.
    """

    def __init__(self, freq: Any, steps: Any, batch_size: Any, first: int, end: int) -> None:
        self._chosen = freq if isinstance(freq, Container) and not isinstance(freq, str) else None
        self._every = (
            0 if self._chosen is not None else check_int("fit", "validation_freq", freq, 1)
        )
        self._steps = check_count("fit", "validation_steps", steps)
        self._batch_size = check_count("fit", "validation_batch_size", batch_size)
        self._first, self._end = first, end
        self.always = self._every == 1

    def follows(self, epoch: int) -> bool:
        """Whether an epoch, counted from 0, is followed by a validation."""
        if self._chosen is not None:
            return epoch + 1 in self._chosen
        return (epoch + 1) % self._every == 0

    def _count(self) -> int:
        if self._chosen is None:
            return self._end // self._every - self._first // self._every
        return sum(map(self.follows, range(self._first, self._end)))

    def open(
        self,
        model: Inference,
        stack: ExitStack,
        given: Any,
        batch_size: int | None,
        callbacks: CallbackList,
    ) -> tuple[Supply | None, Callable[[], dict[str, float]] | None]:
        """Arrays to validate with, or a function that validates with what yields batches.

        Args:
            model: Built.
            stack: Ends what is begun.
            given: `(x, y)`, `(x, y, sample_weight)`, what yields batches, or rows and the number of
                the first one that counts.
            batch_size: That of the training.
            callbacks: Of the fit.

        Raises:
            ValueError: It is nothing of these, or does not fit the model.
        """
        if model._overrides("test"):
            return None, self.by_evaluate(model, given, batch_size, callbacks)
        if yields_batches(given):
            return None, self._function(model, *self._stream(model, stack, given), callbacks)
        if isinstance(given, tuple) and given and isinstance(given[0], Rows):
            data, first = given
        elif isinstance(given, (tuple, list)) and len(given) in (1, 2, 3):
            x, y, *weight = (*given, None)[: max(2, len(given))]
            data, first = model._labelled(model._rows(x), y, *weight), 0
        else:
            expected = "(x, y) or (x, y, sample_weight), or what yields batches"
            raise bad_argument("fit", expected, "validation_data", type(given))
        size = model._batch_size(self._batch_size or batch_size)
        n, size = limited("validation_data", data.n - first, size, self._steps)
        rows = model._inference_rows(data, size, n, callbacks.has_test_batch_hooks)
        executable = stack.enter_context(model._executable("test", data, rows, first))
        supply = Supply(executable, None, n, size)
        if supply.divides:
            return supply, None
        arrays = (*given, None, None)[:3]
        cut = model._cut(stack, "validation_data", "test", arrays, size, self._steps)
        return None, self._function(model, *cut, callbacks)

    def _stream(self, model: Binding, stack: ExitStack, given: Any) -> tuple[Stream, Supply]:
        limit = self._steps
        if limit is not None and hasattr(given, "__next__"):
            limit *= self._count()
        stream = model._open(stack, given, limit)
        return stream, model._batch_supply(stack, "fit", "test", stream, self._steps)

    def _function(
        self, model: Inference, stream: Stream, supply: Supply, callbacks: CallbackList
    ) -> Callable[[], dict[str, float]]:
        reader = LogReader(supply.executable, "val_")

        def validate() -> dict[str, float]:
            if not stream.begin_epoch():
                warn_user(f"validation_data: {RAN_OUT}")
                return {}
            model._begin_metrics()
            row = run_batches(
                supply, callbacks, "test", 0, model._lock, inner=True,
                at_once=model.steps_per_execution,
            )  # fmt: skip
            stream.end_epoch()
            reader.keep(row, model._compiled)
            return reader.logs(row)

        return validate

    def by_evaluate(
        self, model: Inference, given: Any, batch_size: int | None, callbacks: CallbackList
    ) -> Callable[[], dict[str, Any]]:
        """A function that validates as `evaluate` does: with a step of the user's own, or in its fit."""
        if yields_batches(given):
            data, size = (given, None, None), None
        elif isinstance(given, (tuple, list)) and len(given) in (1, 2, 3):
            data, size = (*given, None, None)[:3], self._batch_size or batch_size
        else:
            expected = "(x, y) or (x, y, sample_weight), or what yields batches"
            raise bad_argument("fit", expected, "validation_data", type(given))

        def validate() -> dict[str, Any]:
            found = data
            if hasattr(given, "__next__"):
                head = list(itertools.islice(given, 1))
                if not head:
                    warn_user(f"validation_data: {RAN_OUT}")
                    return {}
                found = (itertools.chain(head, given), None, None)
            logs = model._evaluate(found, size, 0, self._steps, callbacks, True, inner=True)
            return {f"val_{name}": value for name, value in logs.items()}

        return validate

"""The short ways of `train_on_batch`, `test_on_batch` and `predict`: what the last call needed, kept.

The general way looks at all that a user may pass, which takes a hundred times as long as a small
step. Where one plain array goes in, with one target or to one output, its executable is kept
ready for the next arrays of the same shape. A kept step gives the same bits; what it cannot serve it
refuses untouched, and the general way takes over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp._core.quick_step import QuickStep
from fastmlp.plan.schedule import MANY_ROWS
from fastmlp.runtime import Executable
from fastmlp.training.data import as_source, warn_not_finite
from fastmlp.training.logs import LogReader
from fastmlp.training.supply import room_for
from fastmlp.variables import Variable

if TYPE_CHECKING:
    from fastmlp.training.inference import Inference

_KEPT = 256  # steps of a model, as far as it keeps their executables

# What the plan of an update depends on, besides the numbers of `hyper`, which each step looks at.
_rule: Callable[[Any], tuple[Any, ...]] = attrgetter(
    "weight_decay",
    "clipvalue",
    "clipnorm",
    "global_clipnorm",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "gradient_accumulation_steps",
    "_excluded",
    "_excluded_names",
)


class QuickSteps:
    """What a model keeps ready; it does not hold the model, which would keep it alive for longer."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Any, ...], tuple[Executable, QuickStep]] = {}
        self._fetching: dict[tuple[Any, ...], tuple[Executable, QuickStep]] = {}  # of own steps
        self._predicting: dict[bool, _Predict] = {}  # by whether rows are many
        self._made_for: Any = None

    def measure(
        self, model: Inference, mode: str, x: Any, y: Any, return_dict: bool, weight: Any = None
    ) -> Any:
        """What `train_on_batch` or `test_on_batch` returns; `None`: not ready for these data."""
        if self._made_for is not model._executables:  # compiled or built anew since
            self._forget(model)
        if model.run_eagerly:
            return None
        if type(x) is not np.ndarray or type(y) is not np.ndarray:
            return None
        if weight is None:
            known = self._kept.get((mode, x.shape, y.shape))
        elif type(weight) is np.ndarray and weight.ndim == 1 and weight.dtype.kind in "fiub":
            with np.errstate(over="ignore"):
                weight = weight.astype(model.dtype, copy=False)
            if not np.isfinite(weight).all():
                return None
            known = self._kept.get((mode, x.shape, y.shape, weight.shape))
        else:
            return None
        return None if known is None else _run(known[1], model, x, y, return_dict, weight)

    def fetch(
        self, model: Inference, mode: str, x: Any, y: Any
    ) -> tuple[float, list[np.ndarray]] | None:
        """The loss and the outputs of a step of the user's own, which looks at both; or `None`.

        The caller has the model's lock.
        """
        executable, step = self._find(model, mode, x, y)
        if executable is None:
            return None
        outputs = room_for(executable, len(x))
        for index, array in enumerate(outputs):
            executable.bind_output(index, array)
        loss = _run(step, model, x, y, False)
        return None if loss is None else (loss, outputs)

    def gradients(
        self, model: Inference, mode: str, variables: Sequence[Variable], x: Any, y: Any
    ) -> tuple[float, list[np.ndarray]] | None:
        """The loss and its gradients by the model's trainable weights; or `None`.

        The caller has the model's lock.
        """
        executable, step = self._find(model, mode, x, y)
        if executable is None or list(executable.slots) != variables:
            return None
        for totals in executable.slots.values():
            totals[0][...] = 0
        logs = _run(step, model, x, y, True)
        if logs is None:
            return None
        if mode == "gradients":
            model._seeds.skip()  # as the general way does
        return logs["loss"], [totals[0].copy() for totals in executable.slots.values()]

    def _find(self, model: Inference, mode: str, x: Any, y: Any) -> tuple[Any, Any]:
        if self._made_for is not model._executables:
            self._forget(model)
        if model.run_eagerly or not (_is_plain(x) and _is_plain(y)):
            return None, None
        executable, step = self._fetching.get((mode, x.shape, y.shape), (None, None))
        return (None, None) if executable is None or executable.in_use else (executable, step)

    def predict(self, model: Inference, x: Any, batch_size: int | None) -> np.ndarray | None:
        """What `predict` returns without progress and callbacks; `None`: not ready for these data."""
        if self._made_for is not model._executables:
            self._forget(model)
        step = None if model.run_eagerly else self._predicting.get(_are_many(x))
        if step is None or not (batch_size is None or (type(batch_size) is int and batch_size > 0)):
            return None
        return step.run(model, x)

    def keep_step(
        self,
        model: Inference,
        mode: str,
        executable: Any,
        x: Any,
        y: Any,
        sparse: int,
        fetches: bool = False,
        weight: Any = None,
    ) -> None:
        """After the general way: makes the short one for data of these shapes, where there is one.

        Args:
            model: Whose step it is.
            mode: `'train'`, `'test'`, `'gradients'` or `'test_gradients'`.
            executable: What the general way ran.
            x: The samples as they came.
            y: The targets.
            sparse: Number of classes, if targets are their numbers; else 0.
            fetches: Whether it gives outputs or gradients, for `fetch` and `gradients`.
            weight: Weights of the samples, or `None`.
        """
        if not isinstance(executable, Executable) or not model._sized.boundary.plain:
            return
        if model.optimizer is not None and model.optimizer.wraps:  # `_rule` would need all of them
            return
        given = [x, y] if weight is None else [x, y, weight]
        if all(map(_is_plain, given)) and len(executable.plan.feeds) == len(given):
            if weight is not None and weight.ndim != 1:
                return
            key = (mode, *(array.shape for array in given))
            reader = LogReader(executable)
            if executable.plan.is_random and mode != "train":  # each call has a seed of its own
                return
            if fetches and reader.order and not mode.endswith("gradients"):
                return  # what is more than a loss is not added up
            compiled = None if fetches else model._compiled
            if compiled is not None:
                reader.keep_natively(compiled)
            step = QuickStep(
                executable.as_call([array.shape[1:] for array in given], []),
                executable,
                reader.native,
                reader.order,
                model._lock,
                model.optimizer,
                _rule,
                model.weights,
                mode == "train",
                executable.plan.is_random,
                len(x),
                sparse,
                compiled,
                reader.resolved,
            )
            kept = self._fetching if fetches else self._kept
            kept.pop(key, None)
            kept[key] = (executable, step)
            if len(kept) > _KEPT:
                del kept[next(iter(kept))]
            if len(kept) > 1:  # what the model has dropped is not to stay here
                alive = {*model._executables.values(), executable}
                for gone in [k for k, (one, _) in kept.items() if one not in alive]:
                    del kept[gone]

    def keep_predict(self, model: Inference, executable: Any, x: Any, full: int) -> None:
        """The same for `predict`.

        Args:
            model: Whose outputs they are.
            executable: What the general way ran.
            x: The samples as they came.
            full: Rows of a step where there are enough samples.
        """
        if not isinstance(executable, Executable) or not model._sized.boundary.plain:
            return
        plan = executable.plan
        if plan.is_random:  # each call has a seed of its own
            return
        if _is_plain(x) and len(plan.feeds) == len(plan.fetches) == 1:
            self._predicting[_are_many(x)] = _Predict(model, executable, x, full)

    def __reduce__(self) -> Any:
        return QuickSteps, ()  # copies of a model begin with none

    def _forget(self, model: Inference) -> None:
        self._kept, self._fetching, self._predicting = {}, {}, {}
        self._made_for = model._executables


class _Predict:
    """The outputs for any number of rows of a certain shape."""

    def __init__(self, model: Inference, executable: Executable, x: np.ndarray, full: int) -> None:
        self._executable = executable
        self._call = executable.as_call(
            [x.shape[1:]],
            [executable.plan.fetches[0].shape],
            unlimited=executable.plan.capacity >= full,
        )

    def run(self, model: Inference, x: Any) -> np.ndarray | None:
        with model._lock.reading():
            y = None if self._executable.in_use else self._call.on_array(x)
            bad = y is not None and self._call.not_finite(0)
        if bad:
            warn_not_finite(as_source(x, "x"), model.dtype)
        return y


def _run(step: Any, model: Inference, x: Any, y: Any, return_dict: bool, weight: Any = None) -> Any:
    """What a kept step gives; `None`: it cannot serve these data."""
    found = step.run(model, x, y, return_dict, weight)
    if found is None:
        return None
    result, not_finite = found
    for i in not_finite:
        warn_not_finite(as_source((x, y)[i], "xy"[i]), model.dtype)
    return result


def _is_plain(x: Any) -> bool:
    return type(x) is np.ndarray and x.ndim > 0


def _are_many(x: Any) -> bool:
    return _is_plain(x) and len(x) >= MANY_ROWS

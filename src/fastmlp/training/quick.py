"""The short ways of steps on batches, `predict` and calls: what the last call needed, kept.

The general way looks at all that a user may pass, which takes a hundred times as long as a small
step. Where plain arrays go in, alone or in a list or dict, the executable is kept ready for the next
ones of the same shapes. A kept step gives the same bits; what it cannot serve it refuses untouched, and
the general way takes over.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp._core.home import address
from fastmlp._core.quick_step import QuickStep
from fastmlp.plan.schedule import MANY_ROWS
from fastmlp.runtime import Executable
from fastmlp.training.kept import (
    Arrays,
    Fit,
    Predict,
    Step,
    arrays_of,
    classes_of,
    places_by,
    places_of,
)
from fastmlp.training.logs import LogReader
from fastmlp.training.rows import Rows
from fastmlp.training.structure import packer
from fastmlp.training.supply import Supply, room_for

if TYPE_CHECKING:
    from fastmlp.callbacks import History
    from fastmlp.function import Function
    from fastmlp.training.inference import Inference
    from fastmlp.training.trainer import Trainer

_KEPT = 256  # steps of a model, as far as it keeps their executables

_RULE = (
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


def _rule_of(optimizer: Any) -> Callable[[Any], tuple[Any, ...]]:
    """Gives what the plan of an update depends on, but for the numbers of `hyper`: each step looks at these."""
    rule: Callable[[Any], tuple[Any, ...]] = attrgetter(*_RULE, *optimizer.kind_from)
    if not optimizer.is_traced:
        return rule
    return lambda optimizer: (*rule(optimizer), optimizer.plan_config())


class QuickSteps:
    """What a model keeps ready; it does not hold the model, which would keep it alive for longer."""

    def __init__(self) -> None:
        self._kept: dict[Any, Step] = {}
        self._fetching: dict[Any, Step] = {}  # of own steps
        self._predicting: dict[Any, Predict] = {}  # by places of arrays, and whether rows are many
        self._fitting: dict[Any, Fit] = {}
        self._calling: dict[Any, tuple[Function, list[int], Callable[[list[Any]], Any]]] = {}
        self._made_for: Any = None

    def measure(
        self, model: Inference, mode: str, x: Any, y: Any, return_dict: bool, weight: Any = None
    ) -> Any:
        """What `train_on_batch` or `test_on_batch` returns; `None`: not ready for these data."""
        key, arrays = self._look(model, mode, x, y)
        if weight is not None and key is not None:
            if (
                type(weight) is not np.ndarray
                or weight.ndim != 1
                or weight.dtype.kind not in "fiub"
            ):
                return None
            with np.errstate(over="ignore"):
                weight = weight.astype(model.dtype, copy=False)
            if not np.isfinite(weight).all():
                return None
            key, arrays = (*key, weight.shape), (*arrays, weight)
        known = self._kept.get(key)
        return None if known is None else known.run(model, arrays, return_dict)

    def fetch(
        self, model: Inference, mode: str, x: Any, y: Any
    ) -> tuple[float, int, list[np.ndarray]] | None:
        """The loss, as a sum over the samples, their number, and the outputs: of a step of the user's own.

        `None`: not ready for these data. The caller has the model's lock.
        """
        known, arrays = self._find(model, mode, x, y)
        if known is None:
            return None
        outputs = room_for(known.executable, known.rows)
        for index, array in enumerate(outputs):
            known.executable.bind_output(index, array)
        loss = known.run(model, arrays, False)
        return None if loss is None else (known.native.total, known.rows, outputs)

    def gradients(
        self, model: Inference, mode: str, x: Any, y: Any
    ) -> tuple[float, list[np.ndarray]] | None:
        """The loss and its gradients by the model's trainable weights; or `None`.

        The caller has the model's lock.
        """
        known, arrays = self._find(model, mode, x, y)
        if known is None:
            return None
        for totals in known.executable.slots.values():
            totals[0][...] = 0
        logs = known.run(model, arrays, True)
        if logs is None:
            return None
        return logs["loss"], [totals[0].copy() for totals in known.executable.slots.values()]

    def _find(self, model: Inference, mode: str, x: Any, y: Any) -> tuple[Step | None, Arrays]:
        key, arrays = self._look(model, mode, x, y)
        known = self._fetching.get(key)
        return (None, ()) if known is None or known.executable.in_use else (known, arrays)

    def _look(self, model: Inference, mode: str, x: Any, y: Any) -> tuple[Any, Arrays]:
        """What a step for these data is kept by, and the arrays in them; `None`: there can be none."""
        if self._made_for is not model._executables:  # compiled or built anew since
            self._forget(model)
        if model.run_eagerly:
            return None, ()
        if type(x) is np.ndarray and type(y) is np.ndarray:
            return (mode, x.shape, y.shape), (x, y)
        inputs, targets = arrays_of(x), (None, ()) if y is None else arrays_of(y)
        if inputs is None or targets is None:
            return None, ()
        arrays = (*inputs[1], *targets[1])
        return (mode, inputs[0], targets[0], *[array.shape for array in arrays]), arrays

    def fit(
        self,
        model: Trainer,
        data: tuple[Any, Any],
        batch_size: Any,
        epochs: Any,
        first: Any,
        shuffle: Any,
    ) -> History | None:
        """What `fit` does without validation, callbacks and progress; `None`: not ready for these data."""
        plain = type(epochs) is type(first) is int and type(shuffle) is bool
        if not plain or epochs < 0 or first < 0 or type(batch_size or 0) is not int:
            return None
        key, arrays = self._look(model, "fit", *data)
        known = self._fitting.get((key, batch_size))
        return None if known is None else known.run(model, arrays, epochs, first, shuffle)

    def predict(self, model: Inference, x: Any, batch_size: int | None) -> Any:
        """What `predict` returns without progress and callbacks; `None`: not ready for these data."""
        if self._made_for is not model._executables:
            self._forget(model)
        if model.run_eagerly or not (
            batch_size is None or (type(batch_size) is int and batch_size > 0)
        ):
            return None
        if type(x) is np.ndarray:
            step = self._predicting.get((x.ndim > 0 and len(x) >= MANY_ROWS, ()))
            return None if step is None else step.run(model, (x,))
        found = arrays_of(x)
        if found is None:
            return None
        step = self._predicting.get((len(found[1][0]) >= MANY_ROWS, found[0]))
        return None if step is None else step.run(model, found[1])

    def call(self, model: Inference, x: Any) -> Any:
        """What a call of the model on these arrays returns; `None`: not ready for them."""
        if self._made_for is not model._executables:
            self._forget(model)
        found = arrays_of(x)
        known = None if found is None else self._calling.get(found[0])
        if found is None or known is None:
            return None
        function, places, pack = known
        outputs = function.on_plain([found[1][place] for place in places])
        return None if outputs is None else pack(outputs)

    def keep_step(
        self,
        model: Inference,
        mode: str,
        executable: Any,
        data: Rows,
        given: tuple[Any, Any, Any],
        fetches: bool = False,
    ) -> None:
        """After the general way: makes the short one for data of these shapes, where there is one.

        Args:
            model: Whose step it is.
            mode: `'train'`, `'test'`, `'gradients'` or `'test_gradients'`.
            executable: What the general way ran.
            data: On these.
            given: Samples, targets and weights as they came.
            fetches: Whether it gives outputs or gradients, for `fetch` and `gradients`.
        """
        found = self._prepared(model, mode, executable, data, given, fetches)
        if found is not None:
            key, executable, step, names = found
            kept = self._fetching if fetches else self._kept
            kept.pop(key, None)
            kept[key] = Step(executable, step, data.n, names)
            self._trim(kept, model, executable)

    def _prepared(
        self,
        model: Inference,
        mode: str,
        executable: Any,
        data: Rows,
        given: tuple[Any, Any, Any],
        fetches: bool = False,
    ) -> tuple[Any, Executable, QuickStep, dict[int, str]] | None:
        """What a step is kept by, its parts, and what the user calls each array; `None`: it is not kept."""
        if not isinstance(executable, Executable) or executable.in_use:
            return None
        if not model._sized.boundary.plain:
            return None
        optimizer = model.optimizer
        if optimizer is None or optimizer.wraps:  # its rule would need all of them
            return None
        x, y, weight = given
        key, arrays = self._look(model, mode, x, y)
        if key is None or (fetches and weight is not None):
            return None
        objective = model._objective()
        feeds = data.feeds(objective.used, objective.weighing)
        n_weights = sum(data.weights[i] is not None for i in objective.weighing)
        alone = type(x) is np.ndarray and type(y) is np.ndarray
        places = places_of(feeds[: len(feeds) - n_weights], arrays, alone)
        if places is None:
            return None
        if weight is not None:
            if n_weights != 1 or type(weight) is not np.ndarray or weight.ndim != 1:
                return None
            key, arrays, places = (*key, weight.shape), (*arrays, weight), [*places, len(arrays)]
        if len(executable.plan.feeds) != len(places):
            return None
        reader = LogReader(executable)
        trains = mode in ("train", "fit")
        draws = trains or mode == "gradients"
        if executable.plan.is_random and not draws:  # each call has a seed of the process
            return None
        if mode.endswith("gradients"):
            if list(map(id, executable.slots)) != [id(v) for v in model.weights if v.trainable]:
                return None
        elif fetches and reader.order:
            return None  # what is more than a loss is not added up
        compiled = None if fetches or mode == "fit" else model._compiled
        if compiled is not None:
            reader.keep_natively(compiled)
        step = QuickStep(
            executable.as_call([arrays[place].shape[1:] for place in places], []),
            executable,
            reader.native,
            reader.order,
            model._lock,
            optimizer,
            _rule_of(optimizer),
            model.weights,
            trains,
            mode != "test",
            draws,
            executable.plan.is_random,
            data.n,
            places,
            classes_of(objective, data),
            compiled,
            reader.resolved,
        )
        names = {place: feed.name for place, feed in zip(places, feeds, strict=True)}
        return key, executable, step, names

    def _trim(self, kept: dict[Any, Any], model: Inference, executable: Executable) -> None:
        """Lets go of what is too much, and of what the model has dropped."""
        if len(kept) > _KEPT:
            del kept[next(iter(kept))]
        if len(kept) > 1:
            alive = {*model._executables.values(), executable}
            for gone in [k for k, one in kept.items() if one.executable not in alive]:
                del kept[gone]

    def keep_fit(
        self, model: Trainer, supply: Supply, data: Rows, given: tuple[Any, Any], batch_size: Any
    ) -> None:
        """The same for `fit`.

        Args:
            model: Which was trained.
            supply: From these data.
            data: All of them.
            given: Samples and targets as they came.
            batch_size: What `fit` was given.
        """
        found = self._prepared(model, "fit", supply.executable, data, (*given, None))
        if found is not None and not model._is_own("reset_metrics"):
            key, executable, step, names = found
            kept = self._fitting
            kept[key, batch_size] = Fit(
                executable, step, data.n, supply.batch_size, names, LogReader(executable)
            )
            self._trim(kept, model, executable)

    def keep_predict(
        self, model: Inference, executable: Any, data: Rows, structure: Any, x: Any, full: int
    ) -> None:
        """The same for `predict`.

        Args:
            model: Whose outputs they are.
            executable: What the general way ran.
            data: On these.
            structure: Of the outputs.
            x: The samples as they came.
            full: Rows of a step where there are enough samples.
        """
        if not isinstance(executable, Executable) or not model._sized.boundary.plain:
            return
        plan, found = executable.plan, arrays_of(x)
        if plan.is_random or found is None:  # each call has a seed of its own
            return
        places = places_of(data.inputs, found[1])
        if places is not None:
            step = Predict(executable, places, data.inputs, structure, full)
            self._predicting[data.n >= MANY_ROWS, found[0]] = step

    def keep_call(
        self, model: Inference, function: Function, feeds: list[np.ndarray], structure: Any, x: Any
    ) -> None:
        """The same for calls of the model.

        Args:
            model: Which was called.
            function: What it ran.
            feeds: On these.
            structure: Of the outputs.
            x: What it was called on.
        """
        found = arrays_of(x)
        places = None if found is None else places_by(list(map(address, feeds)), found[1])
        if found is not None and places is not None and function.is_simple:
            if self._made_for is not model._executables:
                self._forget(model)
            self._calling[found[0]] = function, places, packer(structure)

    def __reduce__(self) -> Any:
        return QuickSteps, ()  # copies of a model begin with none

    def _forget(self, model: Inference) -> None:
        self._kept, self._fetching, self._fitting = {}, {}, {}
        self._predicting, self._calling = {}, {}
        self._made_for = model._executables

"""What is kept ready for the next arrays of the same shapes; see `quick`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp._core.call import MOST_AXES
from fastmlp._core.home import address
from fastmlp._core.quick_step import QuickStep
from fastmlp._record import Record
from fastmlp.callbacks import CallbackList, History
from fastmlp.graph import Tensor
from fastmlp.losses.axes import axis_last
from fastmlp.runtime import Executable
from fastmlp.training.binding import sizes
from fastmlp.training.data import Source, as_source, warn_not_finite
from fastmlp.training.logs import LogReader
from fastmlp.training.loop import FitLoop
from fastmlp.training.rows import Rows
from fastmlp.training.structure import packer
from fastmlp.training.supply import Supply

if TYPE_CHECKING:
    from fastmlp.training.compiled import Objective
    from fastmlp.training.inference import Inference
    from fastmlp.training.trainer import Trainer

Arrays = tuple[np.ndarray, ...]


class Step(Record):
    """A step that is kept ready.

    Attributes:
        executable: What runs.
        native: Runs it.
        rows: Samples.
        names: What the user calls each array.
    """

    executable: Executable
    native: QuickStep
    rows: int
    names: dict[int, str]

    def run(self, model: Inference, arrays: Arrays, return_dict: bool) -> Any:
        """The loss, a list or a dict; `None`: it cannot serve these data."""
        try:
            found = self.native.run(model, arrays, return_dict)
        except BaseException:
            self._warn(model, arrays, self.native.not_finite)
            raise
        if found is None:
            return None
        result, not_finite = found
        if not_finite:
            self._warn(model, arrays, not_finite)
        return result

    def _warn(self, model: Inference, arrays: Arrays, places: list[int]) -> None:
        for place in places:
            warn_not_finite(as_source(arrays[place], self.names[place]), model.dtype)


class Fit(Record):
    """A fit on arrays of certain shapes.

    Attributes:
        executable: What runs.
        native: Says whether it still may, and points it at arrays.
        rows: Samples.
        batch_size: Samples a step.
        names: What the user calls each array.
        reader: Of the executable's sums.
    """

    executable: Executable
    native: QuickStep
    rows: int
    batch_size: int
    names: dict[int, str]
    reader: LogReader

    def run(
        self, model: Trainer, arrays: Arrays, epochs: int, first: int, shuffle: bool
    ) -> History | None:
        """Trains, from epoch `first` on; `None`: it cannot with these data."""
        with model._lock:
            if not self.native.ready(model, arrays):
                return None
            steps = -(-self.rows // self.batch_size)
            callbacks = CallbackList(
                None, add_history=True, model=model, verbose=0, epochs=epochs, steps=steps
            )
            model.stop_training = False
            self.executable.in_use = True
            try:
                supply = Supply(self.executable, None, self.rows, self.batch_size)
                loop = FitLoop(model, supply, None, callbacks, reader=self.reader)
                loop.run(None, first, epochs, shuffle)
            finally:
                self.executable.in_use = False
                for place in self.native.not_finite:
                    warn_not_finite(as_source(arrays[place], self.names[place]), model.dtype)
        return callbacks.history


class Predict:
    """The outputs for any number of rows of certain shapes."""

    def __init__(
        self,
        executable: Executable,
        places: list[int],
        inputs: Sequence[Source],
        structure: Any,
        full: int,
    ) -> None:
        self._executable, self._places, self._pack = executable, places, packer(structure)
        self._names = [source.name for source in inputs]
        self._single = len(places) == 1 and isinstance(structure, Tensor)
        self._call = executable.as_call(
            [source.row_shape for source in inputs],
            [fetch.shape for fetch in executable.plan.fetches],
            unlimited=executable.plan.capacity >= full,
        )

    def run(self, model: Inference, arrays: Arrays) -> Any:
        """The outputs, in their structure; `None`: not of these arrays."""
        y: Any = None
        with model._lock.reading():
            if self._executable.in_use:
                return None
            try:
                if self._single:
                    y = self._call.on_array(arrays[self._places[0]])
                else:
                    found = self._call.on_arrays([arrays[place] for place in self._places])
                    y = None if found is None else self._pack(found[0])
            except BaseException:
                self._warn(model, arrays, self._call.not_finite())
                raise
            bad = () if y is None else self._call.not_finite()
        if bad:
            self._warn(model, arrays, bad)
        return y

    def _warn(self, model: Inference, arrays: Arrays, feeds: tuple[int, ...]) -> None:
        for feed in feeds:
            source = as_source(arrays[self._places[feed]], self._names[feed])
            warn_not_finite(source, model.dtype)


def arrays_of(given: Any) -> tuple[Any, Arrays] | None:
    """The arrays in it and what tells their places; `None`: it is more than arrays, in a list or dict or alone."""
    kind: Any = type(given)
    form: Any
    if kind is np.ndarray:
        form, arrays = (), (given,)
    elif kind is dict:
        form, arrays = tuple(given), tuple(given.values())
    elif kind is list or kind is tuple:
        form, arrays = (kind, len(given)), tuple(given)
    else:
        return None
    if not arrays or any(type(one) is not np.ndarray or not one.ndim for one in arrays):
        return None
    return form, arrays


def places_of(feeds: Sequence[Source], arrays: Arrays, in_order: bool = False) -> list[int] | None:
    """Which array each feed reads, as memory tells; `None`: it does not tell.

    `in_order`: so the arrays come, and may be one: targets of an autoencoder are its inputs.
    """
    read = [f.parts[0].address if len(f.parts) == 1 else None for f in feeds]
    if in_order and read == list(map(address, arrays)):
        return list(range(len(arrays))) if max(one.ndim for one in arrays) <= MOST_AXES else None
    return places_by(read, arrays)


def places_by(feeds: Sequence[int | None], arrays: Arrays) -> list[int] | None:
    """The same by the feeds' addresses."""
    found = {address(array): place for place, array in enumerate(arrays)}
    if len(found) < len(arrays) or any(array.ndim > MOST_AXES for array in arrays):
        return None
    places = [found[feed] for feed in feeds if feed in found]
    return places if len(places) == len(feeds) else None


def classes_of(objective: Objective, data: Rows) -> list[int]:
    """For each feed the number of classes, if it is of class numbers; else 0."""
    found = [0] * len(data.inputs)
    for i in objective.used:
        target, shape = data.targets[i], data.sized.outputs[i].shape
        if target is not None:
            loss = objective.loss(i, target.row_shape, shape)
            sparse = loss is not None and loss.sparse
            found.append(axis_last(loss.name, sizes(shape), loss.axis)[-1] if sparse else 0)
    return found + [0] * len(data.weights)

"""The user's arrays, one source for each input, target and sample weight of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fastmlp import _tree
from fastmlp._record import Record
from fastmlp.boundary import Boundary
from fastmlp.graph import Tensor
from fastmlp.layers.eager import by_columns
from fastmlp.training.checks import fits
from fastmlp.training.data import (
    Source,
    as_source,
    check_lengths,
    class_weights,
    sample_weights,
)
from fastmlp.training.raw import as_raw, encoded
from fastmlp.training.sized import Sized
from fastmlp.training.structure import Slots, assign, is_nest


class Rows(Record):
    """Samples of a model.

    Attributes:
        sized: The graph for samples of their sizes.
        inputs: One source for each input.
        targets: One for each output, `None` where none is needed.
        weights: Sample weights for each output, `None` where there are none.
    """

    sized: Sized
    inputs: tuple[Source, ...]
    targets: tuple[Source | None, ...] = ()
    weights: tuple[Source | None, ...] = ()

    @property
    def n(self) -> int:
        """Number of samples."""
        return self.inputs[0].n

    @property
    def form(self) -> Any:
        """Sizes of inputs, targets and weights."""
        others = (*self.targets, *self.weights)
        return self.sized.sizes, tuple(None if one is None else one.row_shape for one in others)

    def unweighted(self) -> Rows:
        """The same samples without sample weights."""
        return self.with_values(weights=(None,) * len(self.weights))

    def feeds(self, used: Sequence[int] = (), weighing: Sequence[int] = ()) -> list[Source]:
        """The sources in the order in which a plan reads them.

        Args:
            used: Outputs whose targets it reads.
            weighing: Outputs whose sample weights it reads, where there are some.
        """
        targets = [self.targets[i] for i in used]
        weights = [self.weights[i] for i in weighing]
        return [source for source in (*self.inputs, *targets, *weights) if source is not None]


def input_parts(x: Any, slots: Slots, first: Tensor) -> list[Any]:
    """What was given for each input.

    Args:
        x: An array, or a list or dict of arrays in one of the forms of `structure.assign`; of a
            dict, further entries are left alone. Of a frame, columns of the inputs' names.
        slots: The inputs.
        first: The first of them.

    Raises:
        ValueError: Something is missing, or a list was given for a dict.
    """
    x = by_columns(x, slots.names)
    if _tree.is_dict(x) and set(slots.names) <= set(x):
        x = {name: x[name] for name in slots.names}
    slots.check_keys("x", x)
    expected = first.shape[1:]

    def holds_samples(only: Any) -> bool:
        shape = _shape(only)
        return fits(shape[1:], expected) or not fits(shape, expected)

    return spread("x", x, slots, range(slots.n), holds=holds_samples)


def input_sources(
    parts: Sequence[Any], names: Sequence[str], boundary: Boundary
) -> tuple[Source, ...]:
    """One source for each tensor that plans start from: the inputs, or what is made of them.

    Args:
        parts: What was given for each input.
        names: What the user calls it.
        boundary: From the inputs to those tensors.

    Raises:
        ValueError: Lengths differ.
    """
    if boundary.plain:
        sources = tuple(as_source(part, name) for part, name in zip(parts, names, strict=True))
        check_lengths({source.name: source for source in sources})
        return sources
    raw = [as_raw(*one) for one in zip(parts, names, boundary.inputs, strict=True)]
    check_lengths({one.name: one for one in raw})
    return encoded(boundary, raw)


def target_sources(y: Any, slots: Slots, used: Sequence[int], n: int) -> tuple[Source | None, ...]:
    """One source for each output that has a loss or a metric.

    Args:
        y: An array, or a list or dict of arrays.
        slots: The outputs.
        used: Numbers of those that need a target.
        n: Number of samples.

    Raises:
        ValueError: Something is missing, or too much.
    """
    parts = spread("y", y, slots, used, holds=lambda only: n > 1 or _shape(only)[:1] == (1,))
    return tuple(
        as_source(part, slots_name("y", slots, i)) if i in used else None
        for i, part in enumerate(parts)
    )


def weight_sources(
    sample_weight: Any, slots: Slots, used: Sequence[int], n: int
) -> tuple[Source | None, ...]:
    """The sample weights of each output.

    Args:
        sample_weight: An array for all outputs, or a list or dict of arrays, some of which may be
            `None`.
        slots: The outputs.
        used: Numbers of the outputs that have a target.
        n: Number of samples.
    """
    if sample_weight is None:
        return (None,) * slots.n
    what = "sample_weight"
    single = slots.n > 1 and not (is_nest(sample_weight) and of_arrays(sample_weight))
    if single:
        return (sample_weights(sample_weight, n),) * slots.n
    parts = spread(what, sample_weight, slots, used, optional=True)
    return tuple(
        None if part is None else sample_weights(part, n, slots_name(what, slots, i))
        for i, part in enumerate(parts)
    )


def class_weight_sources(
    targets: Sequence[Source | None], class_weight: Any, slots: Slots, width: int | None
) -> tuple[Source | None, ...]:
    """The weights of the classes, as sample weights.

    Raises:
        ValueError: The model has several outputs.
    """
    if slots.n > 1 or targets[0] is None:
        raise ValueError(
            f"fit: expected class_weight for a model of one output only. The model has "
            f"{slots.told()}. Hint: make sample weights of it: sample_weight={{name: weights}}"
        )
    classes = 2 if width == 1 else width
    weights = class_weights(targets[0], class_weight, classes)
    return (as_source(weights, "class_weight"),)


def spread(
    what: str,
    given: Any,
    slots: Slots,
    wanted: Sequence[int],
    optional: bool = False,
    holds: Callable[[Any], bool] = lambda only: True,
) -> list[Any]:
    """Gives each slot its array; `None` where there is none.

    Args:
        what: The argument, for errors.
        given: An array, or a list or dict of arrays.
        slots: Inputs or outputs.
        wanted: Numbers of the slots that need one; a list may be as long as these.
        optional: Whether these may be `None` as well.
        holds: Whether what a list holds alone are the samples of a single slot, and not one sample.

    Raises:
        ValueError: Lengths or names do not fit.
    """
    parts: list[Any] = [None] * slots.n
    if not _tree.is_dict(given) and (slots.n == 1 or not is_nest(given)):
        if slots.n == 1:
            alone = is_nest(given) and len(given) == 1 and of_arrays(given) and holds(given[0])
            return [given[0] if alone else given]
        if len(wanted) != 1:
            raise slots.wrong_number(what, f"{type(given).__name__}", "pass a list or a dict")
        parts[wanted[0]] = given
        return parts
    if isinstance(given, list | tuple) and len(given) == len(wanted) < slots.n:
        for i, part in zip(wanted, given, strict=True):
            parts[i] = part
    else:
        parts = [part for _, part in assign(what, given, slots)]
    missing = [slots.names[i] for i in wanted if parts[i] is None]
    if missing and not optional:
        raise slots.missing(what, missing)
    return parts


def slots_name(what: str, slots: Slots, index: int) -> str:
    """What the user calls the data of one slot: `x`, or `x['a']` if there are several."""
    return what if slots.n == 1 else f"{what}[{slots.names[index]!r}]"


def _shape(x: Any) -> tuple[int, ...]:
    """The shape of an array, a frame or nested lists; `()` of what is none."""
    if hasattr(x, "shape"):
        return tuple(x.shape)
    try:
        return np.shape(x)
    except ValueError:  # rows of different lengths
        return ()


def of_arrays(given: Any) -> bool:
    """Whether a list or dict holds arrays, lists or `None`, not numbers."""
    if isinstance(given, Mapping):
        return True
    return all(part is None or is_nest(part) or getattr(part, "ndim", 0) > 0 for part in given)

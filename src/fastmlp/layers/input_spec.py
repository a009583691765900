"""What a layer expects of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from fastmlp import _tree
from fastmlp.errors import bad_argument


class InputSpec:
    """Shape, number of axes and type of an input, for `layer.input_spec`.

    A layer that sets `self.input_spec`, in `__init__` or `build`, is called on such inputs only.

    Args:
        dtype: Its type.
        shape: Its shape, the batch included; `None` where any size will do.
        ndim: Number of axes.
        max_ndim: Most axes.
        min_ndim: Fewest axes.
        axes: Sizes of some axes, `{axis: size}`.
        allow_last_axis_squeeze: Whether a last axis of size 1 may be missing or too many.
        name: Key of the input, where a layer takes a dict.
        optional: Whether `None` will do.

    Raises:
        TypeError: `axes` is no dict of integers.
        ValueError: `axes` names an axis that there is none of.

    Example:

    >>> from fastmlp import layers
    >>> class Halves(layers.Layer):
    ...     input_spec = InputSpec(ndim=2, axes={-1: 4})
    ...     def call(self, x):
    ...         return x / 2
    >>> Halves(name="halves")([[1.0, 2.0, 3.0]])
    Traceback (most recent call last):
    ValueError: Halves 'halves': expected size 4 of axis -1. Received: shape=(None, 3)
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = None if dtype is None else str(getattr(dtype, "name", dtype))
        self.shape = None if shape is None else tuple(shape)
        self.ndim = ndim if shape is None else len(self.shape or ())
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.name, self.optional = name, bool(optional)
        self.allow_last_axis_squeeze = bool(allow_last_axis_squeeze)
        try:
            self.axes = {int(axis): size for axis, size in dict(axes or {}).items()}
        except (TypeError, ValueError):
            raise TypeError(
                f"InputSpec: expected axes as {{axis: size}}. Received: axes={axes!r}"
            ) from None
        most = self.ndim or max_ndim
        if self.axes and most is not None and max(self.axes) >= most:
            raise bad_argument("InputSpec", f"axes below {most}", "axes", axes)

    def check(self, where: str, x: Any) -> None:
        """Refuses what is not as expected.

        Args:
            where: Whose input it is, for the error.
            x: A tensor.

        Raises:
            ValueError: Shape or type differ.
        """
        shape = tuple(x.shape)
        fault = self._fault(shape, x.dtype)
        if fault and self.allow_last_axis_squeeze:
            others = [shape[:-1]] if shape and shape[-1] == 1 else [(*shape, 1)]
            fault = fault if any(self._fault(other, x.dtype) for other in others) else None
        if fault:
            received = f"dtype={x.dtype}" if fault.startswith("dtype") else f"shape={shape}"
            which = f" '{self.name}'" if self.name else ""
            raise ValueError(
                f"{where}: expected {fault}{which and ' of input'}{which}. Received: {received}"
            )

    def _fault(self, shape: tuple[int | None, ...], dtype: Any) -> str | None:
        """What is expected and not so."""
        ndim = len(shape)
        if self.ndim is not None and ndim != self.ndim:
            return f"{self.ndim} axes"
        if self.max_ndim is not None and ndim > self.max_ndim:
            return f"at most {self.max_ndim} axes"
        if self.min_ndim is not None and ndim < self.min_ndim:
            return f"at least {self.min_ndim} axes"
        if self.dtype is not None and str(dtype) != self.dtype:
            return f"dtype {self.dtype}"
        for axis, size in [*self.axes.items(), *enumerate(self.shape or ())]:
            if size is not None and (not -ndim <= axis < ndim or shape[axis] not in (size, None)):
                return f"size {size} of axis {axis}"
        return None

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal spec."""
        return {
            "dtype": self.dtype,
            "shape": self.shape,
            "ndim": self.ndim,
            "max_ndim": self.max_ndim,
            "min_ndim": self.min_ndim,
            "axes": self.axes,
            "optional": self.optional,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Makes a spec from what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        shown = ", ".join(f"{key}={value}" for key, value in self.get_config().items() if value)
        return f"InputSpec({shown})"


def check_inputs(where: str, expected: Any, given: Any) -> None:
    """Refuses inputs that are not as a layer's `input_spec` says.

    Args:
        where: The layer.
        expected: A spec, or a list or dict of them; `None` for what may be anything.
        given: The inputs, in the same form.

    Raises:
        ValueError: There are more or fewer, or one is not as expected.
    """
    specs = [expected] if isinstance(expected, InputSpec) else _leaves(expected)
    names = [getattr(spec, "name", None) for spec in specs]
    if isinstance(given, Mapping) and all(names):
        missing = [name for name in names if name not in given]
        if missing:
            raise ValueError(f"{where}: expected the inputs {names}. Received: {list(given)}")
        given = [given[name] for name in names]
    inputs = _leaves(given)
    if len(inputs) != len(specs):
        expected = "one input" if len(specs) == 1 else f"{len(specs)} inputs"
        raise ValueError(f"{where}: expected {expected}. Received: {len(inputs)}")
    for spec, x in zip(specs, inputs, strict=True):
        if isinstance(spec, InputSpec) and not (x is None and spec.optional):
            spec.check(where, x)


def _leaves(structure: Any) -> list[Any]:
    """The leaves of a structure, `None` being one."""
    if isinstance(structure, Mapping):
        return [leaf for key in _tree.keys(structure) for leaf in _leaves(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for part in structure for leaf in _leaves(part)]
    return [structure]

"""VarianceScaling, and the Glorot, He and LeCun initializers that are cases of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from fastmlp.errors import check_choice, check_number
from fastmlp.initializers.base import RandomInitializer, compute_fans, registry
from fastmlp.initializers.random import truncated_normal

# Standard deviation of a standard normal variable truncated to [-2, 2].
_TRUNCATED_STDDEV = 0.87962566103423978


@registry.register
class VarianceScaling(RandomInitializer):
    """Random weights whose variance, `scale / fan`, keeps the size of signals through a layer.

    ```
    variance = scale / max(1, fan)      fan = fan_in, fan_out or their average
    uniform: |x| < sqrt(3 · variance)
    truncated_normal: redrawn outside of two standard deviations, widened to have that variance
    ```

    Args:
        scale: Positive factor. Default: 1.
        mode: `"fan_in"`, `"fan_out"` or `"fan_avg"`. Default: `"fan_in"`.
        distribution: `"truncated_normal"` (or `"normal"`), `"untruncated_normal"` or `"uniform"`.
            Default: `"truncated_normal"`.
        seed: Integer >= 0; `None`: drawn from the global seed.
        input_axes: Axes that count as inputs; `None`: the last but one, and all before it.
        output_axes: Axes that count as outputs; `None`: the last, and all before the last but one.

    Raises:
        ValueError: If an argument is outside of its range.

    Example:

    >>> x = VarianceScaling(scale=2.0, seed=0)((200, 300))
    >>> round(float(x.std()), 2)
    0.1

    Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015, section 2.2.
    """

    config_names: ClassVar[tuple[str, ...]] = (
        "scale",
        "mode",
        "distribution",
        "input_axes",
        "output_axes",
    )

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        where = type(self).__name__
        self.scale = check_number(where, "scale", scale, 0, above=True)
        self.mode = check_choice(where, "mode", mode, ("fan_in", "fan_out", "fan_avg"))
        if isinstance(distribution, str):
            distribution = distribution.lower()
        if distribution == "normal":
            distribution = "truncated_normal"
        self.distribution = check_choice(
            where,
            "distribution",
            distribution,
            ("truncated_normal", "untruncated_normal", "uniform"),
        )
        self.input_axes = input_axes
        self.output_axes = output_axes
        super().__init__(seed)

    def _values(self, shape: tuple[int, ...]) -> np.ndarray:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
        stddev = math.sqrt(self.scale / max(1.0, fans[self.mode]))
        generator = self._generator()
        if self.distribution == "uniform":
            limit = math.sqrt(3.0) * stddev
            return generator.uniform(-limit, limit, shape)
        if self.distribution == "untruncated_normal":
            return stddev * generator.standard_normal(shape)
        return stddev / _TRUNCATED_STDDEV * truncated_normal(generator, shape)


class _Case(VarianceScaling):
    """A VarianceScaling whose first three arguments are fixed by the class."""

    config_names = ("input_axes", "output_axes")
    _scale: float
    _mode: Literal["fan_in", "fan_avg"]
    _distribution: Literal["truncated_normal", "uniform"]

    def __init__(
        self,
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(self._scale, self._mode, self._distribution, seed, input_axes, output_axes)


@registry.register
class GlorotUniform(_Case):
    """Glorot (Xavier) uniform: |x| < sqrt(6 / (fan_in + fan_out)); the default of Dense.

    `limit = sqrt(6 / (fan_in + fan_out))`

    Args:
        seed: Integer >= 0; `None`: drawn from the global seed.
        input_axes: As in `VarianceScaling`.
        output_axes: As in `VarianceScaling`.

    Example:

    >>> x = GlorotUniform(seed=0)((2, 4))
    >>> bool(abs(x).max() < 1)
    True

    Source: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010, equation 16.
    """

    _scale, _mode, _distribution = 1.0, "fan_avg", "uniform"


@registry.register
class GlorotNormal(_Case):
    """Glorot (Xavier) normal: truncated normal, standard deviation sqrt(2 / (fan_in + fan_out)).

    `stddev = sqrt(2 / (fan_in + fan_out))`

    Args:
        seed: Integer >= 0; `None`: drawn from the global seed.
        input_axes: As in `VarianceScaling`.
        output_axes: As in `VarianceScaling`.

    Example:

    >>> GlorotNormal(seed=0)((2, 4)).shape
    (2, 4)

    Source: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010, equation 12.
    """

    _scale, _mode, _distribution = 1.0, "fan_avg", "truncated_normal"


@registry.register
class HeUniform(_Case):
    """He uniform, for relu: |x| < sqrt(6 / fan_in).

    `limit = sqrt(6 / fan_in)`

    Args:
        seed: Integer >= 0; `None`: drawn from the global seed.
        input_axes: As in `VarianceScaling`.
        output_axes: As in `VarianceScaling`.

    Example:

    >>> HeUniform(seed=0)((2, 4)).shape
    (2, 4)

    Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015, equation 10.
    """

    _scale, _mode, _distribution = 2.0, "fan_in", "uniform"


@registry.register
class HeNormal(_Case):
    """He normal, for relu: truncated normal, standard deviation sqrt(2 / fan_in).

    `stddev = sqrt(2 / fan_in)`

    Args:
        seed: Integer >= 0; `None`: drawn from the global seed.
        input_axes: As in `VarianceScaling`.
        output_axes: As in `VarianceScaling`.

    Example:

    >>> HeNormal(seed=0)((2, 4)).shape
    (2, 4)

    Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015, equation 10.
    """

    _scale, _mode, _distribution = 2.0, "fan_in", "truncated_normal"


@registry.register
class LecunUniform(_Case):
    """LeCun uniform: |x| < sqrt(3 / fan_in).

    `limit = sqrt(3 / fan_in)`

    Args:
        seed: Integer >= 0; `None`: drawn from the global seed.
        input_axes: As in `VarianceScaling`.
        output_axes: As in `VarianceScaling`.

    Example:

    >>> LecunUniform(seed=0)((2, 4)).shape
    (2, 4)

    Source: LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998, section 4.6.
    """

    _scale, _mode, _distribution = 1.0, "fan_in", "uniform"


@registry.register
class LecunNormal(_Case):
    """LeCun normal, for selu: truncated normal, standard deviation sqrt(1 / fan_in).

    `stddev = sqrt(1 / fan_in)`

    Args:
        seed: Integer >= 0; `None`: drawn from the global seed.
        input_axes: As in `VarianceScaling`.
        output_axes: As in `VarianceScaling`.

    Example:

    >>> LecunNormal(seed=0)((2, 4)).shape
    (2, 4)

    Source: LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998, section 4.6; Klambauer et al.,
    "Self-normalizing neural networks", 2017.
    """

    _scale, _mode, _distribution = 1.0, "fan_in", "truncated_normal"

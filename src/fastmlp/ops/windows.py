"""Windows, by which signals are multiplied, named as in `keras.ops`: of arrays only."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp import config
from fastmlp.ops import spec
from fastmlp.ops.spec import of_arrays


@of_arrays
def i0(x: Any) -> Any:
    """The modified Bessel function of order 0."""
    (x,) = spec.arrays(x, floating=True)
    return np.asarray(np.i0(x), x.dtype)


@of_arrays
def bartlett(x: Any) -> Any:
    """The triangular window of x places, 0 at both ends."""
    return np.bartlett(int(x)).astype(config.floatx())


@of_arrays
def blackman(x: Any) -> Any:
    """The Blackman window of x places: 0.42 - 0.5 cos(2π n / (x - 1)) + 0.08 cos(4π n / (x - 1))."""
    return np.blackman(int(x)).astype(config.floatx())


@of_arrays
def hamming(x: Any) -> Any:
    """The Hamming window of x places: 0.54 - 0.46 cos(2π n / (x - 1))."""
    return np.hamming(int(x)).astype(config.floatx())


@of_arrays
def hanning(x: Any) -> Any:
    """The Hann window of x places: 0.5 - 0.5 cos(2π n / (x - 1))."""
    return np.hanning(int(x)).astype(config.floatx())


@of_arrays
def kaiser(x: Any, beta: float) -> Any:
    """The Kaiser window of x places: I₀(beta √(1 - (2n / (x - 1) - 1)²)) / I₀(beta)."""
    return np.kaiser(int(x), float(beta)).astype(config.floatx())

"""The accuracy of csrc/simd/math.h, over every kind of float, against double precision.

The functions are reached through the activations made of them. Limits are those stated there, rounded
up: errors of exp, expm1, log1p, the polynomials and the final division add up as explained there.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from fastmlp._core import activations as native

# Every 1021st bit pattern: 4.2 million floats of all magnitudes, subnormal ones and NaN among them.
FLOATS = np.arange(0, 2**32, 1021, dtype=np.uint64).astype(np.uint32).view(np.float32)
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-45, 3e38, -3e38], np.float32)

# name: (reference, limit in ULP with FMA, limit without, from, to)
FUNCTIONS = {
    "exponential": (np.exp, 1.0, 1.2, -np.inf, np.inf),
    "elu": (np.expm1, 1.5, 1.7, -np.inf, 0),
    "sigmoid": (special.expit, 2.4, 2.4, -np.inf, np.inf),
    "tanh": (np.tanh, 2.8, 3.1, -np.inf, np.inf),
    "softplus": (lambda x: np.logaddexp(x, 0), 2.0, 2.0, -np.inf, np.inf),
    "softsign": (lambda x: x / (1 + np.abs(x)), 1.5, 1.5, -1e38, 1e38),
}


def ulps(y: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Distance in units of the last place of the exact value, at least the smallest subnormal."""
    unit = np.spacing(np.minimum(np.abs(exact), np.finfo(np.float32).max).astype(np.float32))
    return np.abs(y - exact) / unit


def limit_of(tier: str, with_fma: float, without: float) -> float:
    return without if tier == "scalar" else with_fma


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_is_as_accurate_as_stated(tier: str, name: str) -> None:
    exact_function, with_fma, without, low, high = FUNCTIONS[name]
    x = FLOATS[(low <= FLOATS) & (high >= FLOATS)]
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        exact = exact_function(x.astype(np.float64))
    y = native.forward(name, x).astype(np.float64)
    largest = np.finfo(np.float32).max
    inside = np.abs(exact) <= largest
    assert np.all(np.isinf(y[~inside]))
    assert ulps(y[inside], exact[inside]).max() <= limit_of(tier, with_fma, without)


def test_normal_distribution_keeps_its_relative_accuracy_in_the_left_tail(tier: str) -> None:
    x = FLOATS[(FLOATS >= -12.5) & (FLOATS <= 30) & (np.abs(FLOATS) > 1e-30)]
    exact = x.astype(np.float64) * special.ndtr(x.astype(np.float64))
    # one more rounding than Phi itself, of the product with x
    assert ulps(native.forward("gelu", x), exact).max() <= limit_of(tier, 7, 70)


def test_logarithm_of_a_sum_is_accurate(tier: str) -> None:
    for n in (*range(1, 300), 1000, 4093, 65537):
        y = native.forward("log_softmax", np.zeros(n, np.float32))
        assert ulps(y[0].astype(np.float64), -np.log(n)) <= 1.0


@pytest.mark.parametrize("name", ["gelu_tanh", "silu", "mish"])
def test_gated_activation_is_accurate_relative_to_itself(tier: str, name: str) -> None:
    x = FLOATS[(np.abs(FLOATS) > 1e-30) & (np.abs(FLOATS) < 8)]
    d = x.astype(np.float64)
    exact = {
        "gelu_tanh": lambda: d * special.expit(2 * np.sqrt(2 / np.pi) * (d + 0.044715 * d**3)),
        "silu": lambda: d * special.expit(d),
        "mish": lambda: d * np.tanh(np.logaddexp(d, 0)),
    }[name]()
    # gelu_tanh: rounding the argument of exp, down to -50, costs as many ULP
    assert ulps(native.forward(name, x), exact).max() <= (150 if name == "gelu_tanh" else 6)


BENT = (
    "relu", "relu6", "relu_general", "leaky_relu", "hard_sigmoid", "step", "sparse_sigmoid",
    "soft_shrink", "hard_shrink", "hard_tanh", "threshold",
)  # fmt: skip


def test_nan_passes_through_every_function(tier: str) -> None:
    x = np.full(19, np.nan, np.float32)
    for name, saved in native.ACTIVATIONS.items():
        assert np.isnan(native.forward(name, x)).all(), name
        slope = native.backward(name, np.ones_like(x), x)
        if name in BENT:  # no number of x is in their derivatives: dy goes on, not 0
            assert (slope > 0).all(), (name, saved)
        else:
            assert np.isnan(slope).all(), (name, saved)
        assert np.isnan(native.backward(name, x, np.full_like(x, 0.75))).all(), name


LIMITS = {  # at -inf and inf
    "relu": (0, np.inf),
    "relu6": (0, 6),
    "relu_general": (0, np.inf),
    "leaky_relu": (-np.inf, np.inf),
    "sigmoid": (0, 1),
    "hard_sigmoid": (0, 1),
    "tanh": (-1, 1),
    "softplus": (0, np.inf),
    "softsign": (-1, 1),
    "elu": (-1, np.inf),
    "selu": (-1.0507009873554805 * 1.6732632423543772, np.inf),
    "exponential": (0, np.inf),
    "gelu": (0, np.inf),
    "gelu_tanh": (0, np.inf),
    "silu": (0, np.inf),
    "mish": (0, np.inf),
    "step": (0, 1),
    "celu": (-1, np.inf),
    "squareplus": (0, np.inf),
    "sparse_plus": (0, np.inf),
    "sparse_sigmoid": (0, 1),
    "soft_shrink": (-np.inf, np.inf),
    "hard_shrink": (-np.inf, np.inf),
    "tanh_shrink": (-np.inf, np.inf),
    "hard_tanh": (-1, 1),
    "hard_silu": (0, np.inf),
    "log_sigmoid": (-np.inf, 0),
    "threshold": (0, np.inf),
}
SLOPE_LIMITS = dict.fromkeys(LIMITS, (0, 1)) | {
    "relu6": (0, 0),
    "leaky_relu": (0.2, 1),
    "sigmoid": (0, 0),
    "hard_sigmoid": (0, 0),
    "tanh": (0, 0),
    "softsign": (0, 0),
    "selu": (0, 1.0507009873554805),
    "exponential": (0, np.inf),
    "step": (1, 1),
    "sparse_sigmoid": (0, 0),
    "soft_shrink": (1, 1),
    "hard_shrink": (1, 1),
    "tanh_shrink": (1, 1),
    "hard_tanh": (0, 0),
    "log_sigmoid": (1, 0),
}


def test_every_activation_of_single_numbers_has_its_limits() -> None:
    assert set(LIMITS) == set(native.ACTIVATIONS) - {"softmax", "log_softmax"}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", LIMITS)
def test_infinities_and_huge_numbers_give_the_limits(tier: str, name: str, dtype: type) -> None:
    for side, sign in enumerate((-1, 1)):
        for x in (sign * np.inf, sign * np.finfo(dtype).max / 2):
            array = np.full(11, x, dtype)
            limit = LIMITS[name][side]
            expected = x * SLOPE_LIMITS[name][side] if np.isinf(limit) else limit
            y = native.forward(name, array)
            # squareplus falls as 1 / x only
            np.testing.assert_allclose(y, np.full(11, expected), rtol=1e-6, atol=1e-37)
            saved = y if native.ACTIVATIONS[name] == "y" else array
            dx = native.backward(name, np.ones(11, dtype), saved)
            limit = SLOPE_LIMITS[name][side]
            np.testing.assert_allclose(dx, np.full(11, limit), rtol=1e-6, atol=1e-37)


def test_odd_functions_are_odd_to_the_bit(tier: str) -> None:
    x = FLOATS[np.isfinite(FLOATS)]
    for name in ("tanh", "softsign"):
        y, minus_y = native.forward(name, x), native.forward(name, -x)
        np.testing.assert_array_equal(y.view(np.uint32), (-minus_y).view(np.uint32))


def test_functions_do_not_depend_on_the_lane(tier: str) -> None:
    x = np.random.default_rng(0).normal(size=67).astype(np.float32) * 3
    for name in native.ACTIVATIONS:
        if name not in ("softmax", "log_softmax"):
            alone = np.concatenate([native.forward(name, x[i : i + 1]) for i in range(len(x))])
            np.testing.assert_array_equal(native.forward(name, x), alone)


def test_special_values_are_those_of_double_precision(tier: str) -> None:
    for name in LIMITS:
        if name in ("relu_general", "hard_sigmoid"):
            continue
        with np.errstate(all="ignore"):
            y = native.forward(name, SPECIAL)
            exact = native.forward(name, SPECIAL.astype(np.float64)).astype(np.float32)
        np.testing.assert_allclose(y, exact, rtol=1e-6, atol=1e-44)

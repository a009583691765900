"""Element-wise kernels: native = NumPy twin, on every tier, at awkward sizes and strides."""

from __future__ import annotations

import numpy as np
import pytest

from fastmlp._core import maps
from fastmlp._reference.maps import GRADIENTS, function
from fastmlp.ops.elementwise import FUNCTIONS

SIZES = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 97]  # around every tier's number of lanes
DTYPES = [np.float32, np.float64]

# Where a function is defined, if not everywhere.
DOMAINS = {
    "sqrt": (0.1, 4), "rsqrt": (0.1, 4), "log": (0.1, 4), "log2": (0.1, 4), "log10": (0.1, 4),
    "log1p": (-0.9, 4), "arcsin": (-0.9, 0.9), "arccos": (-0.9, 0.9), "arccosh": (1.1, 4),
    "arctanh": (-0.9, 0.9), "power": (0.1, 3), "reciprocal": (0.2, 4),
}  # fmt: skip
# float32: the functions' own errors (simd/math.h), and a few roundings of what follows.
TOLERANCE = {np.float32: {"rtol": 2e-5, "atol": 2e-6}, np.float64: {"rtol": 1e-12, "atol": 1e-14}}


def operands(name: str, n: int, dtype: type) -> list[np.ndarray]:
    rng = np.random.default_rng(n)
    low, high = DOMAINS.get(
        name.removesuffix("_dx").removesuffix("_da").removesuffix("_db"), (-3, 3)
    )
    values = [rng.uniform(low, high, n).astype(dtype) for _ in range(maps.MAPS[name])]
    for x in values:
        if name not in DOMAINS and not name.endswith(("_dx", "_da", "_db")) and n > 3:
            x[:4] = [0, 1, -1, 2.5]
    return values


def test_every_kernel_has_a_twin_and_a_function_or_is_its_gradient():
    assert set(maps.MAPS) == set(FUNCTIONS) | set(GRADIENTS)
    used = {rule[0] for f in FUNCTIONS.values() for rule in f.gradient if rule is not None}
    assert set(GRADIENTS) - {"minimum_da"} <= used | {"exp_gap"}
    assert used <= set(maps.MAPS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", list(maps.MAPS))
def test_kernel_is_the_formula(tier: str, name: str, dtype: type) -> None:
    for n in SIZES:
        values = operands(name, n, dtype)
        whole = np.full(n + 64, 77, dtype)
        out = whole[33 : 33 + n]
        maps.apply(name, values, out)
        with np.errstate(all="ignore"):
            expected = function(name)(*[x.astype(np.float64) for x in values])
        np.testing.assert_allclose(out, np.asarray(expected) * 1.0, **TOLERANCE[dtype])
        assert (whole[:33] == 77).all() and (whole[33 + n :] == 77).all()


@pytest.mark.parametrize("name", [name for name, n in maps.MAPS.items() if n > 1])
def test_one_number_serves_for_all_elements(tier: str, name: str) -> None:
    for which in range(maps.MAPS[name]):
        values = operands(name, 19, np.float32)
        full = [np.full(19, x[5]) if i == which else x for i, x in enumerate(values)]
        one = [x[5:6] if i == which else x for i, x in enumerate(values)]
        np.testing.assert_array_equal(maps.apply(name, one), maps.apply(name, full))


@pytest.mark.parametrize("name", list(maps.MAPS))
def test_results_may_replace_operands(tier: str, name: str) -> None:
    values = operands(name, 37, np.float32)
    expected = maps.apply(name, values)
    for which in range(len(values)):
        copies = [x.copy() for x in values]
        np.testing.assert_array_equal(maps.apply(name, copies, copies[which]), expected)


def test_nan_passes_through_maximum_and_minimum(tier: str) -> None:
    a, b = np.array([np.nan, 1, np.nan], np.float32), np.array([1, np.nan, np.nan], np.float32)
    assert np.isnan(maps.apply("maximum", [a, b])).all()
    assert np.isnan(maps.apply("minimum", [a, b])).all()


def test_operands_that_do_not_fit_are_told():
    x = np.ones(3, np.float32)
    with pytest.raises(ValueError, match="expected one of copy"):
        maps.apply("nothing", [x])
    with pytest.raises(ValueError, match="as many operands"):
        maps.apply("add", [x])
    with pytest.raises(ValueError, match="one length"):
        maps.apply("add", [x, np.ones(2, np.float32)])

"""Which kernels are in use: detection, FASTMLP_ISA, set_tier, the lists of kernels.def."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys

import numpy as np
import pytest

import fastmlp
from fastmlp._core import _native

SHOW = "from fastmlp._core import _native; print(_native.tier(), _native.detected())"


def run(isa: str | None, code: str = SHOW) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if key != "FASTMLP_ISA"}
    if isa is not None:
        env["FASTMLP_ISA"] = isa
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)


def test_the_best_tier_is_detected():
    tiers = _native.tiers()
    assert tiers[0] == "scalar"
    assert _native.detected() == tiers[-1]
    done = run(None)
    assert done.stdout.split() == [tiers[-1], tiers[-1]]
    assert done.stderr == ""


def test_detection_agrees_with_the_operating_system():
    try:
        with open("/proc/cpuinfo") as file:
            words = set(file.read().split())
    except OSError:
        pytest.skip("no /proc/cpuinfo")
    tiers = _native.tiers()
    if platform.machine() in ("x86_64", "AMD64"):
        avx2 = {"avx2", "fma"} <= words
        assert ("avx2" in tiers) == avx2
        wide = {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= words
        assert ("avx512" in tiers) == (avx2 and wide)
    if platform.machine() in ("aarch64", "arm64"):
        assert "neon" in tiers


@pytest.mark.parametrize("name", _native.tiers())
def test_the_environment_chooses_a_tier(name):
    done = run(name)
    assert done.stdout.split()[0] == name
    assert done.stderr == ""


@pytest.mark.parametrize("name", ["pentium", "AVX2", "avx1024"])
def test_an_unknown_tier_in_the_environment_warns_and_changes_nothing(name):
    done = run(name)
    assert done.returncode == 0
    assert done.stdout.split()[0] == _native.detected()
    assert "RuntimeWarning: FASTMLP_ISA: expected one of scalar" in done.stderr
    assert repr(name) in done.stderr


def test_an_empty_environment_variable_is_none():
    done = run("")
    assert done.stdout.split()[0] == _native.detected()
    assert done.stderr == ""


@pytest.mark.parametrize("name", ["pentium", "", None, 2])
def test_set_tier_refuses_what_this_cpu_cannot_run(name):
    before = _native.tier()
    with pytest.raises(ValueError, match="set_tier: expected one of scalar"):
        _native.set_tier(name)
    assert _native.tier() == before


def test_set_tier_changes_the_table(tier):
    assert _native.tier() == tier
    pointer = ctypes.c_void_p.from_address(_native.TABLES["f32"])
    tables = {}
    for name in _native.tiers():
        _native.set_tier(name)
        tables[name] = pointer.value
    assert len(set(tables.values())) == len(tables)


def test_every_kernel_of_every_table_is_there(tier):
    lists = len(_native.MAPS) + len(_native.UPDATES) + len(_native.GATHERS)
    entries = 16 + 2 * len(_native.ACTIVATIONS) + lists
    for name in ("f32", "f64"):
        table = ctypes.c_void_p.from_address(_native.TABLES[name]).value
        assert table is not None
        functions = (ctypes.c_void_p * entries).from_address(table)
        assert all(functions)
        assert len(set(functions)) > entries // 2


def test_the_lists_of_kernels_def():
    assert set(_native.ACTIVATIONS.values()) == {"x", "y"}
    assert {"relu", "tanh", "gelu"} <= set(_native.ACTIVATIONS)
    assert _native.UPDATES["adam"] == 2
    assert all(0 <= slots <= 3 for slots in _native.UPDATES.values())
    for name in _native.GATHERS:
        assert np.dtype(name).name == name


@pytest.mark.skipif(
    "avx512" not in _native.tiers(), reason="few elements are for another tier there"
)
@pytest.mark.parametrize(
    "sizes", [(8, 12, 8, 1), (1, 20, 1), (4, 16, 3), (3, 60, 2), (20, 7, 30, 5)]
)
def test_few_elements_get_the_same_bits_from_fewer_lanes(tier, sizes):
    """Each of these networks has products on both sides of the limit, some in panels."""
    weights = {}
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 100, max(sizes[0], sizes[-1]))).astype(np.float32)
    for name in ("avx2", "avx512"):
        _native.set_tier(name)
        fastmlp.utils.set_random_seed(1)
        hidden = [fastmlp.layers.Dense(n, "sigmoid") for n in sizes[1:-1]]
        layers = [fastmlp.Input(sizes[:1]), *hidden, fastmlp.layers.Dense(sizes[-1])]
        model = fastmlp.Sequential(layers)
        model.compile("adam", "mse")
        for batch_size in (1, 7, 10, 64):
            model.fit(x[:, : sizes[0]], y[:, : sizes[-1]], batch_size, epochs=2, verbose=0)
        weights[name] = model.get_weights()
    for one, other in zip(*weights.values(), strict=True):
        np.testing.assert_array_equal(one, other)

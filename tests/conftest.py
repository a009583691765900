"""How the tests run, and what each may ask for: the folder of real data, each SIMD tier in turn."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile

# Before anything imports Keras, JAX or matplotlib.
os.environ["KERAS_BACKEND"] = "jax"
# Keras compiles a program for every model: that takes most of the tests' time, and this halves it.
os.environ["XLA_FLAGS"] = " ".join(
    [
        os.environ.get("XLA_FLAGS", ""),
        "--xla_backend_optimization_level=0",
        "--xla_llvm_disable_expensive_passes=true",
    ]
).strip()
os.environ["JAX_PLATFORMS"] = "cpu"
# Many models differ in their numbers alone: what was compiled for one serves the next.
os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="fastmlp-tests-")
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
os.environ["MPLBACKEND"] = "Agg"

from collections.abc import Iterator
from pathlib import Path

import pytest

import fastmlp
from fastmlp._core import _native
from tests.guards import guarded

ROOT = Path(__file__).resolve().parents[1]


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """The whole suite runs in two processes, half each till one has done its own; named files in one."""
    if hasattr(config, "workerinput"):
        return  # this is one of the two
    named = config.args_source is pytest.Config.ArgsSource.ARGS
    if not named and config.option.numprocesses is None and not config.option.usepdb:
        config.option.numprocesses, config.option.dist = 2, "worksteal"


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data: `FASTMLP_DATA`, or `shared/data` beside the checkout."""
    path = Path(os.environ.get("FASTMLP_DATA") or ROOT.parent / "shared" / "data")
    if not (path / "mnist.npz").is_file():
        pytest.skip(f"no real data: {path / 'mnist.npz'} is not there; set FASTMLP_DATA")
    return path


@pytest.fixture(autouse=True)
def same_start() -> None:
    """Every test draws the same random numbers in each run: one that fails by chance would fail always."""
    fastmlp.utils.set_random_seed(1)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(1)


GUARDED = ("layers", "losses", "metrics", "ops", "optimizers", "plan")  # folders


@pytest.fixture(autouse=True)
def gaps_in_arenas(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Where all ops are tested, none may touch what lies beyond its buffers."""
    if request.path.parent.name not in GUARDED:
        yield
        return
    with guarded(monkeypatch):
        yield


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Two threads run plans; the number before is restored."""
    before = fastmlp.config.num_threads()
    fastmlp.config.set_num_threads(2)
    yield
    fastmlp.config.set_num_threads(before)


@pytest.fixture
def native_products() -> Iterator[None]:
    """No product goes to BLAS, on the scalar tier either; the rule before is restored."""
    before = fastmlp.config.gemm()
    fastmlp.config.set_gemm("native")
    yield
    fastmlp.config.set_gemm(before)


@pytest.fixture(params=_native.tiers())
def tier(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each float32 tier that this CPU can run; the one in use before is restored."""
    before = _native.tier()
    _native.set_tier(request.param)
    yield request.param
    _native.set_tier(before)

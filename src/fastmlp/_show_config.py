"""What fastmlp runs on: for bug reports, and to see which kernels and BLAS are in use."""

from __future__ import annotations

from collections.abc import Callable

from fastmlp import config
from fastmlp._core import _native, blas
from fastmlp._version import __version__
from fastmlp.plan.schedule import GEMM_RULE


def show_config(print_fn: Callable[[str], None] = print) -> None:
    """Prints version, SIMD tier, threads, BLAS, and who multiplies matrices.

    Loads SciPy's BLAS to tell which it is.

    Args:
        print_fn: Called with the text.
    """
    import platform

    import numpy

    info = blas.info()
    tiers = ", ".join(_native.tiers())
    where = f", from {info['library']}" if info.get("library") else ""
    rule = GEMM_RULE if config.gemm() == "auto" else f"{config.gemm()} (set)"
    lines = [
        f"fastmlp    {__version__}",
        f"python     {platform.python_version()}, numpy {numpy.__version__}",
        f"machine    {platform.system()} {platform.machine()}",
        f"tier       {_native.tier()} (this CPU has {tiers}; lower it with FASTMLP_ISA)",
        f"threads    {config.num_threads()} (FASTMLP_NUM_THREADS)",
        f"blas       {info.get('name')} {info.get('version') or ''}{where}",
        f"gemm       {rule}",
        f"floatx     {config.floatx()}",
    ]
    print_fn("\n".join(lines))

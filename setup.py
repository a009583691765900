"""The extension modules: one per .pyx in src/fastmlp/_core.

The C kernels are linked into `_native`, the thread team into `team`: what is global in C must be
in one module only. `_cyutility` is what Cython itself needs for typed memoryviews: shared, because
compiling it into every module as well would take a third longer.
"""

import os
import sys
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

# No -march, no -ffast-math: one build runs on every CPU, and NaN means NaN.
# Functions begin on cache lines: how fast a kernel is must not depend on what stands before it (up to 2 % of a step).
# With a sanitizer in CFLAGS (CONTRIBUTING.md) its reports name lines.
SANITIZED = "-fsanitize" in os.environ.get("CFLAGS", "")
COMPILE = ["-std=c11", "-O1" if SANITIZED else "-O3", "-falign-functions=64", "-ffp-contract=off"]
COMPILE += ["-fno-math-errno", "-fno-trapping-math"]
COMPILE += ["-g" if SANITIZED else "-g0", "-fvisibility=hidden"]
if sys.platform == "win32":
    LINK, LIBRARIES = [], ["synchronization"]
else:
    COMPILE += ["-pthread"]
    STRIP = "-Wl,-x" if sys.platform == "darwin" else "-Wl,-s"
    LINK, LIBRARIES = ["-pthread", *([] if SANITIZED else [STRIP])], ["m"]

files = sorted(path.as_posix() for path in Path("csrc").rglob("*.*"))
included = [path for path in files if path.endswith((".h", ".def", ".inc.c"))]
headers = [
    path for path in included if not path.endswith(".inc.c")
]  # what other modules than _native see
compiled = [path for path in files if path.endswith(".c") and path not in included]
team = ["csrc/team.c"]
c_sources = {"_native": [path for path in compiled if path not in team], "team": team}


def extension(pyx: Path) -> Extension:
    """The module of one .pyx."""
    return Extension(
        f"fastmlp._core.{pyx.stem}",
        [pyx.as_posix(), *c_sources.get(pyx.stem, [])],
        include_dirs=["csrc", numpy.get_include()],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
        depends=included if pyx.stem == "_native" else headers,
        extra_compile_args=COMPILE,
        extra_link_args=LINK,
        libraries=LIBRARIES,
    )


SHARED = "fastmlp._core._cyutility"
setup(
    ext_modules=cythonize(
        [
            *[extension(pyx) for pyx in sorted(Path("src/fastmlp/_core").glob("*.pyx"))],
            Extension(SHARED, [], extra_compile_args=COMPILE, extra_link_args=LINK),
        ],
        include_path=["src"],
        build_dir="build/cython",
        shared_utility_qualified_name=SHARED,
    ),
    options={"build_ext": {"parallel": os.cpu_count()}},
)

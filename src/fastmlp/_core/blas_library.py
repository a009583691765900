"""Which library SciPy's BLAS is, and OpenBLAS's own functions in it.

BLAS itself is reached through `scipy.linalg.cython_blas` (blas.pyx). What BLAS has no function for
(how many threads it uses, its buffers, its version) is asked of the library by name.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

# OpenBLAS is built with or without these around its names; SciPy's wheels have the first prefix.
_PREFIXES = ("scipy_openblas", "openblas")
_SUFFIXES = ("", "64_")
_FUNCTIONS = ("get_num_threads", "set_num_threads", "get_config", "get_parallel")


class Library(NamedTuple):
    """What is known of the library; addresses are 0 where it does not have the function."""

    facts: dict[str, str]
    get_threads: int = 0
    set_threads: int = 0
    buffer_alloc: int = 0
    buffer_free: int = 0


def find(module_file: str) -> Library:
    """Returns the library that an extension module calls for BLAS.

    Args:
        module_file: The file of `scipy.linalg.cython_blas`, which is loaded already.
    """
    for library, path in _candidates(module_file):
        for prefix in _PREFIXES:
            for suffix in _SUFFIXES:
                names = {name: f"{prefix}_{name}{suffix}" for name in _FUNCTIONS}
                if all(hasattr(library, name) for name in names.values()):
                    return _openblas(library, path, names)
    return Library(_other())


def _candidates(module_file: str) -> Iterator[tuple[ctypes.CDLL, str]]:
    """The module first: it finds what it is linked with, and not another copy of OpenBLAS.

    Windows does not look that far: there the file in the folder that SciPy's wheels bring.
    """
    import glob

    yield ctypes.CDLL(module_file), module_file
    above = os.path.dirname(os.path.dirname(os.path.dirname(module_file)))
    libs = os.path.join(glob.escape(above), "scipy.libs")
    for path in sorted(glob.glob(os.path.join(libs, "*openblas*"))):
        yield ctypes.CDLL(path), path


def _openblas(library: ctypes.CDLL, path: str, names: dict[str, str]) -> Library:
    get_config = library[names["get_config"]]
    get_config.restype = ctypes.c_char_p
    config = get_config().decode().strip()
    version = re.search(r"\d+\.\d+\S*", config)
    facts = {
        "name": "OpenBLAS",
        "version": version.group() if version else "unknown",
        "library": _file_of(_address(library, names["set_num_threads"])) or path,
        "config": config,
        "threading": ("none", "pthreads", "OpenMP")[library[names["get_parallel"]]()],
    }
    return Library(
        facts,
        _address(library, names["get_num_threads"]),
        _address(library, names["set_num_threads"]),
        _address(library, "blas_memory_alloc"),
        _address(library, "blas_memory_free"),
    )


def _other() -> dict[str, str]:
    """What SciPy says it was built with."""
    import scipy

    built_with = scipy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "name": built_with.get("name", "unknown"),
        "version": built_with.get("version", "unknown"),
        "library": built_with.get("lib directory", "unknown"),
        "config": built_with.get("openblas configuration", ""),
        "threading": "unknown",
    }


def _address(library: ctypes.CDLL, name: str) -> int:
    if not hasattr(library, name):
        return 0
    return ctypes.cast(library[name], ctypes.c_void_p).value or 0


class _SymbolInfo(ctypes.Structure):
    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


def _file_of(address: int) -> str | None:
    """The file of the library that holds this address; None where the system cannot tell."""
    if os.name != "posix":
        return None
    found = _SymbolInfo()
    if not ctypes.CDLL(None).dladdr(ctypes.c_void_p(address), ctypes.byref(found)):
        return None
    return os.path.realpath(os.fsdecode(found.file))

"""Process-wide settings: element type, threads, and who multiplies matrices.

The only global state of fastmlp besides the random seed. Environment variables are read once,
at import; the functions here override them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fastmlp.errors import is_int, unknown_name

if TYPE_CHECKING:
    from fastmlp._dtype_policy import DTypePolicy

_FLOATX = ("float32", "float64")
_GEMM = ("auto", "blas", "native")


_MOST_THREADS = 256


def _available_cpus() -> int:
    """CPUs that this process may run on, of which so many are used."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), _MOST_THREADS)
    return min(os.cpu_count() or 1, _MOST_THREADS)


def _checked_threads(where: str, n: object, received: str, hint: str = "") -> int:
    if not is_int(n) or not 1 <= n <= _MOST_THREADS:
        raise ValueError(
            f"{where}: expected a whole number from 1 to {_MOST_THREADS}. Received: {received}{hint}"
        )
    return int(n)


def _threads_from_environment() -> int:
    text = os.environ.get("FASTMLP_NUM_THREADS", "").strip()
    if not text:
        return _available_cpus()
    n = int(text) if text.isdecimal() else None
    hint = ". Hint: unset it to use every CPU of this process."
    return _checked_threads("FASTMLP_NUM_THREADS", n, repr(text), hint)


_settings: dict[str, str | int | float] = {
    "floatx": "float32",
    "epsilon": 1e-7,
    "threads": _threads_from_environment(),
    "gemm": "auto",
    "interactive": True,
    "traceback_filtering": True,
    "unsafe_deserialization": False,
}


def floatx() -> str:
    """Element type of layers built without `dtype`: `'float32'` or `'float64'`."""
    return str(_settings["floatx"])


def set_floatx(value: str) -> None:
    """Sets the element type of layers built from now on.

    Args:
        value: `'float32'` or `'float64'`.

    Raises:
        ValueError: Any other value.
    """
    _settings["floatx"] = check_floatx("floatx", value)


def check_floatx(what: str, value: object) -> str:
    """A type of floats by its name.

    Raises:
        ValueError: It is none of those that there are.
    """
    if value not in _FLOATX:
        raise unknown_name(what, value, _FLOATX)
    return str(value)


def dtype_policy() -> DTypePolicy:
    """Keras's object for the types of layers built without `dtype`: its name is `floatx()`."""
    from fastmlp._dtype_policy import DTypePolicy  # seldom needed

    return DTypePolicy(floatx())


def set_dtype_policy(policy: str | DTypePolicy) -> None:
    """The same as `set_floatx`, by a policy.

    Args:
        policy: A name or a `DTypePolicy`.

    Raises:
        ValueError: Any other policy than `'float32'` and `'float64'`, as the mixed ones of Keras.
    """
    _settings["floatx"] = check_floatx("dtype policy", getattr(policy, "name", policy))


def backend() -> str:
    """The name of what computes: `'fastmlp'`."""
    return "fastmlp"


def image_data_format() -> str:
    """Where the channels of an image stand, `'channels_last'`: for tutorials that ask."""
    return "channels_last"


def set_image_data_format(data_format: str) -> None:
    """Accepts where the channels of an image stand, as tutorials set it.

    Args:
        data_format: `'channels_last'`.

    Raises:
        ValueError: Any other value.
    """
    if data_format != "channels_last":
        raise unknown_name("data format", data_format, ("channels_last",))


def epsilon() -> float:
    """The fuzz factor of Keras's `backend.epsilon()`: 1e-7."""
    return float(_settings["epsilon"])


def set_epsilon(value: float) -> None:
    """Sets the fuzz factor, for what is made from now on.

    Args:
        value: > 0.

    Raises:
        ValueError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise ValueError(f"set_epsilon: expected a number above 0. Received: {value!r}")
    _settings["epsilon"] = float(value)


def num_threads() -> int:
    """Largest number of threads that one training or prediction uses."""
    return int(_settings["threads"])


def set_num_threads(n: int) -> None:
    """Sets the largest number of threads that one training or prediction uses.

    Results do not depend on it: the same seed gives the same bits for any number. Small networks
    run on one thread whatever is set, since waking a second one would cost more than it brings.

    Args:
        n: A whole number from 1 to 256.

    Raises:
        ValueError: `n` is not such a number.
    """
    _settings["threads"] = _checked_threads("set_num_threads", n, f"n={n!r}")


def gemm() -> str:
    """Who multiplies matrices: `'auto'` (a measured size rule), `'blas'` or `'native'`."""
    return str(_settings["gemm"])


def set_gemm(rule: str) -> None:
    """Chooses who multiplies matrices in plans compiled from now on.

    Args:
        rule: `'auto'` (by size), `'blas'` (SciPy's BLAS) or `'native'` (fastmlp's kernels).

    Raises:
        ValueError: An unknown rule.
    """
    if rule not in _GEMM:
        raise unknown_name("gemm rule", rule, _GEMM)
    _settings["gemm"] = rule


def enable_interactive_logging() -> None:
    """Lets `fit`, `evaluate`, `predict` and `Progbar` print to the standard output, as at first."""
    _settings["interactive"] = True


def disable_interactive_logging() -> None:
    """Sends what `fit`, `evaluate`, `predict` and `Progbar` would print to the logger `'fastmlp'`.

    Its level is INFO: without `logging.basicConfig(level="INFO")` nothing is seen.
    """
    _settings["interactive"] = False


def is_interactive_logging_enabled() -> bool:
    """Whether progress goes to the standard output, not to a logger."""
    return bool(_settings["interactive"])


def enable_unsafe_deserialization() -> None:
    """Lets every `load_model` run the Python code of `lambda`s in Keras's files, as `safe_mode=False` does.

    Only for files of people whom you trust: such code can do anything.
    """
    _settings["unsafe_deserialization"] = True


def is_unsafe_deserialization_enabled() -> bool:
    """Whether `load_model` runs code of Keras's files without being asked to."""
    return bool(_settings["unsafe_deserialization"])


def enable_traceback_filtering() -> None:
    """Accepted, as Keras has it; no frame of a traceback is ever left out here."""
    _settings["traceback_filtering"] = True


def disable_traceback_filtering() -> None:
    """Accepted, as Keras has it; no frame of a traceback is ever left out here."""
    _settings["traceback_filtering"] = False


def is_traceback_filtering_enabled() -> bool:
    """What the last of `enable_traceback_filtering` and `disable_traceback_filtering` set; first `True`."""
    return bool(_settings["traceback_filtering"])


def log(text: str) -> None:
    """Sends a line to the logger `'fastmlp'`, unless it is empty."""
    import logging  # seldom needed

    if text:
        logging.getLogger("fastmlp").info(text)

"""Sentences for wrong arguments: where · what was expected · what came · a hint.

Every check of user input ends in one of these, before anything has changed. The builders return the
exception, so that the reader sees the ``raise`` where it happens; the ``check_*`` functions raise.
"""

from __future__ import annotations

import math
import numbers
import sys
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

_MAX_LISTED = 60


def bad_argument(
    where: str, expected: str, name: str, value: object, hint: str | None = None
) -> ValueError:
    """Builds the error for an argument with a wrong value.

    Args:
        where: The object or function that refuses, for example `"Dense 'hidden'"`.
        expected: What it would have taken, for example `"0 <= rate <= 1"`.
        name: The argument's name.
        value: What came.
        hint: The usual cause or cure, one sentence without its last period; `None`: none.

    Returns:
        The exception, to be raised by the caller.

    Example:

    >>> print(bad_argument("Dropout", "0 <= rate <= 1", "rate", 20, "20 % is 0.2"))
    Dropout: expected 0 <= rate <= 1. Received: rate=20. Hint: 20 % is 0.2.
    """
    text = f"{where}: expected {expected}. Received: {name}={value!r}."
    if hint is not None:
        text += f" Hint: {hint}."
    return ValueError(text)


def closest(name: str, known: Iterable[str]) -> str | None:
    """Returns the known spelling nearest to `name`, or `None` if none is near.

    Capitals and underscores do not count, so that `'ReLU'` finds `'relu'`.

    Example:

    >>> closest("mean_square_error", ["hinge", "mean_squared_error"])
    'mean_squared_error'
    """
    import difflib  # only mistakes need it

    spellings: dict[str, list[str]] = {}
    for spelling in known:
        spellings.setdefault(_plain(spelling), []).append(spelling)
    near = difflib.get_close_matches(_plain(name), spellings, n=1, cutoff=0.6)
    if not near:
        return None
    return max(spellings[near[0]], key=lambda s: difflib.SequenceMatcher(None, name, s).ratio())


def _plain(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())


def unknown_name(
    kind: str, name: object, known: Iterable[str], also: Iterable[str] = ()
) -> ValueError:
    """Builds the error for a name that is not in a list of names.

    Args:
        kind: What is looked up, for example `"metric"`.
        name: What came.
        known: The names there are; all of them are told.
        also: More spellings that would have been understood; only "did you mean" draws on them.

    Returns:
        The exception, to be raised by the caller.

    Example:

    >>> print(unknown_name("metric", "acuracy", ["auc", "accuracy"]))
    Unknown metric 'acuracy'. Did you mean 'accuracy'? Known: accuracy, auc.
    """
    names = sorted(set(known))
    text = f"Unknown {kind} {name!r}."
    near = closest(name, [*names, *also]) if isinstance(name, str) else None
    if near is not None:
        text += f" Did you mean {near!r}?"
    listed = ", ".join(names[:_MAX_LISTED]) + (", …" if len(names) > _MAX_LISTED else ".")
    return ValueError(f"{text} Known: {listed}")


def unknown_keywords(where: str, given: Mapping[str, Any], known: Iterable[str]) -> ValueError:
    """Builds the error for keyword arguments that a class or function does not have.

    Args:
        where: The class or function.
        given: The keyword arguments that were not understood; not empty.
        known: The keyword arguments there are.

    Returns:
        The exception, to be raised by the caller.

    Example:

    >>> print(unknown_keywords("SGD", {"momentun": 0.9}, ["learning_rate", "momentum"]))
    SGD: unknown argument 'momentun'. Did you mean 'momentum'? Known: learning_rate, momentum.
    """
    names = list(dict.fromkeys(known))
    many = "s" if len(given) > 1 else ""
    text = f"{where}: unknown argument{many} {', '.join(repr(name) for name in given)}."
    near = dict.fromkeys(n for n in (closest(name, names) for name in given) if n is not None)
    if near:
        text += f" Did you mean {', '.join(repr(name) for name in near)}?"
    return ValueError(f"{text} Known: {', '.join(names)}.")


def check_number(
    where: str,
    name: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    above: bool = False,
    below: bool = False,
    hint: str | None = None,
) -> float:
    """Checks that an argument is a finite real number in a range.

    Args:
        where: The object or function that asks.
        name: The argument's name.
        value: A Python or NumPy number, or an array with no axes; `bool` and `str` are refused.
        low: Least value allowed.
        high: Greatest value allowed.
        above: Whether `low` itself is refused.
        below: Whether `high` itself is refused.
        hint: Last sentence of the error, without its period.

    Returns:
        The value as a Python float.

    Raises:
        ValueError: If it is not a number, not finite or outside of the range.

    Example:

    >>> check_number("SGD", "momentum", 1, 0, 1)
    1.0
    >>> check_number("Adam", "beta_1", 1.0, 0, 1, below=True)
    Traceback (most recent call last):
    ...
    ValueError: Adam: expected 0 <= beta_1 < 1. Received: beta_1=1.0.
    """
    number = _as_float(value)
    over = number > low if above else number >= low
    under = number < high if below else number <= high
    if over and under and math.isfinite(number):
        return number
    left = "" if low == -math.inf else f"{low:g} {'<' if above else '<='} "
    right = "" if high == math.inf else f" {'<' if below else '<='} {high:g}"
    if left and not right:
        expected = f"{name} {'>' if above else '>='} {low:g}"
    else:
        expected = f"{left}{name}{right}" if left or right else f"{name} to be a finite number"
    raise bad_argument(where, expected, name, value, hint)


def _as_float(value: Any) -> float:
    """Returns a number as a float, NaN for everything else."""
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return float(value)
    if getattr(value, "shape", None) == () and getattr(value.dtype, "kind", "") in ("i", "u", "f"):
        return float(value)
    return math.nan


def is_int(value: object) -> TypeGuard[int]:
    """Whether something is an integer, Python's or NumPy's; `bool` is none."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def check_int(
    where: str, name: str, value: Any, low: int | None = None, high: int | None = None
) -> int:
    """Checks that an argument is an integer in a range.

    Args:
        where: The object or function that asks.
        name: The argument's name.
        value: A Python or NumPy integer; `bool`, and floats even if integral, are refused.
        low: Least value allowed; `None`: no limit.
        high: Greatest value allowed; `None`: no limit.

    Returns:
        The value as a Python int.

    Raises:
        ValueError: If it is not an integer or outside of the range.

    Example:

    >>> check_int("Dense", "units", 2.5, low=1)
    Traceback (most recent call last):
    ...
    ValueError: Dense: expected an integer units >= 1. Received: units=2.5.
    """
    if is_int(value):
        number = int(value)
        if (low is None or number >= low) and (high is None or number <= high):
            return number
    left = f"{low} <= " if low is not None and high is not None else ""
    right = f" <= {high}" if high is not None else (f" >= {low}" if low is not None else "")
    raise bad_argument(where, f"an integer {left}{name}{right}", name, value)


def check_choice(where: str, name: str, value: Any, choices: Iterable[str]) -> str:
    """Checks that an argument is one of a few words.

    Args:
        where: The object or function that asks.
        name: The argument's name.
        value: What came.
        choices: The words allowed.

    Returns:
        The value.

    Raises:
        ValueError: If it is none of them.

    Example:

    >>> check_choice("VarianceScaling", "mode", "fan", ["fan_in", "fan_out"])
    Traceback (most recent call last):
    ...
    ValueError: VarianceScaling: expected mode to be one of 'fan_in', 'fan_out'. Received: mode='fan'.
    """
    words = list(choices)
    if isinstance(value, str) and value in words:
        return value
    expected = f"{name} to be one of {', '.join(repr(word) for word in words)}"
    raise bad_argument(where, expected, name, value)


def warn_old_spelling(old: str, new: str) -> None:
    """Warns that a spelling of an earlier Keras was understood, and names today's.

    The warning points at the first caller outside of fastmlp.

    Args:
        old: What the user wrote.
        new: What to write now.
    """
    warn_user(f"{old} is the spelling of an earlier Keras; write {new}.", FutureWarning)


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Warns with the file and line of the first caller outside of fastmlp.

    `with` statements of fastmlp's own are entered by contextlib, which is nobody's caller.

    Args:
        message: The sentence.
        category: The warning's class.
    """
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_ours(module: str) -> bool:
    return module in ("fastmlp", "contextlib") or module.startswith("fastmlp.")

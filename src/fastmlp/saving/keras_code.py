"""Python code in Keras's files, of `lambda`s in `Lambda` layers and the like: refused, or made functions."""

from __future__ import annotations

import base64
import marshal
import types
from collections.abc import Mapping
from typing import Any

from fastmlp.config import is_unsafe_deserialization_enabled


def with_functions(config: Any, safe_mode: bool) -> Any:
    """A config with functions in the place of their code.

    Args:
        config: Of a file.
        safe_mode: Whether code is refused, unless `config` allows it.

    Raises:
        ValueError: There is code, and it is refused; or it is none that this Python reads.
    """
    if isinstance(config, list):
        return [with_functions(part, safe_mode) for part in config]
    if not isinstance(config, Mapping):
        return config
    if config.get("class_name") != "__lambda__":
        return {key: with_functions(part, safe_mode) for key, part in config.items()}
    if safe_mode and not is_unsafe_deserialization_enabled():
        raise ValueError(
            "expected no Python code. It holds a lambda, which loading would run. Hint: if you trust "
            "whoever wrote it, pass safe_mode=False"
        )
    inner = config["config"]
    parts = inner.get("value") or [inner.get(key) for key in ("code", "defaults", "closure")]
    return _function(*parts)


def _function(code: str, defaults: Any, closure: Any) -> types.FunctionType:
    from fastmlp import ops

    try:
        loaded = marshal.loads(base64.b64decode(code))
    except (EOFError, TypeError, ValueError) as error:
        raise ValueError("its Python code is of another Python, or damaged") from error
    cells = None if closure is None else tuple(types.CellType(value) for value in closure)
    names = {"__builtins__": __builtins__, "ops": ops}
    return types.FunctionType(
        loaded, names, argdefs=None if defaults is None else tuple(defaults), closure=cells
    )

"""Names of a package that are imported when they are first used: few programs need them all."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Mapping
from typing import Any

from fastmlp import _spelling


def import_late() -> None:
    """Makes the calling package import on first use what it imports under `if TYPE_CHECKING:`.

    Type checkers see these imports; Python does not run them, but what comes from where is read off
    them: the compiler lists the names of import statements in `co_names`, a module's before those that
    are taken from it. So a package has one such statement for each module, without `as`, and no name
    in `__all__` is that of a module in the package.

    Raises:
        KeyError: A name in `__all__` is imported nowhere.
    """
    caller = sys._getframe(1)
    members = caller.f_globals
    package = members["__name__"]
    homes, home = {}, ""
    for name in caller.f_code.co_names:
        if "." in name or name == package:
            home = name
        else:
            homes[name] = home
    late = {name: homes[name] for name in members["__all__"] if name not in members}
    modules = [home.rpartition(".") for home in late.values()]
    late |= {name: package for parent, _, name in modules if parent == package}
    first_use = functools.partial(_first_use, members, late)
    _spelling.give_names(package, first_use)
    members["__dir__"] = lambda: sorted(members["__all__"])


def _first_use(members: dict[str, Any], late: Mapping[str, str], name: str) -> Any:
    """What a package's `__getattr__` returns; called once for each name."""
    if name not in late:
        raise AttributeError(name)
    package = members["__name__"]
    if late[name] == package:
        found: Any = importlib.import_module(f"{package}.{name}")
        _spelling.give_names(found.__name__)
    else:
        found = getattr(importlib.import_module(late[name]), name)
    members[name] = found
    return found

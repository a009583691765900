"""One registry per family of named objects (initializers, losses, optimizers …).

A registry answers the one question that all families share: which object does a user mean by a
string, a config, a class, an instance or a callable?
"""

from __future__ import annotations

import functools
import importlib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Self, TypeVar, overload

from fastmlp.custom_objects import (
    custom_object_scope,
    get_registered_object,
    meet,
    registered_name,
)
from fastmlp.errors import bad_argument, unknown_name, warn_old_spelling

T = TypeVar("T", bound=Callable[..., Any])

# Where a word begins inside a name. Without a group to copy, sub runs no Python code.
_WORD = re.compile(r"(?<=.)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])")


class Configurable:
    """Base class of objects that are described by the arguments they were made with.

    A subclass lists them in `config_names`; each is an attribute of the same name.
    """

    config_names: ClassVar[tuple[str, ...]] = ()

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal object."""
        return {name: getattr(self, name) for name in self.config_names}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Makes an object from what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


def overridden(instance: Any, *names: str) -> str:
    """The first of these methods that is not fastmlp's: of a subclass, or set on the instance; else `""`.

    What runs natively in place of a method must not stand for one of somebody else's.

    Example:

    >>> from fastmlp import losses
    >>> overridden(losses.MeanSquaredError(), "call")
    ''
    """
    own = vars(instance)
    found = [name for name in names if name in own and _is_foreign(own[name])]
    return found[0] if found else _overridden_in(type(instance), names)  # type: ignore[arg-type]


@functools.lru_cache(maxsize=1024)
def _overridden_in(cls: type, names: tuple[str, ...]) -> str:
    return next((name for name in names if _is_foreign(getattr(cls, name, None))), "")


def _is_foreign(method: Any) -> bool:
    return method is not None and not str(method.__module__).startswith("fastmlp.")


class Registry:
    """Names of one family's classes and functions.

    Args:
        kind: What the family is called in errors, for example `"initializer"`.
        base: The family's base class; `get` refuses classes outside of it. `None`: any class.
        callables: Whether any callable is a member, as a function `f(shape, dtype)` initializes.
        ignore_case: Whether names are looked up without regard to capitals.
        packages: Whose classes belong to the family. They are imported when somebody asks for them: for
            a name in `__all__` one module, for a further spelling or an unknown name all.

    Attributes:
        also: A family of which a member may stand for one of this, as a layer for an activation; its
            configs are understood, too.

    Example:

    >>> initializers = Registry("initializer")
    >>> @initializers.register("zero")
    ... class Zeros:
    ...     pass
    >>> initializers.names()
    ('zeros',)
    >>> type(initializers.get("zero")).__name__
    'Zeros'
    >>> initializers.get("zeroes")
    Traceback (most recent call last):
    ...
    ValueError: Unknown initializer 'zeroes'. Did you mean 'zeros'? Known: zeros.
    """

    def __init__(
        self,
        kind: str,
        base: type | None = None,
        *,
        callables: bool = True,
        ignore_case: bool = False,
        packages: Sequence[str] = (),
    ) -> None:
        self.kind = kind
        self.base = base
        self.also: Registry | None = None
        self._callables = callables
        self._ignore_case = ignore_case
        self._packages = packages
        self._objects: dict[str, Any] = {}
        self._names: set[str] = set()
        self._old: dict[str, str] = {}

    @overload
    def register(self, obj: T, /, *names: str) -> T: ...

    @overload
    def register(self, obj: str, /, *names: str) -> Callable[[T], T]: ...

    def register(self, obj: Any, /, *names: str) -> Any:
        """Registers a class or function; also as a decorator.

        It gets its own name, that name in snake_case if it is a class, and `names`:
        `registry.register(Zeros, "zero")`, `@registry.register`, `@registry.register("zero")`.

        Args:
            obj: The class or function.
            names: Further spellings.

        Returns:
            `obj`; called with strings alone, the decorator.

        Raises:
            ValueError: If a spelling belongs to another object already.
        """
        if isinstance(obj, str):
            spellings = (obj, *names)
            return lambda target: self.register(target, *spellings)
        own = obj.__name__
        main = snake_case(own) if inspect.isclass(obj) and not self._ignore_case else own
        for name in (main, own, *names):
            if self._objects.setdefault(self._key(name), obj) is not obj:
                raise ValueError(f"Two objects want the name {name!r} of a {self.kind}.")
        self._names.add(self._key(main))
        return obj

    def register_old(self, old: str, new: str) -> None:
        """Accepts a spelling of an earlier Keras, with a `FutureWarning` that names today's.

        Args:
            old: The spelling to accept.
            new: A registered spelling.

        Raises:
            KeyError: If `new` is not registered.
        """
        self._objects[self._key(old)] = self._objects[self._key(new)]
        self._old[self._key(old)] = new

    def _key(self, name: str) -> str:
        return name.casefold() if self._ignore_case else name

    def names(self) -> tuple[str, ...]:
        """Returns the main name of every registered object, sorted."""
        self._import_all()
        return tuple(sorted(self._names))

    def spellings(self) -> tuple[str, ...]:
        """Returns every spelling that is understood without a warning, sorted."""
        self._import_all()
        return tuple(sorted(set(self._objects) - set(self._old)))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._found(self._key(name))

    def _found(self, key: str) -> bool:
        """Whether a key is known; imports what it takes to tell."""
        for package in self._packages:
            if key in self._objects:
                return True
            for name in importlib.import_module(package).__all__:
                if key in (self._key(name), snake_case(name)):
                    self._import(package, name)
        if key not in self._objects:
            self._import_all()
        return key in self._objects

    def _import_all(self) -> None:
        for package in self._packages:
            for name in importlib.import_module(package).__all__:
                self._import(package, name)
        self._packages = ()

    def _import(self, package: str, name: str) -> None:
        """Imports a name in a package; registers it if it is that of a class of the family."""
        obj = getattr(importlib.import_module(package), name)
        if inspect.isclass(obj) and obj is not self.base and issubclass(obj, self.base or object):
            self.register(obj, name)

    def find(self, name: str) -> Any:
        """Returns the class or function with this name, as it was registered.

        Args:
            name: Any registered spelling, or the name of a custom object; these go first.

        Raises:
            ValueError: If there is none; the error names the nearest spelling.
        """
        custom = get_registered_object(name)
        return self.member(name) if custom is None else custom

    def member(self, name: str) -> Any:
        """Returns the class or function with this name, without regard to custom objects.

        Raises:
            ValueError: If there is none; the error names the nearest spelling.
        """
        key = self._key(name)
        if not self._found(key):
            raise unknown_name(self.kind, name, self.names(), also=self.spellings())
        if key in self._old:
            warn_old_spelling(f"{self.kind} {name!r}", repr(self._old[key]))
        return self._objects[key]

    def get(self, identifier: Any) -> Any:
        """Returns the object that a user means.

        Args:
            identifier: A registered name; a config as `serialize` returns it; a class (it is
                called without arguments); an instance or callable (returned as it is); or `None`.

        Returns:
            An instance or function, or `None` for `None`.

        Raises:
            ValueError: If the identifier is none of these.
        """
        if identifier is None:
            return None
        if isinstance(identifier, str):
            return _instance(self.find(identifier))
        if isinstance(identifier, Mapping):
            return self.deserialize(identifier)
        if inspect.isclass(identifier):
            if self.base is None or issubclass(identifier, self.base):
                return _instance(identifier)
        elif self._is_member(identifier):
            return identifier
        raise ValueError(
            f"Could not interpret {self.kind} identifier: {identifier!r}. "
            f"Expected a name, a config, an instance or a class. Known: {', '.join(self.names())}."
        )

    def _is_member(self, obj: Any) -> bool:
        if self._callables and callable(obj):
            return True
        return self.base is not None and isinstance(obj, self.base)

    def serialize(self, obj: Any) -> Any:
        """Returns what `deserialize` makes an equal object of.

        Args:
            obj: A function with a name, an object with `get_config()`, or `None`.

        Returns:
            The name of a function, by which custom objects have it if it is not registered; `{"class_name": …, "config": …}` of an object, with
            `"registered_name"` if its class was registered by the user; `None` for `None`.

        Raises:
            ValueError: If the object is a function without a name of its own, or has no config.
        """
        if obj is None:
            return None
        if hasattr(obj, "get_config") and not inspect.isclass(obj):
            config = {"class_name": type(obj).__name__, "config": obj.get_config()}
            own = registered_name(type(obj))
            if own is None and type(obj).__name__ not in self:
                meet(type(obj).__name__, type(obj))
            return config if own is None else {**config, "registered_name": own}
        own = registered_name(obj)
        if own is not None:
            return own
        name = getattr(obj, "__name__", None)
        if isinstance(name, str) and self._objects.get(self._key(name)) is obj:
            return name
        if inspect.isfunction(obj) and obj.__name__.isidentifier() and obj.__name__ not in self:
            meet(obj.__name__, obj)
            return obj.__name__
        raise ValueError(
            f"Cannot serialize the {self.kind} {obj!r}: it is not a function with a name of its own "
            "and has no get_config(). Hint: write a function with def; load_model then finds it in "
            "custom_objects."
        )

    def deserialize(self, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Makes an object from its config.

        Args:
            config: What `serialize` returned, or the same with Keras's further keys (`module`,
                `registered_name`); or a name.
            custom_objects: Further classes and functions by name; they go first.

        Returns:
            An instance or function, or `None` for `None`.

        Raises:
            ValueError: If the config has no `class_name`, or one that is not known.
        """
        if custom_objects:
            with custom_object_scope(custom_objects):
                return self.deserialize(config)
        if config is None:
            return None
        if isinstance(config, str):
            return _instance(self.find(config))
        name = config.get("class_name") if isinstance(config, Mapping) else None
        if not isinstance(name, str):
            expected = "a dict with 'class_name' and 'config'"
            raise bad_argument(f"Config of a {self.kind}", expected, "config", config)
        if self.also is not None and name not in self and name in self.also:
            return self.also.deserialize(config)
        inner = config.get("config")
        if name == "function":
            return self.deserialize(inner)
        own = config.get("registered_name")
        custom = get_registered_object(own) if isinstance(own, str) else None
        target = self.find(name) if custom is None else custom
        if not inspect.isclass(target):
            return target
        if hasattr(target, "from_config"):
            return target.from_config(dict(inner or {}))
        return target(**(inner or {}))


def _instance(obj: Any) -> Any:
    """The object, or that of a class.

    Raises:
        ValueError: The class cannot be called without arguments.
    """
    if not inspect.isclass(obj):
        return obj
    try:
        return obj()
    except TypeError:
        kinds = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
        parameters = inspect.signature(obj).parameters.values()
        needed = [p.name for p in parameters if p.kind in kinds and p.default is p.empty]
        if not needed:
            raise
        call = f"{obj.__name__}({', '.join(f'{name}=…' for name in needed)})"
        raise ValueError(
            f"{obj.__name__}: expected an instance, since it has no default for "
            f"{', '.join(needed)}. Received: its name or class. Hint: pass {call}."
        ) from None


@lru_cache(1024)
def snake_case(name: str) -> str:
    """Returns a class name as Keras spells it in snake_case.

    Example:
    >>> snake_case("GlorotUniform"), snake_case("L1L2"), snake_case("ReLU")
    ('glorot_uniform', 'l1l2', 're_lu')
    """
    if not name.isidentifier():
        name = re.sub(r"\W+", "", name)
    return _WORD.sub("_", name).lower()

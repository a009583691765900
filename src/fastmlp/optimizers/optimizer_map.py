"""Which optimizer trains which weight, by the weight's path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Self

from fastmlp.errors import bad_argument
from fastmlp.optimizers.base import Optimizer, registry
from fastmlp.variables import Variable


class OptimizerMap(MutableMapping[str, Optimizer]):
    """A dict from patterns of weights' paths to optimizers, with one for all other weights.

    `optimizer = map[path]`: the entry of that key, else that of the one key that matches the whole path
    as a regular expression, else the default.

    Args:
        default_optimizer: For weights that no pattern matches.
        optimizer_map: A dict from patterns to optimizers.

    Raises:
        TypeError: The default is no optimizer, or `optimizer_map` no dict.
        ValueError: A key or value is not as described.

    Example:

    >>> from fastmlp import optimizers
    >>> table = optimizers.OptimizerMap(optimizers.SGD(0.1))
    >>> table["encoder/.*"] = optimizers.Adam()
    >>> table["encoder/dense/kernel"], table["dense/kernel"]
    (<Adam learning_rate=0.001>, <SGD learning_rate=0.1>)

    Source: Keras 3's class of that name.
    """

    def __init__(
        self,
        default_optimizer: Optimizer,
        optimizer_map: Mapping[str, Optimizer] | None = None,
    ) -> None:
        if not isinstance(default_optimizer, Optimizer):
            expected = f"default_optimizer to be an optimizer. Received: {default_optimizer!r}"
            raise TypeError(f"OptimizerMap: expected {expected}")
        if optimizer_map is not None and not isinstance(optimizer_map, Mapping):
            raise TypeError(f"OptimizerMap: expected a dict. Received: {optimizer_map!r}")
        self.default_optimizer = default_optimizer
        self._found: dict[str, Optimizer] = {}
        for key, optimizer in (optimizer_map or {}).items():
            self[key] = optimizer

    def __getitem__(self, key: str) -> Optimizer:
        if key in self._found:
            return self._found[key]
        matching = [pattern for pattern in self._found if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ValueError(
                f"OptimizerMap: expected one pattern for {key!r}. Received: {matching}"
            )
        return self._found[matching[0]] if matching else self.default_optimizer

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        if not isinstance(key, str):
            raise bad_argument("OptimizerMap", "a path or pattern", "key", key)
        if key in self._found:
            raise bad_argument("OptimizerMap", "a key that it has not yet", "key", key)
        if not isinstance(optimizer, Optimizer) or optimizer.wraps:
            raise bad_argument("OptimizerMap", "an optimizer of one kind", "optimizer", optimizer)
        self._found[key] = optimizer

    def __delitem__(self, key: str) -> None:
        del self._found[key]

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __call__(self, variable: Variable) -> Optimizer:
        """The optimizer of a weight."""
        return self[variable.path]

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal map."""
        return {
            "default_optimizer": registry.serialize(self.default_optimizer),
            "optimizer_map": {key: registry.serialize(self._found[key]) for key in self._found},
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Makes a map from what `get_config` returned."""
        found = {key: registry.get(one) for key, one in config["optimizer_map"].items()}
        return cls(registry.get(config["default_optimizer"]), found)

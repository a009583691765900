"""Types of the extension module quick_step.pyx."""

from collections.abc import Callable
from typing import Any

from fastmlp._core.call import Call
from fastmlp._core.logs import Logs
from fastmlp._core.turns import Turns

class QuickStep:
    def __init__(
        self,
        call: Call,
        executable: Any,
        logs: Logs,
        order: list[str],
        turns: Turns,
        optimizer: Any,
        rule: Callable[[Any], tuple[Any, ...]],
        variables: list[Any],
        trains: bool,
        differentiates: bool,
        draws: bool,
        random: bool,
        rows: int,
        places: list[int],
        classes: list[int],
        compiled: Any = None,
        resolved: list[tuple[str, Any]] | None = None,
    ) -> None: ...
    def run(
        self, model: Any, arrays: tuple[Any, ...], return_dict: bool
    ) -> tuple[Any, list[int]] | None: ...
    @property
    def not_finite(self) -> list[int]: ...
    @property
    def total(self) -> float: ...
    def ready(self, model: Any, arrays: tuple[Any, ...]) -> bool: ...

"""Types of the extension module logs.pyx."""

from typing import Any

KINDS: dict[str, int]

class Logs:
    def __init__(
        self,
        entries: list[tuple[str, str, int, int, Any]],
        terms: list[tuple[int, float]],
        count: int,
        prefix: str = "",
    ) -> None: ...
    def keep_in(self, places: list[Any]) -> None: ...
    def of(self, sums: Any) -> dict[str, Any]: ...
    def loss_of(self, sums: Any) -> float: ...

def plain(value: Any) -> Any: ...

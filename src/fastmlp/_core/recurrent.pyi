"""Types of the extension module recurrent.pyx."""

KINDS: tuple[str, ...]
OPS: dict[str, tuple[int, int]]

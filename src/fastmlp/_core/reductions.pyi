"""Types of the extension module reductions.pyx."""

KINDS: tuple[str, ...]

OPS: dict[str, tuple[int, int]]

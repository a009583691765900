"""Types of the extension module sorting.pyx."""

OPS: dict[str, tuple[int, int]]

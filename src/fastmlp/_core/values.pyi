"""Types of the extension module values.pyx."""

OPS: dict[str, tuple[int, int]]

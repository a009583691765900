"""Types of the extension module rows.pyx."""

OPS: dict[str, tuple[int, int]]

"""Types of the extension module batch.pyx."""

OPS: dict[str, tuple[int, int]]

"""Types of the extension module noise.pyx."""

OPS: dict[str, tuple[int, int]]

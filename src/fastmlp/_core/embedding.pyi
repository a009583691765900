"""Types of the extension module embedding.pyx."""

OPS: dict[str, tuple[int, int]]

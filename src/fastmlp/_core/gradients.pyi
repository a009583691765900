"""Types of the extension module gradients.pyx."""

OPS: dict[str, tuple[int, int]]

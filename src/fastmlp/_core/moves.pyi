"""Types of the extension module moves.pyx."""

OPS: dict[str, tuple[int, int]]

"""Types of the extension module loss_rows.pyx."""

ROWS: list[str]
TARGETS: dict[str, str]
PARAMS: dict[str, tuple[str, ...]]

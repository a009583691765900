"""Why a row misses its target, or a curve stays far below the roofline: words for the tables.

Figures are never written here: those beside these words come from the measurement. A row without
an entry says "not explained yet".
"""

from __future__ import annotations

_CALLS = (
    "the step is a score of kernel calls of some tens of nanoseconds each; products of so few "
    "numbers do not fill a register tile"
)
_EDGES = (
    "products take two thirds to four fifths; the rest is gather, activations, loss, column sums, "
    "packing and Adam, which the roofline does not count"
)

# Of a row of training that misses its target, by the name of its case.
ROWS: dict[str, str] = {
    "sin": f"{_CALLS}; an epoch has six steps, and its Python (history, order) costs as much as one",
    "pima": f"{_CALLS}; Adam's update, the gather and the loss's logarithms take a quarter",
    "tab64": f"{_EDGES}; with 64 columns a tile starts and ends too often",
    "mnist128": "products, SGD within them, take four fifths, gather, dropout and waiting at the ends of phases the "
    "rest; each of two cores reads half of the weights and of the batch from the other's cache",
    "mnist512": "products take three quarters; weights and Adam's two arrays come from L3 or the other "
    "core's cache every step, and Adam takes a ninth",
    "higgs300": "products, SGD within them, take four fifths, turning weights for their gradients, tanh and sums of columns the "
    "rest; two cores are not twice as fast as one, as each reads what the other has changed of weights",
    "lstm300": "products take four fifths, near the peak; the rest is gates, packing of weights and "
    "gradients, Adam and the inputs' products, which one row of weights makes as long as a copy",
    "lstm64": "gates take a seventh; products of 16 rows and 64 columns start and end too often",
    "wide2048": "products take nine tenths, near the peak; Adam, transposed copies of the weights and "
    "the columns of gradients take the rest",
}

# Of a stretch of a sweep below 60 % of the roofline: (sweep, from, to, reason).
GROWTH: list[tuple[str, float, float, str]] = [
    ("width", 8, 32, "gather, softmax, loss and the calls of kernels take more than the products"),
    ("width", 64, 512, _EDGES),
    ("width", 1024, 4096, "128 rows: weights, their panels and Adam's arrays come from memory"),
    ("batch", 1, 16, "Adam and turning all weights for the gradient of a few rows"),
    (
        "batch",
        32,
        256,
        f"Adam and the turning of weights for gradients are shared by few rows; {_EDGES}",
    ),
    ("batch", 512, 8192, _EDGES),
    ("depth", 1, 1, f"most operations are the first layer's, with 64 inputs; {_EDGES}"),
    ("depth", 2, 32, f"weights are turned for the gradients; {_EDGES}"),
]


def of_point(sweep: str, value: float) -> str:
    """The reason that covers this point."""
    for name, low, high, reason in GROWTH:
        if name == sweep and low <= value <= high:
            return reason
    return "not explained yet"

# cython: language_level=3, boundscheck=False, wraparound=False
# cython: cdivision=True, initializedcheck=False
"""The table of row functions: what losses and metrics are, one row at a time.

    f(loss (m), dp (m, n) or NULL, t (m, tn), p (m, n), m, n, tn, h)

t are the targets, p the predictions, h the scalars that PARAMS names. loss[i] is what Keras's
function of that name returns for row i; dp is its gradient with respect to p, or to what the
function says. TARGETS tells what a row of t holds:

    each    a number for each prediction, or (tn = 1) one number for all of them
    same    n numbers
    class   the number of a class, stored as a real
    any     tn >= 1 numbers

Variants: `_logits` takes logits for p. `_sigmoid` and `_softmax` take probabilities, have the value
of the plain loss, and give the gradient with respect to the logits behind the probabilities.

Arithmetic is that of the element type; sums over a row are in double. The functions themselves are
in loss_points and loss_classes, which register them here.
"""

ROWS: list[str] = []  # ops name a row function by its place in this list
TARGETS: dict[str, str] = {}
PARAMS: dict[str, tuple[str, ...]] = {}

cdef enum:
    CAPACITY = 64

cdef row_f32 table_f32[CAPACITY]
cdef row_f64 table_f64[CAPACITY]


cdef row_f32 find_f32(ptrdiff_t number) noexcept nogil:
    return table_f32[number]


cdef row_f64 find_f64(ptrdiff_t number) noexcept nogil:
    return table_f64[number]


cdef int register(str name, str targets, tuple params, row_f32 f32, row_f64 f64) except -1:
    """Registers a row function."""
    assert len(ROWS) < CAPACITY and name not in TARGETS
    table_f32[len(ROWS)] = f32
    table_f64[len(ROWS)] = f64
    ROWS.append(name)
    TARGETS[name] = targets
    PARAMS[name] = params
    return 0

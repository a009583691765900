# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False
"""The C kernels: choice of the tier, tables for the other modules, checked calls on arrays."""
import os
import warnings

import numpy as np

from libc.stdint cimport int64_t, uint32_t, uint64_t, uintptr_t

from fastmlp._core.kernels cimport (
    FM_ACCUMULATE,
    FM_ACT_COUNT,
    FM_AGAIN,
    FM_CURVED,
    FM_GATED,
    FM_GATHER_COUNT,
    FM_PANELS,
    FM_TURNED,
    FM_MAP_COUNT,
    FM_RELU,
    FM_UPDATE_COUNT,
    fm_after,
    fm_act_names,
    fm_act_saves,
    fm_gather_names,
    fm_kernels_f32,
    fm_kernels_f64,
    fm_map_names,
    fm_map_operands,
    fm_update_names,
    fm_update_slots,
)


cdef extern from "cpu.h" nogil:
    const fm_kernels_f32 *fm_f32
    const fm_kernels_f64 *fm_f64
    int fm_tier_count()
    const char *fm_tier_name(int index)
    const char *fm_tier()
    int fm_tier_set(const char *name)


# What kernels.def lists, by index.
ACTIVATIONS = {fm_act_names[i].decode(): chr(fm_act_saves[i]).lower() for i in range(FM_ACT_COUNT)}
MAPS = {fm_map_names[i].decode(): fm_map_operands[i] for i in range(FM_MAP_COUNT)}
UPDATES = {fm_update_names[i].decode(): fm_update_slots[i] for i in range(FM_UPDATE_COUNT)}
GATHERS = [fm_gather_names[i].decode() for i in range(FM_GATHER_COUNT)]

# Addresses, for callers that are neither Cython nor C.
TABLES = {"f32": <uintptr_t> &fm_f32, "f64": <uintptr_t> &fm_f64}


def tiers():
    """Names of the float32 tiers that this CPU can run, the slowest first."""
    return [fm_tier_name(i).decode() for i in range(fm_tier_count())]


def detected():
    """The best of `tiers()`."""
    return fm_tier_name(fm_tier_count() - 1).decode()


def tier():
    """The tier in use."""
    return fm_tier().decode()


def set_tier(name):
    """Uses the kernels of another tier from now on; for tests and comparisons.

    Raises:
        ValueError: This CPU cannot run a tier of that name.
    """
    global in_use32, in_use64
    if not isinstance(name, str) or fm_tier_set(name.encode()) != 0:
        raise ValueError(f"set_tier: expected one of {', '.join(tiers())}. Received: {name!r}")
    in_use32, in_use64 = fm_f32, fm_f64


def _choose_tier(wanted):
    """The best tier, lowered by the environment variable FASTMLP_ISA."""
    set_tier(detected())
    if not wanted:
        return
    try:
        set_tier(wanted)
    except ValueError:
        warnings.warn(
            f"FASTMLP_ISA: expected one of {', '.join(tiers())} (what this CPU can run). "
            f"Received: {wanted!r}. Using {detected()}.",
            RuntimeWarning,
            stacklevel=2,
        )


_choose_tier(os.environ.get("FASTMLP_ISA", ""))


cdef object _float_type(str where, tuple arrays):
    """The arrays' common dtype, float32 or float64; None stands for an absent array."""
    dtype = None
    for x in arrays:
        if x is None:
            continue
        if not isinstance(x, np.ndarray) or x.dtype not in (np.float32, np.float64):
            got = x.dtype if isinstance(x, np.ndarray) else type(x).__name__
            raise TypeError(f"{where}: expected arrays of float32 or float64. Received: {got}")
        if dtype is None:
            dtype = x.dtype
        elif x.dtype != dtype:
            raise TypeError(f"{where}: expected one dtype for all. Received: {dtype}, {x.dtype}")
    return dtype


cdef int _check(bint ok, str where, str expected, tuple arrays) except -1:
    if not ok:
        got = ", ".join("None" if x is None else str(x.shape) for x in arrays)
        raise ValueError(f"{where}: expected {expected}. Received: {got}")
    return 0


cdef ptrdiff_t _stride(object x, int axis, str where) except? -1:
    """Stride in elements."""
    step = x.strides[axis]
    if step % x.itemsize:
        raise ValueError(f"{where}: expected strides of whole elements. Received: {x.strides} bytes")
    return step // x.itemsize


cdef ptrdiff_t _rows(object x, str where) except? -1:
    """Distance of the rows of a matrix whose rows are contiguous."""
    if x.size > 0 and x.shape[1] > 1 and x.strides[1] != x.itemsize:
        raise ValueError(f"{where}: expected contiguous rows. Received: strides={x.strides} bytes")
    return _stride(x, 0, where) if x.shape[0] > 1 else x.shape[1]


cdef uintptr_t _in(object x) except? 0:
    return 0 if x is None else <uintptr_t> x.__array_interface__["data"][0]


cdef uintptr_t _out(object x, str where) except? 0:
    address, read_only = x.__array_interface__["data"]
    if read_only:
        raise ValueError(f"{where}: expected a writable output. Received: a read-only array")
    return <uintptr_t> address


def gemm(c, a, b, bias=None, bint relu=False, bint accumulate=False, panels=None, gate=None,
         double factor=1, curve=None, turned=None, again=None):
    """c (m, n) = a (m, k) · b (k, n) + bias (n), with relu max(c, 0); accumulate: c += a · b.

    `a` may have any strides; rows of `b` and `c` are contiguous. `panels`: what `pack` made of b,
    read in its place; `turned`: what it made of bᵀ. `gate`: y (m, n), strided as c; the product, times
    `factor`, is 0 where it is not positive. `curve`: y likewise; the product is times 1 - y². `again`:
    panels that get c once more; with `panels` or `turned`.
    """
    dtype = _float_type("gemm", (c, a, b, bias, gate, curve))
    _check(
        c.ndim == a.ndim == b.ndim == 2 and a.shape[1] == b.shape[0]
        and c.shape == (a.shape[0], b.shape[1])
        and (bias is None or bias.shape == b.shape[1:]),
        "gemm", "c (m, n), a (m, k), b (k, n), bias (n)", (c, a, b, bias),
    )
    cdef ptrdiff_t m = c.shape[0], n = c.shape[1], k = a.shape[1]
    cdef ptrdiff_t ldc = _rows(c, "gemm c"), ldb = _rows(b, "gemm b")
    cdef ptrdiff_t rs = _stride(a, 0, "gemm a"), cs = _stride(a, 1, "gemm a")
    cdef uintptr_t pc = _out(c, "gemm c"), pa = _in(a), pb = _in(b)
    cdef int flags = (FM_RELU if relu else 0) | (FM_ACCUMULATE if accumulate else 0)
    if bias is not None:
        bias = np.ascontiguousarray(bias)
    cdef uintptr_t pv = _in(bias)
    if gate is not None or curve is not None:
        y = curve if gate is None else gate
        _check(bias is None and y.shape == c.shape and y.strides == c.strides
               and not (relu or accumulate) and (gate is None or curve is None),
               "gemm", "a gate like c and nothing else", (c, y))
        pv = _in(y)
        flags |= FM_CURVED if gate is None else FM_GATED
    if panels is not None:
        if panels.dtype != dtype or _vector(panels, "gemm panels") < panels_size(k, n):
            raise ValueError(f"gemm: expected panels that hold b. Received: {panels.shape}")
        pb = _in(panels)
        flags |= FM_PANELS
    if turned is not None:
        _check(panels is None and k > 0 and turned.dtype == dtype
               and _vector(turned, "gemm turned") >= panels_size(n, k), "gemm", "panels that hold bᵀ", (c, a, b))
        pb = _in(turned)
        flags |= FM_TURNED
    cdef fm_after after = fm_after(factor, NULL, m)
    if again is not None:
        _check((panels is not None or turned is not None) and again.dtype == dtype
               and _vector(again, "gemm again") >= panels_size(m, n), "gemm", "panels that hold c", (c, a, b))
        after.again = <void *>_out(again, "gemm again")
        flags |= FM_AGAIN
    if dtype == np.float32:
        with nogil:
            fm_f32.gemm(<float *> pc, ldc, <const float *> pa, rs, cs, <const float *> pb, ldb,
                        m, n, k, <const float *> pv, &after, flags)
    else:
        with nogil:
            fm_f64.gemm(<double *> pc, ldc, <const double *> pa, rs, cs, <const double *> pb, ldb,
                        m, n, k, <const double *> pv, &after, flags)


GEMM_FLAGS = {"panels": FM_PANELS, "turned": FM_TURNED, "gated": FM_GATED, "curved": FM_CURVED,
              "again": FM_AGAIN}
PANEL_MULTIPLE = 48  # columns of panels are filled up to: a multiple of every tier's panel


cpdef ptrdiff_t panels_size(ptrdiff_t k, ptrdiff_t n):
    """Elements that a (k, n) matrix may take in panels."""
    return (k | 1) * ((n + PANEL_MULTIPLE - 1) // PANEL_MULTIPLE * PANEL_MULTIPLE)


def pack(b, a, bint transposed=False, ptrdiff_t first=0, ptrdiff_t last=-1, panels=None):
    """b = a, or aᵀ, in gemm's panels; only rows first .. last - 1 of a, if given.

    `panels`: what `pack` made of a; for aᵀ it is read in its place.
    """
    dtype = _float_type("pack", (b, a))
    cdef ptrdiff_t k = a.shape[0], n = a.shape[1], lda = _rows(a, "pack a"), a_rows = 0, panel
    last = k if last < 0 else last
    needed = panels_size(n, k) if transposed else panels_size(k, n)
    _check(_vector(b, "pack b") >= needed and 0 <= first <= last <= k, "pack",
           f"room for {needed} elements and rows of a", (b, a))
    cdef uintptr_t pb = _out(b, "pack b"), pa = _in(a[first:last])
    if panels is not None:
        _check(transposed and panels.dtype == dtype and _vector(panels, "pack panels") >= panels_size(k, n),
               "pack", "panels that hold a, for its transpose", (b, a, panels))
        panel = fm_f32.panel if dtype == np.float32 else fm_f64.panel
        pa, a_rows = _in(panels[first * panel:]), k
    if dtype == np.float32:
        if transposed:
            fm_f32.pack_columns(<float *> pb, n, <const float *> pa, lda, a_rows, first, last - first)
        else:
            fm_f32.pack_rows(<float *> pb, k, <const float *> pa, lda, first, last - first, n)
    elif transposed:
        fm_f64.pack_columns(<double *> pb, n, <const double *> pa, lda, a_rows, first, last - first)
    else:
        fm_f64.pack_rows(<double *> pb, k, <const double *> pa, lda, first, last - first, n)


def unpack(a, b, ptrdiff_t first=0, ptrdiff_t last=-1):
    """a = what `pack` made b of; only rows first .. last - 1, if given."""
    dtype = _float_type("unpack", (a, b))
    cdef ptrdiff_t k = a.shape[0], n = a.shape[1], lda = _rows(a, "unpack a")
    last = k if last < 0 else last
    _check(_vector(b, "unpack b") >= panels_size(k, n) and 0 <= first <= last <= k, "unpack",
           "panels that hold a and rows of a", (a, b))
    cdef uintptr_t pa = _out(a[first:last], "unpack a"), pb = _in(b)
    if dtype == np.float32:
        fm_f32.unpack_rows(<float *> pa, lda, <const float *> pb, k, first, last - first, n)
    else:
        fm_f64.unpack_rows(<double *> pa, lda, <const double *> pb, k, first, last - first, n)


def transpose(b, a):
    """b (n, m) = a (m, n) transposed; rows of both are contiguous."""
    dtype = _float_type("transpose", (b, a))
    _check(a.ndim == 2 and b.shape == a.shape[::-1], "transpose", "b (n, m), a (m, n)", (b, a))
    cdef ptrdiff_t m = a.shape[0], n = a.shape[1]
    cdef ptrdiff_t ldb = _rows(b, "transpose b"), lda = _rows(a, "transpose a")
    cdef uintptr_t pb = _out(b, "transpose b"), pa = _in(a)
    if dtype == np.float32:
        fm_f32.transpose(<float *> pb, ldb, <const float *> pa, lda, m, n)
    else:
        fm_f64.transpose(<double *> pb, ldb, <const double *> pa, lda, m, n)


def colsum(g, x, bint accumulate=False):
    """g (n) = the sum of the rows of x (m, n); accumulate: g += it."""
    dtype = _float_type("colsum", (g, x))
    _check(x.ndim == 2 and g.shape == x.shape[1:], "colsum", "g (n), x (m, n)", (g, x))
    _vector(g, "colsum g")
    cdef ptrdiff_t m = x.shape[0], n = x.shape[1], ldx = _rows(x, "colsum x")
    cdef uintptr_t pg = _out(g, "colsum g"), px = _in(x)
    cdef int flags = FM_ACCUMULATE if accumulate else 0
    if dtype == np.float32:
        fm_f32.colsum(<float *> pg, <const float *> px, ldx, m, n, flags)
    else:
        fm_f64.colsum(<double *> pg, <const double *> px, ldx, m, n, flags)


def rowsum(y, x):
    """y (m) = the sums of the rows of x (m, n), whose rows follow each other."""
    dtype = _float_type("rowsum", (y, x))
    _check(x.ndim == 2 and y.shape == x.shape[:1] and x.flags.c_contiguous, "rowsum", "y (m), contiguous x (m, n)",
           (y, x))
    _vector(y, "rowsum y")
    cdef ptrdiff_t m = x.shape[0], n = x.shape[1]
    cdef uintptr_t py = _out(y, "rowsum y"), px = _in(x)
    if dtype == np.float32:
        fm_f32.rowsum(<float *> py, <const float *> px, m, n)
    else:
        fm_f64.rowsum(<double *> py, <const double *> px, m, n)


cdef ptrdiff_t _vector(object x, str where) except -1:
    """Length of a contiguous vector."""
    if x.ndim != 1 or (x.shape[0] > 1 and x.strides[0] != x.itemsize):
        raise ValueError(
            f"{where}: expected a contiguous vector. Received: shape={x.shape}, strides={x.strides}")
    return x.shape[0]


def add(y, a, b):
    """y = a + b, vectors; y may be a or b."""
    dtype = _float_type("add", (y, a, b))
    cdef ptrdiff_t n = _vector(y, "add y")
    _check(n == _vector(a, "add a") == _vector(b, "add b"), "add", "equal lengths", (y, a, b))
    cdef uintptr_t py = _out(y, "add y"), pa = _in(a), pb = _in(b)
    if dtype == np.float32:
        fm_f32.add(<float *> py, <const float *> pa, <const float *> pb, n)
    else:
        fm_f64.add(<double *> py, <const double *> pa, <const double *> pb, n)


def affine(y, x, double scale, double offset):
    """y = x * scale + offset, vectors; y may be x."""
    dtype = _float_type("affine", (y, x))
    cdef ptrdiff_t n = _vector(y, "affine y")
    _check(n == _vector(x, "affine x"), "affine", "equal lengths", (y, x))
    cdef uintptr_t py = _out(y, "affine y"), px = _in(x)
    if dtype == np.float32:
        fm_f32.affine(<float *> py, <const float *> px, n, <float> scale, <float> offset)
    else:
        fm_f64.affine(<double *> py, <const double *> px, n, scale, offset)


def penalty(g, w, double l1, double l2):
    """g += l1 * sign(w) + 2 * l2 * w, vectors."""
    dtype = _float_type("penalty", (g, w))
    cdef ptrdiff_t n = _vector(g, "penalty g")
    _check(n == _vector(w, "penalty w"), "penalty", "equal lengths", (g, w))
    cdef uintptr_t pg = _out(g, "penalty g"), pw = _in(w)
    if dtype == np.float32:
        fm_f32.penalty(<float *> pg, <const float *> pw, n, <float> l1, <float> l2)
    else:
        fm_f64.penalty(<double *> pg, <const double *> pw, n, l1, l2)


def clip(g, double limit):
    """g = min(max(g, -limit), limit), a vector, in place."""
    dtype = _float_type("clip", (g,))
    cdef ptrdiff_t n = _vector(g, "clip g")
    cdef uintptr_t pg = _out(g, "clip g")
    if dtype == np.float32:
        fm_f32.clip(<float *> pg, n, <float> limit)
    else:
        fm_f64.clip(<double *> pg, n, limit)


def sumsq(x):
    """The sum of x², a vector, in double."""
    dtype = _float_type("sumsq", (x,))
    cdef ptrdiff_t n = _vector(x, "sumsq x")
    cdef uintptr_t px = _in(x)
    if dtype == np.float32:
        return fm_f32.sumsq(<const float *> px, n)
    return fm_f64.sumsq(<const double *> px, n)


def sumabs(x):
    """The sum of |x|, a vector, in double."""
    dtype = _float_type("sumabs", (x,))
    cdef ptrdiff_t n = _vector(x, "sumabs x")
    cdef uintptr_t px = _in(x)
    if dtype == np.float32:
        return fm_f32.sumabs(<const float *> px, n)
    return fm_f64.sumabs(<const double *> px, n)


def binary_xent(loss, t, p, double low, double high):
    """loss = -log(t q + (1 - t)(1 - q)), vectors, q = p clipped to [low, high].

    Returns:
        Whether every label t is 1 or 0; else loss is no cross-entropy.
    """
    dtype = _float_type("binary_xent", (loss, t, p))
    cdef ptrdiff_t n = _vector(loss, "binary_xent loss")
    _check(n == _vector(t, "binary_xent t") == _vector(p, "binary_xent p"), "binary_xent", "equal lengths",
           (loss, t, p))
    cdef uintptr_t py = _out(loss, "binary_xent loss"), pt = _in(t), pp = _in(p)
    if dtype == np.float32:
        return not fm_f32.binary_xent(<float *> py, <const float *> pt, <const float *> pp, n, <float> low,
                                      <float> high)
    return not fm_f64.binary_xent(<double *> py, <const double *> pt, <const double *> pp, n, low, high)


def philox(ptrdiff_t blocks, uint64_t first, uint64_t seed, uint64_t stream, uint64_t step):
    """The words (blocks, 4) of the blocks from number `first` on, as csrc/philox.h defines them."""
    _check(blocks >= 0, "philox", "blocks >= 0", ())
    words = np.empty((blocks, 4), np.uint32)
    cdef uintptr_t p = words.ctypes.data
    fm_f32.philox(<uint32_t *> p, blocks, first, seed, stream, step)
    return words


def gather(x, src, rows=None, ptrdiff_t first=0):
    """x (m, n): row i is row rows[first + i], or first + i, of src (samples, n), converted.

    `src` may have any strides and any dtype of `GATHERS`.

    Returns:
        True if a converted value was NaN or infinite.
    """
    dtype = _float_type("gather", (x,))
    _check(x.ndim == src.ndim == 2 and x.shape[1] == src.shape[1], "gather",
           "x (m, n), src (samples, n)", (x, src))
    if src.dtype.name not in GATHERS or not src.dtype.isnative:
        raise TypeError(f"gather: expected src of {', '.join(GATHERS)}. Received: {src.dtype}")
    cdef int kind = GATHERS.index(src.dtype.name)
    cdef ptrdiff_t m = x.shape[0], n = x.shape[1], ldx = _rows(x, "gather x")
    cdef ptrdiff_t row_stride = src.strides[0], stride = src.strides[1]
    if rows is not None:
        rows = np.ascontiguousarray(rows, dtype=np.int64)
        _check(rows.ndim == 1 and 0 <= first <= len(rows) - m, "gather",
               f"{m} rows from position {first}", (rows,))
        used = rows[first:first + m]
        if m and not 0 <= used.min() <= used.max() < len(src):
            raise ValueError(f"gather: expected rows in [0, {len(src)}). "
                             f"Received: {used.min()} … {used.max()}")
    else:
        _check(0 <= first <= len(src) - m, "gather", f"{m} rows from row {first}", (src,))
    cdef uintptr_t px = _out(x, "gather x"), ps = _in(src), pr = _in(rows)
    cdef int bad
    if dtype == np.float32:
        bad = fm_f32.gather[kind](<float *> px, ldx, <const char *> ps, row_stride, stride,
                                  <const int64_t *> pr, first, m, n)
    else:
        bad = fm_f64.gather[kind](<double *> px, ldx, <const char *> ps, row_stride, stride,
                                  <const int64_t *> pr, first, m, n)
    return bool(bad)

# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False
"""The BLAS that SciPy ships, for row-major matrices.

Its functions are the pointers that `scipy.linalg.cython_blas` exports; they are taken on first
need (`load`), since importing SciPy takes longer than training a small network. BLAS is
column-major and so sees every row-major matrix transposed: c = a · b is computed as cᵀ = bᵀ · aᵀ.

Our workers call it on tiles of their own, so it must not start threads: `enter` sets OpenBLAS to
one thread, `leave` restores what was set. Other libraries are left as they are: Accelerate has no
such switch, and MKL keeps one per thread.
"""
import os
import re
import threading

import numpy as np

from fastmlp._core import blas_library

from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer
from cpython.pythread cimport (
    PyThread_acquire_lock,
    PyThread_allocate_lock,
    PyThread_release_lock,
    PyThread_type_lock,
    WAIT_LOCK,
)
from libc.limits cimport INT_MAX

ctypedef void (*sgemm_t)(char *, char *, int *, int *, int *, float *, const float *, int *,
                         const float *, int *, float *, float *, int *) noexcept nogil
ctypedef void (*dgemm_t)(char *, char *, int *, int *, int *, double *, const double *, int *,
                         const double *, int *, double *, double *, int *) noexcept nogil
ctypedef void (*sgemv_t)(char *, int *, int *, float *, const float *, int *,
                         const float *, int *, float *, float *, int *) noexcept nogil
ctypedef void (*dgemv_t)(char *, int *, int *, double *, const double *, int *,
                         const double *, int *, double *, double *, int *) noexcept nogil
ctypedef int (*get_threads_t)() noexcept nogil
ctypedef void (*set_threads_t)(int) noexcept nogil
ctypedef void *(*buffer_alloc_t)(int) noexcept nogil
ctypedef void (*buffer_free_t)(void *) noexcept nogil

cdef sgemm_t sgemm = NULL
cdef dgemm_t dgemm = NULL
cdef sgemv_t sgemv = NULL
cdef dgemv_t dgemv = NULL

# What each capsule must be named: its C signature, with R for float or double.
_SIGNATURES = {
    "gemm": "void (char *, char *, int *, int *, int *, "
            "R *, R *, int *, R *, int *, R *, R *, int *)",
    "gemv": "void (char *, int *, int *, R *, R *, int *, R *, int *, R *, R *, int *)",
}

# OpenBLAS's own functions; NULL where BLAS is another library or does not show them.
cdef get_threads_t get_threads = NULL
cdef set_threads_t set_threads = NULL
cdef buffer_alloc_t buffer_alloc = NULL
cdef buffer_free_t buffer_free = NULL

cdef PyThread_type_lock lock = PyThread_allocate_lock()  # over the next two
cdef int entered = 0
cdef int threads_before = 0

MAX_SIZE = INT_MAX
cdef enum:
    BLOCK = 1 << 30          # rows (of c, or summed over) that one call takes
    MAX_BUFFERS = 256

_facts = None                # of the library, once load() has been called


# ---- Finding it ----

cdef void *function(object capsules, str name) except NULL:
    """The pointer in SciPy's capsule, after a look at its signature."""
    capsule = capsules[name]
    cdef const char *signature = PyCapsule_GetName(capsule)
    came = re.sub(r"__pyx_t_\w*cython_blas_[sd]\b", "R", signature.decode())
    expected = _SIGNATURES[name[1:]]
    if came != expected:
        raise RuntimeError(
            f"SciPy's BLAS: expected {name} to be {expected!r}. Received: {came!r}. "
            "Hint: fastmlp does not know this version of SciPy; "
            "fastmlp.config.set_gemm('native') does without."
        )
    return PyCapsule_GetPointer(capsule, signature)


cpdef load():
    """Imports SciPy's BLAS and takes its functions, the first time it is called.

    Raises:
        RuntimeError: SciPy's functions have another signature than expected.
    """
    global sgemm, dgemm, sgemv, dgemv, get_threads, set_threads, buffer_alloc, buffer_free, _facts
    if _facts is not None:
        return
    from scipy.linalg import cython_blas

    capsules = cython_blas.__pyx_capi__
    sgemm = <sgemm_t>function(capsules, "sgemm")
    dgemm = <dgemm_t>function(capsules, "dgemm")
    sgemv = <sgemv_t>function(capsules, "sgemv")
    dgemv = <dgemv_t>function(capsules, "dgemv")
    library = blas_library.find(cython_blas.__file__)
    get_threads = <get_threads_t><size_t>library.get_threads
    set_threads = <set_threads_t><size_t>library.set_threads
    buffer_alloc = <buffer_alloc_t><size_t>library.buffer_alloc
    buffer_free = <buffer_free_t><size_t>library.buffer_free
    if _facts is None and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)
    _facts = library.facts


def info():
    """What SciPy's BLAS is.

    Returns:
        `name`, `version`, `library` (its file), `config` (its own words), `threading` (`'none'`,
        `'pthreads'`, `'OpenMP'` or `'unknown'`) and `threads` (how many it uses outside of our
        workers; None: unknown).
    """
    load()
    return {**_facts, "threads": get_threads() if get_threads is not NULL else None}


# ---- Calling it ----

cdef void gemm_block(real *c, ptrdiff_t ldc, const real *a, ptrdiff_t lda, bint ta,
                     const real *b, ptrdiff_t ldb, bint tb,
                     ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, real alpha, real beta) noexcept nogil:
    cdef char op_a = c'T' if ta else c'N'
    cdef char op_b = c'T' if tb else c'N'
    cdef int im = <int>m, in_ = <int>n, ik = <int>k
    cdef int ia = <int>max(lda, 1), ib = <int>max(ldb, 1), ic = <int>ldc
    if real is float:
        sgemm(&op_b, &op_a, &in_, &im, &ik, &alpha, b, &ib, a, &ia, &beta, c, &ic)
    else:
        dgemm(&op_b, &op_a, &in_, &im, &ik, &alpha, b, &ib, a, &ia, &beta, c, &ic)


cdef void gemm_blocks(real *c, ptrdiff_t ldc, const real *a, ptrdiff_t lda, bint ta,
                      const real *b, ptrdiff_t ldb, bint tb, ptrdiff_t m, ptrdiff_t n,
                      ptrdiff_t k, real alpha, real beta, ptrdiff_t block) noexcept nogil:
    cdef ptrdiff_t i = 0, p
    while i < m and n > 0:
        gemm_block(c + i * ldc, ldc, a + i * (1 if ta else lda), lda, ta, b, ldb, tb,
                   min(block, m - i), n, min(block, k), alpha, beta)
        p = block
        while p < k:
            gemm_block(c + i * ldc, ldc, a + i * (1 if ta else lda) + p * (lda if ta else 1), lda,
                       ta, b + p * (1 if tb else ldb), ldb, tb,
                       min(block, m - i), n, min(block, k - p), alpha, <real>1)
            p += block
        i += block


cdef void gemm(real *c, ptrdiff_t ldc, const real *a, ptrdiff_t lda, bint ta,
               const real *b, ptrdiff_t ldb, bint tb,
               ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, real alpha, real beta) noexcept nogil:
    gemm_blocks(c, ldc, a, lda, ta, b, ldb, tb, m, n, k, alpha, beta, BLOCK)


cdef void gemv_block(real *y, ptrdiff_t incy, const real *a, ptrdiff_t lda, bint ta,
                     const real *x, ptrdiff_t incx,
                     ptrdiff_t m, ptrdiff_t n, real alpha, real beta) noexcept nogil:
    cdef char op = c'N' if ta else c'T'
    cdef int im = <int>m, in_ = <int>n, ia = <int>lda, ix = <int>incx, iy = <int>incy
    if real is float:
        sgemv(&op, &in_, &im, &alpha, a, &ia, x, &ix, &beta, y, &iy)
    else:
        dgemv(&op, &in_, &im, &alpha, a, &ia, x, &ix, &beta, y, &iy)


cdef void gemv_blocks(real *y, ptrdiff_t incy, const real *a, ptrdiff_t lda, bint ta,
                      const real *x, ptrdiff_t incx, ptrdiff_t m, ptrdiff_t n,
                      real alpha, real beta, ptrdiff_t block) noexcept nogil:
    cdef ptrdiff_t i = 0
    if m == 0 or n == 0:  # BLAS would leave y alone
        for i in range(n if ta else m):
            y[i * incy] = beta * y[i * incy] if beta != 0 else 0
        return
    while i < m:
        if ta:
            gemv_block(y, incy, a + i * lda, lda, ta, x + i * incx, incx,
                       min(block, m - i), n, alpha, beta if i == 0 else <real>1)
        else:
            gemv_block(y + i * incy, incy, a + i * lda, lda, ta, x, incx,
                       min(block, m - i), n, alpha, beta)
        i += block


cdef void gemv(real *y, ptrdiff_t incy, const real *a, ptrdiff_t lda, bint ta,
               const real *x, ptrdiff_t incx,
               ptrdiff_t m, ptrdiff_t n, real alpha, real beta) noexcept nogil:
    gemv_blocks(y, incy, a, lda, ta, x, incx, m, n, alpha, beta, BLOCK)


# ---- Its threads and its memory ----

cdef void enter() noexcept nogil:
    global entered, threads_before
    if set_threads is NULL:
        return
    PyThread_acquire_lock(lock, WAIT_LOCK)
    if entered == 0:
        threads_before = get_threads()
        if threads_before != 1:
            set_threads(1)
    entered += 1
    PyThread_release_lock(lock)


cdef void leave() noexcept nogil:
    global entered
    if set_threads is NULL:
        return
    PyThread_acquire_lock(lock, WAIT_LOCK)
    if entered > 0:
        entered -= 1
        if entered == 0:
            restore()
    PyThread_release_lock(lock)


cdef void restore() noexcept nogil:
    if threads_before != 1 and get_threads() == 1:  # else somebody has set it meanwhile
        set_threads(threads_before)


def _after_fork():
    """In a forked child: the threads that had entered are gone, and may have held the lock."""
    global lock, entered
    lock = PyThread_allocate_lock()
    if entered:
        entered = 0
        restore()


class single_threaded:
    """Context in which BLAS computes on the calling thread only, for tests and benchmarks."""

    def __enter__(self):
        load()
        enter()
        return self

    def __exit__(self, *exception):
        leave()


def warm_up(int n_workers=1):
    """Makes BLAS take the memory that calls from `n_workers` threads at once will need.

    OpenBLAS maps a buffer for each call that runs at the same time as others, keeps it, and ends
    the process when it cannot get one. After this it will not need to.

    Args:
        n_workers: Threads that will call at the same time.

    Raises:
        ValueError: `n_workers` is below 1.
    """
    if n_workers < 1:
        raise ValueError(f"warm_up: expected n_workers >= 1. Received: n_workers={n_workers}")
    load()
    cdef void *held[MAX_BUFFERS]
    cdef int i, n = min(n_workers, <int>MAX_BUFFERS)
    if n > 1 and buffer_alloc is not NULL:
        for i in range(n):
            held[i] = buffer_alloc(0)
        for i in range(n):
            buffer_free(held[i])
    elif n > 1 and set_threads is not NULL:
        _call_together(n)
    for dtype in (np.float32, np.float64):
        matmul(np.ones((8, 8), dtype), np.ones((8, 8), dtype))


def _call_together(n):
    """The next best: n threads start a product of some milliseconds at the same moment."""
    barrier = threading.Barrier(n)
    a = np.ones((256, 256))

    def call():
        barrier.wait()
        matmul(a, a)

    threads = [threading.Thread(target=call) for _ in range(n)]
    with single_threaded():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


# ---- On arrays ----

def matmul(a, b, out=None, bint ta=False, bint tb=False, double alpha=1.0, double beta=0.0,
           ptrdiff_t block=BLOCK):
    """out = alpha · op(a) · op(b) + beta · out, by BLAS, for tests and benchmarks.

    Args:
        a: (m, k), or (k, m) where `ta`; float32 or float64.
        b: (k, n), or (n, k) where `tb`; of a's dtype.
        out: (m, n), or None: a new array. Its rows are contiguous; it shares no memory with a, b.
        ta: Whether op transposes a.
        tb: Whether op transposes b.
        alpha: Factor of the product.
        beta: Factor of what `out` holds; 0 overwrites even nan.
        block: Larger m and k are split.

    Returns:
        `out`.

    Raises:
        ValueError: Shapes that do not fit, another dtype, an `out` that cannot be written to.
    """
    a, b = _matrix("matmul", "a", a), _matrix("matmul", "b", b)
    m, k = a.shape[::-1] if ta else a.shape
    k_b, n = b.shape[::-1] if tb else b.shape
    if k != k_b:
        raise ValueError(
            f"matmul: expected b with {k} {'columns' if tb else 'rows'}. "
            f"Received: a.shape={a.shape}, b.shape={b.shape}, ta={ta}, tb={tb}"
        )
    if block < 1 or max(n, a.shape[1], b.shape[1]) > INT_MAX:
        raise ValueError(
            f"matmul: expected rows of at most {INT_MAX} elements and block >= 1. "
            f"Received: a.shape={a.shape}, b.shape={b.shape}, block={block}"
        )
    out = _output("matmul", out, (m, n), beta, a, b)
    load()
    if a.dtype == np.float32:
        _matmul[float](out, a, b, ta, tb, k, alpha, beta, block)
    else:
        _matmul[double](out, a, b, ta, tb, k, alpha, beta, block)
    return out


cdef _matmul(real[:, :] out, const real[:, :] a, const real[:, :] b, bint ta, bint tb,
             ptrdiff_t k, double alpha, double beta, ptrdiff_t block):
    cdef ptrdiff_t ldc = row_length(out.shape, out.strides, sizeof(real))
    cdef ptrdiff_t lda = row_length(a.shape, a.strides, sizeof(real))
    cdef ptrdiff_t ldb = row_length(b.shape, b.strides, sizeof(real))
    with nogil:
        gemm_blocks(&out[0, 0], ldc, &a[0, 0], lda, ta, &b[0, 0], ldb, tb,
                    out.shape[0], out.shape[1], k, <real>alpha, <real>beta, min(block, BLOCK))


def matvec(a, x, out=None, bint ta=False, double alpha=1.0, double beta=0.0,
           ptrdiff_t block=BLOCK):
    """out = alpha · op(a) · x + beta · out, by BLAS, for tests and benchmarks.

    Args:
        a: (m, n); float32 or float64.
        x: (n,), or (m,) where `ta`; of a's dtype.
        out: (m,), or (n,) where `ta`; None: a new array. It shares no memory with a and x.
        ta: Whether op transposes a.
        alpha: Factor of the product.
        beta: Factor of what `out` holds; 0 overwrites even nan.
        block: A larger m is split.

    Returns:
        `out`.

    Raises:
        ValueError: Shapes that do not fit, another dtype, an `out` that cannot be written to.
    """
    a, x = _matrix("matvec", "a", a), _vector("matvec", "x", x)
    rows, columns = a.shape[::-1] if ta else a.shape
    if x.shape != (columns,):
        raise ValueError(
            f"matvec: expected x with {columns} elements. "
            f"Received: a.shape={a.shape}, x.shape={x.shape}, ta={ta}"
        )
    if block < 1 or a.shape[1] > INT_MAX:
        raise ValueError(
            f"matvec: expected rows of at most {INT_MAX} elements and block >= 1. "
            f"Received: a.shape={a.shape}, block={block}"
        )
    out = _output("matvec", out, (rows,), beta, a, x)
    load()
    if a.dtype == np.float32:
        _matvec[float](out, a, x, ta, alpha, beta, block)
    else:
        _matvec[double](out, a, x, ta, alpha, beta, block)
    return out


cdef _matvec(real[:] out, const real[:, :] a, const real[:] x, bint ta,
             double alpha, double beta, ptrdiff_t block):
    cdef ptrdiff_t lda = row_length(a.shape, a.strides, sizeof(real))
    cdef ptrdiff_t incy = out.strides[0] // sizeof(real) if out.shape[0] > 1 else 1
    cdef ptrdiff_t incx = x.strides[0] // sizeof(real) if x.shape[0] > 1 else 1
    with nogil:
        gemv_blocks(&out[0], incy, &a[0, 0], lda, ta, &x[0], incx,
                    a.shape[0], a.shape[1], <real>alpha, <real>beta, min(block, BLOCK))


cdef ptrdiff_t row_length(const Py_ssize_t *shape, const Py_ssize_t *strides, size_t size) nogil:
    """Elements from a row to the next; where there is no next, the stride may be anything."""
    return strides[0] // <ptrdiff_t>size if shape[0] > 1 else max(shape[1], 1)


def _ready(array):
    """Whether BLAS can take the array: rows contiguous, apart, forward and aligned."""
    size = array.itemsize
    *outer, inner = array.strides
    if array.ndim == 1:
        return array.flags.aligned and (len(array) < 2 or size <= inner <= INT_MAX * size)
    rows, columns = array.shape
    return (
        array.flags.aligned
        and (columns < 2 or inner == size)
        and (rows < 2 or columns * size <= outer[0] <= INT_MAX * size)
        and outer[0] % size == 0
    )


def _matrix(where, name, array):
    return _input(where, name, array, 2)


def _vector(where, name, array):
    return _input(where, name, array, 1)


def _input(where, name, array, ndim):
    array = np.asarray(array)
    if array.ndim != ndim or array.dtype not in (np.float32, np.float64):
        raise ValueError(
            f"{where}: expected {name} to be a float32 or float64 array with {ndim} dimensions. "
            f"Received: shape={array.shape}, dtype={array.dtype}"
        )
    return array if _ready(array) else np.ascontiguousarray(array)


def _output(where, out, shape, beta, a, b):
    """Checks the operands against each other and `out`, or makes it."""
    if a.dtype != b.dtype:
        raise ValueError(f"{where}: expected one dtype. Received: {a.dtype} and {b.dtype}")
    if out is None:
        if beta != 0:
            raise ValueError(f"{where}: expected out where beta is not 0. Received: beta={beta}")
        return np.empty(shape, a.dtype)
    if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != a.dtype:
        raise ValueError(
            f"{where}: expected out to be a {a.dtype} array of shape {shape}. Received: "
            f"{type(out).__name__}, shape={np.shape(out)}, dtype={getattr(out, 'dtype', None)}"
        )
    if not out.flags.writeable or not _ready(out):
        raise ValueError(
            f"{where}: expected out to be writeable, with contiguous rows. "
            f"Received: strides={out.strides}, writeable={out.flags.writeable}"
        )
    if np.may_share_memory(out, a) or np.may_share_memory(out, b):
        raise ValueError(f"{where}: expected out with memory of its own. Received: an overlap")
    return out

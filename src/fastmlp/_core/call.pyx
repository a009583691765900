# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A program as a function of NumPy arrays, for calls that may take microseconds.

A `Run` costs Python ten calls to set up; a `Call` keeps one and only moves its feeds and fetches to
the arrays at hand, after a look at their types and shapes in C. What is not plain (another type of
array, another shape, a weight that has moved) it refuses without having done anything: the caller
then takes its general way, which converts or complains.

A short run keeps the GIL: to give it away and wait for it costs more. A longer one gives it away,
so that other threads compute at the same time, and looks for Ctrl-C every 50 ms.
"""
cimport numpy as np
from cpython.exc cimport PyErr_CheckSignals
from cpython.pythread cimport (
    PyThread_acquire_lock,
    PyThread_allocate_lock,
    PyThread_free_lock,
    PyThread_get_thread_ident,
    PyThread_release_lock,
    NOWAIT_LOCK,
    WAIT_LOCK,
)
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free

from fastmlp._core.home cimport Home
from fastmlp._core.op cimport Feed, Part
from fastmlp._core.plan cimport Run
from fastmlp._core.program cimport Program

import numpy as np

from fastmlp._core import _native

np.import_array()

cdef enum:
    TYPES = 32               # NumPy's numbers of its element types
    SHORT_WORK = 2_000_000   # floating-point operations of a run that keeps the GIL: 50 µs

MOST_AXES = MAX_AXES + 1  # of an array

# The gather kernel of each of NumPy's element types; -1: none.
cdef int[TYPES] gathers

cdef int list_gathers() except -1:
    for i in range(TYPES):
        gathers[i] = -1
    for letter in "?bBhHiIlLqQfd":
        dtype = np.dtype(letter)
        gathers[dtype.num] = _native.GATHERS.index(dtype.name)
    return 0


list_gathers()


cdef Shape shape_of(tuple axes) except *:
    cdef Shape shape
    if len(axes) > MAX_AXES:
        raise ValueError(f"expected at most {MAX_AXES + 1} axes. Received: {len(axes) + 1}")
    shape.n_axes, shape.size = len(axes), 1
    for i, n in enumerate(axes):
        shape.axes[i] = n
        shape.size *= n
    return shape


cdef ptrdiff_t bind(Feed *feed, object x, const Shape *row) noexcept:
    """Points a feed at an array; returns its number of rows, or -1 if it is not plain."""
    cdef np.ndarray array
    cdef const np.npy_intp *strides
    cdef int kind, i
    cdef ptrdiff_t itemsize
    if not np.PyArray_CheckExact(x):
        return -1
    array = <np.ndarray>x
    if np.PyArray_NDIM(array) != row.n_axes + 1 or not np.PyArray_ISNOTSWAPPED(array):
        return -1
    kind = np.PyArray_TYPE(array)
    kind = gathers[kind] if 0 <= kind < TYPES else -1
    if kind < 0:
        return -1
    for i in range(row.n_axes):
        if np.PyArray_DIM(array, i + 1) != row.axes[i]:
            return -1
    strides, itemsize = np.PyArray_STRIDES(array), np.PyArray_ITEMSIZE(array)
    if row.n_axes > 1 and not np.PyArray_IS_C_CONTIGUOUS(array):
        return -1
    feed.parts[0] = Part(
        <const char *>np.PyArray_DATA(array), strides[0],
        strides[1] if row.n_axes == 1 else itemsize, 0, row.size, kind)
    feed.n_parts = 1
    feed.not_finite = 0
    return np.PyArray_DIM(array, 0)


cdef class Call:
    """Runs a program on arrays, from one thread at a time.

    Args:
        program: Frozen; nobody else runs it.
        inputs: Shape of one row of each array that is fed.
        outputs: Shape of one row of each array that is returned.
        dtype: Element type of what is returned.
        capacity: Largest number of rows in one step.
        least: Smallest number of rows in one call.
        limit: Largest number of rows in one call.
        work: Floating-point operations of one row, about.
        parallel_work: From how many on a step is worth several threads.
        threads: Says, without arguments, how many threads there may be.
        weights: The weights, and the arrays in which the program knows them.
        steps_per_check: Steps between looks at the clock.

    Attributes:
        more: Another one, which gets single arrays of fewer or more rows; or None.
    """

    def __cinit__(self, Program program, list inputs, list outputs, *_):
        self.lock = PyThread_allocate_lock()
        self.inputs = <Shape *>calloc(len(inputs) + 1, sizeof(Shape))
        self.outputs = <Shape *>calloc(len(outputs) + 1, sizeof(Shape))
        if self.lock == NULL or self.inputs == NULL or self.outputs == NULL:
            raise MemoryError("no memory for a call")

    def __dealloc__(self):
        if self.lock != NULL:
            PyThread_free_lock(self.lock)
        free(self.inputs)
        free(self.outputs)

    def __init__(self, Program program, list inputs, list outputs, str dtype, ptrdiff_t capacity,
                 ptrdiff_t least, ptrdiff_t limit, double work, double parallel_work, object threads, dict weights,
                 ptrdiff_t steps_per_check):
        self.program, self.capacity, self.least, self.limit = program, capacity, least, limit
        self.work, self.parallel_work = work, parallel_work
        self.threads, self.steps_per_check = threads, steps_per_check
        self.type_number = np.dtype(dtype).num
        self.n_inputs, self.n_outputs = len(inputs), len(outputs)
        for i, axes in enumerate(inputs):
            self.inputs[i] = shape_of(axes)
            program.bind_feed(i, [(0, 0, 0, 0, 0, 0)], 0, None)  # makes room for its one part
        for i, axes in enumerate(outputs):
            self.outputs[i] = shape_of(axes)
        self.homes, self.values = list(weights), list(weights.values())
        self._make_run(1)

    def on_array(self, x):
        """The output for one array, where there is one input and one output; None: not plain."""
        return self._one(x, False)

    def on_finite(self, x):
        """The same; None also if the array holds a NaN or an infinity."""
        return self._one(x, True)

    cdef object _one(self, object x, bint finite):
        cdef ptrdiff_t n
        cdef Call more = self.more  # stays while it runs, even if another thread finds a larger one
        self.enter()
        try:
            n = bind(&self.program.feeds[0], x, &self.inputs[0])
            if self.least <= n <= self.limit:
                if not self.is_current():
                    return None
                y = self._result(0, n)
                self.go(n, 0, 0)
                return None if finite and self.program.feeds[0].not_finite else y
        finally:
            self.leave()
        return None if more is None else more._one(x, finite)

    def on_arrays(self, list xs, uint64_t seed=0, int64_t iterations=0):
        """The outputs, and the sums of the accumulators; None: not plain.

        Args:
            xs: An array for each input.
            seed: Of dropout.
            iterations: Steps done before.
        """
        cdef ptrdiff_t n = 0, rows
        cdef int i
        if len(xs) != self.n_inputs:
            return None
        self.enter()
        try:
            for i in range(self.n_inputs):
                rows = bind(&self.program.feeds[i], xs[i], &self.inputs[i])
                if i and rows != n:
                    return None
                n = rows
            if n < self.least or n > self.limit or not self.is_current():
                return None
            ys = [self._result(i, n) for i in range(self.n_outputs)]
            self.go(n, seed, iterations)
            return ys, [self.run.job.log[i] for i in range(self.program.n_out)]
        finally:
            self.leave()

    def not_finite(self):
        """The inputs whose last array held a NaN or an infinity."""
        cdef tuple found = ()
        cdef int i
        for i in range(self.n_inputs):
            if self.program.feeds[i].not_finite:
                found += (i,)
        return found

    cdef ptrdiff_t bind_feed(self, int index, object x) noexcept:
        """Points a feed at an array; returns its number of rows, or -1 if it is not plain."""
        return bind(&self.program.feeds[index], x, &self.inputs[index])

    cdef int _make_run(self, int threads) except -1:
        self.run = Run(self.program, 1, self.capacity, threads=threads,
                       steps_per_check=self.steps_per_check)
        self.most_threads = threads
        return 0

    cdef int enter(self) except -1:
        if not PyThread_acquire_lock(self.lock, NOWAIT_LOCK):
            if self.owner == PyThread_get_thread_ident():
                raise RuntimeError("a model was called by code that runs inside its own step")
            with nogil:
                PyThread_acquire_lock(self.lock, WAIT_LOCK)
        self.owner = PyThread_get_thread_ident()
        return 0

    cdef void leave(self) noexcept:
        self.owner = 0
        PyThread_release_lock(self.lock)

    cdef bint is_current(self) noexcept:
        """Whether every weight still lies where the program knows it."""
        cdef Py_ssize_t i
        for i in range(len(self.homes)):
            if (<Home>self.homes[i]).value is not self.values[i]:
                return False
        return True

    cdef object _result(self, int index, ptrdiff_t n):
        """A new array for an output, with its fetch pointed at it."""
        cdef np.npy_intp[MAX_AXES + 1] shape
        cdef const Shape *row = &self.outputs[index]
        cdef int i
        shape[0] = n
        for i in range(row.n_axes):
            shape[i + 1] = row.axes[i]
        y = np.PyArray_EMPTY(row.n_axes + 1, shape, self.type_number, 0)
        self.program.fetches[index] = np.PyArray_DATA(<np.ndarray>y)
        return y

    cdef int go(self, ptrdiff_t n, uint64_t seed, int64_t iterations) except -1:
        cdef int threads = 1
        if n * self.work < SHORT_WORK:
            self.run.restart(n, seed, iterations)
            return self.run.finish()
        if min(n, self.capacity) * self.work >= self.parallel_work:
            threads = min(<int>self.threads(), self.program.most_workers)
            if threads > self.most_threads:
                self._make_run(threads)
        self.run.threads = threads
        self.run.restart(n, seed, iterations)
        while not self.run.go():
            PyErr_CheckSignals()
        return 0

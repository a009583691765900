# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""One step on a batch, kept ready: all of `train_on_batch` but its name, without Python."""
cimport numpy as np
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, realloc

from fastmlp._core.call cimport Call
from fastmlp._core.logs cimport Logs
from fastmlp._core.program cimport steps_of
from fastmlp._core.turns cimport Turns

from fastmlp import config

np.import_array()

ctypedef fused label:
    uint8_t
    int32_t
    int64_t


cdef bint within(const label *y, ptrdiff_t n, int64_t classes) noexcept nogil:
    """Whether all labels are from 0 to classes - 1."""
    cdef ptrdiff_t i
    for i in range(n):
        if y[i] < 0 or y[i] >= classes:
            return False
    return True


cdef bint are_labels(np.ndarray y, int64_t classes) except -1:
    """Whether targets are surely whole numbers from 0 to `classes - 1`."""
    cdef ptrdiff_t n = np.PyArray_SIZE(y)
    if np.PyArray_IS_C_CONTIGUOUS(y) and np.PyArray_ISNOTSWAPPED(y):
        if np.PyArray_TYPE(y) == np.NPY_INT64:
            return within(<const int64_t *>np.PyArray_DATA(y), n, classes)
        if np.PyArray_TYPE(y) == np.NPY_INT32:
            return within(<const int32_t *>np.PyArray_DATA(y), n, classes)
        if np.PyArray_TYPE(y) == np.NPY_UINT8:
            return within(<const uint8_t *>np.PyArray_DATA(y), n, classes)
    return y.dtype.kind in "iu" and n > 0 and y.min() >= 0 and y.max() < classes


cdef class QuickStep:
    """A step on a batch: inputs, targets and maybe weights, each of a certain shape.

    Args:
        call: Of the program that runs it.
        executable: Whose program it is; nobody else may be using it.
        logs: Of its accumulators.
        order: Log keys behind the loss.
        turns: The model's.
        optimizer: The model's.
        rule: Gives what the program depends on, of an optimizer, besides its numbers.
        variables: The weights of the model.
        trains: Whether it updates them.
        differentiates: Whether it computes their gradients.
        draws: Whether a seed of the model is its own.
        random: Whether it looks at that.
        rows: Samples.
        places: For each feed, which of the arrays it reads.
        classes: For each feed the number of classes, if it is of class numbers; else 0.
        compiled: Of the model, which is to know of what the step measured; None: it is not.
        resolved: The metrics, by log keys, as `compiled` has them.
    """

    cdef Call call
    cdef object executable, optimizer, rule, compiled, resolved
    cdef Logs logs
    cdef list order, variables, trainable
    cdef Turns turns
    cdef bint trains, differentiates, draws, random
    cdef ptrdiff_t rows
    cdef int n_feeds
    cdef int *places
    cdef int64_t *classes
    cdef object gemm, ruled

    def __init__(self, Call call, object executable, Logs logs, list order, Turns turns,
                 object optimizer, object rule, list variables, bint trains, bint differentiates,
                 bint draws, bint random, ptrdiff_t rows, list places, list classes,
                 object compiled=None, object resolved=None):
        cdef int i
        self.call, self.executable, self.logs, self.order = call, executable, logs, order
        self.turns, self.optimizer, self.rule, self.variables = turns, optimizer, rule, variables
        self.trains, self.differentiates, self.draws = trains, differentiates, draws
        self.random, self.rows = random, rows
        self.n_feeds = len(places)
        self.places = <int *>realloc(self.places, (self.n_feeds + 1) * sizeof(int))
        self.classes = <int64_t *>realloc(self.classes, (self.n_feeds + 1) * sizeof(int64_t))
        if self.places == NULL or self.classes == NULL:
            raise MemoryError("no memory for a step")
        for i in range(self.n_feeds):
            self.places[i], self.classes[i] = places[i], classes[i]
        self.compiled, self.resolved = compiled, resolved
        self.trainable = [v.trainable for v in variables]
        self.gemm, self.ruled = config.gemm(), rule(optimizer)

    def __dealloc__(self):
        free(self.places)
        free(self.classes)

    def run(self, model, tuple arrays, bint return_dict):
        """The loss, a list or a dict, and the arrays that held NaN or infinity; None: cannot serve it.

        Nothing has changed if it cannot.
        """
        self.turns.acquire(not self.trains)
        self.call.enter()
        try:
            if not self._is_valid(model) or not self._binds(arrays):
                return None
            self._step(model)
            return self._result(return_dict), self._bad()
        finally:
            self.call.leave()
            self.turns.release()

    @property
    def not_finite(self):
        """The arrays that held NaN or infinity in the last step."""
        return self._bad()

    @property
    def total(self):
        """The loss of the last step, as a sum over its samples."""
        return self.logs.total(self.call.run.job.log)

    def ready(self, model, tuple arrays):
        """Whether a step would run; the feeds are at these arrays then, for another way to run it."""
        self.call.enter()
        try:
            return self._is_valid(model) and self._binds(arrays)
        finally:
            self.call.leave()

    cdef list _bad(self):
        cdef list bad = []
        cdef int i
        for i in range(self.n_feeds):
            if self.call.program.feeds[i].not_finite:
                bad.append(self.places[i])
        return bad

    cdef bint _binds(self, tuple arrays) except -1:
        """Points the feeds at the arrays; whether these are plain, and labels those of classes."""
        cdef int i
        for i in range(self.n_feeds):
            array = arrays[self.places[i]]
            if self.call.bind_feed(i, array) != self.rows:
                return False
            if self.classes[i] and not are_labels(<np.ndarray>array, self.classes[i]):
                return False
        return True

    cdef bint _is_valid(self, model) except -1:
        """Whether the program is what the model's settings of now would give."""
        cdef Py_ssize_t i
        if self.optimizer is not model.optimizer or self.executable.in_use:
            return False
        if not self.call.is_current():
            return False
        for i in range(len(self.variables) if self.differentiates else 0):
            if self.variables[i].trainable != self.trainable[i]:
                return False
        if not self.trains:
            return True
        return self.gemm == config.gemm() and self.ruled == self.rule(self.optimizer)

    cdef int _step(self, model) except -1:
        cdef int64_t *steps
        cdef uint64_t seed = 0
        if self.draws and self.random:
            seed = model._seeds.next()
        elif self.draws:
            model._seeds.skip()
        if not self.trains:
            self.call.go(self.rows, seed, 0)
            return 0
        steps = steps_of(self.optimizer)
        self.call.program.read_optimizer(self.optimizer)
        self.call.program.forget_rates()  # a schedule's numbers may have been changed
        self.call.program.cover(steps[0])
        self.call.go(self.rows, seed, steps[0])
        steps[0] += 1
        return 0

    cdef object _result(self, bint return_dict):
        cdef const double *sums = self.call.run.job.log
        cdef dict logs
        if self.compiled is not None:
            self.logs.keep(sums)
            self.compiled.resolved = self.resolved
            self.compiled.keyed = []
        if not return_dict and not self.order:
            return self.logs.loss(sums)
        logs = self.logs.read(sums)
        return logs if return_dict else [logs["loss"], *[logs[name] for name in self.order]]

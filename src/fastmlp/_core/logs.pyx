# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Logs of a pass, as dicts of floats: callbacks may want one after every batch."""
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

import numpy as np

cdef enum Kind:
    LOSS
    SHARE                    # of the samples: the loss of one output
    MEAN                     # sum of values and sum of weights; 0 where the weights are
    OTHER                    # by the metric's `from_acc`: a number, an array, or a dict of these

KINDS = {"loss": LOSS, "share": SHARE, "mean": MEAN, "other": OTHER}


cdef class Logs:
    """Makes logs from sums of accumulators.

    Args:
        entries: `(name, kind, start, n, metric)` of each, sorted by name; `n` accumulators from
            `start` on.
        terms: `(start, factor)` of the parts of the loss.
        count: Where the samples are counted.
        prefix: Of the names in a metric's dict.
    """

    def __cinit__(self, list entries, list terms, ptrdiff_t count, str prefix=""):
        cdef ptrdiff_t i
        self.n_entries, self.n_terms, self.count = len(entries), len(terms), count
        self.entries = <Entry *>calloc(self.n_entries + 1, sizeof(Entry))
        self.terms = <Term *>calloc(self.n_terms + 1, sizeof(Term))
        if self.entries == NULL or self.terms == NULL:
            raise MemoryError("no memory for logs")
        self.names, self.metrics, self.prefix = [], [], prefix
        for i, (name, kind, start, n, metric) in enumerate(entries):
            self.names.append(name)
            self.metrics.append(metric)
            self.entries[i] = Entry(KINDS[kind], start, n, NULL)
        for i, (start, factor) in enumerate(terms):
            self.terms[i] = Term(start, factor)

    def __dealloc__(self):
        free(self.entries)
        free(self.terms)

    def keep_in(self, list places):
        """Has `keep` leave the sums of each entry in one of these arrays, as a metric has them; None: nowhere.

        Nor in one of another length: that of a metric which another model has given other sizes.
        """
        cdef double[::1] place
        cdef ptrdiff_t i
        cdef Entry *entry
        for i, array in enumerate(places):
            entry = &self.entries[i]
            if array is not None and len(array) == (2 if entry.kind in (LOSS, SHARE) else entry.n):
                place = array
                entry.place = &place[0]
        self.places = places

    def of(self, sums):
        """A dict of floats, sorted by name as in Keras."""
        cdef double[::1] row = np.ascontiguousarray(sums, np.float64)
        return self.read(&row[0])

    def loss_of(self, sums):
        """The loss alone."""
        cdef double[::1] row = np.ascontiguousarray(sums, np.float64)
        return self.loss(&row[0])

    cdef double total(self, const double *sums) noexcept nogil:
        cdef double total = 0
        cdef ptrdiff_t i
        for i in range(self.n_terms):
            total += sums[self.terms[i].start] * self.terms[i].factor
        return total

    cdef double loss(self, const double *sums) noexcept nogil:
        return self.total(sums) / sums[self.count]

    cdef void keep(self, const double *sums) noexcept nogil:
        cdef const Entry *entry
        cdef ptrdiff_t i
        for i in range(self.n_entries):
            entry = &self.entries[i]
            if entry.place == NULL:
                continue
            if entry.kind == LOSS or entry.kind == SHARE:
                entry.place[0] = self.total(sums) if entry.kind == LOSS else sums[entry.start]
                entry.place[1] = sums[self.count]
            else:
                memcpy(entry.place, sums + entry.start, entry.n * sizeof(double))

    cdef dict read(self, const double *sums):
        cdef dict found = {}
        cdef const Entry *entry
        cdef const double *acc
        cdef double value
        cdef bint is_sorted = True
        cdef ptrdiff_t i
        for i in range(self.n_entries):
            entry = &self.entries[i]
            acc = sums + entry.start
            if entry.kind == LOSS:
                value = self.loss(sums)
            elif entry.kind == SHARE:
                value = acc[0] / sums[self.count]
            elif entry.kind == MEAN:
                value = acc[0] / acc[1] if acc[1] else 0.0
            else:
                result = self.metrics[i].from_acc(np.asarray(<double[:entry.n]><double *>acc).copy())
                if isinstance(result, dict):
                    for name, one in result.items():
                        found[self.prefix + name] = plain(one)
                    is_sorted = False
                else:
                    found[self.names[i]] = plain(result)
                continue
            found[self.names[i]] = value
        return found if is_sorted else dict(sorted(found.items()))


def plain(value):
    """A metric's value as logs have it: a float, or an array of its own."""
    return np.array(value) if isinstance(value, np.ndarray) and value.ndim else float(value)

# cython: language_level=3
"""What the sums of a pass mean, for other modules."""


cdef struct Entry:
    int kind
    ptrdiff_t start          # of its accumulators
    ptrdiff_t n
    double *place            # where `keep` leaves its sums, or NULL


cdef struct Term:            # of the loss
    ptrdiff_t start
    double factor


cdef class Logs:
    cdef list names          # sorted
    cdef list metrics        # of entries that are neither losses nor means
    cdef list places         # of entries: arrays or None
    cdef str prefix          # of the names in a metric's dict
    cdef Entry *entries
    cdef ptrdiff_t n_entries
    cdef Term *terms
    cdef ptrdiff_t n_terms
    cdef ptrdiff_t count     # where the samples are counted

    cdef double total(self, const double *sums) noexcept nogil
    cdef double loss(self, const double *sums) noexcept nogil
    cdef dict read(self, const double *sums)
    cdef void keep(self, const double *sums) noexcept nogil

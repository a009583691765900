# cython: language_level=3
"""Where a weight's numbers are, for other modules."""


cdef class Home:
    cdef public object value

# cython: language_level=3
"""Where a weight's numbers are: compiled code sees it without looking up a name."""
cimport cython


@cython.auto_pickle(False)
cdef class Home:
    """Base of `Variable`.

    Attributes:
        value: The weight's array, a view of its model's arena.
    """

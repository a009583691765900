# cython: language_level=3
"""The thread team, for the other extension modules. csrc/team.h tells what each function does.

Only team.pyx links csrc/team.c, so that there is one team in the process.
"""
from libc.stdint cimport int64_t, uint32_t


cdef extern from "team.h" nogil:
    ctypedef void (*fm_team_fn)(void *arg, int worker) noexcept nogil
    ctypedef struct fm_tickets:
        pass

cdef int team_run(int n_workers, fm_team_fn fn, void *arg) noexcept nogil

cdef size_t tickets_size() noexcept nogil
cdef void tickets_init(fm_tickets *t, int n_workers, bint both_ends) noexcept nogil
cdef void tickets_open(fm_tickets *t, uint32_t n_tasks) noexcept nogil
cdef void tickets_close(fm_tickets *t) noexcept nogil
cdef int64_t tickets_claim(fm_tickets *t) noexcept nogil
cdef bint cpus_are_shared() noexcept nogil
cdef int tickets_done(fm_tickets *t) noexcept nogil

# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False
"""The thread team (csrc/team.h): forwarders for the other modules, and a test of the protocol."""
import atexit

import numpy as np

from libc.stdint cimport int64_t, uint32_t


cdef extern from "team.h" nogil:
    int fm_team_run(int n_workers, fm_team_fn fn, void *arg)
    void fm_team_stop()
    void fm_tickets_init(fm_tickets *t, int n_workers, int both_ends)
    void fm_tickets_open(fm_tickets *t, uint32_t n_tasks)
    void fm_tickets_close(fm_tickets *t)
    int64_t fm_tickets_claim(fm_tickets *t)
    int fm_cpus_are_shared()
    int fm_tickets_done(fm_tickets *t)

cdef extern from "<time.h>" nogil:
    struct timespec:
        int64_t tv_sec
        long tv_nsec
    int timespec_get(timespec *t, int base)
    int TIME_UTC


cdef int team_run(int n_workers, fm_team_fn fn, void *arg) noexcept nogil:
    return fm_team_run(n_workers, fn, arg)

cdef size_t tickets_size() noexcept nogil:
    return sizeof(fm_tickets)

cdef void tickets_init(fm_tickets *t, int n_workers, bint both_ends) noexcept nogil:
    fm_tickets_init(t, n_workers, both_ends)

cdef void tickets_open(fm_tickets *t, uint32_t n_tasks) noexcept nogil:
    fm_tickets_open(t, n_tasks)

cdef void tickets_close(fm_tickets *t) noexcept nogil:
    fm_tickets_close(t)

cdef int64_t tickets_claim(fm_tickets *t) noexcept nogil:
    return fm_tickets_claim(t)

cdef bint cpus_are_shared() noexcept nogil:
    return fm_cpus_are_shared()

cdef int tickets_done(fm_tickets *t) noexcept nogil:
    return fm_tickets_done(t)


def stop():
    """Ends and joins the threads; nothing happens while a run is on. The next run starts new ones.

    Called at the interpreter's exit.
    """
    with nogil:
        fm_team_stop()


atexit.register(stop)


cdef struct SelfTest:
    fm_tickets tickets
    int64_t phase
    int64_t n_phases
    int64_t n_tasks
    int64_t spin_ns
    bint vary
    double *x[2]      # what the tasks of the last even and of the last odd phase wrote
    int64_t *runs     # how often the task of each number was done


cdef int64_t tasks_of(const SelfTest *test, int64_t phase) noexcept nogil:
    return 1 + phase * 37 % test.n_tasks if test.vary else test.n_tasks


cdef void busy(int64_t ns) noexcept nogil:
    cdef timespec t
    timespec_get(&t, TIME_UTC)
    cdef int64_t end = t.tv_sec * 1_000_000_000 + t.tv_nsec + ns
    while t.tv_sec * 1_000_000_000 + t.tv_nsec < end:
        timespec_get(&t, TIME_UTC)


cdef void self_test_worker(void *arg, int worker) noexcept nogil:
    cdef SelfTest *test = <SelfTest *>arg
    cdef int64_t task, phase, n, i
    cdef double total
    cdef const double *x
    while True:
        task = fm_tickets_claim(&test.tickets)
        if task < 0:
            return
        phase = test.phase
        total = 0
        if phase:
            n, x = tasks_of(test, phase - 1), test.x[(phase - 1) & 1]
            for i in range(n):
                total += x[i]
            total /= 2 * n
        test.x[phase & 1][task] = total + (task + 1) / 3.0
        test.runs[task] += 1
        if test.spin_ns:
            busy(test.spin_ns)
        if fm_tickets_done(&test.tickets):
            test.phase += 1
            if test.phase < test.n_phases:
                fm_tickets_open(&test.tickets, <uint32_t>tasks_of(test, test.phase))
            else:
                fm_tickets_close(&test.tickets)


def self_test(int n_workers, int64_t n_phases, int64_t n_tasks, int64_t spin_ns=0,
              bint vary=False, bint both_ends=False):
    """Runs phases in which each task reads what all tasks of the phase before wrote.

        x[p, task] = mean(x[p - 1]) / 2 + (task + 1) / 3,    x[-1] = 0

    Args:
        n_workers: Workers asked for.
        n_phases: Phases, at least 1.
        n_tasks: Tasks of each phase, at least 1.
        spin_ns: How long each task keeps its CPU busy besides.
        vary: Phase p has 1 + 37 p mod n_tasks tasks instead.
        both_ends: The caller takes the first task that is left, the others the last one.

    Returns:
        x of the last phase; how often the task of each number was done; how many workers took part.

    Raises:
        ValueError: A number below 1 (`spin_ns`: below 0).
    """
    if min(n_workers, n_phases, n_tasks) < 1 or n_tasks >= 1 << 30 or spin_ns < 0:
        raise ValueError(
            "self_test: expected n_workers, n_phases, n_tasks >= 1 and spin_ns >= 0. Received: "
            f"n_workers={n_workers}, n_phases={n_phases}, n_tasks={n_tasks}, spin_ns={spin_ns}"
        )
    cdef SelfTest test
    cdef double[:, ::1] x = np.zeros((2, n_tasks))
    cdef int64_t[::1] runs = np.zeros(n_tasks, np.int64)
    cdef int used
    test.phase, test.n_phases, test.n_tasks = 0, n_phases, n_tasks
    test.spin_ns, test.vary = spin_ns, vary
    test.x[0], test.x[1], test.runs = &x[0, 0], &x[1, 0], &runs[0]
    with nogil:
        fm_tickets_init(&test.tickets, n_workers, both_ends)
        fm_tickets_open(&test.tickets, <uint32_t>tasks_of(&test, 0))
        used = fm_team_run(n_workers, self_test_worker, &test)
    last = n_phases - 1
    return np.asarray(x)[last & 1, :tasks_of(&test, last)], np.asarray(runs), used

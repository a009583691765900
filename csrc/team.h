/* The thread team, and the tickets by which its workers draw tasks.
 *
 * A run is fn(arg, worker) on the caller and on threads that sleep between runs. Inside it, work is
 * a row of phases, a phase n tasks, each claimed once. A phase ends when its tasks are done, not
 * when all workers have arrived: one that the system took away is missed, not waited for.
 *
 *     fm_tickets_init(t, n, 0), fm_tickets_open(t, n_tasks), fm_team_run(n, fn, arg);
 *     fn: while ((task = fm_tickets_claim(t)) >= 0) {
 *             do it;
 *             if (fm_tickets_done(t)) more ? fm_tickets_open(t, n_tasks) : fm_tickets_close(t);
 *         }
 *
 * A claim is right: `left` counts the unclaimed tasks down. A claim is a compare-and-swap from a
 * count above zero, so it takes one task of the phase open at that moment, whichever phase the
 * worker believed in; idle workers only read: no overshoot, no sequence number to wrap.
 * Which one: the first that is left; or, with both_ends, the first for the caller and the last for
 * the others. Then a core most often does what it did in the step before, and finds its rows and
 * weights in its own cache, if they are so few (16-64-64-1: 3 to 6 %). n_tasks and `mine` are plain:
 * read with a claim in hand, written when none is out, as a phase does not end before its claims are
 * done.
 * Order: all done() of a phase (acq_rel on `pending`) → the last one → open() (release on `left`)
 * → claim() (acquire): what any worker wrote in a phase, all see in the next; the caller at the end.
 * Waiting: spin for microseconds, yield, then mark the word with FM_SLEEPERS and sleep on it
 * (futex). Who changes the word finds the mark in the old value: no lost wake-up, and no system
 * call while nobody sleeps.
 * Where: a worker that finds itself on the CPU from which the caller opened the phase leaves it (Linux).
 * Beside others: who has run for 2 ms yields before its next claim. The system would take the CPU away
 * a little later, in a task. (One other process on one of two CPUs, paired: trainings keep 0.60 to 0.76
 * of their speed, without it 0.57 to 0.61.) A caller that finds the team busy runs alone, and as many workers
 * of the team go as CPUs are missing for it: two trainings at once together do 1.02 to 1.17 times what
 * one does, before 0.93 to 1.0.
 * Fork: a child starts without threads and gets its own team on first need, whatever the parent's
 * was doing. Code that forks inside fn must not go on there in the child. */
#ifndef FM_TEAM_H
#define FM_TEAM_H
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FM_TEAM_MAX = 256, /* workers */
    FM_LINE = 128,     /* bytes that keep two words out of each other's cache lines */
};

typedef void (*fm_team_fn)(void *arg, int worker);

/* Runs fn on up to n_workers workers; the caller is worker 0, the others have different numbers
 * below n_workers. On fewer, down to the caller alone, when the team is busy (another thread's run,
 * or this thread's own), when threads cannot be created, and where a thread has not begun by the
 * time the caller is through, or leaves as another run needs its CPU. All compute in the caller's
 * floating-point environment (rounding, denormals). Returns how many took part, after all of them have returned. */
int fm_team_run(int n_workers, fm_team_fn fn, void *arg);

/* Ends and joins the threads. Does nothing while a run is on. The next run starts new ones. */
void fm_team_stop(void);

typedef struct fm_tickets {
    _Atomic uint32_t left;  /* unclaimed tasks of the open phase, and marks */
    uint32_t n_tasks;       /* of the open phase */
    uint32_t mine;          /* the caller's, from the first one on */
    _Atomic uint32_t taken; /* the others', from the last one on; without both_ends unused */
    int both_ends;
    int64_t spin_ns;        /* how long claim() spins */
    _Atomic int caller_cpu; /* where the caller opened the phase; -1: a worker did, or unknown */
    char line_1[FM_LINE - 32];
    _Atomic uint32_t pending; /* tasks of the open phase that are not done */
    char line_2[FM_LINE - 4];
} fm_tickets;

/* n_workers: how many will draw; only tunes the waiting. both_ends: see above. */
void fm_tickets_init(fm_tickets *t, int n_workers, int both_ends);

/* Publishes a phase of 1 <= n_tasks < 2^30: before the run, or by the worker for which done()
 * returned 1. That worker goes on to claim, so for a single task nobody is woken. */
void fm_tickets_open(fm_tickets *t, uint32_t n_tasks);

/* No more phases (and no more tasks of this one): every claim returns -1 until the next init. */
void fm_tickets_close(fm_tickets *t);

/* A task of the open phase, 0 .. n_tasks - 1; -1 when closed, and where a worker is to go; waits for
 * any of these. */
int64_t fm_tickets_claim(fm_tickets *t);

/* Whether another program has had a CPU of the team's in the last tenth of a second. */
int fm_cpus_are_shared(void);

/* One claimed task is done; 1 if it was the phase's last. */
int fm_tickets_done(fm_tickets *t);

#endif

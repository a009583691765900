/* Thread team; team.h tells the protocol. What differs between systems, waiting, tickets, team. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* syscall, sched_getaffinity */
#endif
#include "team.h"

#include <assert.h>
#include <fenv.h>
#include <limits.h>

/* ---- System: threads, clock, and sleeping on a word ----
 * sleep_on(word, value) returns at once if *word != value, else after wake_all(word) or for no
 * reason. */
#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <process.h>

typedef HANDLE thread;
#define THREAD_RESULT unsigned __stdcall
static int thread_start(thread *t, unsigned(__stdcall *entry)(void *), void *arg)
{
    *t = (HANDLE)_beginthreadex(NULL, 0, entry, arg, 0, NULL);
    return *t != NULL;
}
static void thread_join(thread t)
{
    WaitForSingleObject(t, INFINITE);
    CloseHandle(t);
}
static int64_t now_ns(void)
{
    LARGE_INTEGER count, rate;
    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&rate);
    return (int64_t)((double)count.QuadPart * (1e9 / (double)rate.QuadPart));
}
static void yield_cpu(void) { SwitchToThread(); }
static int cpu_count(void) { return (int)GetActiveProcessorCount(ALL_PROCESSOR_GROUPS); }
static void sleep_on(_Atomic uint32_t *word, uint32_t value)
{
    WaitOnAddress((volatile void *)word, &value, sizeof value, INFINITE);
}
static void wake_all(_Atomic uint32_t *word) { WakeByAddressAll((void *)word); }
static int current_cpu(void) { return -1; }
static void leave_cpu(int cpu) { (void)cpu; }

#else
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

typedef pthread_t thread;
#define THREAD_RESULT void *
static int thread_start(thread *t, void *(*entry)(void *), void *arg)
{
    const size_t stack_bytes = 4 << 20; /* BLAS wants more than musl's 128 KB, macOS's 512 KB */
    sigset_t worker, caller; /* signals go to the main thread, but for faults raised here */
    sigfillset(&worker);
    sigdelset(&worker, SIGSEGV);
    sigdelset(&worker, SIGBUS);
    sigdelset(&worker, SIGFPE);
    sigdelset(&worker, SIGILL);
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0) {
        return 0;
    }
    pthread_attr_setstacksize(&attr, stack_bytes);
    pthread_sigmask(SIG_SETMASK, &worker, &caller);
    int error = pthread_create(t, &attr, entry, arg);
    pthread_sigmask(SIG_SETMASK, &caller, NULL);
    pthread_attr_destroy(&attr);
    return error == 0;
}
static void thread_join(thread t) { pthread_join(t, NULL); }
static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
static void yield_cpu(void) { sched_yield(); }

#if defined(__linux__) && !defined(FM_TEAM_PORTABLE)
#include <linux/futex.h>
#include <sys/syscall.h>
static int cpu_count(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : INT_MAX;
}
static void sleep_on(_Atomic uint32_t *word, uint32_t value)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}
static void wake_all(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}
static void sleep_after_fork(void) {}
static int current_cpu(void) { return sched_getcpu(); }

/* The system may leave two busy threads on one CPU for seconds while another one is idle, as each
 * of them runs without a pause. A thread that may not run there has to go; then it may again. */
static void leave_cpu(int cpu)
{
    cpu_set_t all, others;
    if (sched_getaffinity(0, sizeof all, &all) != 0) return;
    others = all;
    CPU_CLR(cpu, &others);
    if (CPU_COUNT(&others) > 0 && sched_setaffinity(0, sizeof others, &others) == 0) {
        sched_setaffinity(0, sizeof all, &all);
    }
}

#else
static int current_cpu(void) { return -1; }
static void leave_cpu(int cpu) { (void)cpu; }
static pthread_mutex_t lobby = PTHREAD_MUTEX_INITIALIZER; /* one for all words: sleeping is rare */
static pthread_cond_t bell = PTHREAD_COND_INITIALIZER;
static int cpu_count(void) { return (int)sysconf(_SC_NPROCESSORS_ONLN); }
static void sleep_on(_Atomic uint32_t *word, uint32_t value)
{
    pthread_mutex_lock(&lobby);
    if (atomic_load_explicit(word, memory_order_relaxed) == value) {
        pthread_cond_wait(&bell, &lobby);
    }
    pthread_mutex_unlock(&lobby);
}
static void wake_all(_Atomic uint32_t *word)
{
    (void)word;
    pthread_mutex_lock(&lobby);
    pthread_cond_broadcast(&bell);
    pthread_mutex_unlock(&lobby);
}
static void sleep_after_fork(void) /* a thread that is gone may have held them */
{
    pthread_mutex_init(&lobby, NULL);
    pthread_cond_init(&bell, NULL);
}
#endif
#endif

static inline void cpu_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("isb"); /* `yield` is a nop on most cores */
#elif defined(_WIN32)
    YieldProcessor();
#endif
}

/* ---- Waiting ---- */
enum { COUNT = (1 << 30) - 1, CLOSED = 1 << 30 };
#define FM_SLEEPERS (UINT32_C(1) << 31)

/* Phases of 2 x 10 µs on two idle CPUs took 22 µs with 0 yields (both threads can be put on one
 * CPU, and the waiter keeps it), 10.6 with 4, 10.2 with 16. With another process's busy loop on one
 * of the CPUs, all of them took what one worker takes: 20. */
enum { TASK_SPIN_NS = 20000, IDLE_SPIN_NS = 4000, PAUSES = 16, YIELDS = 16 };

/* Returns *word once it differs from `seen`, perhaps only by the mark. Who spins yields ten times as long
 * before it sleeps: waking it takes 20 µs and more where CPUs are virtual, which an lstm of 300 units, whose
 * threads wait 30 to 80 µs at the end of a phase, paid twice a step (1.3 % of it). */
static uint32_t wait_change(_Atomic uint32_t *word, uint32_t seen, int64_t spin_ns)
{
    uint32_t value;
    const int64_t start = now_ns();
    do {
        for (int i = 0; i < PAUSES; i++) {
            value = atomic_load_explicit(word, memory_order_acquire);
            if (value != seen) {
                return value;
            }
            cpu_pause();
        }
    } while (now_ns() - start < spin_ns);
    for (int i = 0; i < YIELDS || now_ns() - start < 10 * spin_ns; i++) {
        yield_cpu();
        value = atomic_load_explicit(word, memory_order_acquire);
        if (value != seen) {
            return value;
        }
    }
    if (seen & FM_SLEEPERS ||
        atomic_compare_exchange_strong_explicit(word, &value, seen | FM_SLEEPERS,
                                                memory_order_acquire, memory_order_acquire)) {
        sleep_on(word, seen | FM_SLEEPERS);
        value = atomic_load_explicit(word, memory_order_acquire);
    }
    return value;
}

static void set_and_wake(_Atomic uint32_t *word, uint32_t value)
{
    if (atomic_exchange_explicit(word, value, memory_order_acq_rel) & FM_SLEEPERS) {
        wake_all(word);
    }
}

/* ---- Tickets ---- */
static _Thread_local int seat_number;  /* 0 on a caller's thread */
static _Thread_local int64_t on_since; /* when this thread began a run, or yielded last */
static _Atomic int crowd;              /* runs that callers go through alone, as the team is busy */
static _Atomic int64_t shared_until;   /* for so long a CPU counts as shared with another program */

enum {
    SLICE_NS = 2000000,     /* half of what Linux lets a thread run beside another one */
    LONG_YIELD_NS = 100000, /* that none takes on a CPU of one's own */
    MEMORY_NS = 100000000
};

/* Another program's share of this CPU is better taken here, between two tasks, than in one, for which all
 * threads would wait. As a yield lets it run for as long, nobody is cheated. */
static void share_cpu(void)
{
    const int64_t now = now_ns();
    if (now - on_since > SLICE_NS) {
        yield_cpu();
        on_since = now_ns();
        if (on_since - now > LONG_YIELD_NS) {
            atomic_store_explicit(&shared_until, on_since + MEMORY_NS, memory_order_relaxed);
        }
    }
}

int fm_cpus_are_shared(void)
{
    return now_ns() < atomic_load_explicit(&shared_until, memory_order_relaxed);
}

/* How many of so many workers have a CPU beside the callers that are alone. */
static int beside_crowd(int n_workers)
{
    const int others = atomic_load_explicit(&crowd, memory_order_relaxed);
    if (!others) return n_workers;
    const int cpus = cpu_count(), left = cpus > others ? cpus - others : 1;
    return n_workers > left ? left : n_workers;
}

void fm_tickets_init(fm_tickets *t, int n_workers, int both_ends)
{
    atomic_init(&t->left, 0);
    atomic_init(&t->pending, 0);
    atomic_init(&t->caller_cpu, -1);
    t->n_tasks = t->mine = 0;
    atomic_init(&t->taken, 0);
    t->both_ends = both_ends;
    t->spin_ns = n_workers > 1 && n_workers > cpu_count() ? 0 : TASK_SPIN_NS;
}

void fm_tickets_open(fm_tickets *t, uint32_t n_tasks)
{
    assert(n_tasks >= 1 && n_tasks <= COUNT);
    t->n_tasks = n_tasks;
    t->mine = 0;
    atomic_store_explicit(&t->taken, 0, memory_order_relaxed);
    const int cpu = seat_number || !t->spin_ns ? -1 : current_cpu();
    atomic_store_explicit(&t->caller_cpu, cpu, memory_order_relaxed);
    atomic_store_explicit(&t->pending, n_tasks, memory_order_relaxed);
    if (n_tasks == 1) {
        atomic_fetch_add_explicit(&t->left, 1, memory_order_release); /* keeps the mark */
    } else {
        set_and_wake(&t->left, n_tasks);
    }
}

void fm_tickets_close(fm_tickets *t) { set_and_wake(&t->left, CLOSED); }

int64_t fm_tickets_claim(fm_tickets *t)
{
    share_cpu();
    uint32_t left = atomic_load_explicit(&t->left, memory_order_acquire);
    for (;;) {
        if (seat_number) {
            if (beside_crowd(seat_number + 1) <= seat_number) {
                if (left & FM_SLEEPERS) wake_all(&t->left); /* it may have opened a single task */
                return -1;
            }
            const int cpu = atomic_load_explicit(&t->caller_cpu, memory_order_relaxed);
            if (cpu >= 0 && cpu == current_cpu()) {
                leave_cpu(cpu);
                left = atomic_load_explicit(&t->left, memory_order_acquire);
            }
        }
        if (left & COUNT) {
            if (atomic_compare_exchange_weak_explicit(&t->left, &left, left - 1,
                                                      memory_order_acquire, memory_order_acquire)) {
                if (!t->both_ends) return t->n_tasks - (left & COUNT);
                if (!seat_number) return t->mine++;
                return t->n_tasks - 1 -
                       atomic_fetch_add_explicit(&t->taken, 1, memory_order_relaxed);
            }
        } else if (left & CLOSED) {
            return -1;
        } else {
            left = wait_change(&t->left, left, t->spin_ns);
        }
    }
}

int fm_tickets_done(fm_tickets *t)
{
    return atomic_fetch_sub_explicit(&t->pending, 1, memory_order_acq_rel) == 1;
}

/* ---- Team ---- */
enum { IDLE = 0, RUN = 1, STOP = 2 };

typedef struct {
    _Atomic uint32_t
        state; /* IDLE → RUN (caller) → IDLE (by the worker: taken; by the caller: revoked) */
    thread id;
    char line[FM_LINE - sizeof(uint32_t) - sizeof(thread)];
} seat;

static struct {
    _Atomic int busy; /* a try-lock over all that follows */
    int n_threads;    /* in seats 1 .. n_threads */
    fm_team_fn fn;
    void *arg;
    fenv_t env;
    char line_1[FM_LINE];
    _Atomic uint32_t pending; /* workers that took the run and have not returned */
    char line_2[FM_LINE];
    seat seats[FM_TEAM_MAX];
} team;

static THREAD_RESULT worker_main(void *arg)
{
    seat *s = arg;
    seat_number = (int)(s - team.seats);
    uint32_t state = atomic_load_explicit(&s->state, memory_order_acquire);
    for (;;) {
        if (state == STOP) {
            return 0;
        }
        if (state != RUN) {
            state = wait_change(&s->state, state, IDLE_SPIN_NS);
        } else if (atomic_compare_exchange_strong_explicit(
                       &s->state, &state, IDLE, memory_order_acquire, memory_order_acquire)) {
            state = IDLE;
            on_since = now_ns();
            fesetenv(&team.env);
            team.fn(team.arg, seat_number);
            uint32_t before = atomic_fetch_sub_explicit(&team.pending, 1, memory_order_acq_rel);
            if (before == (FM_SLEEPERS | 1)) {
                wake_all(&team.pending);
            }
        }
    }
}

#if !defined(_WIN32)
static void after_fork_in_child(void)
{
    team.n_threads = 0;
    atomic_store_explicit(&crowd, 0, memory_order_relaxed);
    atomic_store_explicit(&team.pending, 0, memory_order_relaxed);
    sleep_after_fork();
    atomic_store_explicit(&team.busy, 0, memory_order_release);
}
#endif

/* Makes `wanted` threads if it can; returns how many of them there are. */
static int recruit(int wanted)
{
#if !defined(_WIN32)
    static int watches_fork = 0;
    if (!watches_fork) {
        if (pthread_atfork(NULL, NULL, after_fork_in_child) != 0) {
            return 0;
        }
        watches_fork = 1;
    }
#endif
    while (team.n_threads < wanted) {
        seat *s = &team.seats[team.n_threads + 1];
        atomic_store_explicit(&s->state, IDLE, memory_order_relaxed);
        if (!thread_start(&s->id, worker_main, s)) {
            return team.n_threads;
        }
        team.n_threads++;
    }
    return wanted;
}

int fm_team_run(int n_workers, fm_team_fn fn, void *arg)
{
    if (n_workers <= 1) {
        fn(arg, 0);
        return 1;
    }
    on_since = now_ns();
    if (atomic_exchange_explicit(&team.busy, 1, memory_order_acquire)) {
        atomic_fetch_add_explicit(&crowd, 1, memory_order_relaxed);
        fn(arg, 0);
        atomic_fetch_sub_explicit(&crowd, 1, memory_order_relaxed);
        return 1;
    }
    n_workers = beside_crowd(n_workers < FM_TEAM_MAX ? n_workers : FM_TEAM_MAX);
    const int n = recruit(n_workers - 1);
    team.fn = fn;
    team.arg = arg;
    fegetenv(&team.env);
    atomic_store_explicit(&team.pending, (uint32_t)n, memory_order_relaxed);
    for (int i = 1; i <= n; i++) {
        set_and_wake(&team.seats[i].state, RUN);
    }

    fn(arg, 0);

    int took_part = n;
    for (int i = 1; i <= n; i++) {
        uint32_t state = RUN;
        took_part -= atomic_compare_exchange_strong_explicit(
            &team.seats[i].state, &state, IDLE, memory_order_relaxed, memory_order_relaxed);
    }
    uint32_t revoked = (uint32_t)(n - took_part);
    uint32_t pending =
        atomic_fetch_sub_explicit(&team.pending, revoked, memory_order_acq_rel) - revoked;
    while (pending & COUNT) {
        pending = wait_change(&team.pending, pending, TASK_SPIN_NS);
    }
    atomic_store_explicit(&team.busy, 0, memory_order_release);
    return took_part + 1;
}

void fm_team_stop(void)
{
    if (atomic_exchange_explicit(&team.busy, 1, memory_order_acquire)) {
        return;
    }
    for (int i = 1; i <= team.n_threads; i++) {
        set_and_wake(&team.seats[i].state, STOP);
    }
    for (int i = 1; i <= team.n_threads; i++) {
        thread_join(team.seats[i].id);
    }
    team.n_threads = 0;
    atomic_store_explicit(&team.busy, 0, memory_order_release);
}

# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The executor: whole epochs of a frozen plan, without the GIL.

    Job: a cursor over epochs → passes (training, then validation) → steps → phases → tasks

`advance` is the only place that moves the cursor. With one worker it is called between phases by
a plain loop. With several, the worker that finishes the last task of a phase calls it and opens
the next phase; nobody waits for a worker that holds no task. An execution stops between steps only,
so weights always are those of a whole step, and the next one goes on where it stopped.
"""
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from fastmlp._core cimport random, team
from fastmlp._core.clock cimport fm_now_ns
from fastmlp._core.denormals cimport fm_flush_denormals, fm_set_float_mode
from fastmlp._core.op cimport Op, Step, Worker
from fastmlp._core.program cimport Group, Pass, Phase, Task, knows_rates, prepare, reduce_sums


cdef enum:
    PROLOGUE = -1            # number of that phase


cdef void draw_order(Job *job, Pass *p) noexcept nogil:
    """The rows of the step at hand; most often they are known since the epoch began."""
    if job.by_steps:
        if p.position == 0:
            job.shuffle = random.shuffle_of(p.samples, job.seed, SHUFFLE, job.epoch)
        p.step.origin = p.position
        random.shuffled(job.order, &job.shuffle, p.position, p.step.m)
    elif p.position == 0:
        random.permute(job.order, p.samples, job.seed, SHUFFLE, job.epoch)


cdef bint begin_step(Job *job) noexcept nogil:
    """Prepares the next step; False when this execution is to end."""
    cdef Pass *p = &job.passes[job.at]
    if job.epoch >= job.last_epoch or job.logged >= job.log_room:
        return False
    if job.steps_left == 0 or job.passes_left == 0:
        return False
    if not knows_rates(p):
        return False         # Python computes the learning rates of the next steps
    p.step.first = p.position
    p.step.m = min(p.batch, p.end - p.position)
    if job.at == 0 and job.order != NULL:
        draw_order(job, p)
    if p.n_updates:
        prepare(p)
    return True


cdef void end_step(Job *job) noexcept nogil:
    cdef Pass *p = &job.passes[job.at]
    p.position += p.step.m
    if p.n_updates:
        p.step.t += 1
    job.steps_left -= 1
    job.until_check -= 1
    job.ended = p.position >= p.end
    if job.ended:
        end_pass(job)


cdef void rewind(Job *job, ptrdiff_t epoch) noexcept nogil:
    """Main's pass of an epoch begins: over all samples, or over the window that is its turn."""
    cdef Pass *p = &job.passes[0]
    p.position = epoch % job.windows * job.window
    p.end = min(p.position + job.window, p.samples)


cdef void end_pass(Job *job) noexcept nogil:
    """Logs the sums; goes on to validation, or to the next epoch."""
    cdef Pass *p = &job.passes[job.at]
    cdef double *row = job.log + job.logged * job.log_width
    cdef ptrdiff_t i
    if job.at == 1:
        for i in range(job.passes[0].n_sums):
            row += job.passes[0].sums[i].n_acc
    reduce_sums(p, row)
    memset(p.acc, 0, p.n_acc * sizeof(double))
    if job.at == 0:
        rewind(job, job.epoch + 1)
    else:
        p.position = 0
    job.passes_left -= 1
    job.at += 1
    if job.at == job.n_passes:
        job.at = 0
        job.epoch += 1
        job.logged += 1


cdef ptrdiff_t advance(Job *job) noexcept nogil:
    """Moves on to the next phase; returns its number of tasks.

    0 where the phase is Python code: `execute` then returns, the code runs, and the next `execute`
    goes on with the phase after it. So it is when an op has met a fault, and when it is time to look
    around: weights stay in panels meanwhile.
    """
    cdef Pass *p = &job.passes[job.now]
    job.phase += 1
    if p.fault.raised:
        job.waiting = CODE
        return 0
    if job.phase == 0:
        job.prologue_ns = fm_now_ns() - job.opened
    elif job.phase == p.n_phases:
        end_step(job)
        if job.until_check <= 0:
            job.until_check = job.check_every
            if fm_now_ns() >= job.wakes:
                job.waiting = LOOK
                return 0
    return open_phase(job)


cdef ptrdiff_t open_phase(Job *job) noexcept nogil:
    """The phase at hand, or behind the last one of a step what follows; returns its number of tasks.

    A pass begins with its program's prologue and ends with its epilogue, and so does its part of an
    execution. 0 when this execution ends, and where the phase is Python code.
    """
    cdef Pass *p = &job.passes[job.now]
    cdef Phase *phase
    if job.phase == p.n_phases:
        job.goes_on = begin_step(job)
        if job.goes_on and job.at == job.now:
            job.phase = 0
        elif p.phases[p.n_phases].n_tasks:
            return p.phases[p.n_phases].n_tasks
        else:
            job.phase += 1
    if job.phase > p.n_phases:
        if not job.goes_on:
            return 0
        job.now = job.at
        p = &job.passes[job.now]
        job.phase = PROLOGUE
    if job.phase == PROLOGUE:
        if p.phases[PROLOGUE].n_tasks:
            job.opened = fm_now_ns()
        else:
            job.phase = 0
    phase = &p.phases[job.phase]
    if phase.call >= 0:
        job.waiting = CODE
        return 0
    if phase.rows:
        return row_tasks(job, p, phase)
    return phase.n_tasks


cdef inline ptrdiff_t row_tasks(const Job *job, Pass *p, const Phase *phase) noexcept nogil:
    """Cuts the samples at hand; each worker's tasks may be one, which reads weights once.

    But small tasks where one worker may have to do more than its share.
    """
    cdef ptrdiff_t tasks = (p.step.m + phase.chunk - 1) // phase.chunk, each = tasks // job.threads
    p.grain = 1
    if each > 1 and each * job.threads == tasks and each * phase.chunk <= p.joined:
        p.grain = 1 if team.cpus_are_shared() else each
    return tasks // p.grain


cdef inline void run_task(const Pass *p, const Phase *phase, Worker *worker, ptrdiff_t number) noexcept nogil:
    cdef const Group *group = phase.groups
    cdef const Task *task
    cdef const Op *op
    cdef const Step *step = &p.step
    cdef Step moved
    cdef ptrdiff_t i, i0, i1, own
    if phase.rows:
        i0 = number * phase.chunk * p.grain
        i1 = min(i0 + phase.chunk * p.grain, p.step.m)
        worker.task = number * p.grain
        worker.fresh = p.n_updates and worker.t != step.t
        if p.n_updates:
            worker.t = step.t
        if p.private:        # the same samples, in the worker's own rows
            own = worker.id * p.private
            moved = p.step
            moved.first += i0 - own
            step = &moved
            i0, i1 = own, own + i1 - i0
    else:
        task = &phase.tasks[number]
        group = &phase.groups[task.group]
        i0, i1 = task.i0, task.i1
        worker.task = task.number
    if group.whole != NULL:
        for i in range(group.n_ops):
            op = group.ops[i]
            op.run(op, &p.step, worker, 0, group.whole[i])
        return
    for i in range(group.n_ops):
        op = group.ops[i]
        if op.n_acc and phase.rows and p.grain > 1:
            run_tasks(op, step, worker, i0, i1, phase.chunk)
        else:
            op.run(op, step, worker, i0, i1)


cdef void run_tasks(const Op *op, const Step *step, Worker *worker, ptrdiff_t i0, ptrdiff_t i1,
                    ptrdiff_t chunk) noexcept nogil:
    """An op that adds up, in tasks that are taken as one: the same sums."""
    cdef ptrdiff_t first = worker.task
    while i0 < i1:
        op.run(op, step, worker, i0, min(i0 + chunk, i1))
        worker.task += 1
        i0 += chunk
    worker.task = first


cdef void work_alone(Job *job, ptrdiff_t n_tasks) noexcept nogil:
    """One thread: every task of a phase, then the next phase."""
    cdef Worker worker
    cdef ptrdiff_t number
    cdef Pass *p
    cdef uint64_t mode = fm_flush_denormals()
    worker.id, worker.scratch, worker.t = 0, job.scratch, -1
    while n_tasks:
        p = &job.passes[job.now]
        for number in range(n_tasks):
            run_task(p, &p.phases[job.phase], &worker, number)
        n_tasks = advance(job)
    fm_set_float_mode(mode)


cdef void work(void *argument, int number) noexcept nogil:
    """One of several threads: claims tasks; whoever ends a phase opens the next one."""
    cdef Job *job = <Job *>argument
    cdef Worker worker
    cdef Pass *p
    cdef int64_t claimed
    cdef ptrdiff_t n_tasks
    cdef uint64_t mode = fm_flush_denormals()
    worker.id, worker.scratch, worker.t = number, job.scratch + number * job.scratch_bytes, -1
    while True:
        claimed = team.tickets_claim(job.tickets)
        if claimed < 0:
            break
        p = &job.passes[job.now]
        run_task(p, &p.phases[job.phase], &worker, claimed)
        if team.tickets_done(job.tickets):
            n_tasks = advance(job)
            while n_tasks == 1:  # nothing to share: on with it
                p = &job.passes[job.now]
                run_task(p, &p.phases[job.phase], &worker, 0)
                n_tasks = advance(job)
            if n_tasks:
                team.tickets_open(job.tickets, <unsigned int>n_tasks)
            else:
                team.tickets_close(job.tickets)
    fm_set_float_mode(mode)


cdef void execute(Job *job, int threads) noexcept nogil:
    cdef ptrdiff_t n_tasks = 0
    cdef Wait waited = job.waiting
    job.waiting, job.threads = NOTHING, threads
    if waited == CODE:
        n_tasks = advance(job)
    elif waited == LOOK:
        n_tasks = open_phase(job)
    elif begin_step(job):
        job.now, job.phase = job.at, PROLOGUE - 1
        n_tasks = advance(job)
    if n_tasks and threads > 1:
        team.tickets_init(job.tickets, threads, job.passes[0].both_ends)
        team.tickets_open(job.tickets, <unsigned int>n_tasks)
        team.team_run(threads, work, <void *>job)
    elif n_tasks:
        work_alone(job, n_tasks)


cdef void leave_step(Job *job) noexcept nogil:
    cdef Pass *p = &job.passes[job.now]
    cdef Worker worker
    cdef ptrdiff_t number
    job.waiting = NOTHING
    worker.id, worker.scratch, worker.t = 0, job.scratch, -1
    for number in range(p.phases[p.n_phases].n_tasks):
        run_task(p, &p.phases[p.n_phases], &worker, number)

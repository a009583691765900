"""The thread team: every task once, phases in order, whatever else the machine does."""

import ctypes.util
import os
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

from fastmlp._core import team


def tasks_of(phase: int, n_tasks: int, vary: bool) -> int:
    return 1 + phase * 37 % n_tasks if vary else n_tasks


def expected(n_phases: int, n_tasks: int, vary: bool) -> tuple[np.ndarray, np.ndarray]:
    x: list[float] = []
    runs = np.zeros(n_tasks, np.int64)
    for phase in range(n_phases):
        total = 0.0
        for value in x:
            total += value
        mean = total / (2 * len(x)) if x else 0.0
        n = tasks_of(phase, n_tasks, vary)
        x = [mean + (task + 1) / 3.0 for task in range(n)]
        runs[:n] += 1
    return np.array(x), runs


def check(
    n_workers: int, n_phases: int, n_tasks: int, spin_ns: int = 0, vary: bool = False
) -> None:
    x_expected, runs_expected = expected(n_phases, n_tasks, vary)
    for both_ends in (False, True):
        x, runs, used = team.self_test(n_workers, n_phases, n_tasks, spin_ns, vary, both_ends)
        assert 1 <= used <= n_workers
        np.testing.assert_array_equal(runs, runs_expected)
        np.testing.assert_array_equal(
            x, x_expected
        )  # the same sums in the same order: the same bits


def run_script(code: str) -> str:
    """Runs code in a process of its own, which must end by itself and without a complaint."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.fixture
def busy_cpu():
    """Another process that never gives its CPU up."""
    hog = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    yield
    hog.kill()
    hog.wait()


@pytest.mark.parametrize("n_workers", [1, 2, 3, 4])
@pytest.mark.parametrize("vary", [False, True])
def test_each_phase_sees_all_of_the_phase_before(n_workers, vary):
    for n_tasks in (*range(1, 20), 37, 64, 100):
        check(n_workers, 60, n_tasks, vary=vary)


@pytest.mark.parametrize("n_workers", [1, 2, 3, 4])
def test_many_phases_of_empty_tasks(n_workers):
    check(n_workers, 20_000, 7, vary=True)
    check(n_workers, 20_000, 1)


@pytest.mark.parametrize("n_workers", [2, 3, 4])
def test_phases_whose_waiters_fall_asleep(n_workers):
    # One task of 150 us: longer than any waiter spins. Many tasks after it need them again.
    check(n_workers, 40, 5, spin_ns=150_000, vary=True)


@pytest.mark.parametrize("n_workers", [2, 4])
def test_phases_while_another_process_takes_a_cpu(n_workers, busy_cpu):
    check(n_workers, 3_000, 9, spin_ns=1_000, vary=True)
    check(n_workers, 3_000, 2)
    for _ in range(300):
        check(n_workers, 2, 3)


def test_more_workers_than_a_team_holds_run_on_those_there_are():
    check(1_000, 50, 100)


def test_tens_of_thousands_of_short_runs_with_changing_numbers_of_workers():
    x_expected, _ = expected(2, 3, False)
    for i in range(30_000):
        x, runs, _ = team.self_test(1 + i % 4, 2, 3)
        assert runs.tolist() == [2, 2, 2]
        assert x.tolist() == x_expected.tolist()


def test_python_threads_run_at_the_same_time():
    # One of them gets the team, the others run alone; nobody waits for another's run.
    errors = []

    def loop(n_workers):
        try:
            for n_tasks in range(1, 60):
                check(n_workers, 40, n_tasks, vary=True)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=loop, args=(n,)) for n in (2, 3, 4, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs Linux's list of CPUs")
def test_a_team_leaves_a_cpu_to_a_run_that_goes_on_alone():
    def long_run(n_phases):
        used.append(team.self_test(2, n_phases, 1, 25_000_000)[2])

    used: list[int] = []
    first, alone = (threading.Thread(target=long_run, args=(n,)) for n in (40, 120))
    first.start()
    time.sleep(0.1)
    alone.start()
    first.join()  # from now on the team is free, but not the CPU of the other run
    cpus = len(os.sched_getaffinity(0))
    for _ in range(10):
        assert team.self_test(8, 3, 8)[2] <= max(1, cpus - 1)
    assert alone.is_alive()
    alone.join()
    assert used[1] == 1


def test_a_run_goes_on_when_its_worker_leaves_it():
    def runs():
        for _ in range(
            300
        ):  # tasks so long that the waiter falls asleep; every other phase has one
            check(2, 10, 2, 100_000, vary=True)

    thread = threading.Thread(target=runs)
    thread.start()
    while thread.is_alive():
        time.sleep(0.001)
        team.self_test(2, 2, 1, 100_000)


def test_a_stopped_team_starts_again():
    for _ in range(20):
        check(3, 20, 5)
        team.stop()
        team.stop()


def test_stop_does_not_wait_for_a_run():
    thread = threading.Thread(target=check, args=(2, 200, 2, 100_000))
    thread.start()
    for _ in range(50):
        team.stop()
    thread.join()
    check(2, 50, 5)


@pytest.mark.parametrize(
    "arguments", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 1, -1), (1, 1, 1 << 30)]
)
def test_numbers_out_of_range_raise(arguments):
    with pytest.raises(ValueError, match="self_test: expected"):
        team.self_test(*arguments)


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="needs Linux's list of threads")
def test_threads_start_with_the_first_run_of_several_workers():
    run_script("""
        import os, time
        import numpy  # its BLAS may start threads of its own
        def threads(): return len(os.listdir("/proc/self/task"))
        def settles_at(count):  # a joined thread may stay in the list for a moment
            until = time.monotonic() + 30
            while threads() != count and time.monotonic() < until:
                time.sleep(0.001)
            return threads() == count
        before = threads()
        from fastmlp._core import team
        team.self_test(1, 10, 10)
        assert threads() == before
        team.self_test(3, 10, 10)
        assert threads() == before + 2
        team.self_test(2, 10, 10)
        assert threads() == before + 2
        team.stop()
        assert settles_at(before)
    """)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a limit on threads")
def test_a_team_that_cannot_start_threads_runs_on_the_caller():
    # Without address space for a stack, pthread_create fails.
    run_script("""
        import resource
        from fastmlp._core import team
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[0])
        limit = pages * resource.getpagesize() + (2 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
        x, runs, used = team.self_test(4, 50, 9, 1000)
        assert used == 1 and set(runs.tolist()) == {50}
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert team.self_test(4, 50, 9, 1000)[0].tolist() == x.tolist()
    """)


def test_workers_round_as_the_caller_does():
    # Rounding upward stands for all of the floating-point environment, such as flushed denormals.
    run_script(f"""
        import ctypes, platform
        from fastmlp._core import team
        team.self_test(2, 10, 10)
        nearest = team.self_test(1, 1, 40)[0]
        upward = {{"x86_64": 0x800, "AMD64": 0x800}}.get(platform.machine(), 0x400000)
        libm = ctypes.CDLL({ctypes.util.find_library("m")!r})
        assert libm.fesetround(upward) == 0
        alone = team.self_test(1, 1, 40)[0]
        shared = [team.self_test(2, 1, 40, 10_000)[0] for _ in range(20)]
        libm.fesetround(0)
        assert (alone > nearest).any()
        for x in shared:
            assert x.tolist() == alone.tolist()
    """)


FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


@FORKS
@pytest.mark.parametrize("child_ends", ["os._exit(0)", "sys.exit(0)"])
def test_a_forked_child_gets_a_team_of_its_own(child_ends):
    run_script(f"""
        import os, signal, sys, warnings
        from fastmlp._core import team
        warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads: it is meant
        x = team.self_test(3, 50, 9, 0, True)[0].tolist()
        for _ in range(10):
            pid = os.fork()
            if pid == 0:
                signal.alarm(60)
                for n in (1, 2, 3, 4):
                    assert team.self_test(n, 50, 9, 0, True)[0].tolist() == x
                grandchild = os.fork()
                if grandchild:
                    assert os.waitpid(grandchild, 0)[1] == 0
                assert team.self_test(3, 50, 9, 20_000, True)[0].tolist() == x
                {child_ends}
            assert team.self_test(3, 50, 9, 0, True)[0].tolist() == x
            assert os.waitpid(pid, 0)[1] == 0
    """)


@FORKS
def test_a_child_forked_in_the_middle_of_a_run_gets_a_team_of_its_own():
    run_script("""
        import os, signal, threading, time, warnings
        from fastmlp._core import team
        warnings.simplefilter("ignore", DeprecationWarning)
        x = team.self_test(1, 30, 9, 0, True)[0].tolist()
        going = True
        bad = []
        def loop():
            while going:
                if team.self_test(3, 30, 9, 5_000, True)[0].tolist() != x:
                    bad.append(1)
        threads = [threading.Thread(target=loop) for _ in range(2)]
        for thread in threads:
            thread.start()
        for i in range(20):
            time.sleep(0.0007 * (i % 5))
            pid = os.fork()
            if pid == 0:
                signal.alarm(60)
                for n in (2, 3):
                    if team.self_test(n, 30, 9, 5_000, True)[0].tolist() != x:
                        os._exit(1)
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
        going = False
        for thread in threads:
            thread.join()
        assert not bad
    """)


def test_the_process_ends_while_the_team_is_idle_asleep_or_never_used():
    run_script("from fastmlp._core import team; team.self_test(4, 100, 5)")
    run_script(
        "from fastmlp._core import team; team.self_test(4, 9, 5); __import__('time').sleep(.1)"
    )
    run_script("from fastmlp._core import team")


def test_the_process_ends_while_a_daemon_thread_runs():
    run_script("""
        import threading, time
        from fastmlp._core import team
        threading.Thread(target=team.self_test, args=(2, 10, 10, 50_000_000), daemon=True).start()
        time.sleep(0.05)
    """)


def test_a_team_can_be_used_by_the_last_words_of_a_process():
    out = run_script("""
        import atexit
        atexit.register(lambda: print(team.self_test(2, 10, 3)[1].tolist()))  # runs after stop()
        from fastmlp._core import team
        team.self_test(3, 10, 3)
        atexit.register(lambda: print(team.self_test(2, 10, 3)[1].tolist()))  # and before it
    """)
    assert out.split("\n")[:2] == ["[10, 10, 10]"] * 2


def test_an_idle_team_uses_no_cpu():
    # Not a speed: idle threads must sleep. 1 ms after a run, 300 ms cost less than 3 ms, unless
    # other programs have kept a thread from coming to its sleep: once in a few tries they have not.
    run_script("""
        import time
        from fastmlp._core import team
        time.sleep(0.3)  # NumPy's own threads do not sleep in their first 0.1 s
        def used():
            team.self_test(4, 100, 8, 20_000)
            time.sleep(0.001)
            before = time.process_time()
            time.sleep(0.3)
            return time.process_time() - before
        assert any(used() < 0.003 for _ in range(10))
    """)


def test_waiting_for_a_long_task_uses_no_cpu():
    # Three of four workers wait 200 ms for a single task: they must sleep meanwhile.
    run_script("""
        import time
        from fastmlp._core import team
        time.sleep(0.3)  # NumPy's own threads do not sleep in their first 0.1 s
        def used():
            team.self_test(4, 100, 8, 20_000)
            before = time.process_time()
            team.self_test(4, 1, 1, 200_000_000)
            return time.process_time() - before
        assert any(used() < 0.23 for _ in range(10))
    """)

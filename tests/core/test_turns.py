"""Turns: one owner at a time, who may take it again; readers while it is lent; nobody is forgotten."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from fastmlp._core.turns import Turns


def thread(work) -> threading.Thread:
    started = threading.Thread(target=work, daemon=True)
    started.start()
    return started


def ends(worker: threading.Thread) -> bool:
    worker.join(10)
    return not worker.is_alive()


def test_owner_may_take_it_again():
    turns = Turns()
    with turns, turns, turns.reading():
        pass
    assert ends(thread(turns.__enter__))


def test_others_wait_until_the_outermost_turn_ends():
    turns, seen = Turns(), []

    def other():
        with turns:
            seen.append("other")

    with turns:
        with turns:
            worker = thread(other)
        time.sleep(0.05)
        seen.append("owner")
    assert ends(worker)
    assert seen == ["owner", "other"]


def test_readers_go_while_it_is_lent_and_writers_do_not():
    turns, seen = Turns(), []

    def read():
        with turns.reading():
            seen.append("read")

    def write():
        with turns:
            seen.append("write")

    with turns:
        writer, reader = thread(write), thread(read)
        while "read" not in seen:
            turns.lend()
        assert ends(reader)
        with turns.lent():
            assert ends(thread(read))
        assert seen == ["read", "read"]
    assert ends(writer)


def test_a_feeder_may_read_only():
    turns = Turns()
    turns.feeders.add(threading.get_ident())
    with turns.reading():
        pass
    with pytest.raises(RuntimeError, match="generator cannot change the model"), turns:
        pass


def test_many_threads_count_without_losing_one():
    turns, counts = Turns(), [0, 0]

    def work(number: int) -> None:
        for _ in range(300):
            with turns if number % 2 else turns.reading():
                value = counts[0]
                counts[1] += 1
                if number == 0:
                    turns.lend()
                counts[0] = counts[1]
                assert value <= counts[0]

    workers = [thread(lambda number=number: work(number)) for number in range(6)]
    assert all(ends(worker) for worker in workers)
    assert counts == [1800, 1800]


def go_round(turn, stop, counts) -> threading.Thread:
    """A thread that takes turn after turn."""

    def work():
        while not stop.is_set():
            with turn:
                time.sleep(0.001)
            counts.append(1)

    return thread(work)


@pytest.mark.parametrize("readers", [1, 2, 4])
def test_readers_without_end_keep_no_writer_and_no_lender_waiting(readers):
    turns, stop, counts = Turns(), threading.Event(), []
    workers = [go_round(turns.reading(), stop, counts) for _ in range(readers)]
    while not counts:
        time.sleep(0.001)

    def write():
        for _ in range(20):
            with turns:
                for _ in range(5):
                    turns.lend()

    writer = thread(write)
    writer.join(10)
    late = writer.is_alive()
    stop.set()
    assert all(map(ends, [writer, *workers]))
    assert not late


def test_a_reader_who_lends_goes_on_while_a_writer_does():
    turns, lends, goes_on = Turns(), threading.Event(), threading.Event()

    def read():
        with turns.reading(), turns.lent():
            lends.set()
            goes_on.wait()

    with turns:
        with turns.lent():
            reader = thread(read)
            assert lends.wait(10)
        goes_on.set()
        while reader.is_alive():
            turns.lend()
    assert ends(reader)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="POSIX")
def test_a_handler_may_take_the_turn_that_its_own_thread_waits_for():
    turns, seen = Turns(), []

    def handle(*_):
        with turns.reading():
            seen.append("read")

    def own():
        with turns:
            owns.set()
            time.sleep(0.2)

    owns = threading.Event()
    before = signal.signal(signal.SIGALRM, handle)
    try:
        worker = thread(own)
        assert owns.wait(10)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with turns:
            assert seen == ["read"]
    finally:
        signal.signal(signal.SIGALRM, before)
    assert ends(worker)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_waits_for_no_thread_that_it_lacks():
    turns = Turns()
    owns, done = threading.Event(), threading.Event()

    def own():
        with turns:
            owns.set()
            done.wait()

    def lend():
        with other, other.lent():
            lent.set()
            done.wait()

    other, lent = Turns(), threading.Event()
    workers = [thread(own), thread(lend)]
    assert owns.wait(10) and lent.wait(10)
    pid = os.fork()
    if pid == 0:
        taken = all(ends(thread(one.__enter__)) for one in (turns, other))
        os._exit(0 if taken else 1)
    done.set()
    assert all(map(ends, workers))
    assert os.waitpid(pid, 0)[1] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_turn_is_kept_by_the_thread_that_forks():
    turns = Turns()
    with turns:
        pid = os.fork()
        if pid == 0:
            waits = thread(turns.__enter__)
            waits.join(0.2)
            turns.__exit__(None, None, None)
            os._exit(0 if ends(waits) else 1)
    assert os.waitpid(pid, 0)[1] == 0

"""What a worker looks after besides pushes is done once a minute, and a chore that fails stops no other."""

import threading

from connector.provisioning.chores import Chores


def test_chores_are_done_once_a_minute() -> None:
    done = threading.Semaphore(0)
    chores = Chores([lambda: done.release()])

    chores.start_due(1000.0)
    assert done.acquire(timeout=5)
    chores.start_due(1059.0)
    assert not done.acquire(timeout=0.1)
    wait_for(chores)
    chores.start_due(1060.0)
    assert done.acquire(timeout=5)


def test_a_chore_that_fails_stops_no_other() -> None:
    done: list[str] = []

    def fails() -> None:
        raise RuntimeError("as chores may")

    Chores([fails, lambda: done.append("second")]).run()

    assert done == ["second"]


def test_a_round_that_takes_long_is_not_begun_twice() -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()

    def slow() -> None:
        begun.release()
        go_on.wait(5)

    chores = Chores([slow])
    chores.start_due(1000.0)
    assert begun.acquire(timeout=5)
    chores.start_due(2000.0)
    assert not begun.acquire(timeout=0.1)
    go_on.set()
    wait_for(chores)


def wait_for(chores: Chores) -> None:
    """Until the round under way has ended."""
    for thread in threading.enumerate():
        if thread.name == "chores":
            thread.join(5)

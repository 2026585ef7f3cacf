"""Named leases: one holder at a time, also where several take it for the first time at once."""

import threading

from connector.core.clock import to_text
from connector.storage import leases
from connector.storage.db import Database
from tests.conftest import Clock


def take(database: Database, holder: str, *, seconds: int = 60) -> bool:
    with database.transaction() as tx:
        return leases.take(tx, "seal", holder, to_text(tx.moment.replace(second=0, minute=seconds // 60)))


def test_a_lease_is_held_renewed_taken_over_and_given_back(database: Database, clock: Clock) -> None:
    assert take(database, "one")
    assert take(database, "one")
    assert not take(database, "two")
    clock.move(minutes=2)
    assert take(database, "two", seconds=300)
    assert not take(database, "one", seconds=300)
    with database.transaction() as tx:
        leases.drop(tx, "seal", "one")  # not its own
    assert not take(database, "one", seconds=300)
    with database.transaction() as tx:
        leases.drop(tx, "seal", "two")
    assert take(database, "one", seconds=300)


def test_of_those_who_take_it_first_at_once_one_has_it(database: Database) -> None:
    barrier, got, problems = threading.Barrier(4), [], []

    def contend(name: str) -> None:
        barrier.wait()
        try:
            got.append(take(database, name))
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=contend, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert problems == []
    assert sorted(got) == [False, False, False, True]

"""A push slower than its lease: nobody takes it over while its worker lives, and somebody does when it is dead."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa

from connector.app import Parts
from connector.domain.unit import SYSTEM
from connector.provisioning.worker import Worker
from connector.storage import tables as t
from tests.conftest import Clock

LEASE = 10.0


@dataclass
class SlowApp:
    """An application that answers when it is let; counts who told it."""

    told: list[str] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)

    def by(self, worker: str) -> Callable[[str, str], None]:
        def tell(_agent: str, _entity_id: str) -> None:
            self.told.append(worker)
            if worker == "first":
                self.may_answer.wait(30)

        return tell


@pytest.fixture
def app_told() -> Iterator[SlowApp]:
    app = SlowApp()
    yield app
    app.may_answer.set()


def _worker(parts: Parts, tell: Callable[[str, str], None]) -> Worker:
    return Worker(
        parts.domain, parts.connections, parts.push, tell, origin="test", lease_seconds=LEASE, poll_seconds=0.02
    )


def _row(parts: Parts) -> Any:
    with parts.domain.view() as unit:
        return unit.tx.execute(sa.select(t.outbox)).one()


def _until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_push_slower_than_its_lease_stays_with_its_worker_while_that_lives(
    parts: Parts, app_told: SlowApp, clock: Clock
) -> None:
    first, second = _worker(parts, app_told.by("first")), _worker(parts, app_told.by("second"))
    with parts.domain.change(SYSTEM) as unit:
        unit.tell_apps("agt-1", ["https://slow.example"])
    loop = first.start()
    _until(lambda: app_told.told == ["first"])

    for _ in range(4):  # 24 seconds, more than two leases
        held_until = _row(parts).lease_until
        clock.move(seconds=LEASE * 0.6)
        _until(lambda held_until=held_until: _row(parts).lease_until > held_until)
        assert second.turn() is False

    app_told.may_answer.set()
    _until(lambda: _row(parts).done == _row(parts).wanted)
    first.stop()
    loop.join(10)
    assert app_told.told == ["first"]


def test_a_push_of_a_dead_worker_is_taken_over_when_its_lease_ends(
    parts: Parts, app_told: SlowApp, clock: Clock
) -> None:
    first, second = _worker(parts, app_told.by("first")), _worker(parts, app_told.by("second"))
    with parts.domain.change(SYSTEM) as unit:
        unit.tell_apps("agt-1", ["https://slow.example"])
    assert first.turn() is True  # and it never gets to another turn: nobody renews its lease
    _until(lambda: app_told.told == ["first"])

    clock.move(seconds=LEASE - 1)
    assert second.turn() is False
    clock.move(seconds=2)
    assert second.turn() is True
    _until(lambda: _row(parts).done == 1)

    # Should the first come back to life, its outcome counts for nothing: the lease is not its own any more.
    with parts.domain.change(SYSTEM) as unit:
        unit.tell_apps("agt-1", ["https://slow.example"])
    app_told.may_answer.set()
    _until(lambda: not first.busy)
    assert (_row(parts).wanted, _row(parts).done) == (2, 1)
    assert app_told.told == ["first", "second"]

"""Failed authentications of a client are counted for all processes together; who succeeds is looked up nowhere."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connector.domain import failed_attempts
from connector.domain.unit import SYSTEM, Domain
from connector.edges.oauth.attempts import Attempts
from connector.storage import tables as t
from connector.storage.db import Database

GRANT = {"grant_type": "client_credentials"}
LIMIT = 4


def ask(web: Any, auth: tuple[str, str], address: str = "192.0.2.1") -> int:
    answer = web.post("/oauth/token", data=GRANT, auth=auth, environ_base={"REMOTE_ADDR": address})
    return int(answer.status_code)


@pytest.fixture
def processes(world: Any) -> list[Any]:
    """Three, on one database."""
    return [world.other(auth_failures=LIMIT) for _ in range(3)]


def rows(world: Any) -> list[Any]:
    with world.parts.domain.view() as unit:
        return list(unit.tx.execute(sa.select(t.failed_attempt)).all())


def test_guesses_are_counted_over_all_processes(world: Any, processes: list[Any]) -> None:
    id, secret = world.bot.auth
    wrong = [ask(processes[number % 3], (id, f"wrong-{number}")) for number in range(30)]

    taken = [number for number, status in enumerate(wrong) if status == 401]
    assert len(taken) <= LIMIT + len(processes) - 1, "each other process learns of it by one more"
    assert wrong[-3:] == [429] * 3
    assert [ask(web, (id, secret)) for web in processes] == [429] * 3
    assert ask(processes[0], (id, secret), "192.0.2.2") == 200, "from elsewhere it comes in"
    [row] = rows(world)
    assert id not in row.key and "192.0.2" not in row.key


def test_a_process_that_has_just_begun_learns_of_it_by_the_first_failure(world: Any, processes: list[Any]) -> None:
    id, secret = world.bot.auth
    for _ in range(LIMIT):
        ask(processes[0], (id, "wrong"))
    begun = world.other(auth_failures=LIMIT)

    assert [ask(begun, (id, "wrong")), ask(begun, (id, "wrong")), ask(begun, (id, secret))] == [401, 429, 429]


def test_whoever_comes_in_is_counted_anew_in_every_process(world: Any, processes: list[Any]) -> None:
    id, secret = world.bot.auth
    for _ in range(LIMIT - 1):
        ask(processes[0], (id, "wrong"))
    assert ask(processes[0], (id, secret)) == 200

    assert rows(world) == []
    assert [ask(processes[1], (id, "wrong")) for _ in range(LIMIT)] == [401] * LIMIT


def test_strangers_leave_no_rows(world: Any, processes: list[Any]) -> None:
    assert [ask(processes[0], ("nobody", "wrong")) for _ in range(LIMIT + 1)] == [401] * LIMIT + [429]

    assert rows(world) == []


def test_without_a_limit_nothing_is_counted(world: Any) -> None:
    web = world.other(auth_failures=0)
    assert [ask(web, (world.bot.id, "wrong")) for _ in range(30)] == [401] * 30

    assert rows(world) == []


def test_whoever_succeeds_forgets_only_what_they_have_failed_here_themselves(world: Any, processes: list[Any]) -> None:
    ask(processes[0], (world.helper.id, "wrong"))

    assert ask(processes[0], world.bot.auth) == ask(processes[1], world.helper.auth) == 200
    assert len(rows(world)) == 1, "nobody who comes in is looked up"
    assert ask(processes[0], world.helper.auth) == 200
    assert rows(world) == []


def test_a_count_ends_with_its_window(database: Database, world: Any, clock: Any) -> None:
    domain = Domain(database, world.parts.domain.keys)
    window = timedelta(minutes=5)

    def fail(client: str = "hr", address: str = "192.0.2.1") -> tuple[int, timedelta]:
        with domain.change(SYSTEM) as unit:
            return failed_attempts.count(unit, client, address, window=window)

    assert fail() == (1, timedelta())
    clock.move(minutes=4)
    assert fail() == (2, timedelta(minutes=4))
    assert (fail("hr", "192.0.2.2"), fail("it")) == ((1, timedelta()), (1, timedelta()))
    clock.move(minutes=1)
    assert fail() == (1, timedelta())
    clock.move(minutes=5)
    fail("other")

    with domain.view() as unit:
        assert len(unit.tx.execute(sa.select(t.failed_attempt)).all()) == 1, "what has ended goes"


def test_what_was_learnt_ends_when_it_ends_everywhere() -> None:
    now = [1000.0]
    attempts = Attempts(lambda: now[0], limit=2, seconds=300)
    assert attempts.succeeded("hr", "a") is False

    attempts.learn("hr", "a", 2, timedelta(seconds=100))

    with pytest.raises(Exception, match="too many failed") as refused:
        attempts.check("hr", "a")
    assert refused.value.retry_after == 200  # type: ignore[attr-defined]
    now[0] += 200
    attempts.check("hr", "a")
    attempts.failed("hr", "a")
    attempts.check("hr", "a")
    assert attempts.succeeded("hr", "a") is False, "it has begun anew, in this process"
    attempts.learn("hr", "a", 1, timedelta())
    assert attempts.succeeded("hr", "a") is True

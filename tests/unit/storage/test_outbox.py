"""The outbox by itself: rows coalesce, come in order of urgency, are leased, and no outcome is recorded by who lost the lease."""

from connector.storage import outbox
from connector.storage.db import Database
from connector.storage.outbox import Claim
from tests.conftest import Clock

IDP, DIRECTORY = "target:idp", "target:directory"


def look(
    database: Database, *ids: str, at: tuple[str, ...] = (IDP,), priority: int = 3, correlation: str = "c1"
) -> None:
    with database.transaction() as tx:
        outbox.look(tx, ids, at, priority=priority, correlation_id=correlation)


def claim(database: Database, destination: str = IDP, *, limit: int = 10, seconds: float = 60) -> list[Claim]:
    with database.transaction() as tx:
        return outbox.claim(tx, destination, limit=limit, seconds=seconds)


def finish(database: Database, one: Claim, *, problem: str | None = None) -> bool:
    with database.transaction() as tx:
        return outbox.finish(tx, one, problem=problem)


def states(database: Database, resource_id: str) -> list[tuple[str, str, str | None]]:
    with database.snapshot() as tx:
        return [(one.destination, one.state, one.problem) for one in outbox.of_resource(tx, resource_id)]


def backlog(database: Database) -> dict[str, tuple[int, int, str | None]]:
    with database.snapshot() as tx:
        return {one.destination: (one.pending, one.failed, one.problem) for one in outbox.backlog(tx)}


def test_changes_of_one_resource_coalesce_into_one_row_at_each_destination(database: Database) -> None:
    look(database, "a", at=(IDP, DIRECTORY))
    look(database, "a", at=(IDP,), correlation="c2")

    (one,) = claim(database)
    assert (one.resource_id, one.wanted, one.correlation_id) == ("a", 2, "c2")
    assert [one.wanted for one in claim(database, DIRECTORY)] == [1]


def test_looking_at_more_than_a_batch_of_resources_makes_a_row_for_each(database: Database) -> None:
    ids = [f"agt-{number:04}" for number in range(1201)]

    look(database, *ids, ids[0])

    assert backlog(database) == {IDP: (1201, 0, None)}


def test_what_takes_access_away_is_claimed_first(database: Database) -> None:
    look(database, "created", priority=4)
    look(database, "updated", priority=3)
    look(database, "deleted", priority=0)
    look(database, "disabled", priority=1)

    assert [one.resource_id for one in claim(database, limit=3)] == ["deleted", "disabled", "updated"]
    assert [one.resource_id for one in claim(database)] == ["created"]


def test_a_later_lesser_change_does_not_make_an_open_row_less_urgent(database: Database) -> None:
    look(database, "disabled", priority=1)
    look(database, "other", priority=2)
    look(database, "disabled", priority=3)

    assert [one.resource_id for one in claim(database)] == ["disabled", "other"]


def test_a_row_that_was_done_takes_the_priority_of_the_next_change(database: Database) -> None:
    look(database, "a", priority=0)
    finish(database, claim(database)[0])
    look(database, "a", priority=4)
    look(database, "b", priority=3)

    assert [one.resource_id for one in claim(database)] == ["b", "a"]


def test_a_claimed_row_is_nobody_elses_until_its_lease_ends(database: Database, clock: Clock) -> None:
    look(database, "a")
    (first,) = claim(database, seconds=10)

    assert claim(database) == []
    clock.move(seconds=11)
    (second,) = claim(database, seconds=10)
    assert finish(database, first) is False
    assert states(database, "a") == [(IDP, "pending", None)]
    assert finish(database, second) is True
    assert states(database, "a") == [(IDP, "synced", None)]


def test_a_lease_can_be_renewed_by_its_holder_only(database: Database, clock: Clock) -> None:
    look(database, "a")
    (first,) = claim(database, seconds=10)
    clock.move(seconds=9)
    with database.transaction() as tx:
        assert outbox.renew(tx, first, seconds=10) is True
    clock.move(seconds=9)
    assert claim(database) == []

    clock.move(seconds=2)
    claim(database, seconds=10)
    with database.transaction() as tx:
        assert outbox.renew(tx, first, seconds=10) is False


def test_a_change_during_a_push_leaves_the_row_open(database: Database) -> None:
    look(database, "a")
    (one,) = claim(database)
    look(database, "a", priority=1)

    assert finish(database, one) is True

    (again,) = claim(database)
    assert again.wanted == 2


def test_a_postponed_row_waits_with_its_problem_and_counts_the_attempts(database: Database, clock: Clock) -> None:
    look(database, "a")
    (one,) = claim(database)
    with database.transaction() as tx:
        due = "2027-03-01T12:00:05.000Z"
        assert outbox.postpone(tx, one, due=due, problem="busy") is True

    assert states(database, "a") == [(IDP, "pending", "busy")]
    assert claim(database) == []
    with database.snapshot() as tx:
        assert outbox.destinations_due(tx) == []
    clock.move(seconds=5)
    with database.snapshot() as tx:
        assert outbox.destinations_due(tx) == [IDP]
    assert [one.attempts for one in claim(database)] == [1]


def test_a_change_during_a_push_that_fails_is_looked_at_without_waiting(database: Database) -> None:
    look(database, "a")
    (one,) = claim(database)
    look(database, "a")
    with database.transaction() as tx:
        assert outbox.postpone(tx, one, due="2027-03-01T13:00:00.000Z", problem="busy") is True

    assert [one.attempts for one in claim(database)] == [0]


def test_who_lost_the_lease_cannot_postpone(database: Database, clock: Clock) -> None:
    look(database, "a")
    (first,) = claim(database, seconds=1)
    clock.move(seconds=2)
    claim(database)

    with database.transaction() as tx:
        assert outbox.postpone(tx, first, due="2027-03-01T13:00:00.000Z", problem="busy") is False
    assert states(database, "a") == [(IDP, "pending", None)]


def test_a_row_that_was_given_up_is_shown_as_failed_until_something_changes(database: Database) -> None:
    look(database, "a", "b")
    first, second = claim(database)
    finish(database, first, problem="no such department")
    finish(database, second)

    assert backlog(database) == {IDP: (0, 1, "no such department")}
    assert states(database, "a") == [(IDP, "failed", "no such department")]
    assert claim(database) == []
    look(database, "a")
    assert backlog(database)[IDP][:2] == (1, 0)


def test_forgetting_a_destination_leaves_the_others(database: Database) -> None:
    look(database, "a", at=(IDP, DIRECTORY))

    with database.transaction() as tx:
        outbox.forget(tx, IDP)

    assert states(database, "a") == [(DIRECTORY, "pending", None)]

"""Rows that are claimed ahead of the threads: what was read for all of them at once, and what may have changed before their turn."""

from dataclasses import replace

import sqlalchemy as sa

from connector.domain import targets
from connector.domain.unit import SYSTEM
from connector.provisioning.attempt import Job
from connector.storage import outbox
from connector.storage import tables as t
from connector.storage.outbox import Claim
from connector.targets.base import Rejected
from tests.unit.provisioning.conftest import World


def _claims(world: World) -> list[Claim]:
    with world.parts.domain.change(SYSTEM) as unit:
        return outbox.claim(unit.tx, "target:idp", limit=10, seconds=10)


def _jobs(world: World) -> list[Job]:
    return world.parts.attempts.jobs(_claims(world))


def test_a_change_after_the_claim_was_read_is_pushed_by_the_look_after_it(world: World) -> None:
    agent = world.agent("bot")
    (job,) = _jobs(world)
    world.amend(agent, displayName="Later")

    world.parts.attempts.carry_out(job)

    assert world.account("bot").attributes["displayName"] == "Bot"
    assert world.standing(agent)[0] == "pending"
    world.drain()
    assert world.account("bot").attributes["displayName"] == "Later"
    assert world.standing(agent)[0] == "synced"


def test_what_was_read_long_before_its_turn_is_read_again(world: World) -> None:
    agent = world.agent("bot")
    (job,) = _jobs(world)
    world.amend(agent, displayName="Later")

    world.parts.attempts.carry_out(replace(job, read=job.read - 2))

    assert world.account("bot").attributes["displayName"] == "Later"


def test_an_agent_that_cannot_be_read_holds_up_no_other_that_was_claimed_with_it(world: World) -> None:
    broken, _ = world.agent("broken"), world.agent("whole")
    with world.parts.domain.change(SYSTEM) as unit:
        spoilt = sa.update(t.resource).where(t.resource.c.id == broken).values(document="{")
        unit.tx.execute(spoilt)

    jobs = _jobs(world)
    assert len(jobs) == 2
    for job in jobs:
        if job.claim.resource_id != broken:
            world.parts.attempts.carry_out(job)

    assert [one.attributes["userName"] for one in world.store.accounts.values()] == ["whole"]


def test_what_was_claimed_before_its_target_was_paused_is_given_back(world: World) -> None:
    world.agent("bot")
    (job,) = _jobs(world)
    with world.parts.domain.change(SYSTEM) as unit:
        targets.pause(unit, "idp", "maintenance")

    world.parts.attempts.carry_out(job)

    assert world.store.accounts == {}
    assert [one.resource_id for one in _claims(world)] == [
        job.claim.resource_id
    ]  # free, and not only when the lease ends


def test_a_failure_after_the_lease_was_lost_is_not_recorded_and_has_the_agent_looked_at_again(world: World) -> None:
    agent = world.agent("bot")
    (late,) = _claims(world)
    world.clock.move(seconds=11)
    (successor,) = _claims(world)
    world.parts.attempts.carry_out(Job(successor))
    assert world.standing(agent)[0] == "synced"

    world.parts.attempts.failed(late, Rejected("the directory refuses it"))

    assert world.events("account:failed") == []
    assert world.standing(agent) == ("pending", None)


def test_a_destination_is_due_as_soon_as_one_of_its_rows_is(world: World) -> None:
    def due() -> list[str]:
        with world.parts.domain.glance() as unit:
            return sorted(outbox.destinations_due(unit.tx))

    with world.parts.domain.change(SYSTEM) as unit:
        for name in ("first", "second"):
            targets.add(unit, name, "memory", "memory", {})
    world.agent("one"), world.agent("two")
    assert due() == ["target:first", "target:idp", "target:second"]

    claims = _claims(world)
    assert due() == ["target:first", "target:second"]
    with world.parts.domain.change(SYSTEM) as unit:
        outbox.give_back(unit.tx, claims[0])
        outbox.finish(unit.tx, claims[1])
    assert "target:idp" in due()
    world.clock.move(seconds=1)
    with world.parts.domain.change(SYSTEM) as unit:
        for name in ("first", "second"):
            for one in outbox.claim(unit.tx, f"target:{name}", limit=10, seconds=10):
                outbox.finish(unit.tx, one)
    assert due() == ["target:idp"]

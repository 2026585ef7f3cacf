"""Faults that no server can be made to have on demand: a kill at each step of a push, answers that are lost, clocks that differ."""

from collections import Counter
from datetime import timedelta

import pytest

from connector.parts import assemble
from connector.provisioning import push as pushing
from connector.provisioning.push import Push
from connector.targets.base import Account, Unreachable
from connector.targets.memory import MemoryTarget
from tests.unit.provisioning.conftest import World

Patch = pytest.MonkeyPatch


class Killed(BaseException):
    """As kill -9: nothing of ours catches it, and nothing is written afterwards."""


class Killer:
    """Kills at the so many-th of these moments: before and after each write at the target, before and after it is recorded."""

    def __init__(self, patch: Patch, at: int) -> None:
        self.left, self.struck = at, False
        take, record = pushing.take, Push._record

        def taking(*given: object, **named: object) -> object:
            self.moment()
            done = take(*given, **named)  # type: ignore[arg-type]
            self.moment()
            return done

        def recording(*given: object, **named: object) -> None:
            record(*given, **named)  # type: ignore[arg-type]
            self.moment()

        patch.setattr(pushing, "take", taking)
        patch.setattr(Push, "_record", recording)

    def moment(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.struck = True
            raise Killed


def push_and_die(world: World, agent_id: str, at: int) -> bool:
    """A push that is killed at that moment; whether it came to it."""
    with pytest.MonkeyPatch.context() as patch:
        killer = Killer(patch, at)
        try:
            world.parts.attempts.now(agent_id, "idp")
        except Killed:
            assert killer.struck
    world.clock.move(seconds=61)  # its lease ends
    return killer.struck


def counted(world: World, agent_id: str) -> Counter[str]:
    told = [one for one in world.events(*(f"account:{what}" for what in ("created", "adopted", "deleted")))]
    return Counter(one["action"] for one in told if one["subject"]["id"] == agent_id)


def test_a_push_that_is_killed_at_any_step_is_finished_by_the_next(world: World) -> None:
    moments = 0
    for at in range(1, 50):
        name = f"bot-{at:02}"
        agent = world.agent(name, description="first")
        ops = world.group(f"group-{at:02}", agent)

        struck = push_and_die(world, agent, at)
        world.drain()
        account = world.account(name)
        assert [set(held) for group, held in world.store.members.items() if account.id in held] == [{account.id}]
        assert sum(counted(world, agent).values()) == 1, "created, or adopted where the creation was not recorded"

        world.leave(ops, agent)
        world.amend(agent, active=False, description="second")
        struck |= push_and_die(world, agent, at)
        world.drain()
        assert (world.account(name).active, world.account(name).attributes["title"]) == (False, "second")
        assert not any(account.id in held for held in world.store.members.values())

        world.delete(agent)
        struck |= push_and_die(world, agent, at)
        world.drain()
        assert account.id not in world.store.accounts
        moments = at
        if not struck:
            break

    assert moments > 6  # it went through every moment of every push
    assert world.plan()[1].entries == ()
    assert world.events("account:drifted") == []


def test_a_create_whose_answer_is_lost_is_adopted_and_not_made_twice(world: World) -> None:
    create = MemoryTarget.create

    def unanswered(self: MemoryTarget, account: Account) -> Account:
        create(self, account)
        raise Unreachable("it did not answer in 20 s")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryTarget, "create", unanswered)
        agent = world.agent("ada")
        world.drain()
    assert len(world.store.accounts) == 1
    assert world.standing(agent) == ("pending", "it did not answer in 20 s")
    world.clock.move(seconds=30)

    world.drain()

    assert len(world.store.accounts) == 1
    assert counted(world, agent) == {"account:adopted": 1}
    assert world.standing(agent)[0] == "synced"


def test_an_account_that_is_renamed_there_is_the_same_account(world: World) -> None:
    world.settled("ada")
    before = world.account("ada").id
    world.touch("ada", userName="renamed-by-hand")

    report = world.reconcile()

    assert report.written == {"update": 1}
    assert world.account("ada").id == before


def test_a_push_looks_at_the_present_state_whatever_came_before(world: World) -> None:
    (ada,) = world.settled("ada")
    world.amend(ada, active=False)
    world.amend(ada, active=True, displayName="Between")
    world.amend(ada, displayName="Last")

    world.drain()

    assert (world.account("ada").active, world.account("ada").attributes["displayName"]) == (True, "Last")
    assert world.events("account:disabled", "account:enabled") == []
    assert len(world.events("account:updated")) == 1


def test_workers_whose_clocks_differ_make_every_account_once(world: World) -> None:
    ahead = assemble(world.parts.settings, clock=lambda: world.clock() + timedelta(minutes=10))
    try:
        workers = [world.parts.worker(), ahead.worker()]
        agents = [world.agent(f"bot-{number}") for number in range(12)]
        for _ in range(3):
            for worker in workers:
                worker.turn()
        for worker in workers:
            assert worker.drain(seconds=30)
        world.clock.move(minutes=11)
        world.drain()
    finally:
        ahead.domain.database.close()

    assert sorted(one.attributes["externalId"] for one in world.store.accounts.values()) == sorted(agents)
    assert {sum(counted(world, agent).values()) for agent in agents} == {1}
    assert world.state().pending == 0

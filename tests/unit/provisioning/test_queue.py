"""The queue: pauses, quarantine, speed limits, dead letters, and the guard that holds mass removals."""

import pytest

from connector.core.errors import Denied, Invalid
from connector.domain import plans, targets
from connector.domain.targets import QUARANTINE
from connector.domain.unit import SYSTEM
from connector.storage import outbox
from connector.targets.base import Account, Propagating, Rejected, Throttled, Unreachable, Unsupported
from tests.unit.provisioning.conftest import World

Patch = pytest.MonkeyPatch


def broken(world: World, patch: Patch, method: str, problem: Exception) -> list[str]:
    """From now on that call of the target fails; the list grows by each call."""
    calls: list[str] = []

    def fails(*_given: object) -> None:
        calls.append(method)
        raise problem

    # The class, and not the object: after a failure the worker opens the target anew.
    patch.setattr(type(world.parts.connections.open("idp").target), method, fails)
    return calls


def test_a_paused_target_is_sent_nothing_and_catches_up_when_resumed(world: World) -> None:
    with pytest.raises(Invalid, match="a pause needs a reason"):
        world.decide(targets.pause, "idp", " ")
    world.decide(targets.pause, "idp", "maintenance")
    ada = world.agent("ada")

    world.drain()
    assert world.store.accounts == {}
    assert (world.state().state, world.state().problem) == ("paused", "ada: maintenance")
    assert world.standing(ada)[0] == "pending"
    world.decide(targets.resume, "idp")
    world.drain()

    assert world.account("ada")
    assert [one["action"] for one in world.events("target:paused", "target:resumed")] == [
        "target:paused",
        "target:resumed",
    ]


def test_a_target_that_keeps_failing_is_quarantined_and_only_probed(world: World) -> None:
    with pytest.MonkeyPatch.context() as patch:
        creates = broken(world, patch, "create", Unreachable("no answer"))
        probes = broken(world, patch, "check", Unreachable("still no answer"))
        world.agent("ada")
        for _ in range(QUARANTINE + 3):
            world.drain()
            world.clock.move(minutes=6)
        assert len(creates) == QUARANTINE
        assert len(probes) == 3
        world.drain()
        assert (world.state().state, world.state().problem) == ("quarantined", "still no answer")
        assert len(world.events("target:quarantined")) == 1
    world.clock.move(minutes=6)

    world.drain()

    assert world.account("ada")
    assert world.state().state == "ready"
    assert len(world.events("target:released")) == 1


def test_a_push_that_was_given_up_says_why_and_can_be_tried_again(world: World) -> None:
    with pytest.MonkeyPatch.context() as patch:
        broken(world, patch, "create", Rejected("the displayName has a forbidden word", attribute="displayName"))
        ada, bob = world.agent("ada"), world.agent("bob")
        world.drain()
        with world.parts.domain.view() as unit:
            found = targets.failures(unit, "idp")
        assert [(one.resource_id, one.state, one.problem) for one in found] == [
            (ada, "failed", "the displayName has a forbidden word"),
            (bob, "failed", "the displayName has a forbidden word"),
        ]
        assert world.state().state == "attention"
    world.decide(targets.replay, "idp", [ada])
    world.drain()
    assert world.account("ada")
    assert world.standing(bob)[0] == "failed"

    world.decide(targets.replay, "idp")
    world.drain()

    assert world.account("bob")
    assert world.state().state == "ready"


def test_one_agent_that_fails_holds_up_no_other(world: World) -> None:
    with pytest.MonkeyPatch.context() as patch:
        kind = type(world.parts.connections.open("idp").target)
        create = kind.create

        def picky(self: object, account: Account) -> Account:
            if account.attributes["userName"] == "bad":
                raise Rejected("no")
            return create(self, account)  # type: ignore[arg-type]

        patch.setattr(kind, "create", picky)
        world.agent("bad")
        world.agent("good")
        world.drain()

    assert [one.attributes["userName"] for one in world.store.accounts.values()] == ["good"]


def test_what_a_target_does_not_show_yet_is_propagating_and_no_failure(world: World) -> None:
    with pytest.MonkeyPatch.context() as patch:
        broken(world, patch, "create", Propagating("it was taken, and is not shown yet", retry_after=30))
        ada = world.agent("ada")
        world.drain()
        assert world.standing(ada) == ("propagating", "it was taken, and is not shown yet")
        assert (world.state().pending, world.state().propagating) == (1, 1)
        assert world.events("account:failed") == []
    world.clock.move(seconds=29)
    world.drain()
    assert world.store.accounts == {}

    world.clock.move(seconds=2)
    world.drain()

    assert world.standing(ada)[0] == "synced"
    assert (world.state().pending, world.state().propagating) == (0, 0)


def test_what_a_target_cannot_do_is_unsupported(world: World) -> None:
    with pytest.MonkeyPatch.context() as patch:
        broken(world, patch, "create", Unsupported("this target keeps no such accounts"))
        ada = world.agent("ada")
        world.drain()
        assert world.standing(ada) == ("unsupported", "this target keeps no such accounts")
        assert (world.state().failed, world.state().unsupported) == (1, 1)
    world.amend(ada, displayName="Other")
    world.drain()

    assert (world.state().failed, world.state().unsupported) == (0, 0)


def test_disabling_where_a_target_cannot_is_said(world: World) -> None:
    (ada,) = world.settled("ada")
    with pytest.MonkeyPatch.context() as patch:
        kind = type(world.parts.connections.open("idp").target)
        patch.setattr(kind, "capabilities", kind.capabilities - {"disable"})  # type: ignore[attr-defined]
        world.amend(ada, active=False)
        world.drain()
        assert world.standing(ada) == ("unsupported", "this target does not support disabling accounts")
        assert world.account("ada").active


def test_a_target_may_be_given_a_rate(world: World) -> None:
    world.decide(targets.tune, "idp", threads=2, rate=3)
    for number in range(7):
        world.agent(f"agent-{number}")

    counts = []
    worker = world.parts.worker()
    for _ in range(3):
        assert worker.drain(seconds=30)
        counts.append(len(world.store.accounts))
        world.clock.move(seconds=1)

    assert counts == [3, 6, 7]
    assert world.events("target:changed")[0]["detail"] == {"threads": 2, "rate": 3}


def suspended(world: World, *, many: int) -> list[str]:
    world.policies("guard: {free: 2, share: 10}\n")
    made = world.settled(*[f"agent-{number}" for number in range(5)])
    for id in made[:many]:
        world.amend(id, active=False)
    return made


def test_a_few_suspensions_go_through(world: World) -> None:
    suspended(world, many=2)

    world.drain()

    assert sum(not one.active for one in world.store.accounts.values()) == 2


def test_mass_removals_wait_for_an_approval_while_the_rest_goes_on(world: World) -> None:
    made = suspended(world, many=3)
    world.amend(made[4], displayName="Still changed")

    world.drain()

    assert all(one.active for one in world.store.accounts.values())
    assert world.account("agent-4").attributes["displayName"] == "Still changed"
    state = world.state()
    assert (state.state, state.pending) == ("held", 3)
    assert state.problem == "3 accounts would be disabled or deleted; 2 of 5 linked ones may be in one run"
    assert state.held is not None
    with pytest.raises(Denied, match="the plan is stopped"):
        world.apply(state.held)

    with world.parts.domain.view() as unit:
        held = plans.fetch(unit, state.held)
    world.decide(plans.approve, held.id, held.digest, "the project has ended")
    assert world.apply(held.id).released == 3
    world.drain()

    assert sum(not one.active for one in world.store.accounts.values()) == 3
    assert world.state().state == "ready"
    assert len(world.events("plan:braked")) == 1


def test_removals_that_were_taken_back_are_held_no_more(world: World) -> None:
    made = suspended(world, many=3)
    world.drain()
    assert world.state().state == "held"

    for id in made[:3]:
        world.amend(id, active=True)
    world.drain()

    assert (world.state().state, world.state().pending) == ("ready", 0)
    assert all(one.active for one in world.store.accounts.values())


def test_pushes_that_were_under_way_together_when_a_target_failed_are_one_failure(world: World) -> None:
    world.agent("ada"), world.agent("bob"), world.agent("eve")
    with world.parts.domain.change(SYSTEM) as unit:
        claims = outbox.claim(unit.tx, "target:idp", limit=10, seconds=60)

    for claim in claims:
        world.parts.attempts.failed(claim, Throttled("asks us to wait", retry_after=30))
        world.clock.move(seconds=1)

    assert len(claims) == 3
    assert (world.state().state, world.state().target.failures) == ("blocked", 1)
    world.clock.move(seconds=28)
    assert world.state().state == "blocked"  # as long as the last of them was asked to wait
    world.clock.move(seconds=5)
    assert world.state().state != "blocked"

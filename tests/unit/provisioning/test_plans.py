"""Plan, brake, approve, apply: what is written is the plan, and nothing is before the brakes were looked at."""

import orjson
import pytest

from connector.core.errors import Conflict, Denied
from connector.domain import plans
from tests.unit.provisioning.conftest import ADMIN, World, quiet


def steps(plan: object) -> dict[str, list[str]]:
    return {entry.name: [step["action"] for step in entry.steps] for entry in plan.entries}  # type: ignore[attr-defined]


def test_a_plan_says_what_it_would_do_and_writes_nothing(world: World) -> None:
    world.group("ops", world.agent("ada"))

    stored, plan = world.plan()

    assert steps(plan) == {"ada": ["create", "join"]}
    assert plan.entries[0].situation == "new"
    assert world.store.accounts == {}
    assert stored.state == "open"
    assert world.events("plan:made")[-1]["detail"]["counts"] == {"create": 1, "join": 1}


def test_an_applied_plan_does_what_it_said_and_the_next_finds_nothing_to_do(world: World) -> None:
    world.agent("ada")
    world.agent("bob")

    report = world.reconcile()
    again, plan = world.plan()

    assert report.written == {"create": 2}
    assert sorted(one.attributes["userName"] for one in world.store.accounts.values()) == ["ada", "bob"]
    assert plan.entries == ()
    assert world.apply(again.id).writes == 0


def test_an_update_is_planned_field_by_field_with_what_was_there(world: World) -> None:
    (ada,) = world.settled("ada")
    world.amend(ada, displayName="Ada II", description="invoices")

    _, plan = world.plan()

    assert plan.entries[0].steps[0]["attributes"] == {
        "displayName": {"from": "Ada", "to": "Ada II"},
        "title": {"from": None, "to": "invoices"},
    }


def test_what_has_changed_since_the_plan_was_made_is_left_alone(world: World) -> None:
    ada, bob = world.settled("ada", "bob")
    world.amend(ada, displayName="Planned")
    world.amend(bob, displayName="Planned")
    stored, _ = world.plan()
    world.amend(bob, displayName="Changed since")

    report = world.apply(stored.id)

    assert (report.writes, report.stale) == (1, ["bob"])
    assert world.account("ada").attributes["displayName"] == "Planned"
    assert world.account("bob").attributes["displayName"] == "Bob"
    world.drain()  # the change itself is not lost: the worker still has it to do
    assert world.account("bob").attributes["displayName"] == "Changed since"


def test_a_plan_is_applied_once_and_not_after_a_newer_one(world: World) -> None:
    world.agent("ada")
    first, _ = world.plan()
    world.agent("bob")
    second, _ = world.plan()

    with pytest.raises(Conflict, match="a newer plan has taken its place"):
        world.apply(first.id)
    world.apply(second.id)
    with pytest.raises(Conflict, match="it is applied already"):
        world.apply(second.id)


def test_too_many_removals_stop_a_plan_until_exactly_that_plan_is_approved(world: World) -> None:
    world.policies("guard: {free: 2, share: 10}\n")
    made = world.settled("a", "b", "c", "d")
    for id in made[:3]:
        world.amend(id, active=False)
    stored, _ = world.plan()

    assert orjson.loads(stored.brakes) == [
        "3 accounts would be disabled or deleted; 2 of 4 linked ones may be in one run"
    ]
    with pytest.raises(Denied, match="the plan is stopped: 3 accounts would be disabled"):
        world.apply(stored.id)
    with pytest.raises(Denied, match="the plan's digest is"):
        world.decide(plans.approve, stored.id, "0123456789abcdef", "looked right")
    with pytest.raises(Denied, match="needs a reason"):
        world.decide(plans.approve, stored.id, stored.digest, " ")
    assert all(one.active for one in world.store.accounts.values())

    world.decide(plans.approve, stored.id, stored.digest[:12], "the pilot is over")

    assert world.apply(stored.id).written == {"disable": 3}
    event = world.events("plan:approved")[0]
    assert (event["actor"]["name"], event["detail"]["why"]) == ("ada", "the pilot is over")
    assert [one["subject"]["id"] for one in world.events("plan:braked")] == [stored.id]


def test_an_empty_read_is_not_believed(world: World) -> None:
    world.settled("a", "b")
    kept = dict(world.store.accounts)
    world.store.accounts.clear()

    stored, _ = world.plan()

    assert "showed no account at all, though 2 are linked" in stored.brakes
    with pytest.raises(Denied):
        world.apply(stored.id)
    world.store.accounts.update(kept)
    assert world.plan()[1].entries == ()


def test_a_read_that_shows_far_fewer_accounts_than_are_linked_is_stopped(world: World) -> None:
    world.policies("guard: {free: 1, share: 10}\n")
    world.settled("a", "b", "c", "d")
    for name in "abc":
        del world.store.accounts[world.account(name).id]

    stored, _ = world.plan()

    assert orjson.loads(stored.brakes) == ["3 of 4 linked accounts were not among those that the target showed"]


def test_a_read_that_fails_makes_no_plan(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.settled("a")
    target = world.parts.connections.open("idp").target

    def half() -> object:
        yield from list(world.store.accounts.values())
        raise ConnectionError("the second page did not come")

    monkeypatch.setattr(target, "accounts", half)
    before = len(world.events("plan:made"))

    with pytest.raises(ConnectionError):
        world.plan()

    assert len(world.events("plan:made")) == before


def test_taking_the_last_owner_away_stops_a_plan(world: World) -> None:
    grace = world.person("grace")
    ada = world.agent("ada", owners=[{"value": grace}])
    world.drain()
    assert world.account("ada").attributes["manager"] == "person-grace"
    world.amend(ada, owners=None)

    stored, _ = world.plan()

    assert orjson.loads(stored.brakes) == ["the last owner would be taken from ada"]


def test_an_agent_whose_values_cannot_be_mapped_does_not_stop_the_others(world: World) -> None:
    text = (world.folder / "idp.yaml").read_text()
    (world.folder / "idp.yaml").write_text(text.replace("{from: description}", "{from: roles, transform: [lower]}"))
    world.parts.connections.forget("idp")
    world.agent("ada", roles=[{"value": "reader"}])
    world.agent("bob")

    _, plan = world.plan()
    report = world.reconcile()

    assert "a single value is needed here" in plan.entries[0].steps[0]["note"]
    assert report.written == {"create": 1}
    assert world.account("bob")


def test_two_runs_at_one_target_do_not_happen_at_once(world: World) -> None:
    world.agent("ada")
    reconciler = world.parts.reconciler
    refused = []

    def meanwhile(what: str, _count: int) -> None:
        if what == "agents compared":
            with pytest.raises(Conflict, match="another run is under way at idp") as problem:
                world.parts.reconciler.plan("idp", ADMIN, quiet)
            refused.append(problem)

    reconciler.plan("idp", ADMIN, meanwhile)

    assert len(refused) == 1
    assert world.plan()[1].entries


def test_accounts_of_nobody_are_cases_and_never_touched(world: World) -> None:
    world.put("intern")
    world.settled("ada")

    report = world.reconcile()

    assert report.writes == 0
    assert [(one.kind, one.detail) for one in world.cases()] == [("unmatched", "no agent fits the account intern")]
    del world.store.accounts[world.account("intern").id]
    world.reconcile()
    assert world.cases() == []
    assert [one.kind for one in world.cases("settled")] == ["unmatched"]

"""Drift: who changed what since we last looked, and what the mapping makes of it."""

import pytest

from tests.unit.provisioning.conftest import World


def test_what_somebody_else_changed_is_put_right_and_recorded(world: World) -> None:
    (ada,) = world.settled("ada")
    world.touch("ada", displayName="Renamed by hand", phone="123")

    _, plan = world.plan()
    report = world.reconcile()

    assert plan.entries[0].drift[0]["attribute"] == "displayName"
    assert report.written == {"update": 1}
    assert world.account("ada").attributes["displayName"] == "Ada"
    assert world.account("ada").attributes["phone"] == "123"  # nobody's attribute of ours
    (event,) = world.events("account:drifted")
    assert event["subject"]["id"] == ada
    assert event["detail"] == {
        "target": "idp", "attribute": "displayName", "policy": "correct", "found": "Renamed by hand", "last": "Ada"
    }  # fmt: skip


def test_reported_drift_stands_and_is_told_once(world: World) -> None:
    world.policies("drift: {default: report}\n")
    world.settled("ada")
    world.touch("ada", displayName="Renamed by hand")

    reports = [world.reconcile() for _ in range(3)]

    assert [report.writes for report in reports] == [0, 0, 0]
    assert world.account("ada").attributes["displayName"] == "Renamed by hand"
    assert len(world.events("account:drifted")) == 1


def test_a_change_of_ours_goes_before_reported_drift(world: World) -> None:
    world.policies("drift: {default: report}\n")
    (ada,) = world.settled("ada")
    world.touch("ada", displayName="By hand", title="by hand")
    world.reconcile()

    world.amend(ada, displayName="Ours")
    world.drain()

    assert world.account("ada").attributes["displayName"] == "Ours"
    assert world.account("ada").attributes["title"] == "by hand"


def test_each_attribute_may_have_a_policy_of_its_own(world: World) -> None:
    world.policies("drift: {title: accept}\n")
    world.agent("ada", description="ours")
    world.drain()
    world.touch("ada", displayName="By hand", title="theirs")

    world.reconcile()

    assert world.account("ada").attributes["displayName"] == "Ada"
    assert world.account("ada").attributes["title"] == "theirs"


@pytest.mark.parametrize(("policy", "active"), [("correct", True), ("report", False)])
def test_an_account_that_somebody_else_disabled(world: World, policy: str, active: bool) -> None:
    world.policies(f"drift: {{active: {policy}}}\n")
    (ada,) = world.settled("ada")
    world.touch("ada", active=False)

    world.reconcile()

    assert world.account("ada").active is active
    world.amend(ada, active=False)
    world.drain()
    world.amend(ada, active=True)
    world.drain()
    assert world.account("ada").active  # our own change of state always counts


def test_the_account_of_a_suspended_agent_is_disabled_again_whatever_the_policy(world: World) -> None:
    world.policies("drift: {default: accept, active: accept}\n")
    (ada,) = world.settled("ada")
    world.amend(ada, active=False)
    world.drain()
    world.touch("ada", active=True)

    world.reconcile()

    assert not world.account("ada").active


@pytest.mark.parametrize(("policy", "inside"), [("correct", True), ("report", False)])
def test_a_membership_that_somebody_else_took_away(world: World, policy: str, inside: bool) -> None:
    world.policies(f"drift: {{groups: {policy}}}\n")
    ada = world.agent("ada")
    ops = world.group("ops", ada)
    world.drain()
    (remote,) = world.store.members
    world.store.members[remote].clear()

    for _ in range(2):
        world.reconcile()

    assert bool(world.store.members[remote]) is inside
    assert [one["detail"]["attribute"] for one in world.events("account:drifted")] == ["groups"]
    world.leave(ops, ada)
    world.drain()
    assert not world.store.members[remote]


def test_a_push_that_was_cut_off_is_not_taken_for_drift(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The account is made, joining its group fails: what is left to do is ours, though the policy is to report."""
    world.policies("drift: {default: report}\n")
    target = world.parts.connections.open("idp").target
    joined = target.join  # type: ignore[attr-defined]

    def fails(_group: str, _account: str) -> None:
        raise RuntimeError("cut off")

    monkeypatch.setattr(target, "join", fails)
    ada = world.agent("ada")
    world.group("ops", ada)
    world.drain()
    assert world.account("ada")
    monkeypatch.setattr(target, "join", joined)
    world.clock.move(seconds=120)

    world.drain()

    assert [len(members) for members in world.store.members.values()] == [1]
    assert world.events("account:drifted") == []


def test_another_mapping_works_every_account_out_anew(world: World) -> None:
    world.settled("ada")
    text = (world.folder / "idp.yaml").read_text()
    (world.folder / "idp.yaml").write_text(text.replace("{from: displayName}", '{template: "Agent {displayName}"}'))
    world.parts.connections.forget("idp")

    report = world.reconcile()

    assert report.written == {"update": 1}
    assert world.account("ada").attributes["displayName"] == "Agent Ada"
    assert world.events("account:drifted") == []

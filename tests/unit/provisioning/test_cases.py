"""Correlation: strong keys adopt, whatever is in doubt waits for a person, and what a person decides holds."""

import pytest

from connector.core.errors import Conflict, Invalid, NotFound
from connector.domain import cases
from connector.storage import links
from tests.unit.provisioning.conftest import World


def linked(world: World, agent_id: str) -> str | None:
    with world.parts.domain.view() as unit:
        found = links.find(unit.tx, agent_id, "idp")
    return found.remote_id if found else None


def test_a_strong_key_adopts_the_account_that_is_there(world: World) -> None:
    ada = world.agent("ada")
    there = world.put("old-name", externalId=ada)

    world.drain()

    assert linked(world, ada) == there.id
    assert world.account("ada").id == there.id
    assert [one["action"] for one in world.events("account:adopted", "account:created")] == ["account:adopted"]


def test_a_weak_key_only_suggests_and_blocks_a_second_account(world: World) -> None:
    there = world.put("ada")
    ada = world.agent("ada")

    world.drain()

    (case,) = world.cases()
    assert (case.kind, case.about, dict(case.accounts)) == ("unlinked", ada, {there.id: "ada"})
    assert "weak key" in case.detail
    assert linked(world, ada) is None
    assert len(world.store.accounts) == 1
    assert world.standing(ada)[0] == "case"
    world.reconcile()
    assert len(world.events("case:opened")) == 1


def test_a_person_links_the_account_and_it_is_brought_into_shape(world: World) -> None:
    there = world.put("ada", displayName="someone", title="kept by nobody")
    ada = world.agent("ada")
    world.drain()

    world.decide(cases.link, world.cases()[0].id, agent=None, account=None, reason="HR said so")
    world.drain()

    assert linked(world, ada) == there.id
    assert world.store.accounts[there.id].attributes == {"userName": "ada", "externalId": ada, "displayName": "Ada"}
    assert world.standing(ada)[0] == "synced"
    (event,) = world.events("case:decided")
    assert (event["actor"]["name"], event["detail"]["decision"], event["detail"]["why"]) == (
        "ada",
        "linked",
        "HR said so",
    )


def test_what_a_person_has_said_is_not_the_agents_is_never_taken_over(world: World) -> None:
    there = world.put("someone-else")
    ada = world.agent("someone-else")
    world.drain()
    world.decide(cases.ignore, world.cases()[0].id, reason="that is a person")
    world.touch("someone-else", userName="renamed")

    world.drain()

    assert linked(world, ada) not in (None, there.id)
    world.reconcile()
    assert world.cases() == []


@pytest.mark.parametrize(("adopt", "kind"), [("ask", "unlinked"), ("never", "disputed")])
def test_adopting_by_a_strong_key_is_a_policy(world: World, adopt: str, kind: str) -> None:
    world.policies(f"adopt: {adopt}\n")
    ada = world.agent("ada")
    world.put("someone", externalId=ada)

    world.drain()

    assert [case.kind for case in world.cases()] == [kind]
    assert linked(world, ada) is None


def test_an_account_of_another_agent_is_disputed(world: World) -> None:
    (ada,) = world.settled("ada")
    bob = world.agent("bob")
    world.touch("ada", externalId=bob)
    world.clock.move(seconds=1)

    world.drain()

    assert linked(world, bob) is None
    assert f"is linked to {ada}" in world.cases()[0].detail


def test_two_accounts_with_one_key_are_disputed_until_one_is_named(world: World) -> None:
    ada = world.agent("ada")
    one, two = world.put("one", externalId=ada), world.put("two", externalId=ada)
    world.drain()
    (case,) = world.cases()
    assert set(case.accounts) == {one.id, two.id}

    with pytest.raises(Invalid, match="name one of the accounts"):
        world.decide(cases.link, case.id, agent=None, account=None, reason="x")
    with pytest.raises(Invalid, match="is none of the case's accounts"):
        world.decide(cases.link, case.id, agent=None, account="mem-99", reason="x")
    world.decide(cases.link, case.id, agent=None, account=two.id, reason="the newer one")
    world.drain()

    assert linked(world, ada) == two.id
    with pytest.raises(Conflict, match="is linked already"):
        world.decide(cases.ignore, case.id, reason="x")


def test_an_account_of_nobody_can_be_given_to_an_agent(world: World) -> None:
    there = world.put("orphan")
    (ada,) = world.settled("ada")
    world.reconcile()
    (case,) = world.cases()
    with pytest.raises(Invalid, match="name the agent"):
        world.decide(cases.link, case.id, agent=None, account=None, reason="x")
    world.decide(cases.unlink, "idp", ada, reason="it was made by mistake")

    world.decide(cases.link, case.id, agent=ada, account=None, reason="this is it")
    world.drain()

    assert linked(world, ada) == there.id


def test_a_protected_account_is_neither_adopted_nor_changed(world: World) -> None:
    world.policies("guard: {protected: [break-glass]}\n")
    ada = world.agent("ada")
    there = world.put("break-glass", externalId=ada)

    world.drain()
    world.reconcile()

    assert world.store.accounts[there.id] == there
    assert "is protected" in world.cases()[0].detail
    assert [case.kind for case in world.cases()] == ["disputed"]


def test_an_account_that_is_linked_and_becomes_protected_is_left_alone(world: World) -> None:
    (ada,) = world.settled("ada")
    world.policies("guard: {protected: [ADA]}\n")
    world.amend(ada, displayName="Changed")

    world.drain()

    assert world.account("ada").attributes["displayName"] == "Ada"
    assert "protected by the mapping's guard" in (world.standing(ada)[1] or "")


def test_a_deleted_account_is_made_again(world: World) -> None:
    ada, _ = world.settled("ada", "bob")
    gone = world.store.accounts.pop(world.account("ada").id)

    report = world.reconcile()

    assert report.written == {"create": 1}
    assert linked(world, ada) not in (None, gone.id)


def test_a_deleted_account_is_a_case_where_the_mapping_says_ask(world: World) -> None:
    world.policies("on_missing: ask\n")
    ada, _ = world.settled("ada", "bob")
    del world.store.accounts[world.account("ada").id]

    world.reconcile()
    world.amend(ada, displayName="Changed meanwhile")
    world.drain()

    (case,) = world.cases()
    assert (case.kind, world.standing(ada)[0], len(world.store.accounts)) == ("missing", "case", 1)
    world.decide(cases.unlink_case, case.id, reason="make a new one")
    world.drain()
    assert world.account("ada").attributes["displayName"] == "Changed meanwhile"


def test_the_kept_account_of_a_deleted_agent_is_not_adopted_by_its_namesake(world: World) -> None:
    world.policies("on_delete: disable\n")
    (ada,) = world.settled("ada")
    world.delete(ada)
    world.drain()
    assert not world.account("ada").active

    second = world.agent("ada")
    world.drain()
    world.reconcile()

    assert linked(world, second) is None
    assert f"is linked to {ada}" in world.cases()[0].detail
    assert not world.account("ada").active


def test_a_deleted_agents_account_is_deleted_when_its_grace_time_is_over(world: World) -> None:
    world.policies("on_delete: delete_later\ngrace_days: 7\n")
    (ada,) = world.settled("ada")
    world.delete(ada)
    world.drain()
    assert not world.account("ada").active
    assert world.standing(ada) == ("propagating", "the account is deleted at 2027-03-08T12:00:00.000Z")

    world.clock.move(days=6)
    world.drain()
    world.reconcile()
    assert world.store.accounts
    world.clock.move(days=2)
    world.drain()

    assert world.store.accounts == {}
    assert linked(world, ada) is None


def test_a_deleted_agents_account_can_be_left_as_it_is(world: World) -> None:
    world.policies("on_delete: unlink\n")
    (ada,) = world.settled("ada")
    world.delete(ada)

    world.drain()

    assert world.account("ada").active
    assert linked(world, ada) is None
    assert [one["subject"]["id"] for one in world.events("account:unlinked")] == [ada]


def test_a_decision_needs_a_reason_and_a_case(world: World) -> None:
    world.put("ada")
    world.agent("ada")
    world.drain()

    with pytest.raises(Invalid, match="needs a reason"):
        world.decide(cases.ignore, world.cases()[0].id, reason="")
    with pytest.raises(NotFound, match="there is no case"):
        world.decide(cases.ignore, "cse-nowhere", reason="x")
    with pytest.raises(NotFound, match="has no account at idp"):
        world.decide(cases.unlink, "idp", "agt-nobody", reason="x")

"""People and groups from a workforce IdP: known by their anchor, brought in step, and never lost by a bad read."""

from typing import Any

import orjson
import pytest

from connector.core.errors import Denied, Invalid
from connector.domain import people, resources
from connector.domain.unit import SYSTEM
from connector.provisioning.directory import Synced
from connector.storage import groups, links
from connector.storage.resources import by_name
from connector.targets.base import Account, Group
from tests.unit.provisioning.conftest import ADMIN, World, quiet

DIRECTORY = """
directory:
  people: {userName: uid, displayName: cn, email: mail, department: dept}
  match: email
  groups: "team-"
"""


@pytest.fixture
def source(world: World) -> World:
    world.policies(DIRECTORY)
    return world


def put(world: World, anchor: str, uid: str, **more: str) -> None:
    world.store.people[anchor] = {"uid": uid, "cn": uid.title(), "mail": f"{uid}@x.example", **more}


def team(world: World, name: str, *members: str) -> None:
    world.store.groups[name] = Group(name, name)
    world.store.members[name] = set(members)


def sync(world: World, allow: int = 0) -> Synced:
    return world.parts.directory.run(world.parts.connections.open("idp"), ADMIN, quiet, allow=allow)


def person(world: World, name: str) -> dict[str, Any]:
    with world.parts.domain.view() as unit:
        record = by_name(unit.tx, "person", name)
    assert record is not None
    return {"id": record.id, "version": record.version, **orjson.loads(record.document)}


def members(world: World, name: str) -> set[str]:
    with world.parts.domain.view() as unit:
        group = by_name(unit.tx, "group", name)
        assert group is not None
        return groups.member_ids(unit.tx, group.id)


def test_people_are_brought_in_and_a_second_run_changes_nothing(source: World) -> None:
    put(source, "p1", "grace", dept="Finance")
    put(source, "p2", "alan", active="false")

    assert sync(source).counts == {"people added": 2}
    assert sync(source).counts == {}

    grace = person(source, "grace")
    assert grace["emails"] == [{"value": "grace@x.example", "type": "work", "primary": True}]
    assert grace["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"] == {"department": "Finance"}
    assert (grace["active"], grace["version"], person(source, "alan")["active"]) == (True, 1, False)
    assert source.events("directory:read")[0]["detail"]["counts"] == {"people added": 2}


def test_a_person_who_is_renamed_there_is_the_same_here(source: World) -> None:
    put(source, "p1", "grace")
    sync(source)
    id = person(source, "grace")["id"]
    put(source, "p1", "grace.hopper")

    assert sync(source).counts == {"people changed": 1}

    assert person(source, "grace.hopper")["id"] == id


def test_somebody_we_know_is_adopted_by_the_match_and_keeps_what_the_directory_does_not_say(source: World) -> None:
    with source.parts.domain.change(SYSTEM) as unit:
        document = {"userName": "gh", "nickName": "Amazing", "emails": [{"value": "Grace@X.example"}]}
        id = people.add(unit, document, None).id
    put(source, "p1", "grace")

    assert sync(source).counts == {"people adopted": 1}

    grace = person(source, "grace")
    assert (grace["id"], grace["nickName"]) == (id, "Amazing")


def test_a_namesake_whom_the_match_does_not_confirm_is_a_case(source: World) -> None:
    with source.parts.domain.change(SYSTEM) as unit:
        id = people.add(unit, {"userName": "grace"}, None).id
    source.policies(DIRECTORY.replace("match: email", "match: never"))
    put(source, "p1", "grace")
    put(source, "p2", "alan")

    assert sync(source).counts == {"people in doubt": 1, "people added": 1}

    assert "emails" not in person(source, "grace")
    (case,) = source.cases()
    assert (case.about, case.kind) == ("p1", "disputed")
    assert id in case.detail


def test_somebody_disabled_or_gone_is_switched_off_and_their_agents_are_told(source: World) -> None:
    for anchor, uid in (("p1", "grace"), ("p2", "alan"), ("p3", "ada")):
        put(source, anchor, uid)
    sync(source)
    bot = source.agent("bot", owners=[{"value": person(source, "grace")["id"]}])
    other = source.agent("other", owners=[{"value": person(source, "alan")["id"]}])
    source.store.people["p1"]["active"] = "false"
    del source.store.people["p2"]

    assert sync(source).counts == {"people changed": 1, "people gone": 1}

    assert [person(source, name)["active"] for name in ("grace", "alan", "ada")] == [False, False, True]
    told = source.events("agent:owner-left")
    assert {one["subject"]["id"] for one in told} == {bot, other}


def test_somebody_who_comes_back_is_the_same_person_again(source: World) -> None:
    put(source, "p1", "grace")
    put(source, "p2", "alan")
    sync(source)
    id, kept = person(source, "grace")["id"], source.store.people.pop("p1")
    sync(source)
    source.store.people["p1"] = kept

    assert sync(source).counts == {"people changed": 1}

    assert person(source, "grace") | {"version": 0} == person(source, "grace") | {
        "id": id,
        "active": True,
        "version": 0,
    }


def test_somebody_who_was_deleted_here_is_not_brought_back(source: World) -> None:
    put(source, "p1", "grace")
    sync(source)
    with source.parts.domain.change(SYSTEM) as unit:
        people.delete(unit, resources.fetch(unit, "person", person(source, "grace")["id"]))

    assert sync(source).counts == {"people deleted here, left alone": 1}

    with source.parts.domain.view() as unit:
        assert by_name(unit.tx, "person", "grace") is None


def test_an_empty_read_and_a_mass_departure_write_nothing(source: World) -> None:
    source.policies(DIRECTORY + "guard: {free: 1, share: 10}\n")
    for number in range(4):
        put(source, f"p{number}", f"person{number}")
    sync(source)
    kept = dict(source.store.people)
    source.store.people.clear()
    with pytest.raises(Denied, match="showed nobody, though 4 people are linked"):
        sync(source)
    source.store.people.update({anchor: kept[anchor] for anchor in ("p0", "p1")})
    put(source, "p9", "newcomer")
    with pytest.raises(Denied, match="2 of 4 people would be switched off, and 1 may be at once. .* --allow 2"):
        sync(source)
    with source.parts.domain.view() as unit:
        assert by_name(unit.tx, "person", "newcomer") is None

    assert sync(source, allow=2).counts == {"people added": 1, "people gone": 2}


def test_one_person_who_does_not_fit_is_named_and_holds_up_nobody(source: World) -> None:
    put(source, "p1", "grace")
    source.store.people["p2"] = {"cn": "No Name"}
    put(source, "p3", "alan")

    done = sync(source)

    assert done.counts == {"people added": 2}
    assert done.problems == {"p2": "uid is empty, which userName is taken from"}


def test_groups_come_with_those_members_that_are_known(source: World) -> None:
    put(source, "p1", "grace")
    put(source, "p2", "alan")
    team(source, "team-red", "p1", "p2", "unknown")
    team(source, "others", "p1")

    assert sync(source).counts == {"people added": 2, "groups added": 1}

    grace, alan = person(source, "grace")["id"], person(source, "alan")["id"]
    assert members(source, "team-red") == {grace, alan}
    with source.parts.domain.view() as unit:
        assert by_name(unit.tx, "group", "others") is None


def test_membership_is_changed_by_differences_and_strangers_stay(source: World) -> None:
    put(source, "p1", "grace")
    put(source, "p2", "alan")
    team(source, "team-red", "p1")
    sync(source)
    stranger = source.person("stranger")
    source.store.people.pop("person-stranger")
    with source.parts.domain.change(SYSTEM) as unit:
        red = by_name(unit.tx, "group", "team-red")
        assert red is not None
        groups.add(unit.tx, red.id, [(stranger, "person", "stranger")])
    team(source, "team-red", "p2")

    assert sync(source).counts == {"members joined": 1, "members left": 1}

    assert members(source, "team-red") == {person(source, "alan")["id"], stranger}


def test_agents_in_a_group_of_the_directory_are_members_here_and_never_pushed_out(source: World) -> None:
    (bot,) = source.settled("bot")
    team(source, "team-red", source.account("bot").id)

    sync(source)
    source.amend(bot, displayName="Changed")
    source.drain()
    source.reconcile()

    assert members(source, "team-red") == {bot}
    assert source.store.members == {"team-red": {source.account("bot").id}}


def test_a_case_settles_itself_when_the_match_fits_later(source: World) -> None:
    with source.parts.domain.change(SYSTEM) as unit:
        id = people.add(unit, {"userName": "grace"}, None).id
    put(source, "p1", "grace")
    sync(source)
    assert [case.kind for case in source.cases()] == ["disputed"]
    with source.parts.domain.change(SYSTEM) as unit:
        before = resources.fetch(unit, "person", id)
        people.amend(unit, before, {"userName": "grace", "emails": [{"value": "grace@x.example"}]}, None)

    assert sync(source).counts == {"people adopted": 1}

    assert source.cases() == []
    with source.parts.domain.view() as unit:
        assert links.holder(unit.tx, "idp", "p1") == id


def test_a_mapping_without_a_directory_reads_nothing(world: World) -> None:
    with pytest.raises(Invalid, match="the mapping of idp has no directory"):
        sync(world)


def test_the_daily_run_reads_people_before_accounts(source: World) -> None:
    put(source, "p1", "grace")
    source.clock.move(hours=25)

    source.schedule().run_due()

    assert person(source, "grace")["active"]


def test_the_accounts_of_people_who_were_read_are_neither_nobodys_nor_adopted(source: World) -> None:
    """At some targets the people are listed among the accounts."""
    put(source, "p1", "grace")
    put(source, "p2", "alan")
    sync(source)
    for anchor, name in (("p1", "grace"), ("p2", "alan")):
        source.store.accounts[anchor] = Account(anchor, attributes={"userName": name})
    bot = source.agent("bot")
    source.store.accounts["p1"] = Account("p1", attributes={"userName": "grace", "externalId": bot})

    _, plan = source.plan()

    (case,) = source.cases()
    assert (case.about, case.kind) == (bot, "disputed")
    assert [(entry.agent, entry.situation) for entry in plan.entries] == [(bot, "disputed")]
    assert plan.read.unmatched == 0

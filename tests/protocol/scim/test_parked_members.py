"""Members that are pushed before they are there (docs/decisions/004): they wait under the externalId that the client will give them."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import orjson
import pytest

from connector.domain import clients, groups, parking
from connector.domain.unit import SYSTEM
from connector.storage import audit, parked
from tests.edge_client import GROUP, USER, EdgeClient, problem


@pytest.fixture
def idp(new_client):
    return new_client("idp", park_members=True)


def add(*values):
    return {"op": "add", "path": "members", "value": [{"value": one} for one in values]}


def members(client, group):
    return {one["value"] for one in client.get(f"/Groups/{group}").get_json().get("members", [])}


def waiting(parts, client="idp"):
    with parts.domain.view() as unit:
        return [(one.value, one.group) for one in parking.listing(unit, clients.named(unit, client).id)]


def details(parts, action):
    with parts.domain.view() as unit:
        return [orjson.loads(one.body)["detail"] for one in audit.events(unit.tx) if one.action == action]


def test_a_member_who_is_not_there_yet_joins_with_the_resource_that_is_given_its_external_id(idp, parts):
    group = idp.group("ops", "00u1")
    pushed = idp.patch("Groups", group, add("00u1", "00u2", "bot-7"))
    assert (pushed.status_code, pushed.get_json().get("members"), pushed.headers["ETag"]) == (200, None, 'W/"1"')
    assert waiting(parts) == [("00u1", "ops"), ("00u2", "ops"), ("bot-7", "ops")]

    ada, bot = idp.person("ada", externalId="00u1"), idp.agent("bot")
    assert members(idp, group) == {ada}
    idp.patch("Agents", bot, {"op": "add", "path": "externalId", "value": "bot-7"})
    assert members(idp, group) == {ada, bot}
    idp.put("Users", idp.person("bob"), userName="bob", externalId="00u2")

    assert len(members(idp, group)) == 3
    assert idp.get(f"/Groups/{group}").headers["ETag"] == 'W/"4"'
    assert [one["display"] for one in idp.get(f"/Users/{ada}").get_json()["groups"]] == ["ops"]
    assert waiting(parts) == []


def test_what_waits_and_who_arrives_is_in_the_audit_log(idp, parts):
    group = idp.group("ops", "a")
    idp.patch("Groups", group, add("b", "c"))
    idp.patch("Groups", group, {"op": "remove", "path": 'members[value eq "c"]'})
    ada = idp.person("ada", externalId="a")

    assert [one.get("parked") for one in details(parts, "group:created")] == [["a"]]
    assert [
        {name: one[name] for name in ("parked", "dropped", "joined", "arrived") if name in one}
        for one in details(parts, "group:changed")
    ] == [{"parked": ["b", "c"]}, {"dropped": ["c"]}, {"joined": [ada], "arrived": "a"}]


def test_somebody_who_is_there_is_added_and_removed_by_the_external_id_too(idp, parts):
    ada, inner = idp.person("ada", externalId="00u1"), idp.make("Groups", displayName="inner", externalId="g1")["id"]
    group = idp.group("ops", "00u1", "g1")
    assert members(idp, group) == {ada, inner}
    idp.patch("Groups", group, {"op": "remove", "path": "members", "value": [{"value": "00u1"}]})
    assert members(idp, group) == {inner}
    problem(idp.patch("Groups", inner, add("g1")), 400, "invalidValue", "itself")
    idp.person("later", externalId="g1")
    problem(idp.patch("Groups", group, add("g1")), 400, "invalidValue", "name the id")
    assert waiting(parts) == []


@pytest.mark.parametrize(
    "ends",
    [
        lambda idp, group: idp.patch("Groups", group, {"op": "remove", "path": 'members[value eq "a"]'}),
        lambda idp, group: idp.patch("Groups", group, {"op": "remove", "path": "members"}),
        lambda idp, group: idp.patch("Groups", group, {"op": "replace", "path": "members", "value": []}),
        lambda idp, group: idp.put("Groups", group, displayName="ops"),
        lambda idp, group: idp.send("DELETE", f"/Groups/{group}"),
    ],
    ids=["removed", "all removed", "replaced", "put", "group deleted"],
)
def test_who_is_taken_out_while_waiting_does_not_join(idp, parts, ends):
    group = idp.group("ops", "a")
    assert ends(idp, group).status_code in (200, 204)
    assert waiting(parts) == []
    idp.person("ada", externalId="a")
    assert members(idp, group) == set()


def test_a_group_that_is_put_keeps_waiting_for_those_who_are_named_again(idp, parts, events):
    group = idp.group("ops", "a")
    before = events()
    assert idp.put("Groups", group, displayName="ops", members=[{"value": "a"}]).headers["ETag"] == 'W/"1"'
    assert (events(), waiting(parts)) == (before, [("a", "ops")])


def test_a_group_that_waits_for_itself_waits_no_more(idp, parts):
    group = idp.group("ops", "g1")
    idp.patch("Groups", group, {"op": "add", "path": "externalId", "value": "g1"})
    assert (members(idp, group), waiting(parts)) == (set(), [])


def test_a_failed_request_leaves_nobody_waiting(idp, parts):
    group = idp.group("ops")
    problem(idp.patch("Groups", group, add("a"), {"op": "add", "path": "nobody", "value": 1}), 400, "invalidPath")
    answer = idp.bulk(
        {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {"schemas": [], "displayName": "x"}},
        {"method": "PATCH", "path": f"/Groups/{group}", "data": {"schemas": [], "Operations": [add("a")]}},
    )
    assert [one["status"] for one in answer.get_json()["Operations"]] == ["400", "400"]
    assert waiting(parts) == []


def test_in_bulk_a_group_may_come_before_its_people(idp, parts):
    crew = {"schemas": [GROUP], "displayName": "crew", "members": [{"value": "00u1"}]}
    ada = {"schemas": [USER], "userName": "ada", "externalId": "00u1"}
    answer = idp.bulk(
        {"method": "POST", "path": "/Groups", "bulkId": "g", "data": crew},
        {"method": "POST", "path": "/Users", "bulkId": "u", "data": ada},
    ).get_json()
    group, user = (one["location"].rpartition("/")[2] for one in answer["Operations"])
    assert (members(idp, group), waiting(parts)) == ({user}, [])


def test_what_a_client_waits_for_is_its_own(idp, new_client, client, parts):
    other = new_client("other", park_members=True)
    group = idp.group("ops", "a")
    client.person("stranger", externalId="a")
    other.person("other", externalId="a")
    assert (members(idp, group), waiting(parts)) == (set(), [("a", "ops")])
    problem(client.patch("Groups", group, add("a")), 400, "invalidValue", "'a' is not the id")

    with parts.domain.change(SYSTEM) as unit:
        own = clients.named(unit, "idp").id
        assert parked.groups_waiting(unit.tx, own, "a") == [group]
        clients.remove(unit, "idp")
        assert parked.groups_waiting(unit.tx, own, "a") == []


def test_an_id_of_somebody_who_was_deleted_never_comes_and_is_refused(idp):
    ada, app = idp.person("ada"), idp.make("AgenticApplications", name="ap")["id"]
    idp.send("DELETE", f"/Users/{ada}")
    group = idp.group("ops")
    problem(idp.patch("Groups", group, add(ada)), 400, "invalidValue", "was the id of ada, deleted")
    problem(idp.patch("Groups", group, add(app)), 400, "invalidValue", "is not the id of a User, Agent or Group")


def test_no_more_than_a_limit_may_wait(idp, parts):
    group = idp.group("ops")
    with parts.domain.change(SYSTEM) as unit:
        own = clients.named(unit, "idp").id
        parked.add(unit.tx, own, group, (f"u{number}" for number in range(parking.MOST - 1)))
    assert idp.patch("Groups", group, add("last")).status_code == 200
    problem(idp.patch("Groups", group, add("one more")), 400, "invalidValue", "more than 100000 members")
    assert idp.patch("Groups", group, add("last", "u1")).status_code == 200


def test_a_member_and_its_resource_that_come_at_once_do_not_miss_each_other(app, idp, parts):
    group, rounds = idp.group("ops"), 12
    start = Barrier(2)

    def run(change):
        mine = EdgeClient(app.test_client(), idp.bearer)
        for number in range(rounds):
            start.wait()
            assert change(mine, f"u{number}").status_code in (200, 201)

    with ThreadPoolExecutor(2) as pool:
        done = [
            pool.submit(run, lambda mine, name: mine.patch("Groups", group, add(name))),
            pool.submit(run, lambda mine, name: mine.post("Users", userName=name, externalId=name)),
        ]
        for one in done:
            one.result()

    with parts.domain.view() as unit:
        assert len(groups.members(unit, group)) == rounds
    assert waiting(parts) == []

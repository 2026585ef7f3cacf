"""What SCIM servers get wrong, third part: PUT, PATCH and groups. docs/scim-checklist.md numbers the points."""

from connector.domain import people
from connector.domain.unit import SYSTEM
from tests.edge_client import GOVERNANCE, problem


def op(word, path, *value):
    return {"op": word, "path": path, **({"value": value[0]} if value else {})}


def members(client, group):
    return {one["value"] for one in client.get(f"/Groups/{group}").get_json().get("members", [])}


# -- PUT -------------------------------------------------------------------------------------------------------------------


def test_put_needs_what_is_required_and_ignores_what_is_read_only(client):
    """RFC 7644 section 3.5.1."""
    ada = client.make("Users", userName="ada", title="T")
    problem(client.put("Users", ada["id"], title="T"), 400, "invalidValue", "userName")
    problem(client.put("Users", ada["id"], userName=None), 400, "invalidValue", "userName")
    meta = {"created": "1999-01-01T00:00:00Z", "version": "x"}
    body = {
        "schemas": ada["schemas"],
        "id": "other",
        "userName": "ada",
        "title": "T",
        "meta": meta,
        "groups": [{"value": "g"}],
    }
    after = client.send("PUT", f"/Users/{ada['id']}", body)
    assert (after.status_code, after.get_json()) == (200, ada)


def test_put_of_an_agent_ignores_what_only_we_know(client):
    """issuer, subject, lastSeen and credentials are read-only."""
    bot = client.agent("bot")
    forged = {
        "issuer": "https://evil",
        "subject": "x",
        "lastSeen": "2020-01-01T00:00:00Z",
        "credentials": [{"value": "c"}],
    }
    shown = client.put("Agents", bot, agentUserName="bot", **{GOVERNANCE: forged}).get_json()[GOVERNANCE]
    assert (shown["issuer"], shown["subject"]) == ("https://connector.example", bot)
    assert not {"lastSeen", "credentials"} & set(shown)


# -- PATCH -----------------------------------------------------------------------------------------------------------------


def test_operations_are_one_or_more_under_either_spelling(client):
    """RFC 7644 section 3.5.2."""
    ada = client.person("ada")
    urn = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
    problem(client.send("PATCH", f"/Users/{ada}", {"schemas": [urn], "Operations": []}), 400, "invalidSyntax")
    problem(client.send("PATCH", f"/Users/{ada}", {"Operations": [op("add", "title", "T")]}), 400, "invalidSyntax")
    small = {"schemas": [urn.lower()], "operations": [{"OP": "ADD", "Path": "title", "VALUE": "T"}]}
    assert client.send("PATCH", f"/Users/{ada}", small).get_json()["title"] == "T"


def test_a_replace_without_members_leaves_them(client):
    """RFC 7644 section 3.5.2.3."""
    ada = client.person("ada")
    group = client.group("ops", ada)
    for value in ({"displayName": "new"}, {"displayName": "newer", "externalId": "e"}):
        client.patch("Groups", group, {"op": "replace", "value": value})
    client.patch("Groups", group, op("replace", "displayName", "newest"))
    assert members(client, group) == {ada}


def test_members_are_removed_by_value_by_filter_and_all_at_once(client):
    """RFC 7644 section 3.5.2.2; the list of values is what Entra, JumpCloud and authentik send."""
    ids = [client.person(f"p{number}") for number in range(4)]
    group = client.group("ops", *ids)
    client.patch("Groups", group, op("remove", "members", [{"value": ids[0]}]))
    assert members(client, group) == set(ids[1:])
    client.patch("Groups", group, op("remove", "members", [{"value": "usr-unknown"}]))
    client.patch("Groups", group, op("remove", 'members[value eq "usr-unknown"]'))
    client.patch("Groups", group, op("remove", "members", []))
    assert members(client, group) == set(ids[1:])
    client.patch("Groups", group, op("remove", f'members[value eq "{ids[1]}"]'))
    assert members(client, group) == set(ids[2:])
    client.patch("Groups", group, op("remove", "members"))
    assert members(client, group) == set()


def test_a_member_is_not_changed_into_another(client):
    """RFC 7643 section 4.2: members.value is immutable."""
    ada, bob = client.person("ada"), client.person("bob")
    group = client.group("ops", ada)
    problem(client.patch("Groups", group, op("replace", f'members[value eq "{ada}"].value', bob)), 400, "mutability")
    assert members(client, group) == {ada}


def test_adding_a_thousand_members_answers_without_a_body(client, parts):
    """A group of many is never echoed."""
    with parts.domain.change(SYSTEM) as unit:
        ids = [people.add(unit, {"userName": f"p{number}"}, None).id for number in range(1000)]
    group = client.group("ops")
    answer = client.patch("Groups", group, op("add", "members", [{"value": id} for id in ids]))
    assert (answer.status_code, answer.data) == (204, b"")
    assert members(client, group) == set(ids)
    fifty = [op("remove", f'members[value eq "{id}"]') for id in ids[:50]]
    client.patch("Groups", group, *fifty)
    assert members(client, group) == set(ids[50:])


# -- groups ------------------------------------------------------------------------------------------------------------------


def test_a_member_who_does_not_exist_is_refused_by_id(client):
    """RFC 7643 section 4.2."""
    problem(client.post("Groups", displayName="g", members=[{"value": "usr-none"}]), 400, "invalidValue", "usr-none")
    assert client.get("/Groups").get_json()["totalResults"] == 0
    problem(client.post("Groups", members=[]), 400, "invalidValue", "displayName")


def test_groups_within_groups_are_shown_as_indirect(client):
    """RFC 7643 section 4.1.2."""
    ada, bot = client.person("ada"), client.agent("bot")
    inner = client.group("inner", ada, bot)
    middle = client.group("middle", inner)
    outer = client.group("outer", middle)
    for path in (f"/Users/{ada}", f"/Agents/{bot}"):
        shown = {one["value"]: one["type"] for one in client.get(path).get_json()["groups"]}
        assert shown == {inner: "direct", middle: "indirect", outer: "indirect"}
    client.patch("Groups", outer, op("add", "members", [{"value": ada}]))
    shown = {one["value"]: one["type"] for one in client.get(f"/Users/{ada}").get_json()["groups"]}
    assert shown == {inner: "direct", middle: "indirect", outer: "direct"}
    client.patch("Groups", middle, op("remove", "members"))
    shown = {one["value"]: one["type"] for one in client.get(f"/Users/{ada}").get_json()["groups"]}
    assert shown == {inner: "direct", outer: "direct"}


def test_groups_in_a_circle_are_each_shown_once(client):
    ada = client.person("ada")
    one = client.group("one", ada)
    two = client.group("two", one)
    client.patch("Groups", one, op("add", "members", [{"value": two}]))
    shown = client.get(f"/Users/{ada}").get_json()["groups"]
    assert {each["value"]: each["type"] for each in shown} == {one: "direct", two: "indirect"}
    assert len(shown) == 2
    assert client.get("/Users").get_json()["Resources"][0]["groups"] == shown


def test_a_change_of_members_is_a_new_version_of_the_group(client, clock):
    """RFC 7644 section 3.14."""
    ada = client.person("ada")
    group = client.group("ops")
    before = client.get(f"/Groups/{group}").get_json()["meta"]
    clock.move(minutes=1)
    client.patch("Groups", group, op("add", "members", [{"value": ada}]))
    after = client.get(f"/Groups/{group}").get_json()["meta"]
    assert after["version"] != before["version"]
    assert after["lastModified"] > before["lastModified"]

"""What SCIM clients do with Agents, Users and Groups, on both databases."""

import pytest

from tests.edge_client import ENTERPRISE, GOVERNANCE, problem


def test_an_agent_is_created_read_listed_and_deleted(client, events):
    owner = client.person("ada", displayName="Ada L.")
    answer = client.post("Agents", agentUserName="Bot-1", displayName="Bot", externalId="x1", owners=[{"value": owner}])
    made = answer.get_json()
    assert (
        answer.headers["Location"]
        == made["meta"]["location"]
        == f"https://connector.example/scim/v2/Agents/{made['id']}"
    )
    assert answer.headers["ETag"] == made["meta"]["version"] == 'W/"1"'
    assert made["active"] is True
    assert made["owners"] == [
        {
            "value": owner,
            "display": "Ada L.",
            "type": "User",
            "primary": True,
            "$ref": f"https://connector.example/scim/v2/Users/{owner}",
        }
    ]
    assert client.get(f"/Agents/{made['id']}").get_json() == made
    assert client.get("/Agents").get_json()["Resources"] == [made]
    assert client.send("DELETE", f"/Agents/{made['id']}").status_code == 204
    problem(client.get(f"/Agents/{made['id']}"), 404, naming=made["id"])
    assert events()[-3:] == ["person:created", "agent:created", "agent:deleted"]


def test_put_clears_what_it_leaves_out_and_keeps_active(client):
    id = client.agent("bot", displayName="Bot", description="Helps", active=False)
    after = client.put("Agents", id, agentUserName="bot", description="Helps more").get_json()
    assert (after["description"], after["active"], "displayName" in after) == ("Helps more", False, False)


def test_put_of_what_is_there_changes_nothing(client, events):
    made = client.make("Agents", agentUserName="bot", displayName="Bot")
    before = events()
    again = client.send("PUT", f"/Agents/{made['id']}", made).get_json()
    assert (again, events()) == (made, before)


def test_put_never_creates(client):
    problem(client.put("Agents", "agt-none", agentUserName="bot"), 404, naming="agt-none")


@pytest.mark.parametrize("op", ["add", "replace"])
@pytest.mark.parametrize("shape", [{"path": "displayName", "value": "N"}, {"value": {"displayName": "N"}}])
def test_patch_sets_a_value_with_and_without_a_path(client, op, shape):
    id = client.agent("bot", description="kept")
    after = client.patch("Agents", id, {"op": op, **shape}).get_json()
    assert (after["displayName"], after["description"], after["meta"]["version"]) == ("N", "kept", 'W/"2"')


def test_patch_removes_by_path_and_refuses_to_without(client):
    id = client.agent("bot", displayName="N")
    problem(client.patch("Agents", id, {"op": "remove"}), 400, "noTarget", "path")
    assert "displayName" not in client.patch("Agents", id, {"op": "remove", "path": "displayName"}).get_json()


def test_patch_of_a_list_through_its_filter(client):
    emails = [{"type": "work", "value": "a@x"}, {"type": "home", "value": "b@x"}]
    id = client.person("ada", emails=emails)
    work = 'emails[type eq "work"]'
    after = client.patch("Users", id, {"op": "replace", "path": f"{work}.value", "value": "c@x"}).get_json()
    assert after["emails"] == [{"type": "work", "value": "c@x"}, emails[1]]
    after = client.patch("Users", id, {"op": "remove", "path": work}).get_json()
    assert after["emails"] == [emails[1]]
    problem(client.patch("Users", id, {"op": "replace", "path": f"{work}.value", "value": "d@x"}), 400, "noTarget")


def test_patch_keeps_one_primary(client):
    id = client.person("ada", emails=[{"type": "work", "value": "a@x", "primary": True}])
    add = {"op": "add", "path": "emails", "value": [{"type": "home", "value": "b@x", "primary": True}]}
    assert [one.get("primary") for one in client.patch("Users", id, add).get_json()["emails"]] == [None, True]


def test_patch_is_atomic(client):
    id = client.agent("bot", displayName="Old")
    first = {"op": "replace", "path": "displayName", "value": "New"}
    problem(
        client.patch("Agents", id, first, {"op": "replace", "path": "active", "value": "perhaps"}), 400, "invalidValue"
    )
    answer = client.get(f"/Agents/{id}").get_json()
    assert (answer["displayName"], answer["meta"]["version"]) == ("Old", 'W/"1"')


def test_patch_of_a_group_is_atomic_over_its_members(client):
    group = client.group("ops", client.person("ada"))
    add = {"op": "add", "path": "members", "value": [{"value": "usr-none"}]}
    problem(
        client.patch("Groups", group, {"op": "remove", "path": "members"}, add), 400, "invalidValue", "members.value"
    )
    assert len(client.get(f"/Groups/{group}").get_json()["members"]) == 1


@pytest.mark.parametrize("path", ["id", "meta.created", "groups", "owners.display"])
def test_patch_refuses_what_the_server_sets(client, path):
    id = client.agent("bot")
    problem(client.patch("Agents", id, {"op": "replace", "path": path, "value": "x"}), 400, "mutability", path)


def test_patch_refuses_to_remove_what_is_required(client):
    id = client.agent("bot")
    problem(client.patch("Agents", id, {"op": "remove", "path": "agentUserName"}), 400, "mutability", "agentUserName")


@pytest.mark.parametrize(
    "filter",
    [
        'agentUserName eq "BOT-a"',
        'displayName eq "ÄRGER"',
        'displayName eq "Ärger" and active eq true',
        'externalId eq "x1"',
        'Urn:ietf:params:scim:schemas:core:2.0:Agent:agentUserName EQ "bot-a"',
        '(active eq true and description eq null and displayName eq "ärger")',
        f'{GOVERNANCE}:purpose eq "Testing"',
        'roles[value eq "admin" and primary eq "True"]',
        'roles.value eq "ADMIN"',
        'owners eq "{owner}"',
        'owners[value eq "{owner}"]',
        f'{GOVERNANCE}:sponsor.value eq "{{owner}}"',
        'meta.created eq "2027-03-01T13:00:00+01:00" and agentUserName eq "bot-a"',
    ],
)
def test_filters_find_the_one_agent(client, filter):
    owner = client.person("ada")
    wanted = client.agent(
        "bot-a",
        displayName="Ärger",
        externalId="x1",
        owners=[{"value": owner}],
        roles=[{"value": "other"}, {"value": "admin", "primary": True}],
        **{GOVERNANCE: {"purpose": "Testing", "sponsor": {"value": owner}}},
    )
    client.agent("bot-b", description="another", roles=[{"value": "reader", "primary": True}])
    assert client.found("Agents", filter.replace("{owner}", owner)) == [wanted]


def test_filters_over_users_and_groups(client):
    ada = client.person("ada", emails=[{"type": "work", "value": "a@x"}], **{ENTERPRISE: {"department": "Ops"}})
    bob = client.person("bob", emails=[{"type": "home", "value": "a@x"}])
    group = client.group("ops", ada)
    client.group("empty")
    assert client.found("Users", 'emails[type eq "work" and value eq "A@x"]') == [ada]
    assert client.found("Users", 'emails[type eq "home"].value eq "a@x"') == [bob]
    assert client.found("Users", 'emails eq "a@x"') == [ada, bob]
    assert client.found("Users", f'{ENTERPRISE}:department eq "ops"') == [ada]
    assert client.found("Users", f'groups.value eq "{group}"') == [ada]
    assert client.found("Groups", f'id eq "{group}" and members eq "{ada}"') == [group]
    assert client.found("Groups", f'members[value eq "{ada}"]') == [group]
    assert client.found("Groups", f'members.value eq "{bob}"') == []


@pytest.mark.parametrize(
    "filter",
    [
        "userName",
        "userName eq",
        "userName eq 'ada'",
        'shoeSize eq "44"',
        "active eq 1",
        'active eq "perhaps"',
        'password eq "x"',
        'emails[type eq "work"',
        'userName eq "a\\u0000b"',
        'meta.created eq "0001-01-01T00:00:00+14:00"',
        " ",
        "(" * 2000,
    ],
)
def test_a_filter_that_cannot_be_served_is_refused(client, filter):
    problem(client.get("/Users", filter=filter), 400, "invalidFilter")


def test_pages_cover_everything_once(client):
    ids = [client.person(f"p{number}") for number in range(5)]
    pages = [client.get("/Users", startIndex=start, count=2).get_json() for start in (1, 3, 5, 7)]
    assert [one["id"] for page in pages for one in page["Resources"]] == ids
    assert [(page["totalResults"], page["startIndex"], page["itemsPerPage"]) for page in pages] == [
        (5, 1, 2),
        (5, 3, 2),
        (5, 5, 1),
        (5, 7, 0),
    ]


@pytest.mark.parametrize(("query", "items"), [({"count": 0}, 0), ({"count": -3}, 0), ({"startIndex": -1}, 1)])
def test_odd_page_limits_are_taken_as_the_nearest_sensible_one(client, query, items):
    client.person("ada")
    page = client.get("/Users", **query).get_json()
    assert (page["totalResults"], page["startIndex"], len(page["Resources"])) == (1, 1, items)


def test_a_page_limit_that_is_no_number_is_refused(client):
    problem(client.get("/Users", count="many"), 400, "invalidValue", "count")
    assert client.get("/Users", startIndex="9" * 30).get_json()["Resources"] == []


def test_etags_guard_writes_and_save_reads(client):
    id = client.agent("bot")
    assert client.send("GET", f"/Agents/{id}", If_None_Match='W/"1"').status_code == 304
    change = {"op": "add", "path": "displayName", "value": "N"}
    assert client.patch("Agents", id, change, If_Match='W/"1"').headers["ETag"] == 'W/"2"'
    problem(client.patch("Agents", id, change, If_Match='W/"1"'), 412, naming='W/"2"')
    problem(client.send("DELETE", f"/Agents/{id}", If_Match='"7"'), 412)
    problem(client.send("DELETE", f"/Agents/{id}", If_Match="7"), 400)
    assert client.send("GET", f"/Agents/{id}", If_None_Match='W/"1"').status_code == 200
    assert client.send("DELETE", f"/Agents/{id}", If_Match="*").status_code == 204


@pytest.mark.parametrize(
    ("endpoint", "name"), [("Agents", "agentUserName"), ("Users", "userName"), ("Groups", "displayName")]
)
def test_a_name_is_given_once_whatever_its_case(client, endpoint, name):
    client.make(endpoint, **{name: "Straße"})
    other = client.make(endpoint, **{name: "other"})["id"]
    problem(client.post(endpoint, **{name: "STRASSE"}), 409, "uniqueness", name)
    problem(client.patch(endpoint, other, {"op": "replace", "path": name, "value": "straße"}), 409, "uniqueness", name)


def test_an_external_id_belongs_to_its_client(client, new_client):
    other = new_client("other")
    mine = client.person("ada", externalId="1")
    theirs = other.person("bob", externalId="1")
    problem(client.post("Users", userName="eve", externalId="1"), 409, "uniqueness", "externalId")
    assert client.found("Users", 'externalId eq "1"') == [mine]
    assert other.found("Users", 'externalId eq "1"') == [theirs]
    assert "externalId" not in other.get(f"/Users/{mine}").get_json()
    assert other.patch("Users", mine, {"op": "add", "path": "externalId", "value": "2"}).get_json()["externalId"] == "2"
    assert client.get(f"/Users/{mine}").get_json()["externalId"] == "1"


def test_an_owner_must_exist(client):
    problem(
        client.post("Agents", agentUserName="bot", owners=[{"value": "usr-none"}]), 400, "invalidValue", "owners.value"
    )
    agent = client.agent("bot")
    problem(client.post("Agents", agentUserName="b2", owners=[{"value": agent}]), 400, "invalidValue", "owners.value")


def test_deleting_an_owner_leaves_the_agent_and_says_so(client):
    owner = client.person("ada")
    agent = client.agent("bot", owners=[{"value": owner}])
    client.send("DELETE", f"/Users/{owner}")
    answer = client.send("GET", f"/Agents/{agent}", If_None_Match='W/"1"')
    assert (answer.status_code, "owners" in answer.get_json()) == (200, False)
    assert client.found("Agents", "owners eq null") == [agent]


def test_deleting_an_owning_group_leaves_the_agent(client):
    group = client.group("team")
    agent = client.agent("bot", owners=[{"value": group}])
    assert client.send("DELETE", f"/Groups/{group}").status_code == 204
    assert "owners" not in client.get(f"/Agents/{agent}").get_json()

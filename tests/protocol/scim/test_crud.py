"""What SCIM clients do with Agents, Users and Groups, on both databases."""

import pytest
import sqlalchemy as sa

from connector.storage import groups
from tests.edge_client import AGENT, ENTERPRISE, GROUP, PATCH_OP, USER

GOVERNANCE = "urn:agentidp:params:scim:schemas:extension:governance:1.0:Agent"


def problem(answer, status, scim_type=None, naming=""):
    body = answer.get_json()
    assert (answer.status_code, body["status"], body.get("scimType")) == (status, str(status), scim_type), body
    assert body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert answer.mimetype == "application/scim+json"
    assert naming in body["detail"]


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
        'userName co "a"',
        'userName eq "a" or userName eq "b"',
        'shoeSize eq "44"',
        "active eq 1",
        'active eq "perhaps"',
        'password eq "x"',
        'emails[type eq "work"',
        'userName eq "a\\u0000b"',
        'meta.created eq "0001-01-01T00:00:00+14:00"',
        'schemas eq "x"',
        'meta.version eq "x"',
        'groups.display eq "x"',
        " ",
        "(" * 2000,
    ],
)
def test_a_filter_that_cannot_be_served_is_refused(client, filter):
    problem(client.get("/Users", filter=filter), 400, "invalidFilter")


def test_pages_cover_everything_once(client):
    ids = sorted(client.person(f"p{number}") for number in range(5))
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
    problem(client.send("DELETE", f"/Agents/{id}", If_Match="7"), 400, "invalidValue")
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


# -- errors of the protocol ------------------------------------------------------------------------------------------


def test_nobody_comes_in_without_a_bearer(app):
    answer = app.test_client().get("/scim/v2/Users")
    problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["Bearer acb_wrong", "Bearer x.y.z", "Basic eDp5", "Bearer ", "Bearer é"])
def test_a_wrong_bearer_is_refused(app, header):
    problem(app.test_client().get("/scim/v2/Users", headers={"Authorization": header}), 401)


def test_scopes_limit_what_a_client_may_do(new_client):
    reader = new_client("reader", {"scim:read"})
    assert reader.get("/Users").status_code == 200
    problem(reader.post("Users", userName="ada"), 403, naming="scim:users")
    agents = new_client("agents", {"scim:agents"})
    assert agents.post("Agents", agentUserName="bot").status_code == 201
    problem(agents.get("/Users"), 403, naming="scim:users")
    problem(new_client("other", {"introspect"}).get("/Users"), 403)


def test_unknown_endpoints_and_methods_are_refused(client):
    problem(client.get("/Robots"), 404, naming="Robots")
    problem(client.get("/Users/none"), 404)
    answer = client.send("DELETE", "/Users")
    problem(answer, 405)
    assert "GET" in answer.headers["Allow"]
    problem(client.send("POST", "/Schemas", {}), 405)
    problem(client.send("PUT", "/ServiceProviderConfig", {}), 405)
    problem(client.get("/Schemas", filter='id eq "x"'), 403)
    assert client.send("POST", "/Bulk", {}).status_code == 501


def test_an_id_that_no_database_can_hold_is_no_server_error(client):
    assert client.get("/Users/a%00b").status_code in (400, 404)


def test_bodies_that_are_too_large_or_of_another_type_are_refused(client):
    problem(client.send("POST", "/Users", {"schemas": [USER], "userName": "x" * 5_000_000}), 413)
    bearer = {"Authorization": f"Bearer {client.bearer}"}
    problem(client.http.post("/scim/v2/Users", data="a=b", headers=bearer, content_type="text/plain"), 415)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b"\xff", b"{}", b'{"schemas":["x"]}', b'{"schemas":[1]}', b"[" * 90000]
)
def test_malformed_bodies_are_refused(client, body):
    bearer = {"Authorization": f"Bearer {client.bearer}"}
    for method, path in (("POST", "/scim/v2/Users"), ("PATCH", f"/scim/v2/Users/{client.person(f'p{len(body)}')}")):
        answer = client.http.open(path, method=method, data=body, headers=bearer, content_type="application/scim+json")
        problem(answer, 400, "invalidSyntax")


def test_our_own_failure_is_told_with_a_correlation_id(client, parts):
    with parts.domain.database.transaction() as tx:
        tx.execute(sa.text("ALTER TABLE resource RENAME TO gone"))
    answer = client.get("/Users")
    problem(answer, 500, naming=answer.headers["Correlation-Id"])
    assert "gone" not in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("agentUserName", 1),
        ("agentUserName", ""),
        ("agentUserName", "a\0b"),
        ("active", "perhaps"),
        ("active", 1),
        ("displayName", ["x"]),
        ("displayName", {"a": 1}),
        ("owners", 7),
        ("owners", [{"primary": True}]),
        ("x509Certificates", [{"value": "not base64!"}]),
        ("x509Certificates", [{"value": "AAAA"}]),
        (f"{GOVERNANCE}", "x"),
        (f"{GOVERNANCE}:validUntil", "tomorrow"),
        (f"{GOVERNANCE}:validUntil", "2020-01-01T00:00:00Z"),
        (f"{GOVERNANCE}:validFrom", "0001-01-01T00:00:00+14:00"),
        (f"{GOVERNANCE}:lifecycleState", "asleep"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_field(client, field, value):
    urn, _, name = field.rpartition(":") if field.startswith(f"{GOVERNANCE}:") else ("", "", field)
    attributes = {"agentUserName": "bot", **({urn: {name: value}} if urn else {name: value})}
    problem(client.post("Agents", **attributes), 400, "invalidValue", name)


@pytest.mark.parametrize(
    ("operation", "scim_type"),
    [
        ({"op": "grow", "path": "displayName"}, "invalidSyntax"),
        ({"path": "displayName"}, "invalidSyntax"),
        ({"op": "add", "path": "shoeSize", "value": 1}, "invalidPath"),
        ({"op": "add", "path": "displayName[", "value": 1}, "invalidPath"),
        ({"op": "add", "path": 7, "value": 1}, "invalidPath"),
        ({"op": "add", "path": 'displayName[value eq "x"]', "value": 1}, "invalidPath"),
        ({"op": "add", "path": "displayName"}, "invalidValue"),
        ({"op": "replace", "value": "x"}, "invalidValue"),
        ("x", "invalidSyntax"),
    ],
)
def test_a_patch_that_makes_no_sense_is_refused(client, operation, scim_type):
    problem(client.patch("Agents", client.agent("bot"), operation), 400, scim_type)


# -- members ---------------------------------------------------------------------------------------------------------


def members(client, group):
    return [one["value"] for one in client.get(f"/Groups/{group}").get_json().get("members", [])]


def test_members_are_added_removed_and_replaced_as_rows(client, parts):
    ada, bob, bot = client.person("ada"), client.person("bob"), client.agent("bot")
    group = client.group("ops", ada)
    answer = client.patch("Groups", group, {"op": "add", "path": "members", "value": [{"value": bot}, {"value": bob}]})
    assert (answer.status_code, answer.headers["ETag"]) == (204, 'W/"2"')
    assert members(client, group) == sorted([ada, bob, bot])
    client.patch("Groups", group, {"op": "remove", "path": f'members[value eq "{ada}"]'})
    client.patch("Groups", group, {"op": "remove", "path": "members", "value": [{"value": bob}]})
    assert members(client, group) == [bot]
    client.patch("Groups", group, {"op": "replace", "path": "members", "value": [{"value": ada}, {"value": bot}]})
    with parts.domain.view() as unit:
        assert groups.member_ids(unit.tx, group) == {ada, bot}
    client.patch("Groups", group, {"op": "replace", "path": "displayName", "value": "Operations"})
    assert members(client, group) == sorted([ada, bot])
    client.patch("Groups", group, {"op": "remove", "path": "members"})
    assert members(client, group) == []


def test_adding_a_member_twice_changes_nothing(client, events):
    ada = client.person("ada")
    group = client.group("ops", ada)
    before = events()
    answer = client.patch("Groups", group, {"op": "add", "path": "members", "value": [{"value": ada}]})
    assert (answer.headers["ETag"], events()) == ('W/"1"', before)


def test_members_and_their_groups_show_each_other(client):
    bot = client.agent("bot")
    group = client.group("ops", bot)
    shown = client.get(f"/Groups/{group}").get_json()["members"]
    url = "https://connector.example/scim/v2"
    assert shown == [{"value": bot, "$ref": f"{url}/Agents/{bot}", "type": "Agent", "display": "bot"}]
    shown = client.get(f"/Agents/{bot}").get_json()["groups"]
    assert shown == [{"value": group, "$ref": f"{url}/Groups/{group}", "display": "ops", "type": "direct"}]
    client.send("DELETE", f"/Agents/{bot}")
    assert client.get(f"/Groups/{group}").headers["ETag"] == 'W/"2"'
    assert members(client, group) == []


def test_a_group_is_not_its_own_member(client):
    group = client.group("ops")
    add = {"op": "add", "path": "members", "value": [{"value": group}]}
    problem(client.patch("Groups", group, add), 400, "invalidValue", "member")


def test_a_thousand_members_at_once(client):
    ids = [client.person(f"p{number}") for number in range(30)]
    group = client.group("ops", *ids, *ids)
    assert members(client, group) == sorted(ids)
    assert "members" not in client.get(f"/Groups/{group}", excludedAttributes="members").get_json()


# -- shapes of Entra and Okta ----------------------------------------------------------------------------------------


def test_entras_shapes_are_understood(new_client):
    entra = new_client("entra", profile="entra")
    boss, ada = entra.person("boss"), entra.person("ada", externalId="nick", emails=[], roles=[])
    after = entra.patch(
        "Users",
        ada,
        {"op": "Replace", "path": "displayName", "value": "Ada"},
        {"op": "Add", "path": 'emails[type eq "work"].value', "value": "ada@x"},
        {"op": "Replace", "path": "active", "value": "False"},
        {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": boss},
    ).get_json()
    assert (after["displayName"], after["active"]) == ("Ada", False)
    assert after["emails"] == [{"type": "work", "value": "ada@x"}]
    assert after[ENTERPRISE]["manager"]["value"] == boss
    dotted = {"displayName": "N", "name.givenName": "G", f"{ENTERPRISE}:employeeNumber": "7"}
    after = entra.patch("Users", ada, {"op": "replace", "value": dotted}).get_json()
    assert (after["name"], after[ENTERPRISE]["employeeNumber"]) == ({"givenName": "G"}, "7")
    microsoft = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
    body = {"schemas": [GROUP, microsoft], "displayName": "g", "members": [], "meta": {"resourceType": "Group"}}
    group = entra.send("POST", "/Groups", body).get_json()["id"]
    entra.patch(
        "Groups", group, {"op": "Add", "path": "members", "value": [{"$ref": None, "value": ada}, {"value": boss}]}
    )
    entra.patch("Groups", group, {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": ada}]})
    assert members(entra, group) == [boss]


def test_oktas_shapes_are_understood(new_client):
    okta = new_client("okta", profile="okta")
    ada = okta.make("Users", userName="ada", password="never kept", name={"givenName": "A"}, groups=[])
    assert "password" not in ada
    body = {"schemas": [PATCH_OP], "Operations": [{"op": "replace", "value": {"id": ada["id"], "active": False}}]}
    assert okta.send("PATCH", f"/Users/{ada['id']}", body).get_json()["active"] is False
    group = okta.group("ops", ada["id"])
    rename = {"op": "replace", "value": {"id": group, "displayName": "operations"}}
    assert okta.patch("Groups", group, rename).status_code == 204
    assert members(okta, group) == [ada["id"]]


def test_a_strict_client_is_held_to_the_letter(new_client):
    strict = new_client("strict", profile="strict")
    problem(strict.post("Agents", agentUserName="bot", active="true"), 400, "invalidValue", "active")
    problem(strict.post("Agents", agentUserName="bot", shoeSize=1), 400, "invalidSyntax", "shoeSize")
    id = strict.agent("bot")
    problem(strict.patch("Agents", id, {"op": "Add", "path": "displayName", "value": "x"}), 400, "invalidSyntax", "op")


# -- dialects and selection ------------------------------------------------------------------------------------------


def test_each_dialect_shows_its_own_attributes(client, new_client):
    abbey, superset = new_client("abbey", dialect="abbey"), new_client("superset", dialect="superset")
    id = abbey.make("Agents", name="bot", roles=[{"value": "admin"}])["id"]
    shown = {one: set(one.get(f"/Agents/{id}").get_json()) for one in (client, abbey, superset)}
    assert shown[client] & {"name", "agentUserName", "roles"} == {"agentUserName"}
    assert shown[abbey] & {"name", "agentUserName", "roles"} == {"name", "roles"}
    assert shown[superset] & {"name", "agentUserName", "roles"} == {"name", "agentUserName", "roles"}
    assert abbey.found("Agents", 'name eq "bot"') == [id]
    assert abbey.get(f"/Agents/{id}", attributes="name").get_json()["name"] == "bot"
    assert "name" not in abbey.get(f"/Agents/{id}", excludedAttributes="name").get_json()


def test_put_keeps_what_the_dialect_does_not_show(client, new_client):
    superset = new_client("superset", dialect="superset")
    id = superset.agent("bot", roles=[{"value": "admin"}])
    client.put("Agents", id, agentUserName="bot", displayName="Bot")
    assert superset.get(f"/Agents/{id}").get_json()["roles"] == [{"value": "admin"}]
    assert "roles" not in superset.put("Agents", id, agentUserName="bot").get_json()


def test_attributes_are_chosen_and_left_out(client):
    id = client.person("ada", name={"givenName": "A", "familyName": "L"}, displayName="Ada")
    assert client.get(f"/Users/{id}", attributes="name.givenName,userName").get_json() == {
        "schemas": [USER],
        "id": id,
        "name": {"givenName": "A"},
        "userName": "ada",
    }
    rest = client.get("/Users", excludedAttributes="name,id,meta").get_json()["Resources"][0]
    assert set(rest) == {"schemas", "id", "userName", "displayName", "active"}
    problem(client.get("/Users", attributes="id", excludedAttributes="name"), 400, "invalidValue")


def test_suspending_and_retiring_follow_the_lifecycle(client, events):
    id = client.agent("bot")
    assert client.patch("Agents", id, {"op": "replace", "path": "active", "value": False}).get_json()[GOVERNANCE] == {
        "lifecycleState": "suspended"
    }
    assert client.patch("Agents", id, {"op": "replace", "value": {"active": True}}).get_json()["active"] is True
    state = {"op": "replace", "path": f"{GOVERNANCE}:lifecycleState", "value": "retired"}
    assert client.patch("Agents", id, state).get_json()["active"] is False
    problem(
        client.patch("Agents", id, {"op": "replace", "value": {"active": True}}), 400, "invalidValue", "lifecycleState"
    )
    assert [one for one in events() if one in ("agent:suspended", "agent:resumed")] == [
        "agent:suspended",
        "agent:resumed",
        "agent:suspended",
    ]


def test_schemas_hold_what_the_dialect_shows(client, new_client):
    def names(edge):
        return {one["name"] for one in edge.get(f"/Schemas/{AGENT}").get_json()["attributes"]}

    assert "agentUserName" in names(client)
    assert "name" not in names(client)
    assert {"name", "x509Certificates"} <= names(new_client("abbey", dialect="abbey"))

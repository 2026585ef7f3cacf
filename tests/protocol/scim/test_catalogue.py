"""The catalogue of roles and entitlements: read-only lists from a file, and what agents and users may be given."""

from dataclasses import replace

import pytest

from connector.app import create_app
from connector.edges.scim import catalogue_file
from tests.edge_client import USER, EdgeClient, problem

ROLE = "urn:ietf:params:scim:schemas:core:2.0:Role"
FILE = """
[[roles]]
value = "reader"
type = "default"
[[roles]]
value = "Editor"
display = "May write"
primary = true
contains = ["READER"]
[[roles]]
value = "owner"
supported = false
totalAssignmentsPermitted = 3
contains = ["editor", "reader"]
[[entitlements]]
value = "seat"
type = "License"
"""


@pytest.fixture
def served(parts, client, tmp_path):
    """A client of a deployment with that catalogue; `text` may say more."""

    def serve(text="", file=FILE):
        path = tmp_path / "catalogue.toml"
        path.write_text(text + file)
        app = create_app(replace(parts, catalogue=catalogue_file.read(path)))
        return EdgeClient(app.test_client(), client.bearer)

    return serve


def values(edge, **query):
    answer = edge.get("/Roles", **query)
    assert answer.status_code == 200, answer.get_json()
    return [one["value"] for one in answer.get_json()["Resources"]]


def test_roles_are_listed_and_read_with_what_contains_what(served):
    edge = served()

    page = edge.get("/Roles").get_json()

    assert (page["totalResults"], page["itemsPerPage"], page["startIndex"]) == (3, 3, 1)
    reader, editor, owner = page["Resources"]
    assert (reader["containedBy"], "contains" in reader, reader["supported"]) == (["Editor", "owner"], False, True)
    assert (editor["contains"], editor["primary"], editor["display"]) == (["reader"], True, "May write")
    assert (owner["limitedAssignmentsPermitted"], owner["totalAssignmentsPermitted"]) == (True, 3)
    one = edge.get(f"/Roles/{editor['id']}")
    assert one.get_json() == editor
    assert (one.headers["ETag"], one.headers["Location"]) == (editor["meta"]["version"], editor["meta"]["location"])
    assert editor["meta"]["resourceType"] == "Role" and editor["schemas"] == [ROLE]
    assert edge.send("GET", f"/Roles/{editor['id']}", If_None_Match=one.headers["ETag"]).status_code == 304
    problem(edge.get("/Roles/rol-nobody"), 404, naming="Role")
    assert edge.get("/Entitlements").get_json()["Resources"][0]["type"] == "License"


def test_ids_stay_when_the_file_changes_and_versions_tell(served):
    before = {one["value"]: one for one in served().get("/Roles").get_json()["Resources"]}
    edge = served(
        file=FILE.replace('"May write"', '"Writes"').replace(
            "[[entitlements]]", '[[roles]]\nvalue = "new"\n[[entitlements]]'
        )
    )
    after = {one["value"]: one for one in edge.get("/Roles").get_json()["Resources"]}

    assert {name: one["id"] for name, one in before.items()}.items() <= {
        n: one["id"] for n, one in after.items()
    }.items()
    changed = [name for name in before if before[name]["meta"]["version"] != after[name]["meta"]["version"]]
    assert changed == ["Editor"]


def test_they_are_filtered_sorted_and_cut_as_other_resources_are(served):
    edge = served()

    assert values(edge, filter='value eq "EDITOR"') == ["Editor"]
    assert values(edge, filter="contains pr and supported eq true") == ["Editor"]
    assert values(edge, filter='contains eq "reader" or totalAssignmentsPermitted gt 5') == ["Editor", "owner"]
    assert values(edge, filter='not (type pr) and meta.resourceType eq "Role"') == ["Editor", "owner"]
    assert values(edge, filter=f'schemas eq "{ROLE}" and externalId eq null') == ["reader", "Editor", "owner"]
    assert values(edge, sortBy="value") == ["Editor", "owner", "reader"]
    assert values(edge, sortBy="display") == ["Editor", "reader", "owner"]
    assert values(edge, sortBy="display", sortOrder="descending") == ["owner", "reader", "Editor"]
    assert values(edge, sortBy="containedBy") == ["reader", "Editor", "owner"]
    kept = edge.get("/Roles", attributes="value,meta.location", filter="type pr").get_json()["Resources"][0]
    assert (set(kept), set(kept["meta"])) == ({"schemas", "id", "value", "meta"}, {"location"})
    dropped = edge.get(f"/Roles/{kept['id']}", excludedAttributes="meta,type").get_json()
    assert set(dropped) == {"schemas", "id", "value", "supported", "containedBy"}
    problem(edge.get("/Roles", filter="shoeSize pr"), 400, "invalidFilter", "shoeSize")
    problem(edge.get("/Roles", sortBy="meta"), 400, "invalidValue", "sortBy")
    problem(edge.get("/Roles", attributes="value", excludedAttributes="id"), 400, "invalidValue")


def test_pages_go_by_index_and_by_cursor(served, clock):
    edge = served()

    assert values(edge, startIndex=2, count=1) == ["Editor"]
    assert edge.get("/Roles", count=0).get_json()["totalResults"] == 3
    assert values(edge, startIndex=9) == []
    found, cursor = [], ""
    for _ in range(2):
        page = edge.get("/Roles", cursor=cursor, count=2, sortBy="value").get_json()
        found.append([one["value"] for one in page["Resources"]])
        cursor = page.get("nextCursor")
    assert (found, cursor) == ([["Editor", "owner"], ["reader"]], None)
    back = edge.get("/Roles", cursor=page["previousCursor"], count=2, sortBy="value").get_json()
    assert ([one["value"] for one in back["Resources"]], "previousCursor" in back) == (["Editor", "owner"], False)
    cursor = edge.get("/Roles", cursor="", count=1).get_json()["nextCursor"]
    problem(edge.get("/Roles", cursor=cursor, count=2), 400, "invalidCount")
    problem(edge.get("/Roles", cursor=cursor, count=1, sortBy="value"), 400, "invalidCursor")
    problem(edge.get("/Entitlements", cursor=cursor, count=1), 400, "invalidCursor")
    clock.move(seconds=601)
    problem(edge.get("/Roles", cursor=cursor, count=1), 400, "expiredCursor")
    searched = edge.search("/Roles", filter='value sw "e"', attributes=["value"]).get_json()
    assert [one["value"] for one in searched["Resources"]] == ["Editor"]


def test_nobody_writes_them_over_scim(served):
    edge = served()
    id = edge.get("/Roles").get_json()["Resources"][0]["id"]

    for method, path in (
        ("POST", "/Roles"),
        ("PUT", f"/Roles/{id}"),
        ("PATCH", f"/Roles/{id}"),
        ("DELETE", f"/Roles/{id}"),
    ):
        answer = edge.send(method, path, {"schemas": [ROLE], "value": "x"})
        problem(answer, 405, naming="only be read")
        assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    made = edge.bulk({"method": "POST", "path": "/Roles", "bulkId": "r", "data": {"schemas": [ROLE], "value": "x"}})
    assert made.get_json()["Operations"][0]["status"] == "400"
    assert edge.get("/Roles").get_json()["totalResults"] == 3


def test_discovery_tells_of_them(served):
    edge = served()

    config = edge.get("/ServiceProviderConfig").get_json()["RolesAndEntitlements"]
    assert config["roles"] == {
        "supported": True,
        "multipleRolesSupported": True,
        "primarySupported": True,
        "typeSupported": True,
        "types": ["default"],
    }
    assert (config["entitlements"]["types"], config["entitlements"]["multipleEntitlementsSupported"]) == (
        ["License"],
        True,
    )
    assert edge.get("/ResourceTypes/Role").get_json()["endpoint"] == "/Roles"
    assert edge.get("/ResourceTypes/Entitlement").get_json()["schema"] == ROLE.replace("Role", "Entitlement")
    attributes = edge.get(f"/Schemas/{ROLE}").get_json()["attributes"]
    assert {one["mutability"] for one in attributes} == {"readOnly"}
    assert [one["name"] for one in attributes if one["required"]] == ["value"]
    assert {"containedBy", "totalAssignmentsPermitted"} <= {one["name"] for one in attributes}


def test_without_a_catalogue_there_is_no_trace_of_one(client, served):
    roles_only = served(file='[[roles]]\nvalue = "a"')

    assert "RolesAndEntitlements" not in client.get("/ServiceProviderConfig").get_json()
    problem(client.get("/Roles"), 404, naming="/Roles")
    problem(client.get("/ResourceTypes/Role"), 404)
    problem(client.get(f"/Schemas/{ROLE}"), 404)
    assert roles_only.get("/ServiceProviderConfig").get_json()["RolesAndEntitlements"]["entitlements"] == {
        "supported": False
    }
    problem(roles_only.get("/Entitlements"), 404)


def test_any_scope_of_scim_may_read_them_and_nobody_else(served, new_client):
    edge = served()
    narrow, other = new_client("narrow", scopes={"scim:groups"}), new_client("other", scopes={"introspect"})

    assert EdgeClient(edge.http, narrow.bearer).get("/Roles").status_code == 200
    problem(EdgeClient(edge.http, other.bearer).get("/Roles"), 403)
    problem(EdgeClient(edge.http, "nonsense").get("/Roles"), 401)


def test_what_is_not_listed_may_be_given_unless_the_file_says_otherwise(served):
    id = served().person("ada", roles=[{"value": "captain"}], entitlements=[{"value": "seat"}])
    strict = served('accept = "listed"\n')

    problem(strict.post("Users", userName="bob", roles=[{"value": "captain"}]), 400, "invalidValue", "'captain'")
    problem(
        strict.post("Agents", agentUserName="bot", roles=["owner"]), 400, "invalidValue", "not supported, see /Roles"
    )
    problem(strict.post("Agents", agentUserName="bot", entitlements=["x"]), 400, "invalidValue", "/Entitlements")
    assert strict.agent("bot", roles=[{"value": "READER"}], entitlements=[{"value": "seat", "type": "License"}])
    # what somebody has already stays, however it came
    assert strict.put("Users", id, userName="ada", roles=[{"value": "captain"}]).status_code == 200
    assert strict.patch("Users", id, {"op": "add", "path": "roles", "value": {"value": "editor"}}).status_code == 200
    refused = strict.patch("Users", id, {"op": "add", "path": "roles", "value": {"value": "pilot"}})
    problem(refused, 400, "invalidValue", "'pilot' is not in the catalogue")
    assert [one["value"] for one in strict.get(f"/Users/{id}").get_json()["roles"]] == ["captain", "editor"]
    user = {"schemas": [USER], "userName": "c", "roles": [{"value": "pilot"}]}
    made = strict.bulk({"method": "POST", "path": "/Users", "bulkId": "u", "data": user})
    assert made.get_json()["Operations"][0]["response"]["scimType"] == "invalidValue"

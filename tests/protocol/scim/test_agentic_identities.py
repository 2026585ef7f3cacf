"""/AgenticIdentities: draft-wahl-scim-agent-schema-01 as another view of the same agents, for clients of the dialect `wahl`."""

import pytest

from tests.conftest import BASE_URL
from tests.edge_client import GOVERNANCE, IDENTITY, problem

OAUTH = {
    "name": "prod",
    "clientId": "ap-suite",
    "issuer": "https://as.example",
    "subject": "agent:7",
    "audiences": ["https://ap.example", "https://b"],
}


@pytest.fixture
def wahl(new_client):
    return new_client("wahl", dialect="wahl")


def test_an_identity_is_created_read_replaced_and_deleted(wahl):
    ada = wahl.person("ada")
    given = {
        "displayName": "matcher",
        "externalId": "x-1",
        "description": "d",
        "owners": [{"value": ada, "type": "User"}],
        "oAuthClientIdentifiers": [OAUTH],
        "roles": [{"value": "reader"}],
        "entitlements": [{"value": "seat"}],
    }
    made = wahl.make("AgenticIdentities", **given)

    location = f"{BASE_URL}/scim/v2/AgenticIdentities/{made['id']}"
    assert made["meta"] | {"resourceType": "AgenticIdentity", "location": location} == made["meta"]
    assert (made["schemas"], made["active"], made["owners"][0]["value"]) == ([IDENTITY], True, ada)
    assert made | {name: value for name, value in given.items() if name != "owners"} == made
    assert set(made) == {*given, "schemas", "id", "active", "meta"}
    assert wahl.get(f"/AgenticIdentities/{made['id']}").get_json() == made

    after = wahl.put("AgenticIdentities", made["id"], displayName="Matcher 2").get_json()
    assert set(after) == {"schemas", "id", "displayName", "active", "meta"}
    assert wahl.send("DELETE", f"/AgenticIdentities/{made['id']}").status_code == 204
    problem(wahl.get(f"/AgenticIdentities/{made['id']}"), 404)


def test_patch_takes_the_names_of_the_draft(wahl):
    id = wahl.make("AgenticIdentities", displayName="bot", oAuthClientIdentifiers=[OAUTH])["id"]
    after = wahl.patch(
        "AgenticIdentities",
        id,
        {"op": "replace", "path": "displayName", "value": "robot"},
        {"op": "replace", "path": 'oAuthClientIdentifiers[clientId eq "ap-suite"].issuer', "value": "https://new"},
        {"op": "replace", "value": {"active": False, f"{IDENTITY}:description": "d"}},
    ).get_json()
    assert (after["displayName"], after["active"], after["description"]) == ("robot", False, "d")
    assert after["oAuthClientIdentifiers"] == [{**OAUTH, "issuer": "https://new"}]
    problem(
        wahl.patch("AgenticIdentities", id, {"op": "replace", "path": "agenticApplicationId", "value": "app-1"}),
        400,
        "mutability",
    )
    problem(wahl.patch("AgenticIdentities", id, {"op": "remove", "path": "displayName"}), 400, "mutability")


def test_identities_are_found_sorted_and_cut_by_the_names_of_the_draft(wahl):
    one, two = (wahl.make("AgenticIdentities", displayName=name)["id"] for name in ("Zeta", "alpha"))
    app = wahl.make("AgenticApplications", name="ap", agents=[{"value": one}])["id"]
    group = wahl.group("ops", one)

    assert wahl.found("AgenticIdentities", 'displayName eq "ZETA"') == [one]
    assert wahl.found("AgenticIdentities", f'agenticApplicationId eq "{app}"') == [one]
    assert wahl.found("AgenticIdentities", "agenticApplicationId eq null") == [two]
    assert wahl.found("AgenticIdentities", f'{IDENTITY}:groups.value eq "{group}" and active eq true') == [one]
    assert wahl.found("AgenticIdentities", f'meta.location ew "/AgenticIdentities/{two}"') == [two]
    listed = wahl.get(
        "/AgenticIdentities", sortBy="displayName", attributes="displayName,agenticApplicationId"
    ).get_json()
    assert listed["Resources"] == [
        {"schemas": [IDENTITY], "id": two, "displayName": "alpha"},
        {"schemas": [IDENTITY], "id": one, "displayName": "Zeta", "agenticApplicationId": app},
    ]
    assert wahl.search("/AgenticIdentities", filter='displayName sw "al"').get_json()["totalResults"] == 1
    assert wahl.search("", filter='meta.resourceType eq "Agent"').get_json()["totalResults"] == 2  # each agent once
    problem(wahl.get("/AgenticIdentities", filter='agentUserName eq "x"'), 400, "invalidFilter", "agentUserName")


def test_the_same_agent_is_seen_by_other_clients_with_the_same_version(wahl, new_client):
    superset = new_client("superset", dialect="superset")
    ada = superset.person("ada")
    extension = {"sponsor": {"value": ada}, "purpose": "p", "lifecycleState": "proposed"}
    known = {"displayName": "Shown", "agentType": "Assistant", GOVERNANCE: extension, "active": False}
    id = superset.agent("bot", **known)

    put = wahl.put("AgenticIdentities", id, displayName="robot", oAuthClientIdentifiers=[OAUTH])

    agent = superset.get(f"/Agents/{id}")
    assert put.headers["ETag"] == agent.headers["ETag"] == wahl.get(f"/Agents/{id}").headers["ETag"] == 'W/"2"'
    shown = agent.get_json()
    assert (shown["agentUserName"], shown["displayName"], shown["agentType"]) == ("robot", "Shown", "Assistant")
    assert shown["oAuthClientIdentifiers"] == [OAUTH]
    governance = shown[GOVERNANCE]
    assert (governance["purpose"], governance["sponsor"]["value"], governance["lifecycleState"]) == (
        "p",
        ada,
        "proposed",
    )
    assert "oAuthClientIdentifiers" not in wahl.get(f"/Agents/{id}").get_json()
    problem(wahl.post("AgenticIdentities", displayName="ROBOT"), 409, "uniqueness")
    problem(wahl.post("AgenticIdentities", description="nameless"), 400, "invalidValue", "displayName is required")


def test_it_is_there_for_clients_of_the_dialect_only(wahl, client, new_client):
    def types(edge):
        return {one["endpoint"] for one in edge.get("/ResourceTypes").get_json()["Resources"]}

    assert types(wahl) - types(client) == {"/AgenticIdentities"}
    assert wahl.get("/ResourceTypes/AgenticIdentity").get_json()["schema"] == IDENTITY
    described = {one["name"]: one for one in wahl.get(f"/Schemas/{IDENTITY}").get_json()["attributes"]}
    assert set(described) == {
        *("displayName", "active", "description", "agenticApplicationId", "owners"),
        *("oAuthClientIdentifiers", "roles", "entitlements", "groups"),
    }
    assert (described["displayName"]["required"], described["displayName"]["uniqueness"]) == (True, "server")
    for path in ("/AgenticIdentities", "/ResourceTypes/AgenticIdentity", f"/Schemas/{IDENTITY}"):
        problem(client.get(path), 404)
    problem(new_client("users", {"scim:users"}, dialect="wahl").get("/AgenticIdentities"), 403, None, "scim:agents")
    agents = new_client("agents", {"scim:agents"}, dialect="wahl")
    assert agents.post("AgenticIdentities", displayName="bot").status_code == 201


def test_bulk_takes_identities_too(wahl):
    body = {"schemas": [IDENTITY], "displayName": "bot"}
    answer = wahl.bulk(
        {"method": "POST", "path": "/AgenticIdentities", "bulkId": "a", "data": body},
        {"method": "PUT", "path": "/AgenticIdentities/bulkId:a", "data": {**body, "description": "d"}},
    ).get_json()
    assert [one["status"] for one in answer["Operations"]] == ["201", "200"]
    assert "/AgenticIdentities/agt-" in answer["Operations"][0]["location"]
    assert wahl.get("/AgenticIdentities").get_json()["Resources"][0]["description"] == "d"

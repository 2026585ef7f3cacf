"""What a client sees: its dialect, and the attributes that it asked for (RFC 7644 section 3.9)."""

from tests.edge_client import AGENT, GOVERNANCE, USER, problem

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
    suspended = client.patch("Agents", id, {"op": "replace", "path": "active", "value": False}).get_json()
    assert suspended[GOVERNANCE]["lifecycleState"] == "suspended"
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


def test_a_state_that_says_no_more_than_active_may_be_removed_with_the_extension(client):
    id = client.agent("bot", **{GOVERNANCE: {"purpose": "p"}})
    remove = {"op": "remove", "path": GOVERNANCE}

    gone = client.patch("Agents", id, remove).get_json()
    assert (GOVERNANCE in gone, gone["schemas"], gone["active"]) == (False, [AGENT], True)
    assert client.found("Agents", f"{GOVERNANCE}:lifecycleState pr") == []
    assert client.found("Agents", f'schemas eq "{GOVERNANCE}"') == []
    off = client.patch("Agents", id, {"op": "replace", "path": "active", "value": False}).get_json()
    assert (off["active"], GOVERNANCE in off) == (False, False)
    state = {"op": "replace", "path": f"{GOVERNANCE}:lifecycleState", "value": "retired"}
    assert client.patch("Agents", id, state).get_json()[GOVERNANCE]["lifecycleState"] == "retired"
    assert client.patch("Agents", id, remove).get_json()[GOVERNANCE]["lifecycleState"] == "retired"
    on = client.patch("Agents", id, {"op": "replace", "path": "active", "value": True})
    problem(on, 400, "invalidValue", "lifecycleState")


def test_put_without_governance_keeps_the_state_and_clears_the_rest(client):
    id = client.agent("bot", **{GOVERNANCE: {"purpose": "p", "lifecycleState": "proposed"}}, active=False)
    shown = client.put("Agents", id, agentUserName="bot").get_json()[GOVERNANCE]
    assert (shown["lifecycleState"], "purpose" in shown) == ("proposed", False)
    assert (
        client.put("Agents", id, agentUserName="bot", active=True).get_json()[GOVERNANCE]["lifecycleState"] == "active"
    )


def test_the_url_of_a_specification_is_taken_as_the_abbey_drafts_schema_misspells_it(new_client):
    abbey = new_client("abbey", dialect="abbey", profile="strict")
    made = abbey.make("Agents", name="bot", protocols=[{"type": "A2A", "specifiationUrl": "https://a"}])
    assert made["protocols"] == [{"type": "A2A", "specificationUrl": "https://a"}]
    assert abbey.found("Agents", 'protocols[specifiationUrl sw "https"]') == [made["id"]]


def test_schemas_hold_what_the_dialect_shows(client, new_client):
    def names(edge):
        return {one["name"] for one in edge.get(f"/Schemas/{AGENT}").get_json()["attributes"]}

    assert "agentUserName" in names(client)
    assert "name" not in names(client)
    assert {"name", "x509Certificates"} <= names(new_client("abbey", dialect="abbey"))


def test_a_missing_handle_is_named_as_each_dialect_calls_it(client, new_client):
    for edge in (client, new_client("abbey", dialect="abbey")):
        answer = edge.post("Agents", displayName="Bot")
        problem(answer, 400, "invalidValue", "agentUserName")
        assert "name or agentUserName is required" in answer.get_json()["detail"]
    problem(client.post("Users", displayName="Ada"), 400, "invalidValue", "userName is required")

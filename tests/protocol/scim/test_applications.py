"""Agentic applications, nested groups, the governance extension's computed part, and /Me."""

import pytest

from connector.domain import credentials
from connector.domain.unit import SYSTEM
from tests.conftest import BASE_URL
from tests.edge_client import GOVERNANCE, EdgeClient, problem

APPLICATION = "urn:ietf:params:scim:schemas:core:2.0:AgenticApplication"


def application(client, name, **attributes):
    return client.send("POST", "/AgenticApplications", {"schemas": [APPLICATION], "name": name, **attributes})


@pytest.fixture
def superset(new_client):
    return new_client("tools", dialect="superset")


def test_an_application_lists_its_agents_and_they_list_it(superset, events):
    bot = superset.agent("bot")

    made = application(superset, "ap-suite", agents=[{"value": bot, "type": "owned"}]).get_json()

    listed = {"value": bot, "$ref": f"{BASE_URL}/scim/v2/Agents/{bot}", "display": "bot", "type": "owned"}
    assert made["agents"] == [listed]
    used = superset.get(f"/Agents/{bot}").get_json()["applications"]
    reference = f"{BASE_URL}/scim/v2/AgenticApplications/{made['id']}"
    assert used == [{"value": made["id"], "$ref": reference, "display": "ap-suite", "type": "owned"}]
    assert "application:created" in events()


def test_an_application_is_changed_replaced_found_and_deleted(superset, events):
    one, two = superset.agent("one"), superset.agent("two")
    configuration = [{"clientId": "ap", "issuerUri": "https://c.example", "redirectUri": ["https://ap.example/cb"]}]
    made = application(superset, "ap", oAuthConfiguration=configuration, agents=[{"value": one}]).get_json()
    id = made["id"]
    assert made["oAuthConfiguration"] == configuration and made["active"] is True

    change = {"op": "add", "path": "agents", "value": [{"value": two, "type": "guest"}]}
    patched = superset.patch("AgenticApplications", id, change).get_json()
    assert [agent["value"] for agent in patched["agents"]] == sorted([one, two])
    removed = {"op": "remove", "path": f'agents[value eq "{one}"]'}
    assert len(superset.patch("AgenticApplications", id, removed).get_json()["agents"]) == 1
    assert superset.found("AgenticApplications", f'agents.value eq "{two}"') == [id]
    assert superset.found("AgenticApplications", 'name eq "AP"') == [id]
    assert superset.found("Agents", f'applications.value eq "{id}"') == [two]

    replaced = superset.send("PUT", f"/AgenticApplications/{id}", {"schemas": [APPLICATION], "name": "ap2"}).get_json()
    assert (replaced["name"], "agents" in replaced, replaced["active"]) == ("ap2", False, True)
    assert superset.send("DELETE", f"/AgenticApplications/{id}").status_code == 204
    assert "applications" not in superset.get(f"/Agents/{two}").get_json()
    assert [one for one in events() if one.startswith("application")] == [
        "application:created",
        *["application:changed"] * 3,
        "application:deleted",
    ]


def test_an_application_takes_existing_agents_and_a_name_of_its_own(superset):
    person = superset.person("ada")
    application(superset, "ap")

    problem(application(superset, "AP"), 409, "uniqueness", "name")
    problem(application(superset, "x", agents=[{"value": person}]), 400, "invalidValue", "agents.value")
    problem(application(superset, "x", agents=[{"type": "owned"}]), 400, "invalidValue", "agents.value")
    problem(application(superset, ""), 400, "invalidValue", "name")


def test_an_agent_that_is_deleted_leaves_its_applications(superset):
    bot = superset.agent("bot")
    made = application(superset, "ap", agents=[{"value": bot}]).get_json()

    superset.send("DELETE", f"/Agents/{bot}")

    assert "agents" not in superset.get(f"/AgenticApplications/{made['id']}").get_json()


def test_groups_above_groups_are_shown_as_indirect_and_circles_end(client):
    bot = client.agent("bot")
    inner = client.group("inner", bot)
    middle = client.group("middle", inner)
    outer = client.group("outer", middle, bot)
    client.patch("Groups", inner, {"op": "add", "path": "members", "value": [{"value": outer}]})

    shown = {one["display"]: one["type"] for one in client.get(f"/Agents/{bot}").get_json()["groups"]}

    assert shown == {"inner": "direct", "outer": "direct", "middle": "indirect"}


def test_what_governance_tells_of_credentials_holds_no_secret(client, parts, clock):
    id = client.agent("bot")
    with parts.domain.change(SYSTEM) as unit:
        old = credentials.issue(unit, "agent", id, "client_secret", not_after="2027-03-02T12:00:00.000Z")
        credentials.revoke_all(unit, "agent", id)
        new = credentials.issue(unit, "agent", id, "client_secret", not_after="2027-03-02T12:00:00.000Z")

    answer = client.get(f"/Agents/{id}")

    shown = {one["value"]: one for one in answer.get_json()[GOVERNANCE]["credentials"]}
    assert (shown[old.id]["status"], shown[new.id]["status"]) == ("revoked", "active")
    assert shown[new.id]["notAfter"] == "2027-03-02T12:00:00.000Z"
    for one in (old, new):
        assert one.secret not in answer.get_data(as_text=True)
        assert "hash" not in answer.get_data(as_text=True).lower()
    clock.move(days=2)
    later = {one["value"]: one for one in client.get(f"/Agents/{id}").get_json()[GOVERNANCE]["credentials"]}
    assert later[new.id]["status"] == "expired"


def test_governance_names_the_agent_everywhere_and_when_it_was_last_seen(client, app, parts, clock):
    owner = client.person("ada")
    id = client.agent("bot", owners=[{"value": owner}])
    governance = client.get(f"/Agents/{id}").get_json()[GOVERNANCE]
    assert (governance["issuer"], governance["subject"], "lastSeen" in governance) == (BASE_URL, id, False)

    token = agent_token(app, parts, id)

    assert token
    assert client.get(f"/Agents/{id}").get_json()[GOVERNANCE]["lastSeen"] == "2027-03-01T12:00:00.000Z"
    ignored = {GOVERNANCE: {"issuer": "https://other.example", "subject": "x", "credentials": [{"value": "x"}]}}
    replaced = client.put("Agents", id, agentUserName="bot", owners=[{"value": owner}], **ignored).get_json()
    assert (replaced[GOVERNANCE]["issuer"], replaced[GOVERNANCE]["subject"]) == (BASE_URL, id)


def agent_token(app, parts, id):
    with parts.domain.change(SYSTEM) as unit:
        secret = credentials.issue(unit, "agent", id, "client_secret").secret
    form = {"grant_type": "client_credentials", "client_id": id, "client_secret": secret}
    return app.test_client().post("/oauth/token", data=form).get_json()["access_token"]


def test_an_agent_reads_itself_at_me_and_nothing_else(client, app, parts):
    owner = client.person("ada")
    id = client.agent("bot", owners=[{"value": owner}])
    agent = EdgeClient(app.test_client(), agent_token(app, parts, id))

    mine = agent.get("/Me").get_json()

    assert (mine["id"], mine["meta"]["location"]) == (id, f"{BASE_URL}/scim/v2/Agents/{id}")
    assert set(agent.get("/Me", attributes="agentUserName").get_json()) == {"schemas", "id", "agentUserName"}
    problem(agent.send("PATCH", "/Me", {}), 501)
    problem(agent.get(f"/Agents/{id}"), 403)
    problem(agent.get("/Users"), 403)
    problem(client.get("/Me"), 501)

"""Who answers for an agent, and who is its parent: only those who exist, and always somebody while there is anybody."""

import orjson
import pytest

from connector.storage import audit
from tests.edge_client import problem


@pytest.fixture
def last_event(parts):
    def found(action):
        with parts.domain.view() as unit:
            return [orjson.loads(one.body) for one in audit.events(unit.tx) if one.action == action][-1]

    return found


def owners_of(client, agent):
    return {one["value"]: one.get("primary", False) for one in client.get(f"/Agents/{agent}").get_json()["owners"]}


def test_when_the_accountable_owner_is_deleted_another_one_is_accountable(client, events, last_event):
    ada, bob, eve = client.person("ada"), client.person("bob"), client.person("eve")
    agent = client.agent("bot", owners=[{"value": ada}, {"value": bob, "primary": True}, {"value": eve}])
    version = client.get(f"/Agents/{agent}").headers["ETag"]

    client.send("DELETE", f"/Users/{bob}")

    assert owners_of(client, agent) == {ada: True, eve: False}
    assert client.get(f"/Agents/{agent}").headers["ETag"] != version
    assert events()[-3:] == ["person:deleted", "agent:owner-left", "agent:changed"]
    event = last_event("agent:changed")
    assert event["subject"]["id"] == agent
    assert (event["detail"]["changed"], event["detail"]["accountable"]) == (["owners"], ada)


def test_an_owner_who_is_active_goes_before_one_who_is_not(client):
    ada, bob = client.person("ada", active=False), client.person("bob")
    crew = client.group("crew")
    agent = client.agent("bot", owners=[{"value": crew, "primary": True}, {"value": ada}, {"value": bob}])

    client.send("DELETE", f"/Groups/{crew}")

    assert owners_of(client, agent) == {ada: False, bob: True}


def test_the_last_owner_leaves_nobody_accountable_and_no_event_of_a_change(client, events):
    ada = client.person("ada")
    agent = client.agent("bot", owners=[{"value": ada}])

    client.send("DELETE", f"/Users/{ada}")

    assert "owners" not in client.get(f"/Agents/{agent}").get_json()
    assert events()[-2:] == ["person:deleted", "agent:owner-left"]


def test_an_owner_who_is_disabled_is_recorded_at_each_agent_and_hands_over_to_who_is_active(client, last_event):
    ada, bob, eve = client.person("ada"), client.person("bob", active=False), client.person("eve")
    agent = client.agent("bot", owners=[{"value": ada, "primary": True}, {"value": bob}, {"value": eve}])
    version = client.get(f"/Agents/{agent}").headers["ETag"]

    client.patch("Users", ada, {"op": "replace", "path": "active", "value": False})

    assert owners_of(client, agent) == {ada: False, bob: False, eve: True}
    assert client.get(f"/Agents/{agent}").headers["ETag"] != version
    event = last_event("agent:owner-left")
    assert event["subject"]["id"] == agent
    assert event["detail"] == {"name": "bot", "person": ada, "why": "disabled", "left": 1}


def test_the_only_owner_who_is_disabled_stays_and_is_recorded(client, last_event):
    ada = client.person("ada")
    agent = client.agent("bot", owners=[{"value": ada}])

    client.patch("Users", ada, {"op": "replace", "path": "active", "value": False})

    assert owners_of(client, agent) == {ada: True}
    assert last_event("agent:owner-left")["detail"]["left"] == 0


def test_another_owner_leaving_changes_nothing_about_the_accountable_one(client, events):
    ada, bob = client.person("ada"), client.person("bob")
    agent = client.agent("bot", owners=[{"value": ada}, {"value": bob}])

    client.send("DELETE", f"/Users/{bob}")

    assert owners_of(client, agent) == {ada: True}
    assert events()[-2:] == ["person:deleted", "agent:owner-left"]


def test_a_parent_must_be_another_agent(new_client):
    client = new_client("abbey-idp", dialect="superset")  # wzdk knows no parents
    parent = client.agent("parent")
    child = client.agent("child", parent={"value": parent})
    assert client.get(f"/Agents/{child}").get_json()["parent"]["value"] == parent

    for wrong in ("agt-none", client.person("ada")):
        answer = client.post("Agents", agentUserName="other", parent={"value": wrong})
        problem(answer, 400, "invalidValue", naming=f"parent.value '{wrong}' is not the id of another Agent")
    answer = client.patch("Agents", child, {"op": "replace", "path": "parent.value", "value": child})
    problem(answer, 400, "invalidValue", naming="parent.value")
    assert client.get("/Agents", filter='agentUserName eq "other"').get_json()["totalResults"] == 0


def test_a_parent_that_is_gone_does_not_stand_in_the_way_of_other_changes(new_client):
    client = new_client("abbey-idp", dialect="superset")
    parent = client.agent("parent")
    child = client.agent("child", parent={"value": parent})
    client.send("DELETE", f"/Agents/{parent}")

    answer = client.patch("Agents", child, {"op": "replace", "path": "displayName", "value": "Orphan"})

    assert answer.status_code == 200

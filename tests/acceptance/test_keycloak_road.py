"""One agent at a real Keycloak: as a user and as a client over its Admin REST API at once; and as a user over its SCIM API.

The SCIM API has an agent of its own: two targets that make the same user name in one realm are a mistake of whoever set them up.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.road import Connector, wait_for
from tests.servers.keycloak import Keycloak

# The first test of all waits for Keycloak: fetched and built once per machine, started once per run.
pytestmark = [pytest.mark.xdist_group("keycloak"), pytest.mark.timeout(600)]


@pytest.fixture
def connector(tmp_path: Path, keycloak: Keycloak) -> Iterator[Connector]:
    road = Connector(tmp_path, secrets={"KEYCLOAK_SECRET": keycloak.client_secret})
    road.start()
    yield road
    road.stop()


def add_target(connector: Connector, name: str, mapping: str, options: dict[str, str], *, seen: str) -> None:
    given = [part for key, value in options.items() for part in ("--option", f"{key}={value}")]
    connector.run("target", "add", name, "--mapping", mapping, *given)
    assert seen in str(connector.run("target", "check", name))


def add_admin_targets(connector: Connector, keycloak: Keycloak) -> None:
    realm = {"url": keycloak.url, "realm": keycloak.realm, **sign_in(keycloak)}
    add_target(connector, "users", "keycloak", realm | {"accounts_where": "attributes.kind=agent"}, seen="Keycloak")
    add_target(connector, "clients", "keycloak-client", realm | {"groups_are": "roles"}, seen="Keycloak")


def add_scim_target(connector: Connector, keycloak: Keycloak) -> None:
    scim = {"url": keycloak.scim_url, "profile": "keycloak", "token_url": keycloak.token_url, **sign_in(keycloak)}
    add_target(connector, "scim", "scim-keycloak", scim, seen="SCIM 2.0")


def sign_in(keycloak: Keycloak) -> dict[str, str]:
    return {"client_id": keycloak.client_id, "client_secret": "env:KEYCLOAK_SECRET"}


def users(keycloak: Keycloak, name: str) -> list[dict[str, Any]]:
    return list(keycloak.admin("GET", f"/users?username={name}&exact=true&briefRepresentation=false").json())


def clients(keycloak: Keycloak, client_id: str) -> list[dict[str, Any]]:
    return list(keycloak.admin("GET", f"/clients?clientId={client_id}").json())


def settled_targets(connector: Connector) -> list[dict[str, Any]]:
    """All targets once nothing is to be done at any of them."""
    shown = list(connector.run("target", "list"))
    return [] if any(one["pending"] for one in shown) else shown


def test_an_agent_is_a_user_and_a_client_with_its_owner_and_group_and_is_shut_off_at_once(
    connector: Connector, keycloak: Keycloak
) -> None:
    keycloak.add_person("road-rosa")
    owner_there = users(keycloak, "road-rosa")[0]["id"]
    owner = connector.add_person("road-rosa")
    add_admin_targets(connector, keycloak)

    agent = connector.add_agent("Road Bot", owner, agentType="Assistant")
    connector.add_group("road-bots", agent.id)

    (user,) = wait_for(lambda: users(keycloak, "road-bot"))
    (client,) = wait_for(lambda: clients(keycloak, agent.id))
    assert user["attributes"]["owner"] == [owner_there]
    assert user["attributes"]["agentId"] == [agent.id]
    assert client["attributes"]["owner"] == owner_there
    service = keycloak.admin("GET", f"/clients/{client['id']}/service-account-user").json()["id"]
    wait_for(lambda: "road-bots" in str(keycloak.admin("GET", f"/users/{user['id']}/groups").json()))
    wait_for(lambda: "road-bots" in str(keycloak.admin("GET", f"/users/{service}/role-mappings/realm").json()))
    settled = wait_for(lambda: settled_targets(connector))
    assert {one["name"]: one["failed"] for one in settled} == {"users": 0, "clients": 0}

    connector.set_active(agent, False)

    wait_for(lambda: not users(keycloak, "road-bot")[0]["enabled"] and not clients(keycloak, agent.id)[0]["enabled"])
    connector.scim("DELETE", f"/Agents/{agent.id}", status=204)
    wait_for(lambda: not users(keycloak, "road-bot") and not clients(keycloak, agent.id))


def test_an_agent_is_a_user_over_the_scim_api_and_is_shut_off_at_once(connector: Connector, keycloak: Keycloak) -> None:
    owner = connector.add_person("road-sam")
    add_scim_target(connector, keycloak)

    agent = connector.add_agent("Scim Road Bot", owner)

    wait_for(lambda: users(keycloak, "scim-road-bot"))
    settled = wait_for(lambda: settled_targets(connector))
    assert {one["name"]: one["failed"] for one in settled} == {"scim": 0}

    connector.set_active(agent, False)

    wait_for(lambda: not users(keycloak, "scim-road-bot")[0]["enabled"])
    connector.scim("DELETE", f"/Agents/{agent.id}", status=204)
    wait_for(lambda: not users(keycloak, "scim-road-bot"))

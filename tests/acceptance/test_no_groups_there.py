"""A SCIM server that serves users and nothing else: agents get their accounts, and their groups hold up nobody."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from connector.edges.scim import schema as published
from tests.acceptance.road import Connector, wait_for
from tests.servers.scim2_server import Scim2Server


@pytest.fixture
def users_only(tmp_path: Path) -> Iterator[Scim2Server]:
    schemas, types = tmp_path / "schemas.json", tmp_path / "types.json"
    schemas.write_text(json.dumps(list(published.schema_documents(["Users"], "wzdk").values())))
    types.write_text(json.dumps(list(published.type_documents(["Users"]).values())))
    server = Scim2Server.start(tmp_path / "idp", "--schema", str(schemas), "--resource-type", str(types))
    yield server
    server.stop()


@pytest.fixture
def connector(tmp_path: Path, users_only: Scim2Server) -> Iterator[Connector]:
    road = Connector(tmp_path, secrets={"IDP_TOKEN": users_only.token})
    road.start()
    yield road
    road.stop()


def test_an_agent_in_a_group_is_kept_in_step_where_there_are_no_groups(
    connector: Connector, users_only: Scim2Server
) -> None:
    def found() -> list[dict[str, Any]]:
        answer = requests.get(f"{users_only.url}/Users", headers=users_only.headers, timeout=10)
        return [one for one in answer.json()["Resources"] if one["userName"] == "lone-bot"]

    options = ("--option", f"url={users_only.url}", "--option", "token=env:IDP_TOKEN")
    connector.run("target", "add", "idp", "--mapping", "scim", *options)
    assert "no groups" in str(connector.run("target", "check", "idp"))
    agent = connector.add_agent("lone-bot", connector.add_person("rosa"))
    connector.add_group("bots", agent.id)

    wait_for(found)
    connector.set_active(agent, False)
    wait_for(lambda: found()[0]["active"] is False)

    (shown,) = connector.run("target", "list")
    assert shown["failed"] == 0

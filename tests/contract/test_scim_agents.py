"""Agents as /Agents: the SCIM target against a server of another maker that serves our schemas and resource types."""

import json
from collections.abc import Iterator

import pytest

from connector.edges.scim import schema as published
from connector.targets.base import Account, Target
from connector.targets.registry import open_target
from tests.contract.directory_contract import ChangesContract
from tests.contract.target_contract import GroupContract, Shape
from tests.mappings.golden import assert_taken_as_they_are, golden_accounts
from tests.servers.scim2_server import Scim2Server

_SERVED = ("Users", "Groups", "Agents")


@pytest.fixture(scope="module")
def agents_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scim2Server]:
    folder = tmp_path_factory.mktemp("agents")
    schemas, types = folder / "schemas.json", folder / "types.json"
    schemas.write_text(json.dumps(list(published.schema_documents(_SERVED, "wzdk").values())))
    types.write_text(json.dumps(list(published.type_documents(_SERVED).values())))
    server = Scim2Server.start(folder, "--schema", str(schemas), "--resource-type", str(types))
    yield server
    server.stop()


@pytest.fixture
def target(agents_server: Scim2Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    monkeypatch.setenv("SCIM_TOKEN", agents_server.token)
    options = {"url": agents_server.url, "token": "env:SCIM_TOKEN", "page_size": "5"}
    yield open_target("scim", "agents", options, object="agent")


class TestAgents(GroupContract, ChangesContract):
    @pytest.fixture
    def shape(self) -> Shape:
        return Shape(handle="agentUserName", optional="description")

    def test_what_the_shipped_mapping_gives_is_taken(self, target: Target, handle: str) -> None:
        assert_taken_as_they_are(target, golden_accounts("scim-agent", handle))

    def test_an_owner_is_a_person_among_the_users_and_is_kept(
        self, target: Target, agents_server: Scim2Server, shape: Shape, handle: str
    ) -> None:
        users = open_target("scim", "users", {"url": agents_server.url, "token": "env:SCIM_TOKEN"})
        person = users.create(Account(attributes={"userName": f"{handle}@example.com"}))

        (owner,) = target.find_person("userName", f"{handle}@example.com")  # type: ignore[attr-defined]
        created = target.create(self.make(shape, handle, **{"owners.value": [owner]}))

        assert owner == person.id
        assert created.attributes["owners.value"] == [owner]
        assert person.id in [one.id for one in target.people()]  # type: ignore[attr-defined]
        assert person.id not in [one.id for one in target.accounts()]

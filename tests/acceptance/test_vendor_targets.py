"""One agent in the clouds of three vendors at once, in five shapes: created, owned, in a group, disabled, enabled, and gone."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.road import Connector, wait_for
from tests.servers import entra_fake, okta_fake, pingone_fake
from tests.servers.entra_agents_fake import EntraAgentsFake
from tests.servers.fake import serving
from tests.servers.okta_agents_fake import ORG, OktaAgentsFake
from tests.servers.pingone_fake import PingOneFake

OWNER = "rosa@example.com"
SECRETS = {"OKTA_TOKEN": okta_fake.TOKEN, "GRAPH_SECRET": entra_fake.SECRET, "PING_SECRET": pingone_fake.SECRET}


class World:
    """The connector, and what the vendors hold."""

    def __init__(self, connector: Connector, okta: OktaAgentsFake, entra: EntraAgentsFake, ping: PingOneFake) -> None:
        self.connector, self.okta, self.entra, self.ping = connector, okta, entra, ping
        profile = {"login": OWNER, "email": OWNER, "firstName": "Rosa", "lastName": "Osei"}
        okta.users["00uRosa"] = {"id": "00uRosa", "status": "ACTIVE", "profile": profile}
        self.rosa = entra.add_user(OWNER)
        entra.lag = 2  # as slow as Entra is

    def add_targets(self) -> None:
        okta, graph, ping = self.okta.options, self.entra.options | {"propagation": "15"}, self.ping.options
        wanted = {"okta": okta, "okta-agents": okta, "entra": graph, "entra-agents": graph, "pingone": ping}
        for mapping, options in wanted.items():
            words = [word for name, value in options.items() for word in ("--option", f"{name}={value}")]
            self.connector.run("target", "add", mapping, "--mapping", mapping, *words)

    def agents(self) -> dict[str, dict[str, Any]]:
        """What each vendor holds of our agents, by target, where it is there."""
        found = {
            "okta": [one for one in self.okta.users.values() if one["profile"].get("userType") == "agent"],
            "okta-agents": list(self.okta.agents.values()),
            "entra": [one for one in self.entra.objects.values() if one.get("employeeType") == "agent"],
            "entra-agents": [one for one in self.entra.objects.values() if one["kind"] == "agent"],
            "pingone": list(self.ping.users.values()),
        }
        assert all(len(held) < 2 for held in found.values()), found
        return {target: held[0] for target, held in found.items() if held}

    def states(self) -> dict[str, Any]:
        names = {"okta": "status", "okta-agents": "status", "entra": "accountEnabled", "entra-agents": "accountEnabled"}
        return {target: one[names.get(target, "enabled")] for target, one in self.agents().items()}

    def groups(self) -> list[int]:
        """How many members each group has at Okta, Entra and PingOne."""
        held = [*self.okta.members.values(), *self.entra.members.values()]
        return [len(one) for one in held] + ([len(self.ping.members)] if self.ping.groups else [])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    connector = Connector(tmp_path, secrets=SECRETS)
    with ExitStack() as stack:
        okta, entra, ping = OktaAgentsFake(), EntraAgentsFake(), PingOneFake()
        for fake in (okta, entra, ping):
            stack.enter_context(serving(fake))
        connector.start()
        stack.callback(connector.stop)
        made = World(connector, okta, entra, ping)
        made.add_targets()
        yield made


def test_an_agent_lives_and_ends_at_every_vendor(world: World) -> None:
    connector = world.connector
    agent = connector.add_agent("invoice-bot", connector.add_person(OWNER))
    connector.add_group("finance-bots", agent.id)

    there = wait_for(lambda: len(held := world.agents()) == 5 and held)
    wait_for(lambda: world.groups() == [1, 2, 1])

    assert there["okta"]["profile"]["managerId"] == "00uRosa"
    assert world.okta.owners[there["okta-agents"]["id"]] == [f"orn:okta:directory:{ORG}:users:00uRosa"]
    assert there["entra-agents"]["sponsors"] == there["entra-agents"]["owners"] == [world.rosa]
    wait_for(lambda: world.agents()["entra"].get("manager") == world.rosa)
    assert world.states() == _states("ACTIVE", True)

    connector.set_active(agent, False)
    wait_for(lambda: world.states() == _states("SUSPENDED", False))
    connector.set_active(agent, True)
    wait_for(lambda: world.states() == _states("ACTIVE", True))
    connector.scim("DELETE", f"/Agents/{agent.id}", status=204)
    wait_for(lambda: world.agents() == {})

    assert OWNER in {one["userPrincipalName"] for one in world.entra.of_kind("user")}
    assert list(world.okta.users) == ["00uRosa"]


def _states(okta: str, enabled: bool) -> dict[str, Any]:
    """An AI agent of Okta without a credential stays staged."""
    return {"okta": okta, "okta-agents": "STAGED", "entra": enabled, "entra-agents": enabled, "pingone": enabled}

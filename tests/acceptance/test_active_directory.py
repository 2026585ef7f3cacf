"""From HR's request to the domain, with the mapping as it is shipped: a connector of its own, a real domain controller."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.road import CORE, Connector, wait_for
from tests.servers.samba import Samba

pytestmark = pytest.mark.xdist_group("samba")


@pytest.fixture
def connector(tmp_path: Path, samba: Samba) -> Iterator[Connector]:
    road = Connector(tmp_path, secrets={"AD_PASSWORD": samba.bind_password})
    road.start()
    yield road
    road.stop()


def test_an_agent_becomes_a_user_of_the_domain_with_its_owner_and_groups(connector: Connector, samba: Samba) -> None:
    suffix = connector.folder.name[-6:].strip("-_").lower()
    rosa = f"rosa-{suffix}"
    manager = samba.add_person(rosa)
    options = [
        part
        for key, value in samba.target_options("env:AD_PASSWORD").items()
        for part in ("--option", f"{key}={value}")
    ]
    connector.run("target", "add", "domain", "--mapping", "active_directory", *options)
    mail = [{"value": f"{rosa}@example.com", "primary": True}]
    owner = connector.scim("POST", "/Users", {"schemas": [f"{CORE}:User"], "userName": rosa, "emails": mail})["id"]

    name = f"Invoice-Matcher.For-Everything-{suffix}"
    agent = connector.add_agent(name, owner)
    connector.add_group(f"finance bots {suffix}", agent.id)

    dn = f"cn={name},{samba.agents}"
    group = f"CN=finance bots {suffix},{samba.groups}"
    entry = wait_for(lambda: samba.entry(dn))
    assert entry.attributes["employeeNumber"] == [agent.id]
    assert entry.attributes["manager"] == [manager]
    assert entry.attributes["userPrincipalName"] == [f"{name.lower()}@ad.example.test"]
    assert entry.attributes["sAMAccountName"][0].startswith("invoice-match-")
    assert len(entry.attributes["sAMAccountName"][0]) == 20
    assert entry.attributes["userAccountControl"] == ["512"]
    held = wait_for(lambda: samba.entry(group))
    assert held.attributes["member"] == [entry.dn]

    again = connector.run("reconcile", "domain")
    assert (again["writes"], again["failed"]) == (0, {})

    connector.set_active(agent, False)

    wait_for(lambda: (now := samba.entry(dn)) is not None and now.attributes["userAccountControl"] == ["514"])

    connector.scim("DELETE", f"/Agents/{agent.id}", status=204)

    wait_for(lambda: samba.entry(dn) is None)

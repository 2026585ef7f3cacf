"""The whole road, through HTTP only, against real directories and real service providers, each in a process of its own."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance.road import Agent, Connector, wait_for
from tests.clients import ecp
from tests.servers.apache import Apache, reads_logout_by_soap
from tests.servers.canaille import Canaille
from tests.servers.scim2_server import Scim2Server
from tests.servers.slapd import Slapd


@pytest.fixture
def connector(
    tmp_path: Path,
    scim2_server: Scim2Server,
    canaille: Canaille,
    slapd: Slapd,
    database_url: str,
) -> Iterator[Connector]:
    secrets = {
        "IDP_TOKEN": scim2_server.token,
        "CANAILLE_TOKEN": canaille.token,
        "LDAP_PASSWORD": slapd.bind_password,
    }
    road = Connector(
        tmp_path, database_url=database_url if database_url.startswith("postgresql") else "", secrets=secrets
    )
    road.start()
    yield road
    road.stop()


def add_targets(connector: Connector, idp: Scim2Server, canaille: Canaille, slapd: Slapd) -> None:
    def add(name: str, mapping: str, **options: str) -> None:
        given = [part for key, value in options.items() for part in ("--option", f"{key}={value}")]
        connector.run("target", "add", name, "--mapping", mapping, *given)

    add("idp", "scim", url=idp.url, token="env:IDP_TOKEN")
    add(
        "canaille",
        "canaille",
        url=canaille.url,
        token="env:CANAILLE_TOKEN",
        write="put",
        look_before_create="true",
        not_stored="externalId,userType",
    )
    base = slapd.base_dn
    add(
        "directory",
        "openldap",
        url=slapd.url,
        ca_file=str(slapd.ca_file),
        bind_dn=slapd.bind_dn,
        password="env:LDAP_PASSWORD",
        accounts_base=f"ou=agents,{base}",
        groups_base=f"ou=groups,{base}",
        people_base=f"ou=people,{base}",
        placeholder=f"cn=nobody,{base}",
    )


def user_at(server: Scim2Server | Canaille, name: str) -> dict[str, Any] | None:
    answer = requests.get(f"{server.url}/Users", headers=server.headers, timeout=10).json()
    return next((one for one in answer["Resources"] if one["userName"] == name), None)


def test_an_agent_is_created_provisioned_signed_in_and_killed_everywhere(
    connector: Connector,
    scim2_server: Scim2Server,
    canaille: Canaille,
    slapd: Slapd,
    apache_factory: Callable[..., Apache],
) -> None:
    variables = [("urn:agentidp:attributes:agentId", "agent_id"), ("urn:oid:2.5.4.32", "owner")]
    apache = apache_factory(variables)
    for name, metadata in (("shib", apache.shib_metadata), ("mellon", apache.mellon_metadata)):
        file = connector.folder / f"{name}.xml"
        file.write_bytes(metadata)
        connector.run("app", "add", name, "--metadata", str(file))
    apache.start(connector.http.get(f"{connector.url}/saml/metadata").content)
    suffix = connector.folder.name[-8:].strip("-_").lower()
    owner_name, agent_name, group_name = f"rosa-{suffix}", f"bot-{suffix}", f"bots-{suffix}"
    owner_dn = slapd.add_person(owner_name, mail=f"{owner_name}@example.com")
    add_targets(connector, scim2_server, canaille, slapd)

    owner = connector.scim(
        "POST",
        "/Users",
        {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": owner_name,
            "emails": [{"value": f"{owner_name}@example.com", "primary": True}],
        },
    )["id"]
    agent = connector.add_agent(agent_name, owner, agentType="Assistant")
    connector.add_group(group_name, agent.id)

    dn = f"uid={agent_name},ou=agents,{slapd.base_dn}"
    entry = wait_for(lambda: slapd.entry(dn))
    assert entry.attributes["agentId"] == [agent.id]
    assert entry.attributes["manager"] == [owner_dn]
    group_dn = f"cn={group_name},ou=groups,{slapd.base_dn}"
    group = wait_for(lambda: slapd.entry(group_dn))
    wait_for(lambda: dn in slapd.entry(group_dn).attributes["member"])  # type: ignore[union-attr]
    assert group.dn == group_dn
    assert wait_for(lambda: user_at(scim2_server, agent_name))["externalId"] == agent.id
    wait_for(lambda: user_at(canaille, agent_name))
    slapd.set_password(dn, "an agent's own password")
    assert slapd.can_bind(dn, "an agent's own password")

    token = agent.ask_for_token().json()["access_token"]
    browsers = {}
    for peer, url in (("shib", apache.shib_url), ("mellon", apache.mellon_url)):
        browser = requests.Session()
        page = ecp.sign_in(browser, url, f"{connector.url}/saml/ecp", f"Bearer {token}")
        assert agent.id in page.text, f"{peer}: {page.text}"
        assert owner_name in page.text, f"{peer}: {page.text}"
        if reads_logout_by_soap(peer):
            browsers[url] = browser

    connector.set_active(agent, False)

    assert connector.introspect(token) == {"active": False}
    assert agent.ask_for_token().status_code == 401
    refused = connector.http.post(
        f"{connector.url}/saml/ecp", data=b"<x/>", headers={"Authorization": f"Bearer {token}"}
    )
    assert refused.status_code == 401
    wait_for(lambda: not slapd.can_bind(dn, "an agent's own password"))
    wait_for(lambda: user_at(scim2_server, agent_name)["active"] is False)  # type: ignore[index]
    wait_for(lambda: user_at(canaille, agent_name)["active"] is False)  # type: ignore[index]
    for url, browser in browsers.items():
        wait_for(lambda url=url, browser=browser: browser.get(url, allow_redirects=False).status_code != 200)

    for name in ("idp", "canaille", "directory"):
        again = connector.run("reconcile", name)
        assert (again["writes"], again["failed"]) == (0, {}), name
    assert connector.run("audit", "verify")["findings"] == []
    bearer = connector.run("client", "token", "hr")["token"]
    assert connector.http.get(f"{connector.url}/scim/v2/Users", headers={"Authorization": f"Bearer {bearer}"}).ok
    wrong = connector.http.post(
        f"{connector.url}/oauth/token", {"grant_type": "x"}, auth=(agent.id, "acs_wrong" + "x" * 40)
    )
    assert wrong.status_code in (400, 401)
    own = connector.headers["Authorization"].partition(" ")[2]
    said = [token, own, bearer, "acs_wrong", connector.client[1], *connector.secrets.values()]
    assert_no_secret(connector, agent, said, wrong.text + refused.text)


def assert_no_secret(connector: Connector, agent: Agent, secrets: list[str], answers: str) -> None:
    """Nothing that was logged, recorded, answered or shown holds a secret. The first client's own is shown once, on purpose."""
    shown = re.sub(r"client secret  acs_\S+", "", connector.log.read_text())
    told = shown + answers + str(connector.events())
    for command in (
        ["target", "list"],
        ["client", "list"],
        ["agent", "show", agent.id],
        ["app", "list"],
        ["keys", "list"],
    ):
        told += str(connector.run(*command))
    told += (
        connector.call("push", agent.id).stdout + connector.call("preview", agent.id, "--target", "directory").stdout
    )
    private = agent.key.as_dict(private=True)["d"]
    keys = [
        line
        for file in (connector.folder / "var" / "keys").glob("*.pem")
        for line in file.read_text().partition("-----END PRIVATE KEY-----")[0].splitlines()
        if len(line) > 40 and "BEGIN" not in line
    ]
    assert len(keys) > 3
    assert [secret for secret in [*secrets, private, *keys] if secret in told] == []
    assert "PRIVATE KEY" not in told

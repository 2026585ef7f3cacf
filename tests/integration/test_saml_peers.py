"""Agents sign in to Shibboleth and mod_auth_mellon through our identity provider, and are signed out again."""

import base64
import html
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from lxml import etree

from connector.domain.unit import SYSTEM
from connector.edges.saml.bundles import Bundles
from connector.mapping.load import shipped_folder
from connector.storage import tables as t
from tests.clients import ecp
from tests.saml_world import World, make_world, served
from tests.servers.apache import Apache, reads_logout_by_soap
from tests.servers.process import free_port

CHOSEN = {
    "assertion signed": ({"sign": "assertion"}, ["Assertion"]),
    "response signed": ({"sign": "response"}, ["Response"]),
    "both signed": ({"sign": "both"}, ["Response", "Assertion"]),
    "encrypted": ({"sign": "both", "encrypt": "required"}, ["Response"]),  # the other signature is inside
}
PEERS = pytest.mark.parametrize("peer", ["shib", "mellon"])
NAMES = [(one.name, one.friendly or one.name) for one in Bundles([shipped_folder()]).get("plain")]
VARIABLES = [(name, "our_" + friendly.replace("-", "_")) for name, friendly in NAMES]
VARIABLES.append(("urn:agentidp:attributes:delegate", "our_delegate"))


@pytest.fixture(scope="module")
def apache(apache_factory: Callable[..., Apache]) -> Iterator[Apache]:
    server = apache_factory(VARIABLES)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, apache: Apache) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("saml-peers")
    port = free_port()
    world = make_world(folder, base_url=f"http://127.0.0.1:{port}")
    for peer in ("shib", "mellon"):  # the peers themselves take a signed Response alone as well
        metadata = getattr(apache, f"{peer}_metadata")
        world.register(peer, metadata.replace(b'WantAssertionsSigned="true"', b'WantAssertionsSigned="false"'))
        world.choose(peer, relay=(getattr(apache, f"{peer}_url"),))
    with served(world.app, port):
        apache.start(requests.get(f"{world.base_url}/saml/metadata", timeout=10).content)
        yield world


def sign_in(world: World, apache: Apache, peer: str, agent: str, browser: requests.Session) -> requests.Response:
    url = getattr(apache, f"{peer}_url")
    return ecp.sign_in(browser, url, f"{world.base_url}/saml/ecp", f"Bearer {agent}")


def redirect_of(apache: Apache, peer: str, browser: requests.Session) -> str:
    """Where the service provider sends somebody without a session: our sign-on endpoint."""
    answer = browser.get(getattr(apache, f"{peer}_url"), allow_redirects=False, timeout=10)
    while answer.headers["Location"].startswith(apache.base_url):  # mellon goes by way of an endpoint of its own
        answer = browser.get(answer.headers["Location"], allow_redirects=False, timeout=10)
    return answer.headers["Location"]


def form_of(page: str) -> tuple[str, dict[str, str]]:
    action = re.search(r'<form method="post" action="([^"]*)"', page)
    assert action is not None, page
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    return html.unescape(action[1]), {name: html.unescape(value) for name, value in fields}


def shown_to(peer: str, apache: Apache, page: str) -> dict[str, str]:
    """What the page lists, by the friendly names of our attributes; several values joined in order."""
    listed = apache.attributes(page)
    found = {}
    for name, friendly in NAMES:
        variable = "our_" + friendly.replace("-", "_") if peer == "shib" else "MELLON_" + re.sub(r"\W", "_", name)
        numbered = [listed[f"{variable}_{i}"] for i in range(9) if f"{variable}_{i}" in listed]
        value = ";".join(numbered) or listed.get(variable, "")
        found[friendly] = html.unescape(value) if peer == "mellon" else value  # Lasso hands values on as XML text
    return found


def has_session(apache: Apache, peer: str, browser: requests.Session) -> bool:
    return browser.get(getattr(apache, f"{peer}_url"), allow_redirects=False, timeout=10).status_code == 200


@PEERS
def test_agent_signs_in_by_ecp_and_reads_its_own_attributes(world: World, apache: Apache, peer: str) -> None:
    agent = world.agent(f"ecp-{peer}")

    page = sign_in(world, apache, peer, agent, requests.Session())

    assert page.status_code == 200, page.text + apache.logs()
    shown = shown_to(peer, apache, page.text)
    groups = f"finance & <bots> of ecp-{peer};readers of ecp-{peer}"
    assert shown == {
        "uid": f"ecp-{peer}",
        "displayName": "Invoice matcher",
        "owner": f"owner-of-ecp-{peer}",
        "isMemberOf": groups,
        "agentId": agent,
        "agentType": "Assistant",
        "sponsor": f"sponsor-of-ecp-{peer}",
        "subject-id": f"{agent}@127.0.0.1",
    }, page.text


def by_ecp(world: World, apache: Apache, peer: str, agent: str, browser: requests.Session) -> bytes:
    wanted = ecp.ask(browser, getattr(apache, f"{peer}_url"))
    answer = ecp.present(wanted, f"{world.base_url}/saml/ecp", f"Bearer {agent}")
    ecp.deliver(browser, wanted, answer)
    return answer


def by_request(world: World, apache: Apache, peer: str, agent: str, browser: requests.Session) -> bytes:
    location = redirect_of(apache, peer, browser)
    return bring(browser, requests.get(location, headers={"Authorization": f"Bearer {agent}"}, timeout=10))


def by_none(world: World, apache: Apache, peer: str, agent: str, browser: requests.Session) -> bytes:
    start = {"providerId": getattr(apache, f"{peer}_entity_id"), "target": getattr(apache, f"{peer}_url")}
    url, headers = f"{world.base_url}/saml/sso/init", {"Authorization": f"Bearer {agent}"}
    return bring(browser, requests.post(url, data=start, headers=headers, timeout=10))


def bring(browser: requests.Session, page: requests.Response) -> bytes:
    action, fields = form_of(page.text)
    browser.post(action, data=fields, timeout=10)
    return base64.b64decode(fields["SAMLResponse"])


@pytest.fixture
def choose(world: World) -> Iterator[Callable[..., None]]:
    """Changes settings of a peer for one test."""
    yield world.choose
    for peer in ("shib", "mellon"):
        world.choose(peer, sign="both", encrypt="off")


@pytest.mark.parametrize("chosen", CHOSEN)
@pytest.mark.parametrize("way", [by_request, by_none, by_ecp])
@PEERS
def test_peer_takes_every_way_in_every_form(
    world: World, apache: Apache, choose: Callable[..., None], peer: str, way: Callable[..., bytes], chosen: str
) -> None:
    changes, signed = CHOSEN[chosen]
    choose(peer, **changes)
    name = f"{peer}-{way.__name__}-{chosen.replace(' ', '-')}"
    agent, browser = world.agent(name), requests.Session()

    travelled = etree.fromstring(way(world, apache, peer, agent, browser))

    parents = [one.getparent() for one in travelled.iter("{*}Signature")]
    assert [etree.QName(one).localname for one in parents if one is not None] == signed
    assert (agent in etree.tostring(travelled).decode()) == (chosen != "encrypted")
    page = browser.get(getattr(apache, f"{peer}_url"), allow_redirects=False, timeout=10)
    assert page.status_code == 200, apache.logs()
    assert shown_to(peer, apache, page.text)["agentId"] == agent


@PEERS
def test_agent_with_a_token_walks_the_redirect_and_the_form(world: World, apache: Apache, peer: str) -> None:
    agent, browser = world.agent(f"web-{peer}"), requests.Session()
    location = redirect_of(apache, peer, browser)

    page = requests.get(location, headers={"Authorization": f"Bearer {agent}"}, timeout=10)
    action, fields = form_of(page.text)
    arrived = browser.post(action, data=fields, timeout=10)

    assert arrived.status_code == 200, arrived.text + apache.logs()
    assert arrived.url == getattr(apache, f"{peer}_url")
    assert shown_to(peer, apache, arrived.text)["agentId"] == agent


@PEERS
def test_agent_with_id_and_secret_signs_in_by_ecp(world: World, apache: Apache, peer: str) -> None:
    agent, browser = world.agent(f"basic-{peer}"), requests.Session()
    basic = requests.models.PreparedRequest()
    basic.prepare("GET", "http://unused.example", auth=(agent, "secret"))

    url = getattr(apache, f"{peer}_url")
    page = ecp.sign_in(browser, url, f"{world.base_url}/saml/ecp", basic.headers["Authorization"])

    assert page.status_code == 200, page.text + apache.logs()


@PEERS
def test_suspended_agent_gets_a_status_and_no_session(world: World, apache: Apache, peer: str) -> None:
    agent, browser = world.agent(f"suspended-{peer}", active=False), requests.Session()
    wanted = ecp.ask(browser, getattr(apache, f"{peer}_url"))

    answer = ecp.present(wanted, f"{world.base_url}/saml/ecp", f"Bearer {agent}")
    ecp.deliver(browser, wanted, answer)

    codes = etree.fromstring(answer).xpath("//*[local-name()='StatusCode']/@Value")
    assert [code.rpartition(":")[2] for code in codes] == ["Responder", "RequestDenied"]
    assert not has_session(apache, peer, browser)
    [event] = [one for one in world.events("sign-on:refused") if one["subject"]["id"] == agent]
    assert event["detail"]["reasons"] == ["the agent is suspended"]


def skip_where_soap_is_not_read(peer: str) -> None:
    if not reads_logout_by_soap(peer):
        pytest.skip("this mod_auth_mellon does not read the logout by SOAP that it offers")


@PEERS
def test_deactivated_agent_is_signed_out_by_soap(world: World, apache: Apache, peer: str) -> None:
    skip_where_soap_is_not_read(peer)
    agent, browser = world.agent(f"leaver-{peer}"), requests.Session()
    other, stays = world.agent(f"stays-{peer}"), requests.Session()
    assert sign_in(world, apache, peer, agent, browser).status_code == 200
    assert sign_in(world, apache, peer, other, stays).status_code == 200
    assert has_session(apache, peer, browser)

    [entity_id] = world.deactivate(agent)
    world.sender.tell(agent, entity_id)

    assert not has_session(apache, peer, browser), apache.logs()
    assert has_session(apache, peer, stays)
    [event] = [one for one in world.events("app:told") if one["subject"]["id"] == agent]
    assert event["detail"]["outcome"] == "Success"
    assert all(one.told for one in world.sessions(agent))


@PEERS
def test_telling_an_application_that_has_ended_the_session_already_is_not_retried(
    world: World, apache: Apache, peer: str
) -> None:
    skip_where_soap_is_not_read(peer)
    agent, browser = world.agent(f"twice-{peer}"), requests.Session()
    assert sign_in(world, apache, peer, agent, browser).status_code == 200
    [entity_id] = world.deactivate(agent)
    world.sender.tell(agent, entity_id)
    with world.domain.change(SYSTEM) as unit:  # as if we had died before the answer could be recorded
        unit.tx.execute(t.saml_session.update().where(t.saml_session.c.agent_id == agent).values(told=None))

    world.sender.tell(agent, entity_id)

    recorded = [*world.events("app:told"), *world.events("app:not-told")]
    outcomes = [one["detail"] for one in recorded if one["subject"]["id"] == agent]
    assert len(outcomes) == 2, apache.logs()


def test_shibboleth_tells_us_when_the_agent_signs_out_there(world: World, apache: Apache) -> None:
    agent, browser = world.agent("signs-out-shib"), requests.Session()
    assert sign_in(world, apache, "shib", agent, browser).status_code == 200

    answer = browser.get(f"{apache.base_url}/Shibboleth.sso/Logout", timeout=10)

    assert answer.status_code == 200, answer.text + apache.logs()
    assert not has_session(apache, "shib", browser)
    assert "partial" not in answer.text.lower(), apache.logs()
    [event] = [one for one in world.events("session:ended") if one["subject"]["id"] == agent]
    assert event["detail"]["by"] == "application", apache.logs()
    assert all(one.ended and one.told for one in world.sessions(agent))


def test_mellon_signs_out_by_itself_because_it_tells_identity_providers_by_redirect_only(
    world: World, apache: Apache
) -> None:
    agent, browser = world.agent("signs-out-mellon"), requests.Session()
    assert sign_in(world, apache, "mellon", agent, browser).status_code == 200

    url = f"{apache.base_url}/mellon-endpoint/logout"
    answer = browser.get(url, params={"ReturnTo": f"{apache.base_url}/"}, timeout=10, allow_redirects=False)

    assert answer.headers["Location"] == f"{apache.base_url}/"
    assert not has_session(apache, "mellon", browser)
    assert "does not support single logout. Destroying local session only" in apache.logs()
    assert [one.ended for one in world.sessions(agent)] == [None]  # ours ends with the agent, or by its age

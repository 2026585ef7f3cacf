"""Shibboleth and mod_auth_mellon take what is issued by artifact, directly, to P-256 keys, and on behalf of a person."""

import base64

import pytest
import requests
from lxml import etree

from connector.core.clock import to_text
from connector.domain import delegations, people, scopes
from connector.domain.unit import SYSTEM
from tests.clients import ecp
from tests.integration.test_saml_peers import PEERS, apache, choose, has_session, shown_to, world
from tests.saml_world import World
from tests.servers.apache import Apache

__all__ = ["apache", "choose", "world"]  # fixtures


@pytest.fixture(autouse=True)
def _chosen_anew(world: World) -> None:
    for peer in ("shib", "mellon"):
        world.choose(peer, binding="post", delegation="none", signature="rsa-sha256")


def ask(world: World, apache: Apache, peer: str, agent: str, **body: object) -> dict[str, object]:
    asked = {"audience": getattr(apache, f"{peer}_entity_id"), "form": "response", **body}
    headers = {"Authorization": f"Bearer {agent}"}
    answer = requests.post(f"{world.base_url}/saml/assertions", json=asked, headers=headers, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


def bring(told: dict[str, object], browser: requests.Session, apache: Apache, peer: str) -> requests.Response:
    browser.post(str(told["recipient"]), data=told["fields"], timeout=20)  # type: ignore[arg-type]
    return browser.get(getattr(apache, f"{peer}_url"), allow_redirects=False, timeout=10)


@PEERS
def test_agent_brings_what_it_was_issued_directly(world: World, apache: Apache, peer: str) -> None:
    agent = world.agent(f"direct-{peer}")
    told = ask(world, apache, peer, agent, relayState=getattr(apache, f"{peer}_url"))

    page = bring(told, requests.Session(), apache, peer)

    assert page.status_code == 200, apache.logs()
    assert shown_to(peer, apache, page.text)["agentId"] == agent


@PEERS
def test_application_fetches_the_response_by_artifact(world: World, apache: Apache, peer: str) -> None:
    agent = world.agent(f"artifact-{peer}")
    world.choose(peer, binding="artifact")
    told = ask(world, apache, peer, agent, relayState=getattr(apache, f"{peer}_url"))
    assert set(told["fields"]) == {"SAMLart", "RelayState"}  # type: ignore[call-overload]

    page = bring(told, requests.Session(), apache, peer)

    assert page.status_code == 200, apache.logs()
    assert shown_to(peer, apache, page.text)["agentId"] == agent
    again = bring(told, requests.Session(), apache, peer)
    assert again.status_code != 200, "an artifact is good once"


def test_shibboleth_takes_a_signature_by_p256(world: World, apache: Apache) -> None:
    world.choose("shib", signature="ecdsa-sha256")
    apache.start(requests.get(f"{world.base_url}/saml/metadata", timeout=10).content)
    agent = world.agent("p256")
    told = ask(world, apache, "shib", agent, relayState=apache.shib_url)
    response = etree.fromstring(base64.b64decode(told["fields"]["SAMLResponse"]))  # type: ignore[index]
    assert {one.get("Algorithm").rpartition("#")[2] for one in response.iter("{*}SignatureMethod")} == {"ecdsa-sha256"}

    page = bring(told, requests.Session(), apache, "shib")

    assert page.status_code == 200, apache.logs()
    rsa = bring(
        ask(world, apache, "mellon", world.agent("rsa"), relayState=apache.mellon_url),
        requests.Session(),
        apache,
        "mellon",
    )
    assert rsa.status_code == 200, "mellon still takes RSA, with the other key in our metadata: " + apache.logs()


@pytest.fixture
def person(world: World, apache: Apache) -> str:
    with world.domain.change(SYSTEM) as unit:
        return people.add(unit, {"userName": f"ada-{unit.tx.new_id('x')}"}, None).id


def delegate(world: World, apache: Apache, person: str, agent: str) -> str:
    with world.domain.change(SYSTEM) as unit:
        if "wiki.use" not in [one.name for one in scopes.listing(unit)[1]]:
            scopes.add_resource(unit, apache.shib_entity_id, "Shibboleth")
            scopes.add(unit, "wiki.use", apache.shib_entity_id)
        ends = to_text(unit.tx.moment.replace(year=unit.tx.moment.year + 1, day=1))
        return delegations.add(unit, person, agent, frozenset({"wiki.use"}), not_after=ends).id


def test_shibboleth_shows_the_person_and_the_agent_that_acts(world: World, apache: Apache, person: str) -> None:
    agent, browser = world.agent("acts"), requests.Session()
    standing = delegate(world, apache, person, agent)
    world.choose("shib", delegation="condition")
    told = ask(world, apache, "shib", agent, relayState=apache.shib_url, onBehalfOf=person)

    page = bring(told, browser, apache, "shib")

    assert page.status_code == 200, apache.logs()
    listed = apache.attributes(page.text)
    assert listed["delegate"] == agent
    assert shown_to("shib", apache, page.text)["subject-id"] == f"{person}@127.0.0.1"
    with world.domain.change(SYSTEM) as unit:
        delegations.revoke(unit, standing)
    world.sender.tell(agent, apache.shib_entity_id)
    assert not has_session(apache, "shib", browser), "the delegation has ended, and Shibboleth was told"


def test_shibboleth_shows_them_after_ecp_too(world: World, apache: Apache, person: str) -> None:
    """The agent's token says for whom it acts."""
    agent, browser = world.agent("acts-by-ecp"), requests.Session()
    delegate(world, apache, person, agent)
    world.choose("shib", delegation="condition")

    page = ecp.sign_in(browser, apache.shib_url, f"{world.base_url}/saml/ecp", f"Bearer {agent}*{person}")

    assert page.status_code == 200, apache.logs()
    assert apache.attributes(page.text)["delegate"] == agent
    assert shown_to("shib", apache, page.text)["subject-id"] == f"{person}@127.0.0.1"


@PEERS
def test_attribute_form_is_shown_by_both(world: World, apache: Apache, person: str, peer: str) -> None:
    agent = world.agent(f"acts-by-attribute-{peer}")
    delegate(world, apache, person, agent)
    world.choose(peer, delegation="attribute")
    told = ask(world, apache, peer, agent, relayState=getattr(apache, f"{peer}_url"), onBehalfOf=person)

    page = bring(told, requests.Session(), apache, peer)

    assert page.status_code == 200, apache.logs()
    assert shown_to(peer, apache, page.text)["subject-id"] == f"{person}@127.0.0.1"
    variable = "our_delegate" if peer == "shib" else "MELLON_urn_agentidp_attributes_delegate"
    assert apache.attributes(page.text)[variable] == agent

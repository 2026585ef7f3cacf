"""An access token that names a person signs the agent in for that person, at every door of SAML."""

import base64
import html
import re

import pytest
from joserfc import jwk
from lxml import etree

from connector.core.jose import Signer
from connector.domain import apps, clients, delegations, scopes
from connector.domain.exchange import Subject, Wish
from connector.domain.proofs import Proofs
from connector.domain.tokens import Tokens
from connector.storage import saml
from tests.protocol.oauth.conftest import FILES, ISSUER, proof
from tests.protocol.oauth.test_saml_exchange import APP, METADATA, choose

NS = {"saml": "urn:oasis:names:tc:SAML:2.0:assertion", "del": "urn:oasis:names:tc:SAML:2.0:conditions:delegation"}
PAOS = "urn:oasis:names:tc:SAML:2.0:bindings:PAOS"
CONSUMER = f'<md:AssertionConsumerService Binding="{PAOS}" Location="https://app.example/paos" index="2"/>'
WAYS = ["ecp", "post", "init", "direct"]


@pytest.fixture
def delegation(world):
    """The application takes the condition, and ada lets bot use it."""
    choose(world, delegation="condition")
    metadata = METADATA.replace("</md:SPSSODescriptor>", CONSUMER + "</md:SPSSODescriptor>")
    world.act(apps.register, name="App", entity_id=APP, metadata=metadata)
    world.act(scopes.add_resource, APP, "App")
    world.act(scopes.add, "app.use", APP)
    world.grant(world.ada, "app.use", "files.read")
    world.grant(world.bot.id, "app.use", "files.read")
    return world.delegate(world.ada, world.bot.id, "app.use", "files.read")


def token_for_ada(world, resource=APP, **more):
    """As an exchange issues it: about ada, bot acts."""
    domain = world.parts.domain
    tokens = Tokens(domain, Signer(domain.keys), issuer=ISSUER, proofs=Proofs(domain, nonces=False))

    def issue(unit):
        bot = clients.caller_of(unit, world.bot.id)
        return tokens.exchange(unit, bot, Subject(world.ada), Wish(resource=resource, **more)).text

    return world.act(issue)


def request_of(world):
    now = world.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f'<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_{len(world.actions())}" Version="2.0"'
        f' IssueInstant="{now}"><saml:Issuer xmlns:saml="{NS["saml"]}">{APP}</saml:Issuer></samlp:AuthnRequest>'
    )


def knock(world, way, headers):
    """The answer at that door."""
    web = world.web
    if way == "direct":
        return web.post("/saml/assertions", json={"audience": APP}, headers=headers)
    if way == "init":
        return web.post("/saml/sso/init", data={"providerId": APP}, headers=headers)
    message = request_of(world)
    if way == "post":
        return web.post("/saml/sso", data={"SAMLRequest": base64.b64encode(message.encode())}, headers=headers)
    soap = f'<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body>{message}</S:Body></S:Envelope>'
    return web.post("/saml/ecp", data=soap, headers=headers)


def document(answer):
    """What the application will see of it."""
    if answer.is_json:
        text = answer.get_json()["assertion"]
        return etree.fromstring(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    field = re.search('name="SAMLResponse" value="([^"]*)"', answer.text)
    return etree.fromstring(base64.b64decode(html.unescape(field[1])) if field else answer.data)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("way", WAYS)
def test_the_assertion_is_about_the_person_and_names_the_agent(world, delegation, way):
    answer = knock(world, way, bearer(token_for_ada(world)))

    assert answer.status_code == 200, answer.text
    root = document(answer)
    assert root.find(".//saml:Subject/saml:NameID", NS).text == world.ada
    assert [one.text for one in root.iterfind(".//del:Delegate/saml:NameID", NS)] == [world.bot.id]
    event = world.last_event()
    assert (event["action"], event["subject"]["id"]) == ("sign-on:granted", world.bot.id)
    assert (event["detail"]["onBehalfOf"], event["detail"]["actors"]) == (world.ada, [world.bot.id])

    world.act(delegations.revoke, delegation)
    [session] = world.act(lambda unit: saml.sessions(unit.tx, world.bot.id))
    assert session.ended is not None


@pytest.mark.parametrize("way", WAYS)
def test_an_application_that_takes_nobody_that_acts_for_others_refuses(world, delegation, way):
    token = token_for_ada(world)
    choose(world, delegation="none")
    world.act(apps.register, name="App", entity_id=APP, metadata=METADATA.replace("</md:SP", CONSUMER + "</md:SP"))

    answer = knock(world, way, bearer(token))

    if way in ("ecp", "post"):
        assert answer.status_code == 200
        codes = [one.get("Value").rpartition(":")[2] for one in document(answer).iter("{*}StatusCode")]
        assert codes == ["Responder", "RequestDenied"]
        assert document(answer).find(".//{*}Assertion") is None
    else:
        assert answer.status_code == 403
    assert world.last_event()["detail"]["reasons"] == ["the application takes no delegation"]


@pytest.mark.parametrize("way", WAYS)
def test_a_token_for_another_resource_opens_no_application(world, delegation, way):
    answer = knock(world, way, bearer(token_for_ada(world, FILES)))

    if way in ("ecp", "post"):
        told = document(answer)
        assert told.find(".//{*}Assertion") is None
        assert told.findtext(".//{*}StatusMessage") == "the agent may not act for that person or agent here"
    else:
        assert answer.status_code == 403
    event = world.last_event()
    assert event["action"] == "sign-on:refused"
    assert event["detail"]["reasons"] == ["there is no scope that may be had here"]


def test_a_token_that_ended_with_its_delegation_opens_nothing(world, delegation):
    token = token_for_ada(world)
    world.act(delegations.revoke, delegation)

    for way in WAYS:
        assert knock(world, way, bearer(token)).status_code == 401


def test_a_suspended_agent_is_refused_and_recorded_with_such_a_token_as_well(world, delegation):
    token = token_for_ada(world)
    world.suspend(world.bot.id)

    assert knock(world, "ecp", bearer(token)).status_code == 401
    event = world.last_event()
    assert (event["action"], event["subject"]["id"]) == ("sign-on:refused", world.bot.id)


def test_a_token_that_is_bound_to_a_key_needs_it(world, delegation):
    key = jwk.generate_key("EC", "P-256")
    token = token_for_ada(world, confirmation={"jkt": key.thumbprint()})
    world.web = world.other(dpop_nonce=False)

    assert knock(world, "direct", bearer(token)).status_code == 401
    shown = proof(key, world.clock, "POST", f"{ISSUER}/saml/assertions", token=token)
    assert knock(world, "direct", {"Authorization": f"DPoP {token}", "DPoP": shown}).status_code == 200


def test_who_acts_by_its_token_names_nobody_else(world, delegation):
    answer = world.web.post(
        "/saml/assertions", json={"audience": APP, "onBehalfOf": world.ada}, headers=bearer(token_for_ada(world))
    )

    assert answer.status_code == 400
    assert "says already for whom" in answer.get_json()["error_description"]

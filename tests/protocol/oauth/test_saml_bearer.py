"""SAML assertions of our own at the token endpoint (RFC 7522): for us, once, and never mixed up with JWTs."""

import base64

import pytest
from lxml import etree

from connector.domain import apps
from tests.protocol.oauth.conftest import BEARER, ISSUER, TYPE

GRANT = "urn:ietf:params:oauth:grant-type:saml2-bearer"
ENDPOINT = f"{ISSUER}/oauth/token"
PAOS = "urn:oasis:names:tc:SAML:2.0:bindings:PAOS"
METADATA = """<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity}">
<md:SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<md:AssertionConsumerService Binding="{paos}" Location="{location}" index="1"/></md:SPSSODescriptor></md:EntityDescriptor>"""
REQUEST = """<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body>
<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_{id}" Version="2.0" IssueInstant="{now}">
<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{entity}</saml:Issuer></samlp:AuthnRequest>
</S:Body></S:Envelope>"""


@pytest.fixture
def assertion(world, clock):
    """Lets an agent sign on by ECP; the assertion that it gets, as it would send it to the token endpoint."""
    numbers = iter(range(100))

    def sign_on(agent, *, entity=ISSUER, location=ENDPOINT, change=None):
        metadata = METADATA.format(entity=entity, paos=PAOS, location=location)
        world.act(apps.register, name=entity, entity_id=entity, metadata=metadata)
        request = REQUEST.format(id=f"r{next(numbers)}", now=clock().strftime("%Y-%m-%dT%H:%M:%SZ"), entity=entity)
        answer = world.web.post("/saml/ecp", data=request, auth=agent.auth)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        found = etree.fromstring(answer.data).find(".//{urn:oasis:names:tc:SAML:2.0:assertion}Assertion")
        content = etree.tostring(found, with_tail=False)
        return base64.urlsafe_b64encode(change(content) if change else content).rstrip(b"=").decode()

    return sign_on


def refused(answer, code, naming):
    assert (answer.status_code, answer.get_json()["error"]) == (400, code), answer.get_json()
    assert naming in answer.get_json()["error_description"]


def bear(world, text, agent=None, **form):
    return world.post({"grant_type": GRANT, "assertion": text, **form}, agent or world.bot)


def test_an_assertion_of_ours_gets_its_agent_a_token_once(world, assertion):
    """RFC 7522 sections 2.1 and 3: audience, recipient, bearer confirmation, one use."""
    text = assertion(world.bot)
    answer = bear(world, text)
    assert (answer.status_code, answer.get_json()["scope"]) == (200, "sign-on")
    assert world.claims(answer.get_json()["access_token"])["sub"] == world.bot.id
    refused(bear(world, text), "invalid_grant", "used before")


@pytest.mark.parametrize(
    ("over", "naming"),
    [
        ({"entity": "https://app.example"}, "Audience"),
        ({"location": "https://app.example/paos"}, "Recipient"),
        ({"change": lambda text: text.replace(b"agt-", b"agt_")}, "changed after it was signed"),
        (
            {
                "change": lambda text: text.replace(b"<ds:Signature", b"<ds:Nature").replace(
                    b"</ds:Signature>", b"</ds:Nature>"
                )
            },
            "",
        ),
        ({"change": lambda text: b"<!DOCTYPE x>" + text}, "DOCTYPE"),
        ({"change": lambda text: b"<x>" + text + b"</x>"}, ""),
    ],
    ids=["audience", "recipient", "changed", "unsigned", "doctype", "wrapped"],
)
def test_an_assertion_for_somebody_else_or_tampered_with_is_refused(world, assertion, over, naming):
    """RFC 7522 section 3, points 2, 5 and 9: what is not for us, or not as we signed it."""
    refused(bear(world, assertion(world.bot, **over)), "invalid_grant", naming)


def test_an_assertion_ends(world, assertion, clock):
    """RFC 7522 section 3, point 4: NotOnOrAfter."""
    text = assertion(world.bot)
    clock.move(minutes=5)
    refused(bear(world, text), "invalid_grant", "NotOnOrAfter")


def test_saml_and_jwt_are_not_mixed_up(world, assertion):
    """RFC 8725 section 3.12 and RFC 8693 section 3: each type is read as what it says, and as nothing else."""
    token = world.token(world.bot)
    refused(bear(world, token), "invalid_grant", "base64url")
    refused(world.exchange(world.bot, token, kind="saml2"), "invalid_request", "base64url")
    text = assertion(world.bot)
    refused(world.post({"grant_type": BEARER, "assertion": text}, world.bot), "invalid_grant", "issuer")
    for kind in ("access_token", "jwt", "id_token"):
        assert world.exchange(world.bot, text, kind=kind).status_code == 400
    assert world.exchange(world.bot, text, kind="saml2").status_code == 200


def test_who_acts_by_anothers_assertion_needs_a_delegation(world, assertion):
    """RFC 8693 section 2.1 with saml2: the same rules as for every subject token."""
    for one in (world.bot, world.helper):
        world.grant(one.id, "files.read")
    refused(world.exchange(world.helper, assertion(world.bot), kind="saml2"), "invalid_request", "no delegation stands")
    world.delegate(world.bot.id, world.helper.id, "files.read")
    answer = world.exchange(world.helper, assertion(world.bot), kind="saml2")
    claims = world.claims(answer.get_json()["access_token"])
    assert (claims["sub"], claims["act"]["sub"], answer.get_json()["expires_in"]) == (
        world.bot.id,
        world.helper.id,
        300,
    )
    assert answer.get_json()["issued_token_type"] == TYPE + "access_token"

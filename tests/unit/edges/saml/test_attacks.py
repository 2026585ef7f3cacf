"""Requests that somebody forged, replayed, wrapped or blew up: no assertion leaves, and the audit log knows."""

import base64
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from lxml import etree

from connector.core.errors import Invalid
from connector.edges.saml import signature, xml
from tests.conftest import Clock
from tests.saml_world import World
from tests.servers.pki import self_signed_rsa
from tests.unit.edges.saml.conftest import ACS, BASE, RSA_SHA256, Agent, App, soap

SSO = f"{BASE}/saml/sso"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What is refused here is refused before anything is stored: one database is enough."""
    return f"sqlite:///{tmp_path / 'connector.db'}"


def fault(answer: Any) -> str:
    """The sentence of the refusal; there must be no assertion beside it."""
    assert answer.status_code in (400, 500), answer.text
    assert "Assertion " not in answer.text and "SAMLResponse" not in answer.text
    return str(answer.text)


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ({"AssertionConsumerServiceURL": "https://evil.example/acs"}, "no such AssertionConsumerService"),
        ({"AssertionConsumerServiceURL": ACS}, "no such AssertionConsumerService"),  # registered, for another binding
        ({"AssertionConsumerServiceURL": "https://app.example/paos/"}, "no such AssertionConsumerService"),
        ({"AssertionConsumerServiceIndex": "7"}, "no such AssertionConsumerService"),
        ({"AssertionConsumerServiceIndex": "2", "AssertionConsumerServiceURL": ACS}, "excludes"),
        ({"ProtocolBinding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact"}, "can only be sent by"),
        ({"Destination": "https://other.example/saml/ecp"}, "Destination is not this endpoint"),
        ({"IssueInstant": "2027-03-01T11:54:00Z"}, "IssueInstant"),
        ({"IssueInstant": "2027-03-01T12:06:00Z"}, "IssueInstant"),
        ({"IssueInstant": "yesterday"}, "IssueInstant"),
        ({"IssueInstant": None}, "IssueInstant"),
        ({"Version": "1.1"}, "Version"),
        ({"ID": "_" + "x" * 300}, "no ID"),
        ({"ForceAuthn": "perhaps"}, "ForceAuthn"),
    ],
)
def test_request_with_a_wrong_attribute_is_refused(
    world: World, app: App, agent: Agent, attributes: dict[str, str | None], sentence: str
) -> None:
    answer = agent.ecp(app.signed(app.request(**attributes)))

    assert sentence in fault(answer)
    assert len(world.events("sign-on:refused")) == 1


def test_request_of_an_application_that_is_not_registered_is_refused(world: World, agent: Agent) -> None:
    stranger = App(self_signed_rsa("stranger"), entity_id="https://stranger.example/")

    answer = agent.ecp(stranger.signed(stranger.request()))

    assert "not an application that is registered" in fault(answer)
    [event] = world.events("sign-on:refused")
    assert event["detail"]["application"] == "https://stranger.example/"


def test_request_is_remembered_for_as_long_as_it_would_be_taken(app: App, agent: Agent, clock: Clock) -> None:
    request = app.signed(app.request(IssueInstant="2027-03-01T12:04:59Z"))
    assert agent.ecp(request).status_code == 200

    clock.move(minutes=9, seconds=58)

    assert "used before" in fault(agent.ecp(request))


def test_unsigned_request_of_an_application_that_signs_is_refused(app: App, agent: Agent) -> None:
    assert "not signed" in fault(agent.ecp(app.request()))
    assert "not signed" in fault(agent.redirect(app.query(app.request(Destination=SSO), sign=False)))


def test_request_signed_with_a_strangers_key_is_refused(app: App, agent: Agent) -> None:
    forged = App(self_signed_rsa("forger"), entity_id=app.entity_id)

    assert "does not verify" in fault(agent.ecp(forged.signed(forged.request())))
    assert "does not verify" in fault(agent.redirect(forged.query(forged.request(Destination=SSO))))


def test_request_changed_after_signing_is_refused(app: App, agent: Agent) -> None:
    signed = app.signed(app.request(ForceAuthn="false"))

    assert "changed after it was signed" in fault(agent.ecp(signed.replace('ForceAuthn="false"', 'ForceAuthn="true"')))


def _around(app: App, *, evil_id: str, place: str) -> str:
    """A signed request moved inside a forged one, in one of the ways in which signatures get wrapped."""
    signed = etree.fromstring(app.signed(app.request()))
    evil = etree.fromstring(app.request(ID=evil_id, AssertionConsumerServiceURL="https://app.example/paos"))
    found = signed.find("{*}Signature")
    assert found is not None
    if place == "extensions":
        extensions = etree.SubElement(evil, "{urn:oasis:names:tc:SAML:2.0:protocol}Extensions")
        extensions.append(signed)
    else:
        signed.remove(found)
        evil.insert(1, found)
        holder = etree.SubElement(found, "{http://www.w3.org/2000/09/xmldsig#}Object") if place == "object" else evil
        holder.append(signed)
    return etree.tostring(evil).decode()


@pytest.mark.parametrize("place", ["extensions", "object", "sibling"])
@pytest.mark.parametrize("evil_id", ["_evil", "_request-1"])
def test_wrapped_signature_is_refused(app: App, agent: Agent, place: str, evil_id: str) -> None:
    fault(agent.ecp(_around(app, evil_id=evil_id, place=place)))


def test_second_element_with_the_same_id_is_refused(app: App, agent: Agent) -> None:
    twin = '<samlp:Extensions><x xmlns="urn:x" Id="_request-1"/></samlp:Extensions>'

    assert "same ID twice" in fault(agent.ecp(app.signed(app.request(inside=twin))))


def test_second_message_in_the_body_is_refused(app: App, agent: Agent) -> None:
    assert "exactly one element" in fault(agent.ecp(app.signed(app.request()) + app.request(ID="_2")))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2000/09/xmldsig#rsa-sha1"),
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"),
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"),
        ("http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2000/09/xmldsig#sha1"),
        ('URI="#_request-1"', 'URI=""'),
        ("http://www.w3.org/2000/09/xmldsig#enveloped-signature", "http://www.w3.org/TR/1999/REC-xslt-19991116"),
        (
            'Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"',
            'Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"',
        ),
    ],
)
def test_signature_of_another_shape_is_refused(app: App, agent: Agent, before: str, after: str) -> None:
    signed = app.signed(app.request())
    assert before in signed

    fault(agent.ecp(signed.replace(before, after)))


@pytest.mark.parametrize(
    "prologue",
    [
        '<!DOCTYPE S:Envelope [<!ENTITY a "b">]>',
        '<!DOCTYPE S:Envelope SYSTEM "http://127.0.0.1:1/x.dtd">',
        "<!-- a comment -->",
        "<?php evil ?>",
    ],
)
def test_document_type_comment_or_instruction_is_refused(app: App, agent: Agent, prologue: str) -> None:
    assert "allowed" in fault(agent.ecp(prologue.encode() + soap(app.signed(app.request()))))


def test_comment_inside_a_name_is_refused(app: App, agent: Agent) -> None:
    request = app.signed(app.request()).replace(app.entity_id, app.entity_id.replace("app", "app<!-- -->"))

    assert "comments" in fault(agent.ecp(request))


def test_utf_16_does_not_slip_a_document_type_past_the_parser(app: App, agent: Agent) -> None:
    text = "<!DOCTYPE x [<!ENTITY a 'b'>]>" + soap(app.request()).decode()

    assert "UTF-8" in fault(agent.ecp(text.encode("utf-16")))


def test_oversized_and_deeply_nested_messages_are_refused(app: App, agent: Agent) -> None:
    assert "larger than" in fault(agent.ecp(app.request(inside=f"<!--{'x' * 300_000}-->")))
    assert "deeper than" in fault(agent.ecp(app.request(inside="<a>" * 100 + "</a>" * 100)))


def test_body_beyond_every_limit_is_not_read(agent: Agent) -> None:
    assert agent.ecp(b"x" * 2_000_000).status_code == 413


def test_compressed_bomb_is_refused(agent: Agent) -> None:
    deflate = zlib.compressobj(wbits=-15)
    bomb = deflate.compress(b"<a>" + b" " * 50_000_000) + deflate.flush()

    answer = agent.redirect("SAMLRequest=" + quote_plus(base64.b64encode(bomb).decode()))

    assert "larger than" in fault(answer)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda query: query + "&SAMLRequest=x", "twice"),
        (lambda query: query + "&%53AMLRequest=x", "twice"),
        (lambda query: query + "&RelayState=/elsewhere", "does not verify"),
        (lambda query: query.replace("RelayState=%2Fhome", "RelayState=%2fhome"), "does not verify"),
        (lambda query: query.partition("&SigAlg")[0] + "&Signature=AAAA", "without the other"),
        (lambda query: query.partition("&SigAlg")[0], "not signed"),
        (lambda query: query + "&SAMLEncoding=zip", "SAMLEncoding"),
        (lambda query: query.replace("rsa-sha256", "rsa-sha1"), "not accepted"),
        (lambda query: query.replace("SAMLRequest=", "SAMLRequest=!"), "base64"),
    ],
)
def test_tampered_query_is_refused(app: App, agent: Agent, change: Any, sentence: str) -> None:
    with_relay = sentence == "does not verify" and "%2fhome" in change("RelayState=%2Fhome")
    query = app.query(app.request(Destination=SSO), "/home" if with_relay else None)

    assert sentence in fault(agent.redirect(change(query)))


def test_signed_request_by_redirect_must_name_its_destination(app: App, agent: Agent) -> None:
    assert "must have a Destination" in fault(agent.redirect(app.query(app.request())))


def test_verifier_returns_what_was_signed_and_not_what_it_was_given(app: App) -> None:
    element = xml.parse(app.signed(app.request()).encode(), what="request")
    keys = [app.keys.certificate.public_key()]

    content = signature.verified(element, keys)  # type: ignore[arg-type]

    assert content is not element and not signature.present(content)
    element.set("ID", "_later")
    assert content.get("ID") == "_request-1"


def test_verifier_without_keys_refuses() -> None:
    with pytest.raises(Invalid, match="no key is registered"):
        signature.verified(xml.parse(b"<a/>", what="request"), [])


def test_detached_signature_needs_an_algorithm_that_fits_the_key(app: App) -> None:
    with pytest.raises(Invalid, match="does not verify"):
        signature.check_octets(RSA_SHA256, [app.keys.certificate.public_key()], b"octets", "AAAA")  # type: ignore[list-item]

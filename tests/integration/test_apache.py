"""Both service providers in Apache start, ask an identity provider, and show what an agent's session holds."""

import base64
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from lxml import etree
from onelogin.saml2.utils import OneLogin_Saml2_Utils  # type: ignore[import-untyped]

from tests.servers.apache import Apache
from tests.servers.pki import KeyPair, self_signed_rsa

IDP = "https://idp.example/"
# What an identity provider must at least say for both service providers to send an agent to it.
IDP_METADATA = """<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"
    xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="{idp}">
  <md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data>
      <ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
    <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{idp}sso"/>
    <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:SOAP" Location="{idp}ecp"/>
  </md:IDPSSODescriptor>
</md:EntityDescriptor>"""
ASSERTION = """<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_{id}" Version="2.0"
    IssueInstant="{now}"><saml:Issuer>{idp}</saml:Issuer>
  <saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified">agent-1</saml:NameID>
    <saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
      <saml:SubjectConfirmationData InResponseTo="{request}" NotOnOrAfter="{later}" Recipient="{acs}"/>
    </saml:SubjectConfirmation></saml:Subject>
  <saml:Conditions NotBefore="{now}" NotOnOrAfter="{later}"><saml:AudienceRestriction>
    <saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>
  <saml:AuthnStatement AuthnInstant="{now}" SessionIndex="_s{id}"><saml:AuthnContext><saml:AuthnContextClassRef
    >urn:oasis:names:tc:SAML:2.0:ac:classes:X509</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>
  <saml:AttributeStatement>
    <saml:Attribute Name="urn:example:agent-id"><saml:AttributeValue>a-42</saml:AttributeValue></saml:Attribute>
    <saml:Attribute Name="https://example.com/role" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
      ><saml:AttributeValue>reader</saml:AttributeValue></saml:Attribute>
  </saml:AttributeStatement></saml:Assertion>"""
ENVELOPE = """<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Header>{headers}</S:Header><S:Body>
<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r{id}" Version="2.0" IssueInstant="{now}"
  Destination="{acs}" InResponseTo="{request}"
  ><saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{idp}</saml:Issuer><samlp:Status>
<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>{assertion}</samlp:Response>
</S:Body></S:Envelope>"""
NAMESPACES = {
    "paos": "urn:liberty:paos:2003-08",
    "ecp": "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp",
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}
ECP = {
    "Accept": "text/html, application/vnd.paos+xml",
    "PAOS": 'ver="urn:liberty:paos:2003-08";"urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp"',
}
PEERS = pytest.mark.parametrize("peer", ["shib", "mellon"])


@pytest.fixture(scope="module")
def idp_keys() -> KeyPair:
    return self_signed_rsa("idp")


@pytest.fixture(scope="module")
def apache(apache_factory: Callable[..., Apache], idp_keys: KeyPair) -> Iterator[Apache]:
    server = apache_factory([("urn:example:agent-id", "agent_id"), ("https://example.com/role", "role")])
    server.start(idp_metadata(idp_keys))
    yield server
    server.stop()


def idp_metadata(keys: KeyPair) -> bytes:
    certificate = base64.b64encode(keys.certificate_der).decode()
    return IDP_METADATA.format(idp=IDP, certificate=certificate).encode()


def ask(apache: Apache, peer: str, browser: requests.Session) -> Any:
    """Ask for the protected page as an enhanced client does; the SOAP envelope of the answer."""
    answer = browser.get(getattr(apache, f"{peer}_url"), headers=ECP, timeout=10)
    assert answer.headers["Content-Type"].startswith("application/vnd.paos+xml"), apache.logs()
    return etree.fromstring(answer.content)


def answer_envelope(envelope: Any, keys: KeyPair) -> tuple[str, bytes]:
    """Where to send, and the answer of an identity provider that lets every agent in."""
    paos = envelope.find(".//paos:Request", NAMESPACES)
    request = envelope.find(".//samlp:AuthnRequest", NAMESPACES)
    now = datetime.now(UTC)
    facts = {
        "id": uuid.uuid4().hex,
        "idp": IDP,
        "now": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "later": f"{now + timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}",
        "request": request.get("ID"),
        "acs": paos.get("responseConsumerURL"),
        "audience": request.findtext("saml:Issuer", namespaces=NAMESPACES),
    }
    signed = OneLogin_Saml2_Utils.add_sign(
        ASSERTION.format(**facts), keys.key_pem.decode(), keys.certificate_pem.decode()
    ).decode()
    answers_to = f'refToMessageID="{paos.get("messageID")}"' if paos.get("messageID") else ""
    soap = 'S:mustUnderstand="1" S:actor="http://schemas.xmlsoap.org/soap/actor/next"'
    headers = f'<paos:Response xmlns:paos="{NAMESPACES["paos"]}" {soap} {answers_to}/>'
    relay = envelope.findtext(".//ecp:RelayState", namespaces=NAMESPACES)
    if relay is not None:
        headers += f'<ecp:RelayState xmlns:ecp="{NAMESPACES["ecp"]}" {soap}>{relay}</ecp:RelayState>'
    return facts["acs"], ENVELOPE.format(**facts, headers=headers, assertion=signed).encode()


@PEERS
def test_service_provider_answers_an_agent_with_a_signed_authn_request(apache: Apache, peer: str) -> None:
    metadata = etree.fromstring(getattr(apache, f"{peer}_metadata"))

    envelope = ask(apache, peer, requests.Session())

    request = envelope.find(".//samlp:AuthnRequest", NAMESPACES)
    assert request.findtext("saml:Issuer", namespaces=NAMESPACES) == getattr(apache, f"{peer}_entity_id")
    assert request.find("ds:Signature", NAMESPACES) is not None
    consumer = envelope.find(".//paos:Request", NAMESPACES).get("responseConsumerURL")
    assert metadata.xpath("//*[contains(@Binding, ':PAOS')]/@Location") == [consumer]


@PEERS
def test_service_provider_sends_a_browser_to_the_identity_provider(apache: Apache, peer: str) -> None:
    answer = requests.get(getattr(apache, f"{peer}_url"), allow_redirects=False, timeout=10)
    if answer.headers["Location"].startswith(apache.base_url):  # mellon goes by way of an endpoint of its own
        answer = requests.get(answer.headers["Location"], allow_redirects=False, timeout=10)

    assert answer.headers["Location"].startswith(f"{IDP}sso?SAMLRequest="), apache.logs()
    assert "&Signature=" in answer.headers["Location"]


@PEERS
def test_service_provider_shows_the_attributes_of_an_agents_session(
    apache: Apache, peer: str, idp_keys: KeyPair
) -> None:
    browser = requests.Session()

    consumer, answer = answer_envelope(ask(apache, peer, browser), idp_keys)
    page = browser.post(
        consumer, data=answer, headers={"Content-Type": "application/vnd.paos+xml"}, allow_redirects=True, timeout=10
    )

    assert page.status_code == 200, page.text + apache.logs()
    shown = apache.attributes(page.text)
    assert shown["REMOTE_USER"] == "agent-1"
    names = {"shib": ("agent_id", "role"), "mellon": ("MELLON_urn_example_agent_id", "MELLON_https___example_com_role")}
    assert [shown.get(name) for name in names[peer]] == ["a-42", "reader"], page.text


@PEERS
def test_service_provider_refuses_an_answer_signed_by_somebody_else(apache: Apache, peer: str) -> None:
    browser = requests.Session()

    consumer, answer = answer_envelope(ask(apache, peer, browser), self_signed_rsa("stranger"))
    headers = {"Content-Type": "application/vnd.paos+xml"}
    refusal = browser.post(consumer, data=answer, headers=headers, allow_redirects=False, timeout=10)

    assert refusal.status_code not in (302, 303), apache.logs()
    page = browser.get(getattr(apache, f"{peer}_url"), allow_redirects=False, timeout=10)
    assert page.status_code in (302, 303)


def test_service_provider_trusts_the_changed_metadata_after_a_second_start(apache: Apache, idp_keys: KeyPair) -> None:
    rolled = self_signed_rsa("idp-next")
    apache.start(idp_metadata(rolled))
    browser = requests.Session()

    consumer, answer = answer_envelope(ask(apache, "shib", browser), rolled)
    page = browser.post(consumer, data=answer, headers={"Content-Type": "application/vnd.paos+xml"}, timeout=10)

    apache.start(idp_metadata(idp_keys))
    assert apache.attributes(page.text)["agent_id"] == "a-42", apache.logs()

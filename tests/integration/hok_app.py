"""An application that takes an assertion only from whoever holds the key in it, and an agent that comes over TLS with its certificate."""

import base64
import uuid
from datetime import UTC, datetime

import requests
from lxml import etree

from tests.acceptance.road import Agent, Connector

_ENTITY, _PAOS = "https://app.example/hok", "https://app.example/paos"
_METADATA = f"""<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{_ENTITY}">
<md:SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:AssertionConsumerService
Binding="urn:oasis:names:tc:SAML:2.0:bindings:PAOS" Location="{_PAOS}" index="1"/></md:SPSSODescriptor></md:EntityDescriptor>"""
_REQUEST = """<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body>
<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_{id}" Version="2.0" IssueInstant="{now}">
<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{entity}</saml:Issuer></samlp:AuthnRequest></S:Body></S:Envelope>"""
_NS = {
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}


def register(connector: Connector, name: str = "hok") -> None:
    file = connector.folder / f"{name}.xml"
    file.write_text(_METADATA)
    connector.run("app", "add", name, "--metadata", str(file))
    connector.run("app", "set", name, "--confirmation", "holder-of-key")


def ecp(url: str, agent: Agent, *, ca: str, certificate: tuple[str, str] | None, token: str = "") -> requests.Response:
    """What the connector at that address answers to the application's request, which the agent brings over TLS."""
    request = _REQUEST.format(id=uuid.uuid4().hex, now=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), entity=_ENTITY)
    place = f"{url}/saml/ecp" if token else f"{url}/saml/ecp?client_id={agent.id}"
    headers = {"Content-Type": "text/xml", **({"Authorization": f"Bearer {token}"} if token else {})}
    return requests.post(place, data=request, headers=headers, cert=certificate, verify=ca, timeout=20)


def confirmed(answer: requests.Response) -> tuple[list[str], bytes, str]:
    """(methods of confirmation, the certificate in the first, how the agent authenticated) of the assertion that was issued."""
    assert answer.status_code == 200, answer.text
    assertion = etree.fromstring(answer.content).find(".//saml:Assertion", _NS)
    assert assertion is not None, answer.text
    confirmations = assertion.findall("saml:Subject/saml:SubjectConfirmation", _NS)
    named = confirmations[0].findtext(".//ds:X509Certificate", "", _NS)
    context = assertion.findtext(".//saml:AuthnContextClassRef", "", _NS)
    methods = [str(one.get("Method")).rpartition(":")[2] for one in confirmations]
    return methods, base64.b64decode(named), context.rpartition(":")[2]


def refused(answer: requests.Response) -> None:
    assert "Assertion " not in answer.text, answer.text
    if answer.status_code == 200:
        codes = [
            str(one.get("Value")) for one in etree.fromstring(answer.content).iter(f"{{{_NS['samlp']}}}StatusCode")
        ]
        assert codes[-1].endswith("RequestDenied"), codes
    else:
        assert answer.status_code in (401, 403), answer.text

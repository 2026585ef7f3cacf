"""A workforce IdP that is not there: its metadata, and Responses as it would write and sign them (with xmlsec).

Times are those of the fixture `clock`; python3-saml, which is asked as well, reads the time of day, so tests that sign in
travel there (`at_that_time`).
"""

import base64
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlsplit
from xml.sax.saxutils import escape, quoteattr

import time_machine
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import Flask
from flask.testing import FlaskClient
from lxml import etree
from onelogin.saml2.constants import OneLogin_Saml2_Constants as _Constants  # type: ignore[import-untyped]
from onelogin.saml2.utils import OneLogin_Saml2_Utils  # type: ignore[import-untyped]
from onelogin.saml2.xml_utils import OneLogin_Saml2_XML  # type: ignore[import-untyped]

from tests.conftest import BASE_URL
from tests.servers.pki import KeyPair, self_signed_rsa

ACS, SP, SLO = f"{BASE_URL}/saml/acs", f"{BASE_URL}/saml/sp/metadata", f"{BASE_URL}/saml/sp/slo"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
NS = {
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "md": "urn:oasis:names:tc:SAML:2.0:metadata",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}
_XMLNS = f'xmlns:samlp="{NS["samlp"]}" xmlns:saml="{NS["saml"]}"'
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"


def instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Says:
    """What an assertion says; None leaves a thing out. `request` is the id of the AuthnRequest that it answers."""

    name_id: str = "ada"
    request: str | None = None
    issuer: str | None = None
    audience: str | None = SP
    recipient: str | None = ACS
    destination: str | None = ACS
    minutes: float = 5
    id: str = field(default_factory=lambda: "_" + os.urandom(16).hex())
    index: str | None = "session-1"
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    wrapper_request: str | None = "same"
    status: str = "urn:oasis:names:tc:SAML:2.0:status:Success"
    conditions: str = ""
    before: float = 1  # minutes that NotBefore lies back
    session_minutes: float | None = None
    context: str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
    second_status: str | None = None


@dataclass(frozen=True)
class Idp:
    """A workforce IdP with one key, or while it rolls over with `next_keys` as well."""

    keys: KeyPair
    entity_id: str = "https://idp.corp.example/saml"
    base: str = "https://idp.corp.example"
    next_keys: KeyPair | None = None

    def metadata(self, *, valid_until: datetime | None = None, logout: bool = True, extra: str = "") -> bytes:
        until = f' validUntil="{instant(valid_until)}"' if valid_until else ""
        keys = "".join(_key_descriptor(one) for one in (self.keys, self.next_keys) if one)
        slo = f'<md:SingleLogoutService Binding="{REDIRECT}" Location="{self.base}/slo"/>' if logout else ""
        return (
            f'<md:EntityDescriptor xmlns:md="{NS["md"]}" xmlns:ds="{NS["ds"]}" ID="_md" entityID="{self.entity_id}"{until}>'
            f'<md:IDPSSODescriptor protocolSupportEnumeration="{NS["samlp"]}">{keys}{slo}'
            f'<md:SingleSignOnService Binding="{REDIRECT}" Location="{self.base}/sso"/>{extra}'
            "</md:IDPSSODescriptor></md:EntityDescriptor>"
        ).encode()

    def assertion(self, says: Says, now: datetime) -> str:
        """Unsigned."""
        until, session = instant(now + timedelta(minutes=says.minutes)), ""
        if says.session_minutes is not None:
            session = f' SessionNotOnOrAfter="{instant(now + timedelta(minutes=says.session_minutes))}"'
        index = f' SessionIndex="{says.index}"' if says.index else ""
        data = {"Recipient": says.recipient, "InResponseTo": says.request, "NotOnOrAfter": until}
        audience = (
            f"<saml:AudienceRestriction><saml:Audience>{says.audience}</saml:Audience></saml:AudienceRestriction>"
            if says.audience
            else ""
        )
        statement = "".join(
            f"<saml:Attribute Name={quoteattr(name)}>"
            + "".join(f"<saml:AttributeValue>{escape(value)}</saml:AttributeValue>" for value in values)
            + "</saml:Attribute>"
            for name, values in says.attributes.items()
        )
        return (
            f'<saml:Assertion xmlns:saml="{NS["saml"]}" ID="{says.id}" Version="2.0" IssueInstant="{instant(now)}">'
            f"<saml:Issuer>{says.issuer or self.entity_id}</saml:Issuer>"
            f"<saml:Subject><saml:NameID>{says.name_id}</saml:NameID>"
            '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">'
            f"<saml:SubjectConfirmationData{_attributes(data)}/></saml:SubjectConfirmation></saml:Subject>"
            f'<saml:Conditions NotBefore="{instant(now - timedelta(minutes=says.before))}" NotOnOrAfter="{until}">'
            f"{audience}{says.conditions}</saml:Conditions>"
            f'<saml:AuthnStatement AuthnInstant="{instant(now)}"{index}{session}><saml:AuthnContext><saml:AuthnContextClassRef>'
            f"{escape(says.context)}</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
            + (f"<saml:AttributeStatement>{statement}</saml:AttributeStatement>" if statement else "")
            + "</saml:Assertion>"
        )

    def response(self, content: str, says: Says, now: datetime) -> str:
        """A Response around an assertion, unsigned."""
        request = says.request if says.wrapper_request == "same" else says.wrapper_request
        named = {"Destination": says.destination, "InResponseTo": request}
        code = f'<samlp:StatusCode Value="{says.status}"/>'
        if says.second_status:
            code = f'<samlp:StatusCode Value="{says.status}"><samlp:StatusCode Value="{says.second_status}"/></samlp:StatusCode>'
        return (
            f'<samlp:Response {_XMLNS} ID="_{os.urandom(16).hex()}" Version="2.0" IssueInstant="{instant(now)}"'
            f"{_attributes(named)}><saml:Issuer>{says.issuer or self.entity_id}</saml:Issuer>"
            f"<samlp:Status>{code}</samlp:Status>{content}</samlp:Response>"
        )

    def signed(self, message: str, *, sha1: bool = False, keys: KeyPair | None = None) -> str:
        """With a signature over the first Issuer's parent."""
        pair = keys or self.keys
        algorithms = (_Constants.RSA_SHA1, _Constants.SHA1) if sha1 else (_Constants.RSA_SHA256, _Constants.SHA256)
        made: bytes = OneLogin_Saml2_Utils.add_sign(
            message, pair.key_pem.decode(), pair.certificate_pem.decode(), False, *algorithms
        )
        return made.decode()

    def answer(self, says: Says, now: datetime, *, sign: str = "assertion") -> str:
        """A whole Response; `sign` is assertion, response or both."""
        assertion = self.assertion(says, now)
        if sign in ("assertion", "both"):
            assertion = self.signed(assertion)
        response = self.response(assertion, says, now)
        return self.signed(response) if sign in ("response", "both") else response

    def query(self, field: str, message: str, relay_state: str | None = None, *, sign: bool = True) -> str:
        """The query of the Redirect binding."""
        deflate = zlib.compressobj(wbits=-15)
        packed = base64.b64encode(deflate.compress(message.encode()) + deflate.flush()).decode()
        parts = {field: packed, "RelayState": relay_state, "SigAlg": RSA_SHA256 if sign else None}
        query = "&".join(f"{name}={quote_plus(value)}" for name, value in parts.items() if value is not None)
        if not sign:
            return query
        value = OneLogin_Saml2_Utils.sign_binary(query, self.keys.key_pem.decode())
        return f"{query}&Signature={quote_plus(base64.b64encode(value).decode())}"

    def logout_request(
        self, now: datetime, *, name_id: str = "ada", index: str | None = "session-1", **more: str
    ) -> str:
        named = {"ID": f"_{os.urandom(16).hex()}", "IssueInstant": instant(now), "Destination": SLO, **more}
        indexes = f"<samlp:SessionIndex>{index}</samlp:SessionIndex>" if index else ""
        return (
            f'<samlp:LogoutRequest {_XMLNS} Version="2.0"{_attributes(named)}><saml:Issuer>{self.entity_id}</saml:Issuer>'
            f"<saml:NameID>{name_id}</saml:NameID>{indexes}</samlp:LogoutRequest>"
        )

    def logout_response(self, request: str, now: datetime, *, status: str = "Success") -> str:
        named = {"ID": f"_{os.urandom(16).hex()}", "IssueInstant": instant(now), "Destination": SLO}
        code = f"urn:oasis:names:tc:SAML:2.0:status:{status}"
        return (
            f'<samlp:LogoutResponse {_XMLNS} Version="2.0" InResponseTo="{request}"{_attributes(named)}>'
            f"<saml:Issuer>{self.entity_id}</saml:Issuer>"
            f'<samlp:Status><samlp:StatusCode Value="{code}"/></samlp:Status></samlp:LogoutResponse>'
        )


def new_idp(name: str = "corp", **more: Any) -> Idp:
    return Idp(self_signed_rsa(name), **more)


def encrypted(assertion: str, certificate: x509.Certificate) -> str:
    """As an EncryptedAssertion for whoever has the key of that certificate."""
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    secret, nonce = AESGCM.generate_key(256), os.urandom(12)
    content = base64.b64encode(nonce + AESGCM(secret).encrypt(nonce, assertion.encode(), None)).decode()
    wrapped = base64.b64encode(key.encrypt(secret, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)))
    xenc = "http://www.w3.org/2001/04/xmlenc#"
    return (
        f'<saml:EncryptedAssertion xmlns:saml="{NS["saml"]}"><xenc:EncryptedData xmlns:xenc="{xenc}" Type="{xenc}Element">'
        '<xenc:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#aes256-gcm"/>'
        f'<ds:KeyInfo xmlns:ds="{NS["ds"]}"><xenc:EncryptedKey>'
        f'<xenc:EncryptionMethod Algorithm="{xenc}rsa-oaep-mgf1p"/>'
        f"<xenc:CipherData><xenc:CipherValue>{wrapped.decode()}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>"
        f"</ds:KeyInfo><xenc:CipherData><xenc:CipherValue>{content}</xenc:CipherValue></xenc:CipherData>"
        "</xenc:EncryptedData></saml:EncryptedAssertion>"
    )


class BrowserOf:
    """A browser at our door: keeps cookies, follows what it is told, and knows the request that it carries."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()
        self.request = self.relay_state = self.location = ""

    def get(self, path: str) -> Any:
        return self.client.get(path, base_url=BASE_URL)

    def post(self, path: str, **form: str) -> Any:
        return self.client.post(path, data=form, base_url=BASE_URL)

    def begin(self, idp: str = "corp", next: str = "/", more: str = "") -> "BrowserOf":
        answer = self.get(f"/saml/sp/login?idp={idp}&next={next}{more}")
        assert answer.status_code == 303, answer.text
        self.carry(answer.headers["Location"])
        return self

    def carry(self, location: str) -> None:
        """Take up the request in an address of the Redirect binding."""
        self.location = location
        sent = parse_qs(urlsplit(location).query)
        self.request = str(message_of(location).get("ID"))
        self.relay_state = sent["RelayState"][0]

    def bring(self, response: str, *, relay_state: str | None = None) -> Any:
        encoded = base64.b64encode(response.encode()).decode()
        return self.post("/saml/acs", SAMLResponse=encoded, RelayState=relay_state or self.relay_state)

    def sign_out(self) -> Any:
        found = re.search(r'name="csrf" value="([^"]+)"', self.get("/").text)
        assert found is not None
        return self.post("/saml/sp/logout", csrf=found[1])

    @property
    def signed_in(self) -> bool:
        return "Sign out" in str(self.get("/").text)


def message_of(location: str) -> Any:
    """The message in an address of the Redirect binding."""
    sent = parse_qs(urlsplit(location).query)
    [packed] = sent.get("SAMLRequest") or sent["SAMLResponse"]
    return etree.fromstring(zlib.decompress(base64.b64decode(packed), -15))


def fits_schema(message: Any, schema: str = "protocol") -> bool:
    """Whether OASIS' schema (protocol or metadata) takes it."""
    return not isinstance(OneLogin_Saml2_XML.validate_xml(message, f"saml-schema-{schema}-2.0.xsd"), str)


@contextmanager
def at_that_time(moment: datetime) -> Iterator[None]:
    with time_machine.travel(moment, tick=False):
        yield


def _attributes(named: Mapping[str, str | None]) -> str:
    return "".join(f" {name}={quoteattr(value)}" for name, value in named.items() if value is not None)


def _key_descriptor(keys: KeyPair) -> str:
    der = base64.b64encode(keys.certificate_der).decode()
    return (
        f'<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{der}</ds:X509Certificate>'
        "</ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
    )

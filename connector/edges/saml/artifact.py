"""HTTP-Artifact binding (bindings section 3.6): the Response waits here, and only its application can fetch it, once.

What travels through the agent is a number that means nothing to anybody else.
"""

import base64
import binascii
import hashlib
import secrets
from datetime import timedelta

from cryptography import x509

from connector.core.errors import Invalid
from connector.domain import artifacts
from connector.domain.unit import SYSTEM
from connector.edges.saml import delegation, messages, names, request, signature, soap, xml
from connector.edges.saml.idp import Application, IdentityProvider, application
from connector.edges.saml.issue import Issued
from connector.edges.saml.names import SAMLP
from connector.edges.saml.signature import same_key
from connector.edges.saml.xml import Element

ENDPOINT_INDEX = 0
_TYPE = b"\x00\x04"
_LIFE = timedelta(minutes=2)  # the application fetches at once; the assertion in it lives five minutes anyway
_SIZE = 44


def keep(idp: IdentityProvider, issued: Issued) -> str:
    """The artifact that its application fetches the Response by (section 3.6.4.2)."""
    source = hashlib.sha1(
        idp.entity_id.encode(), usedforsecurity=False
    ).digest()  # a name of ours, as the binding has it
    octets = _TYPE + ENDPOINT_INDEX.to_bytes(2, "big") + source + secrets.token_bytes(20)
    with idp.domain.change(SYSTEM) as unit:
        artifacts.keep(unit, octets, issued.audience, issued.response, life=_LIFE)
    return base64.b64encode(octets).decode()


def answer(idp: IdentityProvider, content: bytes, certificate: x509.Certificate | None) -> bytes:
    """The signed ArtifactResponse, in SOAP. Invalid where the request is not provably the application's own.

    An artifact that gives nothing, for whatever reason, gets an answer without a message (core section 3.5.3).
    """
    received = soap.body_of(content)
    issuer = request.issuer_of(received, "ArtifactResolve")
    app = application(idp, issuer)
    element = _authenticated(received, app, certificate)
    request.check_addressed(element, issuer, "ArtifactResolve", idp.location("artifact"), idp.domain.database.clock())
    with idp.domain.change(SYSTEM) as unit:
        found = artifacts.take(unit, _octets(element), issuer)
    response = _response(idp, element.get("ID", ""), found or "")
    return soap.envelope(idp.signer_for(app.settings).sign(response, delegation.prefixes(response)))


def _authenticated(received: Element, app: Application, certificate: x509.Certificate | None) -> Element:
    """What the application provably said: signed, or sent over a connection for which it showed a key of its metadata."""
    if not signature.present(received) and certificate is not None:
        if any(same_key(certificate, key) for key in app.provider.signing_keys):
            return received
        raise Invalid("the client certificate has no key of the application's metadata")
    return signature.verified(received, app.provider.signing_keys)


def _octets(element: Element) -> bytes:
    artifact = xml.only(element, SAMLP, "Artifact")
    try:
        octets = base64.b64decode(xml.text_of(artifact) if artifact is not None else "", validate=True)
    except (binascii.Error, ValueError) as problem:
        raise Invalid("the Artifact is not base64", field="Artifact") from problem
    if len(octets) != _SIZE or octets[:2] != _TYPE:
        raise Invalid("the Artifact is not of type 4, 44 bytes long", field="Artifact")
    return octets


def _response(idp: IdentityProvider, request_id: str, found: str) -> str:
    return messages.message(
        "ArtifactResponse",
        messages.status(names.SUCCESS),
        found.replace(messages.DECLARED, "", 1),  # canonical form has a prefix declared once
        id=idp.new_id(),
        moment=idp.domain.database.clock(),
        issuer=idp.entity_id,
        InResponseTo=request_id,
    )

"""Assertions that we issued ourselves and that come back to our token endpoint (RFC 7522 section 3).

An assertion for an application is not one for us: we must be its audience, and its recipient.
"""

import base64
import binascii
from collections.abc import Callable
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from connector.core.errors import Invalid
from connector.domain.identity_assertions import OwnAssertion
from connector.domain.unit import Domain
from connector.edges.saml import delegation, names, xml
from connector.edges.saml.idp import KEYS
from connector.edges.saml.names import SAML
from connector.edges.saml.signature import verified
from connector.edges.saml.xml import Element


def verifier(domain: Domain, *, entity_id: str, audience: str, recipient: str) -> Callable[[str], OwnAssertion]:
    """Reads the `assertion` parameter (base64url, section 2.1). Invalid says what does not fit."""

    def verify(text: str) -> OwnAssertion:
        keys = [key.private.public_key() for purpose in KEYS.values() for key in domain.keys.all(purpose)]
        usable = [key for key in keys if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)]
        root = verified(_parsed(text), usable)
        if root.tag != xml.name(SAML, "Assertion"):
            raise Invalid("it is not an Assertion")
        return _read(root, entity_id, (audience, recipient), recipient, domain.database.clock())

    return verify


def _parsed(text: str) -> Element:
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as problem:
        raise Invalid("it is not base64url") from problem
    return xml.parse(content, what="assertion")


def _read(root: Element, entity_id: str, audiences: tuple[str, ...], recipient: str, now: datetime) -> OwnAssertion:
    subject, conditions = _needed(root, "Subject"), _needed(root, "Conditions")
    name_id, confirmation = _needed(subject, "NameID"), _needed(subject, "SubjectConfirmation")
    data = _needed(confirmation, "SubjectConfirmationData")
    restriction = _needed(conditions, "AudienceRestriction")
    until = min(xml.needed_moment(one, "NotOnOrAfter") for one in (conditions, data))
    checks = {
        "Issuer": xml.text_of(_needed(root, "Issuer")) == entity_id,
        "Audience": xml.text_of(_needed(restriction, "Audience")) in audiences,
        "NameID": name_id.get("Format") == names.PERSISTENT,
        "SubjectConfirmation": confirmation.get("Method") == names.BEARER,
        "Recipient": data.get("Recipient") == recipient,
        "NotBefore": xml.needed_moment(conditions, "NotBefore") <= now,
        "NotOnOrAfter": now < until,
        # about somebody whom an agent acts for: it proves what that agent may do there, and not who brings it here
        "Condition": [one.tag for one in conditions] == [restriction.tag],
        "delegate": not any(one.get("Name") == delegation.ATTRIBUTE.name for one in root.iter()),
    }
    wrong = [name for name, fits in checks.items() if not fits]
    if wrong:
        raise Invalid(f"these do not fit: {', '.join(wrong)}")
    return OwnAssertion(str(root.attrib["ID"]), xml.text_of(name_id), until)


def _needed(parent: Element, local: str) -> Element:
    found = xml.only(parent, SAML, local)
    if found is None:
        raise Invalid(f"{xml.local_name(parent)} has no {local}", field=local)
    return found

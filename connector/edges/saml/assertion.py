"""What we issue: NameIDs, assertions and the Responses around them (core sections 2 and 3.2.2, profiles 4.1.4.2), in canonical form.

They are written as texts, not built as trees: a tree that is built, brought into canonical form and serialised costs as much as the
signature over it.
"""

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from connector.domain.sign_on import Granted
from connector.edges.saml import messages, names, xml
from connector.edges.saml.attributes import Subject
from connector.edges.saml.bundles import Attribute
from connector.edges.saml.canonical import attribute, attributes, text
from connector.edges.saml.names import DS, SAML, XSI
from connector.edges.saml.signature import key_info

LIFE = timedelta(minutes=5)
_DECLARED = f' xmlns:saml="{SAML}"'


@dataclass(frozen=True)
class Letter:
    """From whom, to whom, to which address, in answer to what (None: to nothing), when."""

    issuer: str
    audience: str
    recipient: str
    in_response_to: str | None
    moment: datetime


@dataclass(frozen=True)
class NameId:
    """A NameID (core 2.2.3), qualified by both parties (8.3.7, 8.3.8), so that no two of them can be mixed up."""

    format: str
    value: str
    issuer: str
    audience: str

    def inside(self) -> str:
        """As it stands within an assertion."""
        return self._written("")

    def alone(self) -> str:
        """As it stands where nothing around it has declared its prefix."""
        return self._written(_DECLARED)

    def _written(self, declared: str) -> str:
        return (
            f'<saml:NameID{declared} Format="{self.format}" NameQualifier="{attribute(self.issuer)}"'
            f' SPNameQualifier="{attribute(self.audience)}">{text(self.value, "NameID")}</saml:NameID>'
        )


def assertion(
    letter: Letter,
    id: str,
    name_id: str,
    granted: Granted,
    *,
    context: str,
    released: Iterable[tuple[Attribute, tuple[str, ...]]],
    holder: x509.Certificate | None = None,
    condition: str = "",
) -> str:
    """An assertion for one audience, good for five minutes, with one AuthnStatement and the attributes, if any.

    `name_id` is the subject's, as it stands alone.
    `holder`: only who shows that certificate may use it; else whoever bears it. `condition` is one more that must be met.
    Invalid where a value cannot be written.
    """
    now, until = xml.instant(letter.moment), xml.instant(letter.moment + LIFE)
    told = "".join([_attribute(one, values) for one, values in released])
    return (
        f'<saml:Assertion{_DECLARED} ID="{id}" IssueInstant="{now}" Version="2.0">'
        f"<saml:Issuer>{text(letter.issuer)}</saml:Issuer>"
        f"<saml:Subject>{name_id.replace(_DECLARED, '', 1)}{_confirmation(letter, until, holder)}</saml:Subject>"
        f'<saml:Conditions NotBefore="{now}" NotOnOrAfter="{until}"><saml:AudienceRestriction>'
        f"<saml:Audience>{text(letter.audience)}</saml:Audience></saml:AudienceRestriction>{condition}</saml:Conditions>"
        f'<saml:AuthnStatement AuthnInstant="{now}" SessionIndex="{attribute(granted.session_index)}"'
        f' SessionNotOnOrAfter="{xml.instant(granted.session_until)}"><saml:AuthnContext>'
        f"<saml:AuthnContextClassRef>{context}</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
        # the schema wants no empty statement
        f"{told and f'<saml:AttributeStatement>{told}</saml:AttributeStatement>'}</saml:Assertion>"
    )


def released(bundle: Sequence[Attribute], subject: Subject) -> Iterator[tuple[Attribute, tuple[str, ...]]]:
    """Each attribute of a bundle that has a value for that agent, with its values."""
    for one in bundle:
        if values := subject.values(one.source):
            yield one, values


def _attribute(one: Attribute, values: tuple[str, ...]) -> str:
    told = [f"<saml:AttributeValue>{text(value, one.name)}</saml:AttributeValue>" for value in values]
    return f"{one.start}{''.join(told)}</saml:Attribute>"


def _confirmation(letter: Letter, until: str, holder: x509.Certificate | None) -> str:
    """For that recipient and that request only, and without NotBefore (profiles 4.1.4.2)."""
    method, declaration, type, key = names.BEARER, "", "", ""
    if holder is not None:  # holder-of-key assertion profile 1.0, section 2.3; its schema needs the type
        method, declaration = names.HOLDER_OF_KEY, f' xmlns:xsi="{XSI}"'
        type = ' xsi:type="saml:KeyInfoConfirmationDataType"'
        key = key_info(base64.b64encode(holder.public_bytes(serialization.Encoding.DER)).decode(), f' xmlns:ds="{DS}"')
    told = {"InResponseTo": letter.in_response_to, "NotOnOrAfter": until, "Recipient": letter.recipient}
    return (
        f'<saml:SubjectConfirmation Method="{method}"><saml:SubjectConfirmationData{declaration}{attributes(told)}{type}>'
        f"{key}</saml:SubjectConfirmationData></saml:SubjectConfirmation>"
    )


def response(letter: Letter, id: str, status: str, carried: str = "") -> str:
    """A Response with that Status and, if any, that assertion (3.2.2)."""
    return messages.message(
        "Response",
        status,
        carried,
        id=id,
        moment=letter.moment,
        issuer=letter.issuer,
        Destination=letter.recipient,
        InResponseTo=letter.in_response_to,
    )

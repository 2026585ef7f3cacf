"""What we issue: NameIDs, assertions and the Responses around them (core sections 2 and 3.2.2, profiles 4.1.4.2)."""

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from lxml import etree

from connector.domain.sign_on import Granted
from connector.edges.saml import names, xml
from connector.edges.saml.attributes import Subject
from connector.edges.saml.bundles import Attribute
from connector.edges.saml.names import DS, SAML, SAMLP, XSI
from connector.edges.saml.xml import Element

LIFE = timedelta(minutes=5)


@dataclass(frozen=True)
class Letter:
    """From whom, to whom, to which address, in answer to what (None: to nothing), when."""

    issuer: str
    audience: str
    recipient: str
    in_response_to: str | None
    moment: datetime


def name_id(format: str, value: str, *, issuer: str, audience: str) -> Element:
    """A NameID (core 2.2.3), qualified by both parties (8.3.7, 8.3.8), so that no two of them can be mixed up."""
    element = etree.Element(xml.name(SAML, "NameID"), nsmap={"saml": SAML})
    for key, text in (("Format", format), ("NameQualifier", issuer), ("SPNameQualifier", audience)):
        element.set(key, text)
    element.text = value
    return element


def assertion(
    letter: Letter,
    id: str,
    subject: Element,
    granted: Granted,
    *,
    context: str,
    released: Iterable[tuple[Attribute, tuple[str, ...]]],
    holder: x509.Certificate | None = None,
    condition: Element | None = None,
) -> Element:
    """An assertion for one audience, good for five minutes, with one AuthnStatement and the attributes, if any.

    `holder`: only who shows that certificate may use it; else whoever bears it. `condition` is one more that must be met.
    """
    root = etree.Element(xml.name(SAML, "Assertion"), nsmap={"saml": SAML})
    for key, value in (("ID", id), ("Version", "2.0"), ("IssueInstant", xml.instant(letter.moment))):
        root.set(key, value)
    xml.add(root, SAML, "Issuer", letter.issuer)
    until = xml.instant(letter.moment + LIFE)
    _subject(root, letter, subject, until, holder)
    conditions = xml.add(root, SAML, "Conditions", NotBefore=xml.instant(letter.moment), NotOnOrAfter=until)
    xml.add(xml.add(conditions, SAML, "AudienceRestriction"), SAML, "Audience", letter.audience)
    if condition is not None:
        conditions.append(condition)
    statement = xml.add(
        root,
        SAML,
        "AuthnStatement",
        AuthnInstant=xml.instant(letter.moment),
        SessionIndex=granted.session_index,
        SessionNotOnOrAfter=xml.instant(granted.session_until),
    )
    xml.add(xml.add(statement, SAML, "AuthnContext"), SAML, "AuthnContextClassRef", context)
    told = [_attribute(one, values) for one, values in released]
    if told:  # the schema wants no empty statement
        xml.add(root, SAML, "AttributeStatement").extend(told)
    return root


def released(bundle: Sequence[Attribute], subject: Subject) -> Iterator[tuple[Attribute, tuple[str, ...]]]:
    """Each attribute of a bundle that has a value for that agent, with its values."""
    for one in bundle:
        if values := subject.values(one.source):
            yield one, values


def _attribute(attribute: Attribute, values: tuple[str, ...]) -> Element:
    element = etree.Element(xml.name(SAML, "Attribute"), nsmap={"saml": SAML})
    element.set("Name", attribute.name)
    element.set("NameFormat", attribute.name_format)
    if attribute.friendly:
        element.set("FriendlyName", attribute.friendly)
    for value in values:
        xml.add(element, SAML, "AttributeValue", value)
    return element


def _subject(root: Element, letter: Letter, name_id: Element, until: str, holder: x509.Certificate | None) -> None:
    """A confirmation for that recipient and that request only, and without NotBefore (profiles 4.1.4.2)."""
    subject = xml.add(root, SAML, "Subject")
    subject.append(name_id)
    method = names.BEARER if holder is None else names.HOLDER_OF_KEY
    confirmation = xml.add(subject, SAML, "SubjectConfirmation", Method=method)
    data = xml.add(
        confirmation,
        SAML,
        "SubjectConfirmationData",
        InResponseTo=letter.in_response_to,
        NotOnOrAfter=until,
        Recipient=letter.recipient,
    )
    if holder is not None:  # holder-of-key assertion profile 1.0, section 2.3; its schema needs the type
        data.set(xml.name(XSI, "type"), "saml:KeyInfoConfirmationDataType")
        key = xml.add(xml.add(data, DS, "KeyInfo"), DS, "X509Data")
        der = holder.public_bytes(serialization.Encoding.DER)
        xml.add(key, DS, "X509Certificate", base64.b64encode(der).decode())


def response(letter: Letter, id: str, status: tuple[str, ...], message: str | None = None) -> Element:
    """A Response without an assertion yet. `status` is the top-level code and the one below it, if any (3.2.2.2)."""
    root = etree.Element(xml.name(SAMLP, "Response"), nsmap={"samlp": SAMLP, "saml": SAML})
    for key, value in (
        ("ID", id),
        ("Version", "2.0"),
        ("IssueInstant", xml.instant(letter.moment)),
        ("Destination", letter.recipient),
    ):
        root.set(key, value)
    if letter.in_response_to is not None:
        root.set("InResponseTo", letter.in_response_to)
    xml.add(root, SAML, "Issuer", letter.issuer)
    place = outer = xml.add(root, SAMLP, "Status")
    for code in status:
        place = xml.add(place, SAMLP, "StatusCode", Value=code)
    if message:
        xml.add(outer, SAMLP, "StatusMessage", message)
    return root

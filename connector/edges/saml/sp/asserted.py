"""What an Assertion says that was verified (core section 2.3.3): its checks in order, and its content."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connector.core.errors import Invalid
from connector.domain.vouched import Code
from connector.edges.saml import names, xml
from connector.edges.saml.names import SAML
from connector.edges.saml.sp.refusal import NotAccepted, refusing
from connector.edges.saml.xml import Element

SKEW = timedelta(minutes=3)  # of an IdP's clock that is ahead; what has ended has ended
_KNOWN_CONDITIONS = tuple(xml.name(SAML, one) for one in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction"))


@dataclass(frozen=True)
class Bounds:
    """Who must have issued it, where it must be for, and when."""

    issuer: str
    acs: str
    audience: str
    now: datetime


@dataclass(frozen=True)
class Asserted:
    """The content. `name_id` is XML, `subject` its text; `request` is the id of the request that it answers, if any."""

    id: str
    name_id: str
    subject: str
    format: str | None
    request: str | None
    good_until: datetime
    session_index: str | None
    session_until: datetime | None
    authenticated: datetime
    context: str | None
    attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)


def read(assertion: Element, bounds: Bounds) -> Asserted:
    """NotAccepted says which check did not pass."""
    with refusing(Code.MALFORMED):
        if assertion.get("Version") != "2.0" or not assertion.get("ID"):
            raise Invalid("the Assertion must have an ID, and Version 2.0")
        if xml.text_of(_needed(assertion, "Issuer")) != bounds.issuer:
            raise NotAccepted(Code.SIGNATURE, "the Assertion's Issuer is another one")
        subject = _needed(assertion, "Subject")
        name_id = _needed(subject, "NameID")
        text = xml.text_of(name_id)
        if not text:
            raise Invalid("the NameID is empty")
        ends = _conditions(_needed(assertion, "Conditions"), bounds)
        request, confirmed_until = _confirmed(subject, bounds)
        statement = _needed(assertion, "AuthnStatement")
        authenticated = xml.needed_moment(statement, "AuthnInstant")
        if authenticated > bounds.now + SKEW:
            raise NotAccepted(Code.TIME, "AuthnInstant is in the future")
        return Asserted(
            id=str(assertion.get("ID")),
            name_id=xml.canonical(name_id).decode(),
            subject=text,
            format=name_id.get("Format"),
            request=request,
            good_until=min(filter(None, (ends, confirmed_until))),
            session_index=statement.get("SessionIndex"),
            session_until=_session_until(statement, bounds),
            authenticated=authenticated,
            context=_context(statement),
            attributes=_attributes(assertion),
        )


def _conditions(conditions: Element, bounds: Bounds) -> datetime | None:
    """When they end. Conditions that are not known make an assertion worthless (core section 2.5.1)."""
    strangers = [one for one in conditions if one.tag not in _KNOWN_CONDITIONS]
    if strangers:
        raise Invalid(f"the condition {xml.local_name(strangers[0])} is not known here")
    begins, ends = (xml.moment(conditions, name) for name in ("NotBefore", "NotOnOrAfter"))
    if begins is not None and begins > bounds.now + SKEW:
        raise NotAccepted(Code.TIME, f"the assertion is not good before {xml.instant(begins)}")
    if ends is not None and ends <= bounds.now:
        raise NotAccepted(Code.TIME, f"the assertion ended at {xml.instant(ends)}")
    restrictions = conditions.findall(xml.name(SAML, "AudienceRestriction"))
    for one in restrictions:  # each must be met (core section 2.5.1.4)
        if bounds.audience not in [xml.text_of(audience) for audience in one.findall(xml.name(SAML, "Audience"))]:
            raise NotAccepted(Code.NOT_FOR_US, f"the assertion's Audience is not {bounds.audience}")
    if not restrictions:
        raise NotAccepted(Code.NOT_FOR_US, "the assertion has no AudienceRestriction")
    return ends


def _confirmed(subject: Element, bounds: Bounds) -> tuple[str | None, datetime]:
    """The request that it answers, and until when it may be brought (profiles section 4.1.4.2). One confirmation must fit."""
    problem = NotAccepted(Code.NOT_FOR_US, "the assertion has no SubjectConfirmation for bearers")
    for confirmation in subject.findall(xml.name(SAML, "SubjectConfirmation")):
        data = xml.only(confirmation, SAML, "SubjectConfirmationData")
        if confirmation.get("Method") != names.BEARER or data is None:
            continue
        ends = xml.moment(data, "NotOnOrAfter")
        if data.get("Recipient") != bounds.acs:
            problem = NotAccepted(Code.NOT_FOR_US, f"Recipient is not {bounds.acs}")
        elif data.get("NotBefore") is not None or ends is None:
            problem = NotAccepted(Code.MALFORMED, "SubjectConfirmationData must have NotOnOrAfter and no NotBefore")
        elif ends <= bounds.now:
            problem = NotAccepted(Code.TIME, f"the assertion could be brought until {xml.instant(ends)}")
        else:
            return data.get("InResponseTo"), ends
    raise problem


def _session_until(statement: Element, bounds: Bounds) -> datetime | None:
    until = xml.moment(statement, "SessionNotOnOrAfter")
    if until is not None and until <= bounds.now:
        raise NotAccepted(Code.TIME, "the session at the IdP has ended")
    return until


def _context(statement: Element) -> str | None:
    context = _needed(statement, "AuthnContext")
    found = xml.only(context, SAML, "AuthnContextClassRef")
    return xml.text_of(found) if found is not None else None


def _attributes(assertion: Element) -> dict[str, tuple[str, ...]]:
    """Texts by name. Values that are structures are left out: nothing here is found by them."""
    found: dict[str, tuple[str, ...]] = {}
    for statement in assertion.findall(xml.name(SAML, "AttributeStatement")):
        if any(one.tag != xml.name(SAML, "Attribute") for one in statement):
            raise Invalid("the assertion has attributes that are encrypted")
        for attribute in statement:
            values = [one for one in attribute.findall(xml.name(SAML, "AttributeValue")) if not len(one)]
            name = attribute.get("Name", "")
            found[name] = (*found.get(name, ()), *filter(None, map(xml.text_of, values)))
    return found


def _needed(parent: Element, local: str) -> Element:
    found = xml.only(parent, SAML, local)
    if found is None:
        raise Invalid(f"{xml.local_name(parent)} has no {local}")
    return found

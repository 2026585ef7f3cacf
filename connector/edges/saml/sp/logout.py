"""Single Logout both ways (profiles section 4.4): we ask the IdP to end its session, and it asks us to end ours."""

from dataclasses import dataclass

from connector.core.clock import to_text
from connector.domain import person_sessions, sign_in
from connector.domain.person_sessions import Ended
from connector.domain.sign_in import Browser, Purpose
from connector.domain.unit import SYSTEM
from connector.domain.vouched import Code, Refused
from connector.domain.workforce import WorkforceIdp
from connector.edges.saml import messages, names, redirect, signature, xml
from connector.edges.saml.names import SAML, SAMLP
from connector.edges.saml.redirect import Detached
from connector.edges.saml.request import SKEW, issuer_of
from connector.edges.saml.service_provider import Endpoint
from connector.edges.saml.sp.identity_provider import IdentityProvider
from connector.edges.saml.sp.provider import Sp, described, trusted
from connector.edges.saml.sp.refusal import NotAccepted, refusing
from connector.edges.saml.sp.sign_in import Departure
from connector.edges.saml.xml import Element


@dataclass(frozen=True)
class Arrived:
    """A message of an IdP. `detached` is its signature by Redirect; else it has one of its own."""

    element: Element
    detached: Detached | None = None
    relay_state: str | None = None


@dataclass(frozen=True)
class Answer:
    """Our LogoutResponse: where it goes, and how."""

    message: str
    endpoint: Endpoint | None
    relay_state: str | None


def request(sp: Sp, idp: WorkforceIdp, ended: Ended, *, cookie: str | None) -> Departure | None:
    """A signed LogoutRequest for the session that we have ended; None where the IdP takes none by Redirect, or is off."""
    try:
        there = described(idp)
    except NotAccepted:
        return None
    endpoint = there.logout(names.BINDING_REDIRECT)
    if endpoint is None:
        return None
    id = sp.new_id()
    with sp.domain.change(SYSTEM) as unit:
        started = sign_in.start(unit, idp, id, Purpose("/signin"), cookie=cookie)
        message = messages.logout_request(
            id=id,
            moment=unit.tx.moment,
            issuer=sp.entity_id,
            destination=endpoint.location,
            name_id=ended.name_id,
            indexes=[ended.session_index] if ended.session_index else [],
            reason=names.LOGOUT_USER,
        )
    place = redirect.address(endpoint.location, "SAMLRequest", message.encode(), started.relay_state, sp.signer)
    return Departure(place, started.cookie)


def confirmed(sp: Sp, arrived: Arrived, browser: Browser) -> bool:
    """Whether the LogoutResponse says that the IdP's session has ended. NotAccepted where it is not the answer to us."""
    with refusing(Code.MALFORMED):
        idp = trusted(sp, issuer_of(arrived.element, "LogoutResponse"))
        element = _authenticated(sp, described(idp), arrived, "LogoutResponse")
        status = xml.only(element, SAMLP, "Status")
        code = xml.only(status, SAMLP, "StatusCode") if status is not None else None
    with sp.domain.change(SYSTEM) as unit:
        outcome = sign_in.finish(unit, idp, element.get("InResponseTo", ""), browser)
    if isinstance(outcome, Refused):
        raise NotAccepted(outcome.code, outcome.reason)
    return code is not None and code.get("Value") == names.SUCCESS


def asked(sp: Sp, arrived: Arrived) -> Answer:
    """End the sessions that a LogoutRequest names, and answer. NotAccepted where it is not provably the IdP's own.

    Success also where there was none any more: that is what was asked for.
    """
    with refusing(Code.MALFORMED):
        idp = trusted(sp, issuer_of(arrived.element, "LogoutRequest"))
        there = described(idp)
        element = _authenticated(sp, there, arrived, "LogoutRequest")
        name_id = xml.only(element, SAML, "NameID")
        if name_id is None:
            raise NotAccepted(Code.MALFORMED, "the LogoutRequest names no NameID, or an encrypted one")
        indexes = [xml.text_of(one) for one in element.findall(xml.name(SAMLP, "SessionIndex"))]
        until, now = xml.moment(element, "NotOnOrAfter"), sp.domain.database.clock()
        if until is not None and until + SKEW <= now:
            raise NotAccepted(Code.TIME, "the LogoutRequest has expired")
    with sp.domain.change(SYSTEM) as unit:
        once = f"{idp.entity_id} {element.get('ID')}"
        if sign_in.used_before(unit, "saml-logout", once, to_text(now + 2 * SKEW)):
            raise NotAccepted(Code.REPLAYED, "the LogoutRequest was used before")
        person_sessions.end_of_subject(unit, idp.name, xml.text_of(name_id), indexes)
    endpoint = there.logout(names.BINDING_REDIRECT) or there.logout(names.BINDING_POST)
    message = messages.logout_response(
        id=sp.new_id(),
        moment=now,
        issuer=sp.entity_id,
        request_id=element.get("ID", ""),
        status=messages.status(names.SUCCESS),
        destination=(endpoint.response or endpoint.location) if endpoint else None,
    )
    return Answer(message, endpoint, arrived.relay_state)


def _authenticated(sp: Sp, there: IdentityProvider, arrived: Arrived, kind: str) -> Element:
    """The message as the IdP signed it: for us, just now. Unsigned ones end nobody's session."""
    element, now = arrived.element, sp.domain.database.clock()
    if there.valid_until is not None and there.valid_until <= now:
        raise NotAccepted(Code.IDP_EXPIRED, f"the IdP's metadata ended at {xml.instant(there.valid_until)}")
    with refusing(Code.SIGNATURE):
        if arrived.detached is not None:
            if signature.present(element):
                raise NotAccepted(Code.SIGNATURE, "a message by Redirect must not hold a signature as well")
            signature.check_octets(
                arrived.detached.algorithm, there.keys, arrived.detached.octets, arrived.detached.value
            )
        elif signature.present(element):
            element = signature.verified(element, there.keys)
        else:
            raise NotAccepted(Code.SIGNATURE, f"the {kind} is not signed")
    if issuer_of(element, kind) != there.entity_id or element.get("Version") != "2.0" or not element.get("ID"):
        raise NotAccepted(Code.MALFORMED, f"the {kind} must have an ID, Version 2.0, and the signer as Issuer")
    if element.get("Destination") not in (None, sp.slo, sp.slo + "/soap"):
        raise NotAccepted(Code.NOT_FOR_US, f"Destination is not {sp.slo}")
    if abs(now - xml.needed_moment(element, "IssueInstant")) > SKEW:
        raise NotAccepted(Code.TIME, "IssueInstant is more than five minutes away from our clock")
    return element

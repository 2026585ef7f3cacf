"""A person signs in to us: what their workforce IdP said, verified by the edge, becomes a session or a refusal.

Knows no SAML and no cookies. A refusal is a value, so that its event commits with whatever was used up.

An IdP that knows somebody already signs them in silently, and some then name that moment as the one of the proof. So when
somebody has proved themselves is known only where our request had forced them to.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connector.core.clock import from_text, to_text
from connector.core.secret import fingerprint, new_secret
from connector.domain import idp_settings, recognition, workforce
from connector.domain.events import Action
from connector.domain.unit import SYSTEM, Caller, Unit
from connector.domain.vouched import Code, Refused, Vouched
from connector.domain.workforce import WorkforceIdp
from connector.storage import credentials, sign_ins
from connector.storage.resources import Record
from connector.storage.sign_ins import Request, Session

REQUEST_LIFE = timedelta(minutes=15)  # as long as somebody may take to find their second factor
UNMET = "unmet=1"  # in the query of a page that wanted a sign-in by other means, which the IdP did not do
_MAX_QUOTED = 300


@dataclass(frozen=True)
class Purpose:
    """What somebody signs in for: the page of ours to go on to, whether they must prove themselves though the IdP knows them, and
    the context classes that an agent would like them to do it by.
    """

    next: str
    forced: bool = False
    contexts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Browser:
    """What the browser brought: its cookie from the start of the sign-in, and the RelayState."""

    cookie: str | None
    relay_state: str | None


@dataclass(frozen=True)
class Started:
    """`cookie` is for the browser to keep, `relay_state` for it to carry; no secret of ours is in either."""

    cookie: str
    relay_state: str


@dataclass(frozen=True)
class Unmet:
    """Nobody was signed in: the IdP knows no such way as an agent would like. `next` is the page that tells the agent."""

    next: str


@dataclass(frozen=True)
class Begun:
    """The person is signed in: the secret of the session's cookie, until when it can last, and where to go on."""

    token: str
    expires: datetime
    next: str


def start(unit: Unit, idp: WorkforceIdp, id: str, purpose: Purpose, *, cookie: str | None) -> Started:
    """Remember a message with that SAML ID, which this browser carries to the IdP. A cookie that is there is used again."""
    cookie = cookie if cookie and len(cookie) < 200 else new_secret("acl")
    relay_state = secrets.token_urlsafe(24)
    request = Request(
        id=id,
        idp=idp.name,
        browser=fingerprint(cookie),
        relay_state=fingerprint(relay_state),
        next=purpose.next,
        forced=purpose.forced,
        contexts=" ".join(purpose.contexts),
        expires=to_text(unit.tx.moment + REQUEST_LIFE),
    )
    sign_ins.add_request(unit.tx, request)
    return Started(cookie, relay_state)


def finish(unit: Unit, idp: WorkforceIdp, id: str, browser: Browser) -> Request | Refused:
    """The message that is answered; it is used up."""
    request = sign_ins.take_request(unit.tx, id)
    if request is None or request.expires <= unit.tx.now or request.idp != idp.name:
        return Refused(Code.REPLAYED, "it answers no request of ours that is open")
    if request.browser != fingerprint(browser.cookie or ""):
        return Refused(Code.OTHER_BROWSER, "the browser is not the one that began to sign in")
    if request.relay_state != fingerprint(browser.relay_state or ""):
        return Refused(Code.OTHER_BROWSER, "RelayState is not the one that belongs to the request")
    return request


def sign_in(unit: Unit, vouched: Vouched, browser: Browser, *, life: timedelta) -> Begun | Refused:
    """Decide, and open the session, in this one transaction."""
    outcome = _decide(unit, vouched, browser)
    if isinstance(outcome, Refused):
        refuse(unit, vouched.idp, outcome)
        return outcome
    person, request = outcome
    settings = workforce.settings(vouched.idp)
    roles = idp_settings.given(settings.roles, vouched.attributes.get(settings.groups_attribute, ()))
    token, expires = new_secret("acp"), unit.tx.moment + life
    if vouched.session_until is not None:
        expires = min(expires, vouched.session_until)
    session = Session(
        id=unit.tx.new_id("psn"),
        token_hash=fingerprint(token),
        person_id=person.id,
        idp=vouched.idp.name,
        name_id=vouched.name_id,
        subject=vouched.subject,
        session_index=vouched.session_index,
        roles=" ".join(sorted(roles)),
        context=vouched.context,
        proven=to_text(min(vouched.authenticated, unit.tx.moment)) if request and request.forced else None,
        begun=unit.tx.now,
        seen=unit.tx.now,
        expires=to_text(expires),
    )
    sign_ins.add_session(unit.tx, session)
    replace(unit, by=Caller("person", person.id, person.name)).record(
        Action.SIGN_IN_GRANTED,
        "person",
        person.id,
        session=session.id,
        idp=vouched.idp.name,
        identifier=vouched.assertion_id,
        roles=sorted(roles) or None,
        context=vouched.context,
        forced=True if session.proven else None,
        unsolicited=True if request is None else None,
    )
    return Begun(token, from_text(session.expires), _onward(request, vouched.context))


def no_such_context(
    unit: Unit, idp: WorkforceIdp, id: str | None, browser: Browser, refused: Refused, *, record: bool
) -> Unmet | Refused:
    """The IdP cannot sign people in as the message of that id asks. Whoever only wished for it is told by the page that they come to."""
    if record:
        refuse(unit, idp, refused)
    request = finish(unit, idp, id, browser) if id is not None else refused
    if isinstance(request, Refused) or not request.contexts:
        return refused
    return Unmet(_onward(request, None))


def used_before(unit: Unit, kind: str, identifier: str, until: str) -> bool:
    """Remember something that may be used once; True where it was used."""
    return credentials.seen_before(unit.tx, kind, identifier, until)


def refuse(unit: Unit, idp: WorkforceIdp, refused: Refused) -> None:
    """Record that an answer of this IdP, or one that claims to be, signed nobody in."""
    action = Action.SIGN_IN_DISPUTED if refused.code is Code.DISPUTED else Action.SIGN_IN_REFUSED
    by = replace(unit, by=SYSTEM)
    by.record(action, "idp", idp.name, code=refused.code.value, reason=refused.reason[:_MAX_QUOTED])


def _onward(request: Request | None, context: str | None) -> str:
    """The page to go on to; it is told where an agent had wished for something else than that context."""
    if request is None:
        return "/"
    wished = request.contexts.split()
    if not wished or context in wished or UNMET in request.next:
        return request.next
    return f"{request.next}{'&' if '?' in request.next else '?'}{UNMET}"


def _decide(unit: Unit, vouched: Vouched, browser: Browser) -> tuple[Record, Request | None] | Refused:
    settings, request = workforce.settings(vouched.idp), None
    if vouched.request is not None:
        found = finish(unit, vouched.idp, vouched.request, browser)
        if isinstance(found, Refused):
            return found
        request = found
    elif not settings.unsolicited:
        return Refused(Code.UNSOLICITED, "it answers no request, and this IdP may not sign people in unasked")
    if settings.contexts and vouched.context not in settings.contexts:
        return Refused(
            Code.CONTEXT, f"the context is {vouched.context}, which is none of those that were chosen for the IdP"
        )
    until = to_text(vouched.good_until)
    if used_before(unit, "saml-assertion", f"{vouched.idp.entity_id} {vouched.assertion_id}", until):
        return Refused(Code.REPLAYED, "the assertion was used before")
    person = recognition.person(unit, vouched)
    if isinstance(person, Refused):
        return person
    if not person.active:
        return Refused(Code.DEACTIVATED, f"the person {person.name!r} is switched off")
    return person, request

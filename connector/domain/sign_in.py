"""A person signs in to us: what their workforce IdP said, verified by the edge, becomes a session or a refusal.

Knows no SAML and no cookies. A refusal is a value, so that its event commits with whatever was used up.
"""

import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from connector.core.clock import from_text, to_text
from connector.core.errors import Conflict, Invalid
from connector.core.query import comparison_key
from connector.core.secret import fingerprint, new_secret
from connector.domain import idp_settings, people, workforce
from connector.domain.events import Action
from connector.domain.idp_settings import NAME_ID, IdpSettings
from connector.domain.unit import SYSTEM, Caller, Unit
from connector.domain.workforce import WorkforceIdp
from connector.storage import credentials, resources, searchable, sign_ins, tombstones
from connector.storage.resources import Record
from connector.storage.sign_ins import Request, Session

REQUEST_LIFE = timedelta(minutes=15)  # as long as somebody may take to find their second factor
_MAX_QUOTED = 300
_MAIL = (
    "email",
    "mail",
    "urn:oid:0.9.2342.19200300.100.1.3",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
)
_DISPLAY_NAME = (
    "displayName",
    "urn:oid:2.16.840.1.113730.3.1.241",
    "http://schemas.microsoft.com/identity/claims/displayname",
    "cn",
    "urn:oid:2.5.4.3",
)


class Code(StrEnum):
    """Why there is no sign-in, as the page and the event say it; docs/people.md tells what to do about each."""

    MALFORMED = "malformed"
    UNKNOWN_IDP = "unknown-idp"
    IDP_DISABLED = "idp-disabled"
    IDP_EXPIRED = "idp-metadata-expired"
    IDP_REFUSED = "idp-refused"
    SIGNATURE = "signature"
    DECRYPTION = "decryption"
    NOT_FOR_US = "not-for-us"
    TIME = "time"
    UNSOLICITED = "unsolicited"
    OTHER_BROWSER = "other-browser"
    REPLAYED = "replayed"
    DISPUTED = "disputed"
    NOT_KNOWN = "not-known"
    AMBIGUOUS = "ambiguous"
    DEACTIVATED = "deactivated"
    DELETED = "deleted"


@dataclass(frozen=True)
class Refused:
    """`reason` is for the event and the log; a page shows what its code means, nothing more."""

    code: Code
    reason: str


@dataclass(frozen=True)
class Vouched:
    """What the IdP said of somebody, verified. `name_id` is XML, `subject` its text; `request` is what it answers, if anything."""

    idp: WorkforceIdp
    assertion_id: str
    good_until: datetime
    name_id: str
    subject: str
    session_index: str | None
    session_until: datetime | None
    authenticated: datetime
    context: str | None
    attributes: Mapping[str, tuple[str, ...]]
    request: str | None


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
class Begun:
    """The person is signed in: the secret of the session's cookie, until when it can last, and where to go on."""

    token: str
    expires: datetime
    next: str


def start(unit: Unit, idp: WorkforceIdp, id: str, *, next: str, cookie: str | None) -> Started:
    """Remember a message with that SAML ID, which this browser carries to the IdP. A cookie that is there is used again."""
    cookie = cookie if cookie and len(cookie) < 200 else new_secret("acl")
    relay_state = secrets.token_urlsafe(24)
    expires = to_text(unit.tx.moment + REQUEST_LIFE)
    sign_ins.add_request(unit.tx, Request(id, idp.name, fingerprint(cookie), fingerprint(relay_state), next, expires))
    return Started(cookie, relay_state)


def finish(unit: Unit, idp: WorkforceIdp, id: str, browser: Browser) -> str | Refused:
    """The page to go on to after the answer to that message; the message is used up."""
    request = sign_ins.take_request(unit.tx, id)
    if request is None or request.expires <= unit.tx.now or request.idp != idp.name:
        return Refused(Code.REPLAYED, "it answers no request of ours that is open")
    if request.browser != fingerprint(browser.cookie or ""):
        return Refused(Code.OTHER_BROWSER, "the browser is not the one that began to sign in")
    if request.relay_state != fingerprint(browser.relay_state or ""):
        return Refused(Code.OTHER_BROWSER, "RelayState is not the one that belongs to the request")
    return request.next


def sign_in(unit: Unit, vouched: Vouched, browser: Browser, *, life: timedelta) -> Begun | Refused:
    """Decide, and open the session, in this one transaction."""
    outcome = _decide(unit, vouched, browser)
    if isinstance(outcome, Refused):
        refuse(unit, vouched.idp, outcome)
        return outcome
    person, next = outcome
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
        authenticated=to_text(vouched.authenticated),
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
        unsolicited=True if vouched.request is None else None,
    )
    return Begun(token, from_text(session.expires), next)


def used_before(unit: Unit, kind: str, identifier: str, until: str) -> bool:
    """Remember something that may be used once; True where it was used."""
    return credentials.seen_before(unit.tx, kind, identifier, until)


def refuse(unit: Unit, idp: WorkforceIdp, refused: Refused) -> None:
    """Record that an answer of this IdP, or one that claims to be, signed nobody in."""
    action = Action.SIGN_IN_DISPUTED if refused.code is Code.DISPUTED else Action.SIGN_IN_REFUSED
    by = replace(unit, by=SYSTEM)
    by.record(action, "idp", idp.name, code=refused.code.value, reason=refused.reason[:_MAX_QUOTED])


def _decide(unit: Unit, vouched: Vouched, browser: Browser) -> tuple[Record, str] | Refused:
    next = "/"
    if vouched.request is not None:
        found = finish(unit, vouched.idp, vouched.request, browser)
        if isinstance(found, Refused):
            return found
        next = found
    elif not workforce.settings(vouched.idp).unsolicited:
        return Refused(Code.UNSOLICITED, "it answers no request, and this IdP may not sign people in unasked")
    until = to_text(vouched.good_until)
    if used_before(unit, "saml-assertion", f"{vouched.idp.entity_id} {vouched.assertion_id}", until):
        return Refused(Code.REPLAYED, "the assertion was used before")
    person = _person(unit, vouched)
    if isinstance(person, Refused):
        return person
    if not person.active:
        return Refused(Code.DEACTIVATED, f"the person {person.name!r} is switched off")
    return person, next


def _person(unit: Unit, vouched: Vouched) -> Record | Refused:
    settings = workforce.settings(vouched.idp)
    values = (vouched.subject,) if settings.source == NAME_ID else vouched.attributes.get(settings.source, ())
    if len(values) != 1 or not values[0]:
        return Refused(Code.NOT_KNOWN, f"{settings.source} has {len(values)} values; it must have one")
    [value] = values
    if unicodedata.normalize("NFKC", value) != value or any(unicodedata.category(sign)[0] == "C" for sign in value):
        return Refused(
            Code.NOT_KNOWN, f"{settings.source} has characters that only look like others, or cannot be seen"
        )
    if settings.suffixes and not comparison_key(value).endswith(tuple(map(comparison_key, settings.suffixes))):
        return Refused(Code.NOT_KNOWN, f"this IdP does not speak for {value!r}: it ends with none of its suffixes")
    found = _matching(unit, settings.match, value)
    if len(found) > 1:
        return Refused(Code.AMBIGUOUS, f"several people have the {settings.match} {value!r}")
    if found:
        # the lock makes switching the person off wait for us: it then sees, and ends, the session that we open
        person = resources.by_id(unit.tx, "person", found[0], lock=True)
        return person or Refused(Code.NOT_KNOWN, f"the person with the {settings.match} {value!r} has just gone")
    return _new_person(unit, vouched, settings, value)


def _matching(unit: Unit, match: str, value: str) -> list[str]:
    if match == "email":
        holders = searchable.holders(unit.tx, "emails.value", comparison_key(value))
        known = resources.by_ids(unit.tx, holders)
        return [id for id in dict.fromkeys(holders) if known[id].kind == "person"]
    if match == "externalId":
        return resources.with_external_id(unit.tx, "person", value)
    named = resources.by_name(unit.tx, "person", value)
    return [named.id] if named else []


def _new_person(unit: Unit, vouched: Vouched, settings: IdpSettings, value: str) -> Record | Refused:
    """Whoever was deleted stays so: neither their name nor their address makes somebody new of them."""
    mail = value if settings.match == "email" else _first(vouched, _MAIL)
    gone = tombstones.known_by(unit.tx, "person", [value, vouched.subject, *([mail] if mail else [])])
    if gone:
        return Refused(Code.DELETED, f"{value!r} was deleted here: {', '.join(gone)}")
    if not settings.create_people:
        return Refused(Code.NOT_KNOWN, f"no person has the {settings.match} {value!r}")
    document: dict[str, Any] = {"userName": value, "displayName": _first(vouched, _DISPLAY_NAME) or value}
    if mail:
        document["emails"] = [{"value": mail, "type": "work", "primary": True}]
    by = Caller("idp", f"idp:{vouched.idp.name}", vouched.idp.name)
    try:
        with unit.tx.savepoint():
            return people.add(replace(unit, by=by), document, None)
    except (Conflict, Invalid) as problem:
        return Refused(Code.NOT_KNOWN, f"no person could be made of {value!r}: {problem.detail}")


def _first(vouched: Vouched, names: tuple[str, ...]) -> str | None:
    return next((vouched.attributes[name][0] for name in names if vouched.attributes.get(name)), None)

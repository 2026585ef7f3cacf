"""Direct issue: an agent asks by JSON, or by token exchange, for an assertion for one application, and brings it there itself."""

import base64
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson

from connector.core.clock import to_text
from connector.core.errors import ConnectorError, Denied, Invalid, TooManyRequests, Unavailable
from connector.domain.exchange import Subject
from connector.domain.sign_on import Behalf
from connector.domain.unit import Unit
from connector.edges.saml import sso
from connector.edges.saml.assertion import LIFE
from connector.edges.saml.errors import Declined
from connector.edges.saml.idp import IdentityProvider, application_in
from connector.edges.saml.issue import Asserted, Order, agents_only, carried, decided, enclosed, refused, signed
from connector.edges.saml.unsolicited import allowed, consumer, current
from connector.edges.saml.visitor import Visitor

WAY, EXCHANGE = "direct", "exchange"

_TEXTS = ("audience", "recipient", "form", "onBehalfOf", "relayState")
_FORMS = ("assertion", "response")


@dataclass(frozen=True)
class _Asked:
    audience: str
    recipient: str | None
    form: str
    on_behalf_of: str | None
    relay_state: str | None
    bound: bool


def answer(idp: IdentityProvider, visitor: Visitor, content: bytes) -> bytes:
    """The JSON for a JSON request. Every refusal leaves an event; none is told to the application, which asked for nothing."""
    caller = visitor.caller
    agents_only(caller)
    asked = _read(content)
    if asked.on_behalf_of is not None:
        if visitor.subject is not None:
            raise Invalid("the access token says already for whom the agent acts", field="onBehalfOf")
        visitor = replace(visitor, subject=Subject(asked.on_behalf_of))
    try:
        with idp.domain.change(caller) as unit:
            order = _order(idp, unit, asked, visitor)
            outcome = decided(idp, unit, caller, order)
        made = signed(idp, order, outcome)
    except ConnectorError as problem:
        if not (isinstance(problem, Declined) and problem.recorded):
            refused(idp, caller, asked.audience, WAY, problem.detail)
        raise
    return orjson.dumps({**_told(made), **_content(idp, order, made, asked)})


def _order(idp: IdentityProvider, unit: Unit, asked: _Asked, visitor: Visitor) -> Order:
    app = application_in(unit, asked.audience, field="audience")
    current(idp, app.provider)
    place = consumer(app, asked.recipient, field="recipient")
    allowed(asked.relay_state, app.settings.relay, field="relayState")
    return Order(
        app,
        place,
        WAY,
        visitor.context,
        holder=visitor.certificate,
        behalf=visitor.behalf(unit, asked.audience),
        bound=asked.bound,
        alone=asked.form == "assertion",
    )


def exchanged(
    idp: IdentityProvider,
    unit: Unit,
    visitor: Visitor,
    *,
    audience: str,
    recipient: str | None,
    behalf: Behalf | None,
) -> tuple[str, datetime]:
    """The assertion of a token exchange (RFC 8693 section 3), in base64url, and its end; in a unit of work that is open.

    Denied, naming `resource`, where there is none for that audience and recipient.
    """
    agents_only(visitor.caller)
    try:
        app = application_in(unit, audience, field="audience")
        current(idp, app.provider)
        place = consumer(app, recipient, field="resource")
        order = Order(app, place, EXCHANGE, visitor.context, holder=visitor.certificate, behalf=behalf, alone=True)
        made = signed(idp, order, decided(idp, unit, visitor.caller, order))
    except (Invalid, Declined) as problem:
        raise Denied(problem.detail, field="resource") from problem
    return _text(order, made), made.letter.moment + LIFE


def problem(problem: ConnectorError) -> bytes:
    """A refusal, as the other JSON endpoints have it."""
    code = "invalid_request" if isinstance(problem, Invalid) else "access_denied"
    if isinstance(problem, Unavailable | TooManyRequests):
        code = "temporarily_unavailable"
    return orjson.dumps({"error": code, "error_description": problem.detail})


def _read(content: bytes) -> _Asked:
    try:
        body: Any = orjson.loads(content)
    except ValueError as problem:
        raise Invalid("the body must be a JSON object", field="body") from problem
    if not isinstance(body, dict):
        raise Invalid("the body must be a JSON object", field="body")
    unknown = sorted(set(body) - {*_TEXTS, "holderOfKey"})
    if unknown:
        raise Invalid(f"{unknown[0]!r} is not known; there are {', '.join(_TEXTS)} and holderOfKey", field=unknown[0])
    for name in _TEXTS:
        if name in body and not (isinstance(body[name], str) and body[name]):
            raise Invalid(f"{name} must be a text, and not empty", field=name)
    if "audience" not in body:
        raise Invalid("audience is missing: the entityID of the application", field="audience")
    if body.get("form", _FORMS[0]) not in _FORMS:
        raise Invalid(f"form must be one of {', '.join(_FORMS)}", field="form")
    if not isinstance(body.get("holderOfKey", False), bool):
        raise Invalid("holderOfKey must be true or false", field="holderOfKey")
    return _Asked(
        body["audience"],
        body.get("recipient"),
        body.get("form", _FORMS[0]),
        body.get("onBehalfOf"),
        body.get("relayState"),
        body.get("holderOfKey", False),
    )


def _told(made: Asserted) -> dict[str, str]:
    return {
        "audience": made.letter.audience,
        "recipient": made.letter.recipient,
        "notOnOrAfter": to_text(made.letter.moment + LIFE),
        "sessionIndex": made.granted.session_index,
        "sessionNotOnOrAfter": to_text(made.granted.session_until),
    }


def _content(idp: IdentityProvider, order: Order, made: Asserted, asked: _Asked) -> dict[str, Any]:
    if order.alone:
        return {"assertion": _text(order, made)}
    fields = sso.fields_of(idp, enclosed(idp, order, made))
    return {"fields": fields if asked.relay_state is None else {**fields, "RelayState": asked.relay_state}}


def _text(order: Order, made: Asserted) -> str:
    """In base64url without padding, as RFC 7522 section 2.1 and RFC 8693 section 3 have it."""
    return base64.urlsafe_b64encode(carried(order, made).encode()).rstrip(b"=").decode()

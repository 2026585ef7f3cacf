"""Signing people in (profiles section 4.1): the request that their browser carries to the IdP, and the answer that it brings."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from connector.core.errors import Invalid, NotFound
from connector.domain import sign_in, workforce
from connector.domain.sign_in import Begun, Browser, Purpose, Unmet
from connector.domain.unit import SYSTEM
from connector.domain.vouched import Code, Refused, Vouched
from connector.domain.workforce import WorkforceIdp
from connector.edges.saml import messages, names, redirect, signature, xml
from connector.edges.saml.canonical import text
from connector.edges.saml.sp import response, second_opinion
from connector.edges.saml.sp.provider import Sp, described, trusted
from connector.edges.saml.sp.refusal import NotAccepted, refusing
from connector.edges.saml.sp.response import Expected, Judged
from connector.edges.saml.xml import Element

_REPLAY_MARGIN = timedelta(minutes=5)


@dataclass(frozen=True)
class Departure:
    """Where the browser is sent, and the cookie that it must bring back."""

    address: str
    cookie: str


def request(sp: Sp, name: str, purpose: Purpose, *, cookie: str | None) -> Departure:
    """A signed AuthnRequest to the IdP of that name. NotFound where there is none that is on.

    Forced, who is signed in there shall prove themselves again (core section 3.4.1, ForceAuthn).
    """
    with sp.domain.view() as unit:
        idp = workforce.fetch(unit, name)
    if not idp.active:
        raise NotFound(f"there is no workforce IdP named {name!r}", field="idp")
    there, id = described(idp), sp.new_id()
    comparison, contexts = workforce.settings(idp).requested(purpose.contexts)
    purpose = replace(purpose, next=local_page(purpose.next))
    with sp.domain.change(SYSTEM) as unit:
        started = sign_in.start(unit, idp, id, purpose, cookie=cookie)
        message = messages.message(
            "AuthnRequest",
            '<samlp:NameIDPolicy AllowCreate="true"></samlp:NameIDPolicy>',
            _requested(comparison, contexts),
            id=id,
            moment=unit.tx.moment,
            issuer=sp.entity_id,
            Destination=there.sign_on,
            AssertionConsumerServiceURL=sp.acs,
            ProtocolBinding=names.BINDING_POST,
            ForceAuthn="true" if purpose.forced else None,
        )
    address = redirect.address(there.sign_on, "SAMLRequest", message.encode(), started.relay_state, sp.signer)
    return Departure(address, started.cookie)


def _requested(comparison: str, contexts: tuple[str, ...]) -> str:
    """Which context classes will do (core section 3.3.2.2.1); nothing where any does."""
    if not contexts:
        return ""
    named = f'<saml:AuthnContextClassRef xmlns:saml="{names.SAML}">%s</saml:AuthnContextClassRef>'
    inside = "".join(named % text(one) for one in contexts)
    return f'<samlp:RequestedAuthnContext Comparison="{comparison}">{inside}</samlp:RequestedAuthnContext>'


def local_page(next: str) -> str:
    """A page of ours to go on to; the front page for anything that might lead elsewhere."""
    plain = next.isascii() and next.isprintable() and not any(sign in next for sign in " \\")
    if not plain or not next.startswith("/") or next.startswith("//"):
        return "/"
    return next[:2000]


def answer(
    sp: Sp, encoded: str | None, browser: Browser, *, life: timedelta, recorded: Callable[[], bool] = lambda: True
) -> Begun | Unmet | Refused:
    """What becomes of a Response in base64. Every refusal that concerns an IdP of ours leaves an audit event; of what anybody may have
    made up in its name only where `recorded` says so: strangers shall not fill the audit log.

    NotAccepted where it does not even name one.
    """
    content, root = _parsed(encoded)
    idp = trusted(sp, response.issuer_of(root))
    try:
        judged = _judged(sp, idp, content, root)
    except NotAccepted as problem:
        refused = Refused(problem.code, problem.detail)
        record = refused.code is Code.DISPUTED or recorded()
        if refused.code is Code.CONTEXT:
            with sp.domain.change(SYSTEM) as unit:
                return sign_in.no_such_context(unit, idp, root.get("InResponseTo"), browser, refused, record=record)
        if record:
            with sp.domain.change(SYSTEM) as unit:
                sign_in.refuse(unit, idp, refused)
        return refused
    with sp.domain.change(SYSTEM) as unit:
        return sign_in.sign_in(unit, _vouched(idp, judged), browser, life=life)


def _parsed(encoded: str | None) -> tuple[bytes, Element]:
    if not encoded:
        raise NotAccepted(Code.MALFORMED, "the form has no SAMLResponse")
    with refusing(Code.MALFORMED):
        content = signature.octets_of(encoded, "SAMLResponse")
        return content, xml.parse(content, what="SAMLResponse")


def _judged(sp: Sp, idp: WorkforceIdp, content: bytes, root: Element) -> Judged:
    expected = Expected(described(idp), sp.acs, sp.entity_id, sp.domain.database.clock(), sp.keys)
    try:
        judged = response.accept(root, expected)
    except Invalid as problem:  # whatever a check did not foresee is a refusal
        raise NotAccepted(Code.MALFORMED, problem.detail) from problem
    objection = second_opinion.objection(content, expected, judged)
    if objection is not None:
        raise NotAccepted(Code.DISPUTED, objection)
    return judged


def _vouched(idp: WorkforceIdp, judged: Judged) -> Vouched:
    said = judged.assertion
    return Vouched(
        idp=idp,
        assertion_id=said.id,
        good_until=said.good_until + _REPLAY_MARGIN,
        name_id=said.name_id,
        subject=said.subject,
        session_index=said.session_index,
        session_until=said.session_until,
        authenticated=said.authenticated,
        context=said.context,
        attributes=said.attributes,
        request=said.request,
    )

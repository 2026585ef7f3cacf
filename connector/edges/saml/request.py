"""AuthnRequests (SAML core section 3.4.1): read, and checked in order.

Two kinds of refusal. Until we know that the request is the application's own and where its answers go, a request is
Invalid and nothing is sent anywhere. After that, what it asks and cannot have is Declined, by a status sent to it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.core.errors import Invalid
from connector.edges.saml import channel, names, signature, xml
from connector.edges.saml.channel import Bindings
from connector.edges.saml.errors import Declined
from connector.edges.saml.names import SAML, SAMLP
from connector.edges.saml.redirect import Detached
from connector.edges.saml.service_provider import Endpoint, ServiceProvider
from connector.edges.saml.xml import Element

SKEW = timedelta(minutes=5)  # either way (IIP-G01); also how long a request may be on its way
_ID = re.compile(r"^[A-Za-z_][A-Za-z0-9_.\-]{0,255}$")
_STRENGTH = (names.CONTEXT_PASSWORD, names.CONTEXT_PROTECTED_PASSWORD, names.CONTEXT_TLS_CLIENT)  # the weakest first
_COMPARISONS: dict[str, Callable[[int], bool]] = {  # core 3.3.2.2.1
    "exact": lambda beyond: beyond == 0,
    "minimum": lambda beyond: beyond >= 0,
    "maximum": lambda beyond: beyond <= 0,
    "better": lambda beyond: beyond > 0,
}
_ALWAYS = (None, names.UNSPECIFIED, names.PERSISTENT, names.TRANSIENT)


@dataclass(frozen=True)
class Message:
    """A request as it came. `endpoint` is where; `consumer_bindings` are the ways that the answer may travel to the application.

    `context` is the authentication context class of the way in which the agent proved who it is, just now.
    """

    element: Element
    way: str
    endpoint: str
    consumer_bindings: tuple[str, ...]
    context: str
    relay_state: str | None = None
    detached: Detached | None = None
    channel: Bindings | None = None  # what the agent sees; None where the way has no place to say it
    prefers_artifact: bool = False  # where the request says nothing of the binding, and it may choose


@dataclass(frozen=True)
class AuthnRequest:
    """What a request says. Texts as sent; None where it says nothing."""

    id: str
    version: str | None
    issuer: str
    issued: datetime
    destination: str | None
    consumer_url: str | None
    consumer_index: str | None
    protocol_binding: str | None
    name_id_format: str | None
    qualifier: str | None
    contexts: tuple[str, ...]
    comparison: str
    has_subject: bool
    channel: Bindings


@dataclass(frozen=True)
class Accepted:
    """The application's own request. `signed`: its signature was verified."""

    request: AuthnRequest
    consumer: Endpoint
    signed: bool


@dataclass(frozen=True)
class _Case:
    """What a check looks at."""

    message: Message
    request: AuthnRequest
    app: ServiceProvider
    signed: bool
    now: datetime


def issuer_of(element: Element, kind: str = "AuthnRequest") -> str:
    """Who a request of that kind claims to be from: only good to find the keys to check that with."""
    if element.tag != xml.name(SAMLP, kind):
        raise Invalid(f"{kind} expected, not {xml.local_name(element)}")
    issuer = xml.only(element, SAML, "Issuer")
    if issuer is None or issuer.get("Format") not in (None, names.ENTITY) or not xml.text_of(issuer):
        raise Invalid(f"the {kind} has no Issuer", field="Issuer")  # profiles section 4.1.4.1: it must
    return xml.text_of(issuer)


def accept(message: Message, app: ServiceProvider, now: datetime) -> Accepted:
    """The request, once every check of the first table has passed; Invalid says which did not."""
    element, signed = _authenticated(message, app)
    case = _Case(message, _read(element), app, signed, now)
    for check in _CHECKS:
        check(case)
    return Accepted(case.request, _consumer(case), signed)


def meet(message: Message, accepted: Accepted, name_id_format: str) -> str | None:
    """The type of the channel binding that was compared, if any. `name_id_format` was chosen by the operator.

    Declined where the application asks for what we cannot give.

    ForceAuthn and IsPassive (core 3.4.1) are always met: every request carries the agent's credentials, and nobody is
    ever asked.
    """
    for wish in _WISHES:
        wish(message, accepted.request)
    _name_id(accepted.request, name_id_format)
    return channel.compare(accepted.request.channel, message.channel or {}, signed=accepted.signed)


def check_addressed(element: Element, issuer: str, kind: str, endpoint: str, now: datetime) -> None:
    """That a signed message of that kind is of that issuer, for that endpoint of ours, and of now. Invalid says what is not."""
    if issuer_of(element, kind) != issuer:
        raise Invalid("the signed Issuer is another one", field="Issuer")
    if element.get("Destination") not in (None, endpoint):
        raise Invalid(f"Destination is not this endpoint, {endpoint}", field="Destination")
    if abs(now - xml.needed_moment(element, "IssueInstant")) > SKEW:
        raise Invalid("IssueInstant is more than five minutes away from our clock", field="IssueInstant")


# -- whose is it -----------------------------------------------------------------------------------------------------


def _authenticated(message: Message, app: ServiceProvider) -> tuple[Element, bool]:
    """The element to read, and whether the application signed it. A signature that is there must verify (SDP-IDP05)."""
    enveloped = signature.present(message.element)
    if message.detached is not None:
        if enveloped:
            raise Invalid("a request by the Redirect binding must not hold a signature as well")  # bindings 3.4.4.1
        signature.check_octets(
            message.detached.algorithm, app.signing_keys, message.detached.octets, message.detached.value
        )
        return message.element, True
    if enveloped:
        return signature.verified(message.element, app.signing_keys), True
    if app.signs_requests:
        raise Invalid("the application signs its requests, and this one is not signed", field="Signature")
    return message.element, False


def _read(element: Element) -> AuthnRequest:
    policy = xml.only(element, SAMLP, "NameIDPolicy")
    context = xml.only(element, SAMLP, "RequestedAuthnContext")
    xml.flag(element, "ForceAuthn"), xml.flag(element, "IsPassive")  # always met, but not if they are nonsense
    id = element.get("ID", "")
    if not _ID.match(id):
        raise Invalid("the AuthnRequest has no ID that could be used", field="ID")
    return AuthnRequest(
        id=id,
        version=element.get("Version"),
        issuer=issuer_of(element),
        issued=xml.needed_moment(element, "IssueInstant"),
        destination=element.get("Destination"),
        consumer_url=element.get("AssertionConsumerServiceURL"),
        consumer_index=element.get("AssertionConsumerServiceIndex"),
        protocol_binding=element.get("ProtocolBinding"),
        name_id_format=policy.get("Format") if policy is not None else None,
        qualifier=policy.get("SPNameQualifier") if policy is not None else None,
        contexts=_contexts(context) if context is not None else (),
        comparison=context.get("Comparison", "exact") if context is not None else "exact",
        has_subject=xml.only(element, SAML, "Subject") is not None,
        channel=channel.of_request(element),
    )


def _contexts(requested: Element) -> tuple[str, ...]:
    """Declarations (AuthnContextDeclRef) are kept too: they match no class, so they cannot be met."""
    return tuple(xml.text_of(one) for one in requested)


# -- first table: Invalid --------------------------------------------------------------------------------------------


def _from_the_app(case: _Case) -> None:
    if case.request.issuer != case.app.entity_id:
        raise Invalid("the signed Issuer is another one", field="Issuer")


def _metadata_is_current(case: _Case) -> None:
    if case.app.valid_until is not None and case.app.valid_until <= case.now:
        raise Invalid("the application's metadata has expired: register it again", field="validUntil")


def _version(case: _Case) -> None:
    if case.request.version != "2.0":
        raise Invalid("Version must be 2.0", field="Version")


def _destination(case: _Case) -> None:
    """Bindings 3.4.5.2 and 3.5.5.2: signed means addressed. Not by PAOS, where the application does not know us."""
    given = case.request.destination
    if given is None and case.signed and case.message.way != "ecp":
        raise Invalid("a signed request must have a Destination", field="Destination")
    if given is not None and given != case.message.endpoint:
        raise Invalid(f"Destination is not this endpoint, {case.message.endpoint}", field="Destination")


def _fresh(case: _Case) -> None:
    if abs(case.now - case.request.issued) > SKEW:
        raise Invalid("IssueInstant is more than five minutes away from our clock", field="IssueInstant")


_CHECKS: tuple[Callable[[_Case], None], ...] = (_from_the_app, _metadata_is_current, _version, _destination, _fresh)


def _consumer(case: _Case) -> Endpoint:
    """Where the answer goes: only ever to an address of the metadata, equal letter by letter (SDP-IDP06)."""
    request, bindings = case.request, case.message.consumer_bindings
    fitting = [one for one in case.app.consumers if one.binding in bindings]
    if request.consumer_index is not None:
        if request.consumer_url is not None or request.protocol_binding is not None:
            raise Invalid(
                "AssertionConsumerServiceIndex excludes URL and ProtocolBinding", field="AssertionConsumerServiceIndex"
            )
        fitting = [one for one in fitting if str(one.index) == request.consumer_index]
    elif request.protocol_binding not in (None, *bindings):
        raise Invalid(f"the answer can only be sent by {' or '.join(bindings)}", field="ProtocolBinding")
    else:
        if request.protocol_binding is not None:
            fitting = [one for one in fitting if one.binding == request.protocol_binding]
        if request.consumer_url is not None:
            fitting = [one for one in fitting if one.location == request.consumer_url]
        fitting = case.app.ranked(fitting, artifact=case.message.prefers_artifact)
    if not fitting:
        raise Invalid(
            "the metadata has no such AssertionConsumerService for this binding", field="AssertionConsumerServiceURL"
        )
    return fitting[0]


# -- second table: Declined ------------------------------------------------------------------------------------------


def _no_subject(_message: Message, request: AuthnRequest) -> None:
    if request.has_subject:
        raise Declined("a Subject cannot be asked for", status=(names.REQUESTER, names.REQUEST_UNSUPPORTED))


def _name_id(request: AuthnRequest, chosen: str) -> None:
    if request.name_id_format not in (*_ALWAYS, chosen) or request.qualifier not in (None, request.issuer):
        raise Declined("there is no NameID of that kind", status=(names.REQUESTER, names.INVALID_NAME_ID_POLICY))


def _context(message: Message, request: AuthnRequest) -> None:
    if request.contexts and not _is_met(message.context, request.contexts, request.comparison):
        raise Declined("the agent did not authenticate that way", status=(names.RESPONDER, names.NO_AUTHN_CONTEXT))


def _is_met(context: str, asked: tuple[str, ...], comparison: str) -> bool:
    fits = _COMPARISONS.get(comparison)
    found = [_beyond(context, one) for one in asked]
    every = all if comparison == "better" else any
    return fits is not None and every(one is not None and fits(one) for one in found)


def _beyond(context: str, other: str) -> int | None:
    """How much stronger a context is; None where nobody can tell: the order is one of our own classes."""
    if other in (context, names.CONTEXT_UNSPECIFIED):
        return 0
    if context not in _STRENGTH or other not in _STRENGTH:
        return None
    return _STRENGTH.index(context) - _STRENGTH.index(other)


_WISHES: tuple[Callable[[Message, AuthnRequest], None], ...] = (_no_subject, _context)

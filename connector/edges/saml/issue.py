"""From a request, or from none, to the Response: the one path that ECP and both kinds of browser sign-on share."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from connector.core.errors import Denied, Invalid, Misconfigured
from connector.domain import apps, sign_on
from connector.domain.app_settings import AppSettings
from connector.domain.sign_on import Cause, Facts, Granted, Wish
from connector.domain.unit import Caller, Domain
from connector.edges.saml import assertion, encryption, names, request, service_provider, xml
from connector.edges.saml.assertion import Letter
from connector.edges.saml.attributes import Subject
from connector.edges.saml.bundles import Bundles
from connector.edges.saml.errors import Declined
from connector.edges.saml.request import Accepted, AuthnRequest, Message
from connector.edges.saml.service_provider import Endpoint, ServiceProvider
from connector.edges.saml.signature import Signer, Signers
from connector.edges.saml.xml import Element

_DENIED = (names.RESPONDER, names.REQUEST_DENIED)
_WHY = {
    Cause.AGENT: "the agent may not sign on now",
    Cause.GROUPS: "the agent is not among those that may use this application",
}
_FORMATS = {
    "persistent": names.PERSISTENT,
    "transient": names.TRANSIENT,
    "emailAddress": names.EMAIL,
    "unspecified": names.UNSPECIFIED,
}


@dataclass(frozen=True)
class IdentityProvider:
    """Us: who we are, where we are, what we sign with, where message ids come from. `scope` ends subject-ids."""

    domain: Domain
    entity_id: str
    base_url: str
    scope: str
    signers: Signers
    new_id: Callable[[], str]
    bundles: Bundles = field(default_factory=lambda: Bundles(()))

    @property
    def signer(self) -> Signer:
        return self.signers.current()

    def location(self, path: str) -> str:
        return self.base_url.rstrip("/") + "/saml/" + path


@dataclass(frozen=True)
class Application:
    """A registered application: what its metadata says, and what the operator says."""

    provider: ServiceProvider
    settings: AppSettings


@dataclass(frozen=True)
class Order:
    """A sign-on that is to be answered: for which application, at which of its addresses, and to which request, if any."""

    app: Application
    consumer: Endpoint
    way: str
    context: str
    request: AuthnRequest | None = None
    signed: bool = False


@dataclass(frozen=True)
class Issued:
    """A Response, and the address from the metadata that it may go to. `signed`: the request was.

    `channel` is the type of the channel binding that agent and application share, where the application asked for it.
    """

    response: Element
    consumer_url: str
    signed: bool
    channel: str | None = None


def issue(idp: IdentityProvider, caller: Caller, message: Message) -> Issued:
    """The answer to a request of this agent. Every refusal leaves an audit event.

    Denied where the caller is no agent; Invalid where there is nobody to whom an answer could safely be sent.
    """
    agents_only(caller)
    claimed = request.issuer_of(message.element)
    try:
        app = application(idp, claimed)
        accepted = request.accept(message, app.provider, idp.domain.database.clock())
    except Invalid as problem:
        refused(idp, caller, claimed, message.way, problem.detail)
        raise
    order = _order(app, message, accepted)
    try:
        bound = request.meet(message, accepted, _FORMATS[app.settings.name_id])
        return replace(answer(idp, caller, order), channel=bound)
    except Declined as problem:
        if not problem.recorded:
            refused(idp, caller, claimed, message.way, problem.detail)
        return _declined(idp, order, problem)


def agents_only(caller: Caller) -> None:
    if caller.kind != "agent":
        raise Denied("only agents sign in here; this credential belongs to a client")


def application(idp: IdentityProvider, entity_id: str, *, field: str = "Issuer") -> Application:
    """The registered application of that entity id; Invalid, which names the field, where there is none."""
    with idp.domain.view() as unit:
        app = apps.find(unit, entity_id)
    if app is None:
        raise Invalid(f"the {field} is not an application that is registered here", field=field)
    return Application(service_provider.parsed(app.metadata.encode()), apps.settings(app))


def refused(idp: IdentityProvider, caller: Caller, entity_id: str, way: str, reason: str) -> None:
    with idp.domain.change(caller) as unit:
        sign_on.refuse(unit, caller.id, entity_id, way, (reason,))


def answer(idp: IdentityProvider, caller: Caller, order: Order) -> Issued:
    """The Response that signs the agent in. Declined where it may not be; its reasons are in the audit event."""
    bundle = idp.bundles.get(order.app.settings.attributes)  # before anything is recorded as granted
    audience, asked = order.app.provider.entity_id, order.request
    wish = Wish(
        agent_id=caller.id,
        entity_id=audience,
        name_id=lambda facts: xml.serialise(_name_id(idp, order, facts)).decode(),
        assertion_id=idp.new_id(),
        way=order.way,
        settings=order.app.settings,
        request=(asked.id, asked.issued + 2 * request.SKEW) if asked else None,
    )
    with idp.domain.change(caller) as unit:
        outcome = sign_on.sign_on(unit, wish)
    if not isinstance(outcome, Granted):
        if outcome.cause is Cause.REPLAY:
            raise Invalid("the request was used before; ask the application for a new one", field="ID")
        raise Declined(_WHY[outcome.cause], status=_DENIED, recorded=True)
    subject = Subject(outcome.facts, idp.scope, idp.entity_id)
    name_id = xml.parse(outcome.name_id.encode(), what="NameID")
    letter = _letter(idp, order)
    issued = assertion.assertion(
        letter, wish.assertion_id, name_id, outcome, context=order.context, released=assertion.released(bundle, subject)
    )
    return _sealed(idp, order, letter, issued)


def _order(app: Application, message: Message, accepted: Accepted) -> Order:
    return Order(app, accepted.consumer, message.way, message.context, accepted.request, accepted.signed)


def _name_id(idp: IdentityProvider, order: Order, facts: Facts) -> Element:
    """In the format that the request asks for, else in the one that was chosen for the application."""
    asked = order.request.name_id_format if order.request else None
    settings = order.app.settings
    format = asked if asked not in (None, names.UNSPECIFIED) else _FORMATS[settings.name_id]
    if format == names.TRANSIENT:
        value = idp.new_id()
    elif format == names.PERSISTENT:
        value = facts.agent_id
    else:
        [value] = Subject(facts, idp.scope, idp.entity_id).values(settings.name_from)
    return assertion.name_id(format, value, issuer=idp.entity_id, audience=order.app.provider.entity_id)


def _sealed(idp: IdentityProvider, order: Order, letter: Letter, issued: Element) -> Issued:
    """Signed and encrypted as the application wants it: the assertion first, then the Response around it."""
    settings = order.app.settings
    if settings.sign in ("both", "assertion"):
        idp.signer.sign(issued)
    response = assertion.response(letter, idp.new_id(), (names.SUCCESS,))
    response.append(_encrypted(order.app, issued) if settings.encrypt == "required" else issued)
    if settings.sign in ("both", "response"):
        idp.signer.sign(response)
    return Issued(response, order.consumer.location, order.signed)


def _encrypted(app: Application, issued: Element) -> Element:
    if app.provider.encryption_key is None:
        raise Misconfigured("The assertion cannot be encrypted.", ["the application's metadata has no key for it"])
    return encryption.encrypted(issued, app.provider.encryption_key)


def _declined(idp: IdentityProvider, order: Order, problem: Declined) -> Issued:
    """The application learns that, not why: the reasons are the organisation's, and are in the audit event."""
    response = assertion.response(_letter(idp, order), idp.new_id(), problem.status, problem.detail)
    idp.signer.sign(response)  # whatever the application wants signed: there is no assertion that could be
    return Issued(response, order.consumer.location, order.signed)


def _letter(idp: IdentityProvider, order: Order) -> Letter:
    in_response_to = order.request.id if order.request else None
    moment = idp.domain.database.clock()
    return Letter(idp.entity_id, order.app.provider.entity_id, order.consumer.location, in_response_to, moment)

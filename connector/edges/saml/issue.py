"""From a request, or from none, to the Response: the one path that every way of signing on shares."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cryptography import x509

from connector.core.errors import Denied, Invalid, Misconfigured
from connector.domain import sign_on
from connector.domain.sign_on import Behalf, Cause, Facts, Granted, Wish
from connector.domain.unit import Caller, Unit
from connector.edges.saml import assertion, delegation, encryption, messages, names, request, xml
from connector.edges.saml.assertion import Letter, NameId
from connector.edges.saml.bundles import Attribute
from connector.edges.saml.errors import Declined
from connector.edges.saml.idp import Application, IdentityProvider, application
from connector.edges.saml.request import Accepted, AuthnRequest, Message
from connector.edges.saml.service_provider import Endpoint
from connector.edges.saml.visitor import Visitor

_DENIED = (names.RESPONDER, names.REQUEST_DENIED)
_NEEDS_KEY = "the application wants the agent to show a certificate of its own, in the TLS connection"
_MAY_NOT = "the agent may not act for that person or agent here"
_WHY = {
    Cause.AGENT: "the agent may not sign on now",
    Cause.GROUPS: "the agent is not among those that may use this application",
    Cause.DELEGATION: "this application takes no agents that act for others",
    Cause.KEY: _NEEDS_KEY,
}
_FORMATS = {
    "persistent": names.PERSISTENT,
    "transient": names.TRANSIENT,
    "emailAddress": names.EMAIL,
    "unspecified": names.UNSPECIFIED,
}


@dataclass(frozen=True)
class Order:
    """A sign-on that is to be answered: for which application, at which of its addresses, and to which request, if any.

    `holder` is the certificate that the agent has proved to be its own; `bound`: the assertion is for its holder alone, as it
    always is where the application wants that. `alone`: it travels without a Response. `behalf` is for whom else the agent signs in.
    """

    app: Application
    consumer: Endpoint
    way: str
    context: str
    request: AuthnRequest | None = None
    signed: bool = False
    holder: x509.Certificate | None = None
    bound: bool = False
    alone: bool = False
    behalf: Behalf | None = None


@dataclass(frozen=True)
class Issued:
    """A Response, the application that it is for, and the address of its metadata that it may go to. `signed`: the request was.

    `channel` is the type of the channel binding that agent and application share, where the application asked for it.
    """

    response: str
    audience: str
    consumer: Endpoint
    signed: bool
    channel: str | None = None

    @property
    def consumer_url(self) -> str:
        return self.consumer.location


@dataclass(frozen=True)
class Asserted:
    """An assertion, the decision that it follows from, and to whom it goes."""

    text: str
    granted: Granted
    letter: Letter


def issue(idp: IdentityProvider, visitor: Visitor, message: Message) -> Issued:
    """The answer to a request of this agent. Every refusal leaves an audit event.

    Denied where the caller is no agent; Invalid where there is nobody to whom an answer could safely be sent.
    """
    caller = visitor.caller
    agents_only(caller)
    claimed = request.issuer_of(message.element)
    try:
        app = application(idp, claimed)
        message = replace(message, prefers_artifact=app.settings.binding == "artifact")
        accepted = request.accept(message, app.provider, idp.domain.database.clock())
    except Invalid as problem:
        refused(idp, caller, claimed, message.way, problem.detail)
        raise
    order = _order(app, message, accepted, visitor)
    try:
        bound = request.meet(message, accepted, _FORMATS[app.settings.name_id])
        return replace(answer(idp, visitor, order), channel=bound)
    except Declined as problem:
        if not problem.recorded:
            refused(idp, caller, claimed, message.way, problem.detail)
        return _declined(idp, order, problem)
    except Denied as problem:
        refused(idp, caller, claimed, message.way, problem.detail)
        return _declined(idp, order, Declined(_MAY_NOT, status=_DENIED))


def agents_only(caller: Caller) -> None:
    if caller.kind != "agent":
        raise Denied("only agents sign in here; this credential belongs to a client")


def refused(idp: IdentityProvider, caller: Caller, entity_id: str, way: str, reason: str) -> None:
    with idp.domain.change(caller) as unit:
        sign_on.refuse(unit, caller.id, entity_id, way, (reason,))


def answer(idp: IdentityProvider, visitor: Visitor, order: Order) -> Issued:
    """The Response that signs the agent in. Declined where it may not be; its reasons are in the audit event.

    Denied, with no event, where it may not act for whom it wants to.
    """
    with idp.domain.change(visitor.caller) as unit:
        order = replace(order, behalf=visitor.behalf(unit, order.app.provider.entity_id))
        outcome = decided(idp, unit, visitor.caller, order)
    return enclosed(idp, order, signed(idp, order, outcome))


def decided(idp: IdentityProvider, unit: Unit, caller: Caller, order: Order) -> Asserted | sign_on.Refused:
    """The assertion, unsigned as yet, or that there will be none; recorded in that unit of work.

    Declined, with nothing recorded, where it would hold what XML cannot.
    """
    bundle = idp.bundles.get(order.app.settings.attributes)
    asked, id = order.request, idp.new_id()
    if _wants_holder(order) and order.holder is None:
        return sign_on.refuse(unit, caller.id, order.app.provider.entity_id, order.way, (_NEEDS_KEY,), Cause.KEY)
    wish = Wish(
        agent_id=caller.id,
        entity_id=order.app.provider.entity_id,
        name_id=lambda facts: _name_id(idp, order, facts).alone(),
        assertion_id=id,
        way=order.way,
        settings=order.app.settings,
        request=(asked.id, asked.issued + 2 * request.SKEW) if asked else None,
        behalf=order.behalf,
    )
    try:
        outcome = sign_on.sign_on(unit, wish)
        return outcome if isinstance(outcome, sign_on.Refused) else written(idp, order, id, outcome, bundle)
    except Invalid as problem:
        raise Declined(f"the assertion cannot be written: {problem.detail}", status=(names.RESPONDER,)) from problem


def written(idp: IdentityProvider, order: Order, id: str, granted: Granted, bundle: Sequence[Attribute]) -> Asserted:
    """The assertion about whom the decision is, unsigned."""
    settings, behalf = order.app.settings, order.behalf
    subject = idp.subject(granted.facts, order.app.provider.entity_id)
    told = list(assertion.released(bundle, subject))
    if behalf is not None and settings.delegation == "attribute":
        told.append((delegation.ATTRIBUTE, delegation.in_order(behalf.actors)))
    holder = order.holder if _wants_holder(order) else None
    letter = _letter(idp, order)
    text = assertion.assertion(
        letter,
        id,
        granted.name_id,
        granted,
        context=order.context if behalf is None else names.CONTEXT_UNSPECIFIED,  # whom it acts for did not come itself
        released=told,
        holder=holder,
        condition=_condition(idp, order, letter, holder),
    )
    return Asserted(text, granted, letter)


def signed(idp: IdentityProvider, order: Order, outcome: Asserted | sign_on.Refused) -> Asserted:
    """The assertion that follows, signed where it is to be. Declined, or Invalid, where there is none."""
    if isinstance(outcome, sign_on.Refused):
        if outcome.cause is Cause.REPLAY:
            raise Invalid("the request was used before; ask the application for a new one", field="ID")
        raise Declined(_WHY[outcome.cause], status=_DENIED, recorded=True)
    settings = order.app.settings
    if settings.sign == "response" and not order.alone:
        return outcome
    text = idp.signer_for(settings).sign(outcome.text, delegation.prefixes(outcome.text))
    return Asserted(text, outcome.granted, outcome.letter)


def enclosed(idp: IdentityProvider, order: Order, made: Asserted) -> Issued:
    """The Response around an assertion, signed and encrypted as the application wants it."""
    settings = order.app.settings
    response = assertion.response(made.letter, idp.new_id(), messages.status(names.SUCCESS), carried(order, made))
    if settings.sign in ("both", "response"):
        response = idp.signer_for(settings).sign(response, delegation.prefixes(response))
    return Issued(response, made.letter.audience, order.consumer, order.signed)


def _order(app: Application, message: Message, accepted: Accepted, visitor: Visitor) -> Order:
    return Order(
        app,
        accepted.consumer,
        message.way,
        message.context,
        accepted.request,
        accepted.signed,
        holder=visitor.certificate,
    )


def _wants_holder(order: Order) -> bool:
    return order.bound or order.app.settings.confirmation == "holder-of-key"


def _name_id(idp: IdentityProvider, order: Order, facts: Facts) -> NameId:
    """In the format that the request asks for, else in the one that was chosen for the application."""
    asked = order.request.name_id_format if order.request else None
    settings, audience = order.app.settings, order.app.provider.entity_id
    chosen = _FORMATS[settings.name_id]
    format = asked if asked not in (None, names.UNSPECIFIED) else chosen
    if format == names.TRANSIENT:
        value = idp.new_id()
    elif format == chosen and settings.name_from != "agentId":
        [value] = idp.subject(facts, audience).values(settings.name_from)
    else:
        value = facts.id
    return NameId(format, value, idp.entity_id, audience)


def _condition(idp: IdentityProvider, order: Order, letter: Letter, holder: x509.Certificate | None) -> str:
    """That agents act for the subject, where they do and the application wants to be told in this way."""
    if order.behalf is None or order.app.settings.delegation != "condition":
        return ""
    delegates = [
        NameId(names.PERSISTENT, one, idp.entity_id, letter.audience)
        for one in delegation.in_order(order.behalf.actors)
    ]
    method = names.BEARER if holder is None else names.HOLDER_OF_KEY
    return delegation.condition(delegates, instant=xml.instant(letter.moment), method=method)


def carried(order: Order, made: Asserted) -> str:
    """The assertion as it travels: encrypted where the application wants that."""
    if order.app.settings.encrypt != "required":
        return made.text
    key = order.app.provider.encryption_key
    if key is None:
        raise Misconfigured("The assertion cannot be encrypted.", ["the application's metadata has no key for it"])
    return encryption.encrypted(made.text, key)


def _declined(idp: IdentityProvider, order: Order, problem: Declined) -> Issued:
    """The application learns that, not why: the reasons are the organisation's, and are in the audit event."""
    letter = _letter(idp, order)
    status = messages.status(*problem.status, detail=problem.detail)
    # whatever the application wants signed: there is no assertion that could be
    response = idp.signer_for(order.app.settings).sign(assertion.response(letter, idp.new_id(), status))
    return Issued(response, letter.audience, order.consumer, order.signed)


def _letter(idp: IdentityProvider, order: Order) -> Letter:
    in_response_to = order.request.id if order.request else None
    moment = idp.domain.database.clock()
    return Letter(idp.entity_id, order.app.provider.entity_id, order.consumer.location, in_response_to, moment)

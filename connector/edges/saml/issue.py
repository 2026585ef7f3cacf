"""From a request to its signed Response: the one path that ECP and browser-style sign-on share."""

from collections.abc import Callable
from dataclasses import dataclass

from connector.core.errors import Denied, Invalid
from connector.domain import apps, sign_on
from connector.domain.sign_on import Granted, Wish
from connector.domain.unit import Caller, Domain
from connector.edges.saml import assertion, names, request, service_provider, xml
from connector.edges.saml.assertion import Letter
from connector.edges.saml.errors import Declined
from connector.edges.saml.request import Accepted, Message
from connector.edges.saml.service_provider import ServiceProvider
from connector.edges.saml.signature import Signer
from connector.edges.saml.xml import Element

_NOT_NOW = Declined("the agent may not sign on now", status=(names.RESPONDER, names.REQUEST_DENIED))


@dataclass(frozen=True)
class IdentityProvider:
    """Us: who we are, where we are, what we sign with, where message ids come from. `scope` ends subject-ids."""

    domain: Domain
    entity_id: str
    base_url: str
    scope: str
    signer: Signer
    new_id: Callable[[], str]

    def location(self, path: str) -> str:
        return self.base_url.rstrip("/") + "/saml/" + path


@dataclass(frozen=True)
class Issued:
    """A signed Response, and the address from the metadata that it may go to. `signed`: the request was."""

    response: Element
    consumer_url: str
    signed: bool


def issue(idp: IdentityProvider, caller: Caller, message: Message) -> Issued:
    """The answer to a request of this agent. Every refusal leaves an audit event.

    Denied where the caller is no agent; Invalid where there is nobody to whom an answer could safely be sent.
    """
    if caller.kind != "agent":
        raise Denied("only agents sign in here; this credential belongs to a client")
    claimed = request.issuer_of(message.element)
    try:
        app = application(idp, claimed)
        accepted = request.accept(message, app, idp.domain.database.clock())
    except Invalid as problem:
        _refused(idp, caller, claimed, message, problem.detail)
        raise
    try:
        request.meet(message, accepted.request)
    except Declined as problem:
        _refused(idp, caller, claimed, message, problem.detail)
        return _declined(idp, accepted, problem)
    return _answer(idp, caller, message, accepted)


def application(idp: IdentityProvider, entity_id: str) -> ServiceProvider:
    """The registered application of that entity id; Invalid where there is none."""
    with idp.domain.view() as unit:
        app = apps.find(unit, entity_id)
    if app is None:
        raise Invalid("the Issuer is not an application that is registered here", field="Issuer")
    return service_provider.parsed(app.metadata.encode())


def _refused(idp: IdentityProvider, caller: Caller, entity_id: str, message: Message, reason: str) -> None:
    with idp.domain.change(caller) as unit:
        sign_on.refuse(unit, caller.id, entity_id, message.way, (reason,))


def _answer(idp: IdentityProvider, caller: Caller, message: Message, accepted: Accepted) -> Issued:
    asked = accepted.request
    transient = asked.name_id_format == names.TRANSIENT
    subject = assertion.name_id(
        names.TRANSIENT if transient else names.PERSISTENT,
        idp.new_id() if transient else caller.id,
        issuer=idp.entity_id,
        audience=asked.issuer,
    )
    wish = Wish(
        agent_id=caller.id,
        entity_id=asked.issuer,
        name_id=xml.serialise(subject).decode(),
        assertion_id=idp.new_id(),
        way=message.way,
        request_id=asked.id,
        request_until=asked.issued + 2 * request.SKEW,
    )
    with idp.domain.change(caller) as unit:
        outcome = sign_on.sign_on(unit, wish)
    if not isinstance(outcome, Granted):
        if outcome.replayed:
            raise Invalid("the request was used before; ask the application for a new one", field="ID")
        return _declined(idp, accepted, _NOT_NOW)
    letter = _letter(idp, accepted)
    issued = assertion.assertion(letter, wish.assertion_id, subject, outcome, context=message.context, scope=idp.scope)
    idp.signer.sign(issued)
    response = assertion.response(letter, idp.new_id(), (names.SUCCESS,))
    response.append(issued)
    return _signed(idp, response, accepted)


def _declined(idp: IdentityProvider, accepted: Accepted, problem: Declined) -> Issued:
    """The application learns that, not why: the reasons are the organisation's, and are in the audit event."""
    response = assertion.response(_letter(idp, accepted), idp.new_id(), problem.status, problem.detail)
    return _signed(idp, response, accepted)


def _letter(idp: IdentityProvider, accepted: Accepted) -> Letter:
    moment = idp.domain.database.clock()
    return Letter(idp.entity_id, accepted.request.issuer, accepted.consumer.location, accepted.request.id, moment)


def _signed(idp: IdentityProvider, response: Element, accepted: Accepted) -> Issued:
    """Both are signed: there are service providers that look only at the one, and such that look only at the other."""
    idp.signer.sign(response)
    return Issued(response, accepted.consumer.location, accepted.signed)

"""Sign-on without a request (profiles section 4.1.5): the agent names the application, and gets the form for it.

The names of the fields are those of Shibboleth's unsolicited SSO: `providerId`, and if wanted `shire` and `target`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from connector.core.errors import ConnectorError, Invalid
from connector.edges.saml import sso
from connector.edges.saml.errors import Declined
from connector.edges.saml.idp import Application, IdentityProvider, application
from connector.edges.saml.issue import Order, agents_only, answer, refused
from connector.edges.saml.names import BINDING_ARTIFACT, BINDING_POST
from connector.edges.saml.service_provider import Endpoint, ServiceProvider
from connector.edges.saml.visitor import Visitor

WAY = "init"


@dataclass(frozen=True)
class Start:
    """What the agent asks for: the entity id; an address of its metadata for the answer; the page that it wants there."""

    provider_id: str | None
    shire: str | None
    target: str | None


def page(idp: IdentityProvider, visitor: Visitor, start: Start) -> str:
    """The page with the form. Every refusal leaves an event; none is sent to the application, which asked for nothing."""
    agents_only(visitor.caller)
    if not start.provider_id:
        raise Invalid("the form has no providerId: the entityID of the application", field="providerId")
    try:
        app = application(idp, start.provider_id, field="providerId")
        current(idp, app.provider)
        order = Order(app, consumer(app, start.shire), WAY, visitor.context, holder=visitor.certificate)
        allowed(start.target, app.settings.relay)
        issued = answer(idp, visitor, order)
    except ConnectorError as problem:
        if not (isinstance(problem, Declined) and problem.recorded):
            refused(idp, visitor.caller, start.provider_id, WAY, problem.detail)
        raise
    return sso.form(idp, issued, start.target)


def current(idp: IdentityProvider, provider: ServiceProvider) -> None:
    """Invalid where its metadata has ended."""
    if provider.valid_until is not None and provider.valid_until <= idp.domain.database.clock():
        raise Invalid("the application's metadata has expired: register it again", field="validUntil")


def consumer(app: Application, location: str | None, *, field: str = "shire") -> Endpoint:
    """That address of its metadata, or the default one; Invalid where there is none that takes what was not asked for."""
    fitting = [one for one in app.provider.consumers if one.binding in (BINDING_POST, BINDING_ARTIFACT)]
    if location is not None:
        fitting = [one for one in fitting if one.location == location]
    ranked = app.provider.ranked(fitting, artifact=app.settings.binding == "artifact")
    if not ranked:
        raise Invalid("the metadata has no such AssertionConsumerService for HTTP-POST or HTTP-Artifact", field=field)
    return ranked[0]


def allowed(target: str | None, relay: Sequence[str], *, field: str = "target") -> None:
    """An application takes RelayState of this kind for an address to go to: only to places that were agreed on."""
    sso.check_relay_state(target)
    if target is None or any(_below(target, place) for place in relay):
        return
    raise Invalid(f"{field} is not at or below one of the addresses that were chosen as relay", field=field)


def _below(target: str, place: str) -> bool:
    """Whether the target is the place, or has more path or a query behind it; compared as text, and so exactly."""
    if any(sign in target for sign in "\\\"'<>") or any(ord(sign) <= 32 for sign in target):
        return False
    if any(part in (".", "..") for part in unquote(urlsplit(target).path).split("/")):
        return False  # a browser would resolve it to somewhere else
    return target == place or target.startswith(place if place.endswith("/") else (place + "/", place + "?"))

"""Sign-on without a request (profiles section 4.1.5): the agent names the application, and gets the form for it.

The names of the fields are those of Shibboleth's unsolicited SSO: `providerId`, and if wanted `shire` and `target`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from connector.core.errors import ConnectorError, Invalid
from connector.domain.unit import Caller
from connector.edges.saml import sso
from connector.edges.saml.errors import Declined
from connector.edges.saml.issue import IdentityProvider, Order, agents_only, answer, application, refused
from connector.edges.saml.names import BINDING_POST
from connector.edges.saml.service_provider import Endpoint, ServiceProvider

WAY = "init"


@dataclass(frozen=True)
class Start:
    """What the agent asks for: the entity id; an address of its metadata for the answer; the page that it wants there."""

    provider_id: str | None
    shire: str | None
    target: str | None


def page(idp: IdentityProvider, caller: Caller, start: Start, *, context: str) -> str:
    """The page with the form. Every refusal leaves an event; none is sent to the application, which asked for nothing."""
    agents_only(caller)
    if not start.provider_id:
        raise Invalid("the form has no providerId: the entityID of the application", field="providerId")
    try:
        app = application(idp, start.provider_id, field="providerId")
        _current(idp, app.provider)
        consumer = _consumer(app.provider, start.shire)
        _allowed(start.target, app.settings.relay)
        issued = answer(idp, caller, Order(app, consumer, WAY, context))
    except ConnectorError as problem:
        if not (isinstance(problem, Declined) and problem.recorded):
            refused(idp, caller, start.provider_id, WAY, problem.detail)
        raise
    return sso.form(issued, start.target)


def _current(idp: IdentityProvider, provider: ServiceProvider) -> None:
    if provider.valid_until is not None and provider.valid_until <= idp.domain.database.clock():
        raise Invalid("the application's metadata has expired: register it again", field="validUntil")


def _consumer(provider: ServiceProvider, shire: str | None) -> Endpoint:
    if shire is None:
        found = provider.default_consumer(BINDING_POST)
    else:
        known = (one for one in provider.consumers if one.binding == BINDING_POST and one.location == shire)
        found = next(known, None)
    if found is None:
        raise Invalid("the metadata has no such AssertionConsumerService for HTTP-POST", field="shire")
    return found


def _allowed(target: str | None, relay: Sequence[str]) -> None:
    """An application takes RelayState of this kind for an address to go to: only to places that were agreed on."""
    sso.check_relay_state(target)
    if target is None or any(_below(target, place) for place in relay):
        return
    raise Invalid("target is not at or below one of the addresses that were chosen as relay", field="target")


def _below(target: str, place: str) -> bool:
    """Whether the target is the place, or has more path or a query behind it; compared as text, and so exactly."""
    if any(sign in target for sign in "\\\"'<>") or any(ord(sign) <= 32 for sign in target):
        return False
    if any(part in (".", "..") for part in unquote(urlsplit(target).path).split("/")):
        return False  # a browser would resolve it to somewhere else
    return target == place or target.startswith(place if place.endswith("/") else (place + "/", place + "?"))

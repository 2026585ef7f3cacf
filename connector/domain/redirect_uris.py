"""Where an agent has people's browsers sent back to with a code: what may be registered, and what fits a request.

Compared as texts: whatever reads an address in its own way can be misled (RFC 9700 section 4.1.3). Only the port of a loopback
address may be another, since a program on somebody's machine takes whichever is free (RFC 8252 section 7.3).
"""

import re
from urllib.parse import urlsplit

from connector.core.errors import Conflict, Invalid, NotFound
from connector.domain.events import Action
from connector.domain.unit import Unit
from connector.storage import person_grants as store

_LONGEST = 500
_PLAIN = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()+=%-]+")  # of RFC 3986, without * , ; which mean something to a CSP
_HTTPS = re.compile(r"https://[a-z0-9.-]+(:[0-9]{1,5})?(/[^#]*)?")
_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::[0-9]{1,5})?((?:/[^#]*)?)")
_LOCALHOST = re.compile(r"http://localhost(:[0-9]{1,5})?(/[^#]*)?")
_PRIVATE = re.compile(r"[a-z][a-z0-9-]*(\.[a-z0-9-]+)+:/[^/#][^#]*")  # com.example.app:/callback (RFC 8252 section 7.1)
_DOTS = re.compile(r"/(\.|%2e){1,2}(/|$)", re.IGNORECASE)
_ADVICE = (
    "https://host/path, http://127.0.0.1/path or http://[::1]/path for a program on the person's machine, or "
    "com.example.app:/path for an app"
)


def add(unit: Unit, agent_id: str, uri: str) -> None:
    """Invalid where it cannot be one; Conflict where the agent has it already."""
    if not may_be_one(uri):
        raise Invalid(
            f"uri must be {_ADVICE}, in lower case up to the path, without a fragment, user name, wildcard or ../, not {uri!r}",
            field="uri",
        )
    if uri in store.redirect_uris(unit.tx, agent_id):
        raise Conflict(f"the agent has the redirect URI {uri!r} already", field="uri")
    store.add_redirect_uri(unit.tx, agent_id, uri)
    unit.record(Action.REDIRECT_URI_ADDED, "agent", agent_id, uri=uri)


def remove(unit: Unit, agent_id: str, uri: str) -> None:
    if not store.remove_redirect_uri(unit.tx, agent_id, uri):
        raise NotFound(f"the agent has no redirect URI {uri!r}", field="uri")
    unit.record(Action.REDIRECT_URI_REMOVED, "agent", agent_id, uri=uri)


def listing(unit: Unit, agent_id: str) -> list[str]:
    return store.redirect_uris(unit.tx, agent_id)


def fits(registered: list[str], asked: str) -> bool:
    """Whether a code may be sent there. Pure."""
    if asked in registered:
        return True
    loopback = _LOOPBACK.fullmatch(asked)
    if loopback is None or not may_be_one(asked):
        return False
    return any(found.groups() == loopback.groups() for found in map(_LOOPBACK.fullmatch, registered) if found)


def may_be_one(uri: str) -> bool:
    """Whether it may be registered at all. Pure."""
    if len(uri) > _LONGEST or not _PLAIN.fullmatch(uri) or _DOTS.search(uri.partition("?")[0]):
        return False
    if not any(form.fullmatch(uri) for form in (_HTTPS, _LOOPBACK, _LOCALHOST, _PRIVATE)):
        return False
    try:
        return urlsplit(uri).port != 0
    except ValueError:  # a port beyond 65535
        return False

"""What an authorization request says (RFC 6749 section 4.1.1, RFC 7636, RFC 8707, RFC 9449 section 10, RFC 9470): reading it.

First the client and where it may be answered: before that is known, nothing is sent anywhere. All that is wrong with the rest is
told to the client.
"""

import re
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

from werkzeug.datastructures import MultiDict

from connector.core.errors import Invalid
from connector.domain import consents, redirect_uris
from connector.domain.consents import Asked
from connector.domain.unit import Unit
from connector.edges.oauth.errors import OAuthError

_ONCE = ("client_id", "redirect_uri")
_HASH = re.compile(r"[A-Za-z0-9_-]{43}")  # base64url of a SHA-256
_PROMPTS = frozenset({"none", "login", "consent"})
LONGEST = 1900  # characters that come through the sign-in page and back
_MIN_AGE = 60  # seconds that the way back from an IdP may take


@dataclass(frozen=True)
class ReturnAddress:
    """Where the answer goes. `named` is the redirect URI as the request has it: it must come again with the code."""

    agent_id: str
    uri: str
    named: str | None
    state: str | None
    issuer: str

    def answer(self, **parameters: str) -> str:
        """The address with an answer in its query, and who has given it (RFC 9207)."""
        told = {**parameters, **({"state": self.state} if self.state is not None else {}), "iss": self.issuer}
        return f"{self.uri}{'&' if '?' in self.uri else '?'}{urlencode(told, quote_via=quote)}"

    @property
    def site(self) -> str:
        """What people are told of it."""
        parts = urlsplit(self.uri)
        return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"


@dataclass(frozen=True)
class AuthorizationRequest:
    """`max_age` in seconds since the person has proved who they are, `contexts` the ways of doing so that will do, if they matter."""

    asked: Asked
    prompts: frozenset[str]
    max_age: int | None
    contexts: tuple[str, ...]


def return_address(unit: Unit, query: MultiDict[str, str], *, issuer: str) -> ReturnAddress:
    """Invalid, NotFound or Denied, for the person, where there is none that can be trusted (RFC 9700 section 4.11.2)."""
    for name in _ONCE:
        if len(query.getlist(name)) > 1:
            raise Invalid(f"{name} is given more than once", field=name)
    agent_id, named = query.get("client_id", ""), query.get("redirect_uri")
    if not agent_id:
        raise Invalid("client_id is missing: whoever sent you here must name the agent", field="client_id")
    consents.requester(unit, agent_id)
    registered = redirect_uris.listing(unit, agent_id)
    if named is None and len(registered) != 1:
        raise Invalid("redirect_uri is missing: the agent does not have exactly one", field="redirect_uri")
    uri = registered[0] if named is None else named
    if not redirect_uris.fits(registered, uri):
        raise Invalid(
            "redirect_uri is not one that is registered for the agent (connector agent redirect-uri)",
            field="redirect_uri",
        )
    states = query.getlist("state")
    return ReturnAddress(agent_id, uri, named, states[0] if states else None, issuer)


def read(query: MultiDict[str, str], to: ReturnAddress) -> AuthorizationRequest:
    """The rest. OAuthError, for the client, names what is wrong."""
    for name, values in query.lists():
        if len(values) > 1:
            code = "invalid_target" if name == "resource" else "invalid_request"
            raise OAuthError(code, f"{name} is given more than once")
    for name, code in (("request", "request_not_supported"), ("request_uri", "request_uri_not_supported")):
        if name in query:
            raise OAuthError(code, f"{name} is not taken here: send the parameters themselves")
    if query.get("response_type") != "code":
        code = "unsupported_response_type" if query.get("response_type") else "invalid_request"
        raise OAuthError(code, "response_type must be code")
    if query.get("response_mode", "query") != "query":
        raise OAuthError("invalid_request", "response_mode must be query")
    scopes = frozenset(query.get("scope", "").split())
    if not scopes:
        raise OAuthError("invalid_scope", "scope is missing: name what the person is asked for")
    asked = Asked(to.agent_id, to.named, scopes, query.get("resource"), _challenge(query), _hash(query, "dpop_jkt"))
    prompts, max_age = _prompts(query), _age(query)
    if "login" in prompts:
        max_age = 0
    if max_age is not None:
        max_age = max(max_age, _MIN_AGE)
    return AuthorizationRequest(asked, prompts, max_age, _contexts(query))


def _challenge(query: MultiDict[str, str]) -> str:
    if query.get("code_challenge_method") != "S256":  # left out it means plain (RFC 7636 section 4.3)
        raise OAuthError("invalid_request", "code_challenge_method must be S256")
    found = _hash(query, "code_challenge")
    if found is None:
        raise OAuthError("invalid_request", "code_challenge is missing: PKCE is needed (RFC 7636)")
    return found


def _hash(query: MultiDict[str, str], name: str) -> str | None:
    value = query.get(name)
    if value is not None and not _HASH.fullmatch(value):
        raise OAuthError("invalid_request", f"{name} must be a SHA-256 in base64url, 43 characters")
    return value


def _prompts(query: MultiDict[str, str]) -> frozenset[str]:
    found = frozenset(query.get("prompt", "").split())
    if found - _PROMPTS or ("none" in found and len(found) > 1):
        raise OAuthError("invalid_request", "prompt must be none, or login, consent or both")
    return found


def _contexts(query: MultiDict[str, str]) -> tuple[str, ...]:
    found = tuple(query.get("acr_values", "").split())
    if not all(one.isascii() and one.isprintable() for one in found):
        raise OAuthError("invalid_request", "acr_values must be URIs, separated by spaces")
    return found


def _age(query: MultiDict[str, str]) -> int | None:
    value = query.get("max_age")
    if value is not None and not re.fullmatch(r"[0-9]{1,9}", value):
        raise OAuthError("invalid_request", "max_age must be a number of seconds")
    return None if value is None else int(value)

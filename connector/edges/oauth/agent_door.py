"""Who knocks at the doors of applications' sign-on: an agent, by any way that the token endpoint knows as well.

There a request has no form of ours to put an assertion or an id into. So a client assertion comes as the bearer, and the id that a
certificate stands for in the query.
"""

from collections.abc import Mapping
from typing import Any

import flask

from connector.core import jose
from connector.core.errors import Unauthenticated
from connector.domain.arrival import Arrival
from connector.domain.tokens import TYPE, Tokens
from connector.edges.oauth.client_auth import ASSERTION_TYPE, Presented
from connector.edges.oauth.door import Door


class AgentDoor:
    """Lets agents in: with an access token, HTTP Basic, a client assertion, or a client certificate."""

    def __init__(self, door: Door, tokens: Tokens) -> None:
        self._door = door
        self._tokens = tokens

    def arrive(self, request: flask.Request) -> Arrival:
        """The agent, or whoever else has authenticated.

        Unauthenticated, Denied, TooManyRequests, or DeadToken of an agent that may not sign on.
        """
        header, address = request.headers.get("Authorization"), request.remote_addr or ""
        kind, _, token = (header or "").partition(" ")
        token = token.strip()
        protected, claims = _unverified(token)
        if kind.lower() == "bearer" and _is_assertion(protected):
            form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": token}
            return self._door.prove(Presented(form, None), address)
        shown = self._door.shown_certificate(request)
        named = request.args.get("client_id")
        if header is None and shown is not None and named is not None:
            return self._door.prove(Presented({"client_id": named}, None, shown), address)
        if header is not None and kind.lower() == "basic":
            return self._door.agent_by_secret(header, address)
        acting = self._tokens.acting(header, lambda: self._door.shown(request)) if header and "act" in claims else None
        caller, subject = acting or (self._tokens.agent(header, lambda: self._door.shown(request)), None)
        bound = shown is not None and _bound_to(claims) == shown.thumbprint
        return Arrival(caller, "token", shown.certificate if shown is not None and bound else None, subject)


def _unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, to choose by who judges it; both empty where it is an API key."""
    try:
        return jose.unverified(token)
    except Unauthenticated:
        return {}, {}


def _is_assertion(header: Mapping[str, Any]) -> bool:
    """Whether it is a JWT that is no access token of ours: those have a type of their own (RFC 9068 section 2.1)."""
    return bool(header) and str(header.get("typ", "JWT")).lower() != TYPE


def _bound_to(claims: Mapping[str, Any]) -> str | None:
    """The certificate that an access token, verified just before, is bound to (RFC 8705 section 3.1)."""
    confirmation = claims.get("cnf")
    return confirmation.get("x5t#S256") if isinstance(confirmation, dict) else None

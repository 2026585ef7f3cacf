"""The OAuth endpoints. The token endpoint is a pipeline: read once, authenticate, check the grant, issue, answer."""

from typing import Any

import orjson
from flask import Blueprint, Response, request

from connector.core.errors import ConnectorError, Unauthenticated
from connector.core.jose import ASSERTION_ALGORITHMS, Signer
from connector.domain import clients
from connector.domain.clients import AGENT_SCOPE, SCOPES
from connector.domain.events import Action
from connector.domain.tokens import Tokens
from connector.domain.unit import SYSTEM, Caller, Domain
from connector.edges.oauth import client_auth
from connector.edges.oauth.attempts import Attempts
from connector.edges.oauth.client_auth import METHODS, Audiences, Presented
from connector.edges.oauth.errors import OAuthError, Refused
from connector.edges.oauth.federation import Federation

PREFIX = "/oauth"


def blueprint(
    domain: Domain, *, base_url: str, tokens: Tokens, signer: Signer, federation: Federation, attempts: Attempts
) -> Blueprint:
    """The edge below /oauth, and the RFC 8414 metadata."""
    edge = Blueprint("oauth", __name__)
    audiences = Audiences(base_url, f"{base_url}{PREFIX}/token")
    metadata = orjson.dumps(_metadata(base_url))
    key_set = orjson.dumps(signer.public_set())

    def authenticated() -> Caller:
        _single(request.form)
        address = request.remote_addr or ""
        presented = Presented(request.form, request.headers.get("Authorization"))
        who = client_auth.claimed_id(presented)
        attempts.check(who, address)
        try:
            claimed = federation.claimed(request.form.get("client_assertion", ""))
            with domain.change(SYSTEM) as unit:
                caller = client_auth.authenticate(unit, presented, audiences, claimed)
        except Unauthenticated as refusal:
            attempts.failed(who, address)
            if isinstance(refusal, Refused):
                _remember(domain, refusal, address)
            raise
        attempts.succeeded(who, address)
        return caller

    @edge.post(f"{PREFIX}/token")
    def token() -> Response:
        caller = authenticated()
        with domain.change(caller) as unit:
            try:
                if request.form.get("grant_type") != "client_credentials":
                    raise OAuthError("unsupported_grant_type", "grant_type must be client_credentials")
                issued = tokens.issue(unit, caller, frozenset(request.form.get("scope", "").split()))
            except ConnectorError as refusal:
                unit.record(Action.TOKEN_REFUSED, caller.kind, caller.id, why=refusal.detail)
                refused: ConnectorError | None = refusal
            else:
                refused = None
        if refused is not None:  # raised only now: the event of the refusal is committed
            raise refused
        answer = {"access_token": issued.text, "token_type": "Bearer", "expires_in": issued.seconds}
        return _json({**answer, "scope": " ".join(sorted(issued.scopes))})

    @edge.post(f"{PREFIX}/introspect")
    def introspect() -> Response:
        """Live clients with the scope `introspect` may ask about any token; others about their own (RFC 7662)."""
        caller = authenticated()
        told = tokens.introspect(request.form.get("token", ""))
        if "introspect" not in caller.scopes and told.get("sub") != caller.id:
            told = {"active": False}
        return _json(told)

    @edge.post(f"{PREFIX}/revoke")
    def revoke() -> Response:
        caller = authenticated()
        with domain.change(caller) as unit:
            tokens.revoke(unit, request.form.get("token", ""))
        return Response(status=200, headers={"Cache-Control": "no-store"})

    @edge.get(f"{PREFIX}/jwks")
    def jwks() -> Response:
        return Response(key_set, content_type="application/jwk-set+json", headers={"Cache-Control": "max-age=300"})

    @edge.get("/.well-known/oauth-authorization-server")
    def described() -> Response:
        return Response(metadata, content_type="application/json", headers={"Cache-Control": "max-age=300"})

    return edge


def _remember(domain: Domain, refusal: Refused, address: str) -> None:
    """An event of the failure, for clients and agents that there are: a stranger's guesses shall not fill the audit log."""
    if refusal.holder is None:
        return
    with domain.change(SYSTEM) as unit:
        kind = clients.kind_of(unit, refusal.holder)
        if kind is not None:
            unit.record(Action.CLIENT_REFUSED, kind, refusal.holder, why=refusal.why, address=address)


def _single(form: Any) -> None:
    """RFC 6749 section 3.2: a parameter must not be given more than once."""
    for name, values in form.lists():
        if len(values) > 1:
            raise OAuthError("invalid_request", f"{name} is given more than once")


def _metadata(base_url: str) -> dict[str, Any]:
    methods = list(METHODS)
    return {
        "issuer": base_url,
        "token_endpoint": f"{base_url}{PREFIX}/token",
        "introspection_endpoint": f"{base_url}{PREFIX}/introspect",
        "revocation_endpoint": f"{base_url}{PREFIX}/revoke",
        "jwks_uri": f"{base_url}{PREFIX}/jwks",
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "scopes_supported": [*SCOPES, AGENT_SCOPE],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
    }


def _json(body: dict[str, Any]) -> Response:
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    return Response(orjson.dumps(body), headers=headers, content_type="application/json")

"""The credentials of an agent over HTTP: the agent itself, or a client with the scope `credentials`, sees, rotates and ends them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
from flask import Blueprint, Response, request

from connector.core import challenges
from connector.core.errors import ConnectorError, Denied, Invalid, NotFound, Unauthenticated
from connector.domain import ca, credentials, resources, rotation
from connector.domain.clients import AGENT_SCOPE
from connector.domain.credentials import Credential
from connector.domain.unit import Caller, Domain
from connector.edges.oauth import errors

PREFIX = "/oauth/agents/<id>"
_OVERLAP_DAYS = 7
_STATUS = ((Denied, 403), (NotFound, 404))


def blueprint(
    domain: Domain, *, authenticate: Callable[[str | None], Caller], trust_domain: str, certificate_life: timedelta
) -> Blueprint:
    """The edge below /oauth/agents. `authenticate` turns an Authorization header into a caller or raises Unauthenticated."""
    edge = Blueprint("credentials", __name__)

    def caller_for(id: str, *, itself: bool = False) -> Caller:
        caller = authenticate(request.headers.get("Authorization"))
        own = caller.kind == "agent" and caller.id == id and caller.person is None and AGENT_SCOPE in caller.scopes
        if not own and (itself or "credentials" not in caller.scopes or caller.kind != "client"):
            raise Denied("this is for the agent itself, or a client with the scope credentials", scope="credentials")
        with domain.view(caller) as unit:
            resources.fetch(unit, "agent", id)
        return caller

    @edge.get(f"{PREFIX}/credentials")
    def listed(id: str) -> Response:
        with domain.view(caller_for(id)) as unit:
            return _json([_shown(one, unit.tx.now) for one in credentials.listing(unit, id)])

    @edge.post(f"{PREFIX}/credentials")
    def rotate(id: str) -> Response:
        caller, asked = caller_for(id), _body()
        days = asked.get("overlapDays", _OVERLAP_DAYS)
        if not isinstance(days, int | float) or isinstance(days, bool) or not 0 <= days <= 90:
            raise Invalid("overlapDays must be a number from 0 to 90", field="overlapDays")
        with domain.change(caller) as unit:
            issued = rotation.rotate(
                unit,
                id,
                kind=asked.get("kind", "client_secret"),
                overlap=timedelta(days=days),
                replaces=asked.get("replaces"),
                jwk=asked.get("publicKey"),
            )
        return _json({"id": issued.id, **({"secret": issued.secret} if issued.secret else {})}, 201)

    @edge.post(f"{PREFIX}/credentials/<credential>/secret")
    def fetch(id: str, credential: str) -> Response:
        """What the schedule made: shown this once, and to the agent only."""
        with domain.change(caller_for(id, itself=True)) as unit:
            issued = rotation.fetch(domain, unit, id, credential)
        return _json({"id": issued.id, "secret": issued.secret})

    @edge.delete(f"{PREFIX}/credentials/<credential>")
    def revoke(id: str, credential: str) -> Response:
        with domain.change(caller_for(id)) as unit:
            rotation.revoke(unit, id, credential)
        return Response(status=204)

    @edge.post(f"{PREFIX}/leaked")
    def leaked(id: str) -> Response:
        caller, why = caller_for(id), _body().get("why")
        with domain.change(caller) as unit:
            rotation.leaked(unit, id, why=why if isinstance(why, str) else None)
        return Response(status=204)

    @edge.post(f"{PREFIX}/certificate")
    def certify(id: str) -> Response:
        """A client certificate from our own CA: the body is a CSR in PEM."""
        with domain.change(caller_for(id, itself=True)) as unit:
            pem = ca.issue(unit, domain.keys, id, request.get_data(), trust_domain=trust_domain, life=certificate_life)
        return Response(pem, 201, content_type="application/pem-certificate-chain")

    edge.register_error_handler(ConnectorError, render_error)
    return edge


def render_error(error: ConnectorError) -> Response:
    """As the token endpoint has it, with the statuses and challenges of a protected resource (RFC 6750 section 3)."""
    said = errors.render_error(error)
    if isinstance(error, Unauthenticated):
        said.status_code = 401
        said.data = orjson.dumps({"error": "invalid_token", "error_description": error.detail})
    for kind, status in _STATUS:
        if isinstance(error, kind):
            said.status_code = status
    if isinstance(error, Unauthenticated | Denied):
        said.headers.update(challenges.headers_of(error, realm="credentials"))
    return said


def _body() -> dict[str, Any]:
    if not request.get_data():
        return {}
    try:
        body = orjson.loads(request.get_data())
    except ValueError as problem:
        raise Invalid("the body must be a JSON object", field="body") from problem
    if not isinstance(body, dict):
        raise Invalid("the body must be a JSON object", field="body")
    for name, kind, what in (("kind", str, "a text"), ("replaces", str, "a text"), ("publicKey", dict, "a JWK")):
        if name in body and not isinstance(body[name], kind):
            raise Invalid(f"{name} must be {what}", field=name)
    return body


def _shown(held: Credential, now: str) -> dict[str, Any]:
    told = {
        "notAfter": held.not_after,
        "lastUsed": held.last_used,
        "thumbprint": held.thumbprint,
        "name": held.name,
        "scopes": held.scopes,
        "replaces": held.replaces,
    }
    shown = {"id": held.id, "kind": held.kind, "origin": held.origin, "status": credentials.status(held, now)}
    waiting = {"secretWaits": True} if held.sealed is not None else {}
    return {**shown, "notBefore": held.not_before, **{k: v for k, v in told.items() if v is not None}, **waiting}


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, {"Cache-Control": "no-store"}, content_type="application/json")

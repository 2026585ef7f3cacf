"""The OAuth endpoints. The token endpoint is a pipeline: read once, authenticate, check the grant, issue, answer."""

from collections.abc import Callable, Mapping
from typing import Any

import flask
import orjson
from flask import Blueprint, Response

from connector.core.errors import ConnectorError, Denied, Unavailable
from connector.core.jose import Signer
from connector.core.plain import Plain
from connector.domain import person_grants
from connector.domain.events import Action
from connector.domain.exchange import Wish
from connector.domain.proofs import Proofs
from connector.domain.tokens import Tokens
from connector.domain.unit import Domain
from connector.edges.oauth import metadata
from connector.edges.oauth.door import PREFIX, Door
from connector.edges.oauth.errors import Refused
from connector.edges.oauth.federation import Federation, Vouched
from connector.edges.oauth.grants import Grants, Request


def blueprint(
    domain: Domain,
    *,
    base_url: str,
    tokens: Tokens,
    signer: Signer,
    grants: Grants,
    federation: Federation,
    door: Door,
    proofs: Proofs,
    only_pushed: bool,
) -> Blueprint:
    """The edge below /oauth, and the RFC 8414 and RFC 9728 metadata. `only_pushed`: authorization requests, of whatever agent."""
    edge = Blueprint("oauth", __name__)

    def token(asked: flask.Request) -> Response:
        arrival, shown, form = door.enter(asked)
        caller = arrival.caller
        wish = Wish(
            frozenset(form.get("scope", "").split()),
            form.get("resource"),
            proofs.confirmation(shown),
            form.get("requested_actor"),
        )
        vouched = _vouched(federation, form)
        with domain.change(caller) as unit:
            try:
                answer = grants.answer(Request(unit, arrival, form, wish, vouched))
            except ConnectorError as refusal:
                unit.record(Action.TOKEN_REFUSED, caller.kind, caller.id, why=refusal.detail)
                refused: ConnectorError | None = refusal
            else:
                refused = None
        if refused is not None:  # raised only now: the event of the refusal is committed
            raise refused
        said = _json(answer)
        if shown.dpop:
            said.headers["DPoP-Nonce"] = proofs.nonce  # RFC 9449 section 8.2: the next proof need not be refused first
        return said

    def introspect(asked: flask.Request) -> Response:
        """Live clients with the scope `introspect` may ask about any token; others about their own (RFC 7662)."""
        arrival, _, form = door.enter(asked)
        told = tokens.introspect(form.get("token", ""))
        if "introspect" not in arrival.caller.scopes and told.get("client_id") != arrival.caller.id:
            told = {"active": False}
        return _json(told)

    def revoke(asked: flask.Request) -> Response:
        arrival, _, form = door.enter(asked)
        token = form.get("token", "")
        with domain.change(arrival.caller) as unit:
            if not person_grants.revoke(unit, token):
                tokens.revoke(unit, token)
        return Response(status=200, headers={"Cache-Control": "no-store"})

    for view in (token, introspect, revoke):
        name = view.__name__
        edge.add_url_rule(f"{PREFIX}/{name}", name, Plain(view, flask.request), methods=["POST"])

    @edge.get(f"{PREFIX}/jwks")
    def jwks() -> Response:
        return Response(
            orjson.dumps(signer.public_set()),
            content_type="application/jwk-set+json",
            headers={"Cache-Control": "max-age=300"},
        )

    described = metadata.authorization_server(base_url, PREFIX, grants.table, only_pushed=only_pushed)
    _mount_metadata(edge, base_url, described)
    return edge


def _mount_metadata(edge: Blueprint, base_url: str, server: dict[str, Any]) -> None:
    described = {
        "oauth-authorization-server": orjson.dumps(server),
        "oauth-protected-resource": orjson.dumps(metadata.protected_resource(base_url, PREFIX)),
    }

    def well_known(name: str) -> Callable[[], Response]:
        return lambda: Response(
            described[name], content_type="application/json", headers={"Cache-Control": "max-age=300"}
        )

    for name in described:
        edge.add_url_rule(f"/.well-known/{name}", name, well_known(name))


def _vouched(federation: Federation, form: Mapping[str, str]) -> Vouched | None:
    """The keys of an issuer elsewhere, fetched before a transaction is open."""
    token = form.get("assertion") or form.get("subject_token") or ""
    try:
        return federation.vouched(token)
    except Refused as refusal:
        if refusal.retry_after:
            raise Unavailable("the issuer's keys cannot be had just now", retry_after=refusal.retry_after) from refusal
        field = "assertion" if "assertion" in form else "subject_token"
        raise Denied(f"{field}: {refusal.why}", field=field) from refusal


def _json(body: dict[str, Any]) -> Response:
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    return Response(orjson.dumps(body), headers=headers, content_type="application/json")

"""The HTTP face of the SAML identity provider: metadata, ECP and sign-on. The protocol is in the modules beside."""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import flask
from cryptography import x509

from connector.core import challenges
from connector.core.errors import ConnectorError, Unauthenticated
from connector.core.http import HttpClient
from connector.core.plain import Plain
from connector.domain import sign_on
from connector.domain.arrival import Arrival
from connector.domain.tokens import DeadToken
from connector.domain.unit import SYSTEM, Domain, Unit
from connector.edges.saml import artifact, direct, ecp, metadata, post_form, slo, soap, sso, unsolicited
from connector.edges.saml.bundles import Bundles
from connector.edges.saml.errors import render
from connector.edges.saml.idp import IdentityProvider
from connector.edges.saml.logout import LogoutSender
from connector.edges.saml.signature import Signers
from connector.edges.saml.visitor import Decide, Visitor, visitor

Authenticate = Callable[[flask.Request], Arrival]
CertificateOf = Callable[[flask.Request], x509.Certificate | None]

_MAX_BODY = 384 * 1024  # base64 of the largest message that the parser takes
_METADATA_TYPE = "application/samlmetadata+xml"
_METADATA_FRESH = timedelta(hours=1)


def message_id() -> str:
    """An ID of 160 random bits (core section 1.3.4 wants 128 at least), in the form of an NCName."""
    return "_" + secrets.token_hex(20)


def identity_provider(
    domain: Domain,
    *,
    base_url: str,
    entity_id: str,
    new_id: Callable[[], str] = message_id,
    mapping_folders: Sequence[Path] = (),
) -> IdentityProvider:
    """What the blueprint and the logout sender share. Misconfigured where the key cannot sign."""
    scope = urlsplit(base_url).hostname or "localhost"
    signers, bundles = Signers(domain.keys), Bundles(mapping_folders)
    return IdentityProvider(domain, entity_id, base_url, scope, signers, new_id, bundles)


def logout_sender(domain: Domain, *, base_url: str, entity_id: str, http: HttpClient) -> LogoutSender:
    """What the worker calls for outbox rows `app:ENTITY_ID`: `.tell(agent_id, entity_id)`."""
    return LogoutSender(identity_provider(domain, base_url=base_url, entity_id=entity_id), http)


Assertions = Callable[..., tuple[str, datetime]]


def assertions(idp: IdentityProvider) -> Assertions:
    """What the token endpoint issues assertions by: `direct.exchanged`, for whoever has arrived there."""
    encrypted = idp.base_url.startswith("https://")

    def issue(unit: Unit, arrival: Arrival, **what: Any) -> tuple[str, datetime]:
        return direct.exchanged(idp, unit, visitor(arrival, encrypted=encrypted), **what)

    return issue


def blueprint(
    idp: IdentityProvider, *, authenticate: Authenticate, certificate: CertificateOf, decide: Decide
) -> flask.Blueprint:
    """`/saml/metadata`, `/saml/ecp`, `/saml/sso`, `/saml/sso/init`, `/saml/assertions`, `/saml/artifact`, `/saml/slo`.

    `authenticate` says which agent a request is from, `certificate` which one came with its connection, and `decide` whether an
    agent may act for somebody.
    """
    routes = _Routes(idp, authenticate, certificate, decide)
    found = flask.Blueprint("saml", __name__, url_prefix="/saml")
    found.add_url_rule("/metadata", view_func=routes.metadata, methods=["GET"])
    found.add_url_rule("/sso", view_func=routes.sso, methods=["GET", "POST"])
    found.add_url_rule("/sso/init", view_func=routes.init, methods=["POST"])
    for view in (routes.ecp, routes.assertions, routes.artifact, routes.slo):
        found.add_url_rule(f"/{view.__name__}", view.__name__, Plain(view, flask.request), methods=["POST"])
    return found


class _Routes:
    def __init__(
        self, idp: IdentityProvider, authenticate: Authenticate, certificate: CertificateOf, decide: Decide
    ) -> None:
        self._idp = idp
        self._authenticate = authenticate
        self._certificate = certificate
        self._decide = decide
        self._metadata: tuple[Any, int, bytes] | None = None

    def metadata(self) -> flask.Response:
        now, keys = self._idp.domain.database.clock(), self._idp.domain.keys.refresh()
        kept = self._metadata
        if kept is None or kept[1] != keys or now - kept[0] > _METADATA_FRESH:
            kept = self._metadata = (now, keys, metadata.render(self._idp))  # anybody may ask: not one signature each
        response = flask.Response(kept[2], content_type=_METADATA_TYPE)
        response.add_etag()
        response.make_conditional(flask.request)
        return response

    def ecp(self, asked: flask.Request) -> flask.Response:
        try:
            answer = ecp.answer(self._idp, self._visitor(asked, "ecp"), _body(asked))
        except Unauthenticated as problem:
            return _challenge(problem)
        except ConnectorError as problem:
            return _fault(problem)
        return _soap(answer, 200)

    def slo(self, asked: flask.Request) -> flask.Response:
        """No Authorization header: an application proves itself by the signature of its request."""
        try:
            return _soap(slo.answer(self._idp, _body(asked)), 200)
        except ConnectorError as problem:
            return _fault(problem)

    def artifact(self, asked: flask.Request) -> flask.Response:
        """An application proves itself as above, or by a certificate with a key of its metadata."""
        try:
            return _soap(artifact.answer(self._idp, _body(asked), self._certificate(asked)), 200)
        except ConnectorError as problem:
            return _fault(problem)

    def assertions(self, asked: flask.Request) -> flask.Response:
        try:
            answer = direct.answer(self._idp, self._visitor(asked, direct.WAY), _body(asked))
        except Unauthenticated as problem:
            return _challenge(problem)
        except ConnectorError as problem:
            said = render(problem)
            return _json(direct.problem(problem), said.http_status, said.retry_after)
        return _json(answer, 200)

    def sso(self) -> flask.Response:
        if flask.request.method == "POST":
            return self._form("post", self._by_post)
        return self._form("redirect", self._by_redirect)

    def init(self) -> flask.Response:
        return self._form(unsolicited.WAY, self._unsolicited)

    def _by_post(self, visitor: Visitor) -> str:
        fields = flask.request.form
        form = sso.Post(fields.get("SAMLRequest"), fields.get("RelayState"))
        return sso.by_post(self._idp, visitor, form)

    def _by_redirect(self, visitor: Visitor) -> str:
        return sso.by_redirect(self._idp, visitor, flask.request.query_string)

    def _unsolicited(self, visitor: Visitor) -> str:
        fields = flask.request.form
        start = unsolicited.Start(fields.get("providerId"), fields.get("shire"), fields.get("target"))
        return unsolicited.page(self._idp, visitor, start)

    def _form(self, way: str, answer: Callable[[Visitor], str]) -> flask.Response:
        try:
            visitor = self._visitor(flask.request, way)
            flask.request.max_content_length = _MAX_BODY
            page = answer(visitor)
        except Unauthenticated as problem:
            return _challenge(problem)
        except ConnectorError as problem:
            said = render(problem)
            return _page(sso.problem_page(said.detail), said.http_status, said.retry_after)
        return _page(page, 200)

    def _visitor(self, asked: flask.Request, way: str) -> Visitor:
        try:
            arrival = self._authenticate(asked)
        except DeadToken as dead:  # a stranger leaves no event, an agent that was switched off does
            with self._idp.domain.change(SYSTEM) as unit:
                sign_on.refuse(unit, dead.agent_id, None, way, dead.reasons)
            raise
        return visitor(arrival, encrypted=self._idp.base_url.startswith("https://"), decide=self._decide)


def _body(asked: flask.Request) -> bytes:
    asked.max_content_length = _MAX_BODY  # werkzeug answers 413 where it is larger
    return asked.get_data()


def _challenge(problem: Unauthenticated) -> flask.Response:
    """RFC 9110 section 11.6.1; both ways are open (Basic: IIP-IDP14)."""
    response = flask.Response(problem.detail + "\n", 401, content_type="text/plain; charset=utf-8")
    response.headers.update(challenges.headers_of(problem, realm="agents", schemes=("Bearer", "Basic")))
    response.headers["Cache-Control"] = "no-store"
    return response


def _fault(problem: ConnectorError) -> flask.Response:
    said = render(problem)
    # SOAP 1.1 section 6.2 wants 500 with a fault; what HTTP itself understands keeps its own status
    status = said.http_status if said.http_status in (403, 429, 503) else 500
    return _soap(soap.fault(said.fault, said.detail), status, said.retry_after)


def _json(content: bytes, status: int, retry_after: int | None = None) -> flask.Response:
    response = flask.Response(content, status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return _waiting(response, retry_after)


def _soap(content: bytes, status: int, retry_after: int | None = None) -> flask.Response:
    response = flask.Response(content, status, content_type=soap.CONTENT_TYPE)
    response.headers.update({"Cache-Control": "no-cache, no-store", "Pragma": "no-cache"})
    return _waiting(response, retry_after)


def _page(content: str, status: int, retry_after: int | None = None) -> flask.Response:
    response = flask.Response(content, status, content_type="text/html; charset=utf-8")
    response.headers.update(post_form.HEADERS)
    return _waiting(response, retry_after)


def _waiting(response: flask.Response, retry_after: int | None) -> flask.Response:
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response

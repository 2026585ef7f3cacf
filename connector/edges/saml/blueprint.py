"""The HTTP face of the SAML identity provider: metadata, ECP and sign-on. The protocol is in the modules beside."""

import secrets
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import flask

from connector.core import challenges
from connector.core.errors import ConnectorError, Unauthenticated
from connector.core.http import HttpClient
from connector.domain import sign_on
from connector.domain.tokens import DeadToken
from connector.domain.unit import SYSTEM, Caller, Domain
from connector.edges.saml import ecp, metadata, names, post_form, slo, soap, sso, unsolicited
from connector.edges.saml.bundles import Bundles
from connector.edges.saml.errors import render
from connector.edges.saml.issue import IdentityProvider
from connector.edges.saml.logout import LogoutSender
from connector.edges.saml.signature import Signers

Authenticate = Callable[[str | None], Caller]

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


def blueprint(
    domain: Domain,
    *,
    base_url: str,
    entity_id: str,
    authenticate: Authenticate,
    mapping_folders: Sequence[Path],
    new_id: Callable[[], str] = message_id,
) -> flask.Blueprint:
    """`/saml/metadata`, `/saml/ecp`, `/saml/sso`, `/saml/sso/init`, `/saml/slo`.

    `authenticate` turns an Authorization header into a caller; attributes are in the folder `saml` of `mapping_folders`.
    """
    idp = identity_provider(
        domain, base_url=base_url, entity_id=entity_id, new_id=new_id, mapping_folders=mapping_folders
    )
    routes = _Routes(idp, authenticate)
    found = flask.Blueprint("saml", __name__, url_prefix="/saml")
    found.add_url_rule("/metadata", view_func=routes.metadata, methods=["GET"])
    found.add_url_rule("/ecp", view_func=routes.ecp, methods=["POST"])
    found.add_url_rule("/sso", view_func=routes.sso, methods=["GET", "POST"])
    found.add_url_rule("/sso/init", view_func=routes.init, methods=["POST"])
    found.add_url_rule("/slo", view_func=routes.slo, methods=["POST"])
    return found


class _Routes:
    def __init__(self, idp: IdentityProvider, authenticate: Authenticate) -> None:
        self._idp = idp
        self._authenticate = authenticate
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

    def ecp(self) -> flask.Response:
        try:
            caller, context = self._caller("ecp")
            answer = ecp.answer(self._idp, caller, self._body(), context=context)
        except Unauthenticated as problem:
            return _challenge(problem)
        except ConnectorError as problem:
            return _fault(problem)
        return _soap(answer, 200)

    def slo(self) -> flask.Response:
        """No Authorization header: an application proves itself by the signature of its request."""
        try:
            return _soap(slo.answer(self._idp, self._body()), 200)
        except ConnectorError as problem:
            return _fault(problem)

    def sso(self) -> flask.Response:
        if flask.request.method == "POST":
            return self._form("post", self._by_post)
        return self._form("redirect", self._by_redirect)

    def init(self) -> flask.Response:
        return self._form(unsolicited.WAY, self._unsolicited)

    def _by_post(self, caller: Caller, context: str) -> str:
        fields = flask.request.form
        form = sso.Post(fields.get("SAMLRequest"), fields.get("RelayState"))
        return sso.by_post(self._idp, caller, form, context=context)

    def _by_redirect(self, caller: Caller, context: str) -> str:
        return sso.by_redirect(self._idp, caller, flask.request.query_string, context=context)

    def _unsolicited(self, caller: Caller, context: str) -> str:
        fields = flask.request.form
        start = unsolicited.Start(fields.get("providerId"), fields.get("shire"), fields.get("target"))
        return unsolicited.page(self._idp, caller, start, context=context)

    def _form(self, way: str, answer: Callable[[Caller, str], str]) -> flask.Response:
        """The page that an agent gets, or one that tells why there is none."""
        try:
            caller, context = self._caller(way)
            self._body()
            page = answer(caller, context)
        except Unauthenticated as problem:
            return _challenge(problem)
        except ConnectorError as problem:
            said = render(problem)
            return _page(sso.problem_page(said.detail), said.http_status, said.retry_after)
        return _page(page, 200)

    def _caller(self, way: str) -> tuple[Caller, str]:
        """Who asks, and the authentication context class that follows from how it proved that."""
        header = flask.request.headers.get("Authorization")
        try:
            caller = self._authenticate(header)
        except DeadToken as dead:  # a stranger leaves no event, an agent that was switched off does
            with self._idp.domain.change(SYSTEM) as unit:
                sign_on.refuse(unit, dead.agent_id, None, way, dead.reasons)
            raise
        if header is not None and header[:6].lower() == "basic ":
            secure = self._idp.base_url.startswith("https://")
            return caller, names.CONTEXT_PROTECTED_PASSWORD if secure else names.CONTEXT_PASSWORD
        return caller, names.CONTEXT_UNSPECIFIED

    def _body(self) -> bytes:
        flask.request.max_content_length = _MAX_BODY  # werkzeug answers 413 where it is larger
        return flask.request.get_data(cache=True, parse_form_data=True)


def _challenge(problem: Unauthenticated) -> flask.Response:
    """RFC 9110 section 11.6.1; both ways are open (Basic: IIP-IDP14)."""
    response = flask.Response(problem.detail + "\n", 401, content_type="text/plain; charset=utf-8")
    response.headers.update(challenges.headers_of(problem, realm="agents", schemes=("Bearer", "Basic")))
    response.headers["Cache-Control"] = "no-store"
    return response


def _fault(problem: ConnectorError) -> flask.Response:
    said = render(problem)
    # SOAP 1.1 section 6.2 wants 500 with a fault; what HTTP itself understands keeps its own status
    status = said.http_status if said.http_status in (403, 503) else 500
    return _soap(soap.fault(said.fault, said.detail), status, said.retry_after)


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

"""Flask in, Flask out: routes, media types and authentication of the SCIM edge. What a request means is service.py's business."""

from collections.abc import Callable
from typing import Any

import orjson
from flask import Blueprint, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, UnsupportedMediaType

from connector.core.errors import ConnectorError, Denied
from connector.domain.unit import Caller, Domain
from connector.edges.scim import errors
from connector.edges.scim.discovery import Discovery
from connector.edges.scim.errors import MEDIA_TYPE, ScimError
from connector.edges.scim.render import Selection, selection
from connector.edges.scim.schema import Table
from connector.edges.scim.service import Answer, Conditions, ScimService, table_of

PREFIX = "/scim/v2"
_WRITING = ["POST", "PUT", "PATCH", "DELETE"]
_MEDIA_TYPES = {"application/scim+json", "application/json"}


def blueprint(domain: Domain, *, base_url: str, authenticate: Callable[[str | None], Caller]) -> Blueprint:
    """The edge below /scim/v2. `authenticate` turns an Authorization header into a caller or raises Unauthenticated."""
    edge = Blueprint("scim", __name__, url_prefix=PREFIX)
    service = ScimService(domain, base_url)
    discovery = Discovery(base_url)

    @edge.before_request
    def _know_the_caller() -> None:
        g.caller = authenticate(request.headers.get("Authorization"))
        if not any(scope.startswith("scim") for scope in g.caller.scopes):
            raise Denied("a scope for SCIM is needed, such as 'scim'", scope="scim")

    _mount_discovery(edge, discovery)
    _mount_resources(edge, service)
    return edge


def _mount_discovery(edge: Blueprint, discovery: Discovery) -> None:
    @edge.before_request
    def _no_filter_on_discovery() -> None:
        about = (request.endpoint or "").removeprefix("scim.")
        if about in ("config", "types", "schemas") and "filter" in request.args:
            raise Denied("discovery cannot be filtered (RFC 7644 section 4)")

    @edge.get("/ServiceProviderConfig")
    def config() -> Response:
        return _json(200, discovery.config(g.caller.dialect), {"Vary": "Authorization"})

    @edge.get("/ResourceTypes")
    def types() -> Response:
        return _json(200, discovery.types())

    @edge.get("/ResourceTypes/<name>")
    def type(name: str) -> Response:
        return _json(200, discovery.type(name))

    @edge.get("/Schemas")
    def schemas() -> Response:
        return _json(200, discovery.schemas(g.caller.dialect), {"Vary": "Authorization"})

    @edge.get("/Schemas/<urn>")
    def schema(urn: str) -> Response:
        return _json(200, discovery.schema(urn, g.caller.dialect), {"Vary": "Authorization"})

    @edge.route("/ServiceProviderConfig", methods=_WRITING)
    @edge.route("/ResourceTypes", methods=_WRITING)
    @edge.route("/ResourceTypes/<name>", methods=_WRITING)
    @edge.route("/Schemas", methods=_WRITING)
    @edge.route("/Schemas/<name>", methods=_WRITING)
    def unwritable(name: str = "") -> Response:
        raise MethodNotAllowed(["GET", "HEAD", "OPTIONS"], "discovery can only be read (RFC 7644 section 4)")

    @edge.route("/Me", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    @edge.route("/Bulk", methods=["POST"])
    @edge.route("/.search", methods=["POST"])
    @edge.route("/<endpoint>/.search", methods=["POST"])
    def unsupported(endpoint: str = "") -> Response:
        return _json(501, orjson.dumps(errors.body(501, f"{request.path} is not served; see ServiceProviderConfig")))


def _mount_resources(edge: Blueprint, service: ScimService) -> None:
    @edge.get("/<endpoint>")
    def search(endpoint: str) -> Response:
        table = table_of(endpoint)
        return _answer(service.search(g.caller, table, request.args.to_dict(), _chosen(table)))

    @edge.post("/<endpoint>")
    def create(endpoint: str) -> Response:
        table = table_of(endpoint)
        return _answer(service.create(g.caller, table, _body(), _chosen(table)))

    @edge.get("/<endpoint>/<id>")
    def read(endpoint: str, id: str) -> Response:
        table = table_of(endpoint)
        return _answer(service.read(g.caller, table, id, _chosen(table), _conditions()))

    @edge.put("/<endpoint>/<id>")
    def replace(endpoint: str, id: str) -> Response:
        table = table_of(endpoint)
        return _answer(service.replace(g.caller, table, id, _body(), _chosen(table), _conditions()))

    @edge.patch("/<endpoint>/<id>")
    def patch(endpoint: str, id: str) -> Response:
        table = table_of(endpoint)
        return _answer(service.patch(g.caller, table, id, _body(), _chosen(table), _conditions()))

    @edge.delete("/<endpoint>/<id>")
    def delete(endpoint: str, id: str) -> Response:
        return _answer(service.delete(g.caller, table_of(endpoint), id, _conditions()))


def render_error(error: ConnectorError | HTTPException) -> Response:
    """Any error below /scim, as an RFC 7644 section 3.12 body; the framework's own errors too."""
    if isinstance(error, ConnectorError):
        body, status, headers = errors.render(error)
        return _json(status, orjson.dumps(body), headers)
    status = error.code or 500
    allowed = sorted(getattr(error, "valid_methods", None) or ())
    headers = {"Allow": ", ".join(allowed)} if allowed else {}
    return _json(status, orjson.dumps(errors.body(status, error.description or error.name)), headers)


def _chosen(table: Table) -> Selection:
    return selection(table, request.args.get("attributes"), request.args.get("excludedAttributes"))


def _conditions() -> Conditions:
    return Conditions(request.headers.get("If-Match"), request.headers.get("If-None-Match"))


def _body() -> Any:
    if request.mimetype not in _MEDIA_TYPES:
        raise UnsupportedMediaType(
            f"send application/scim+json, not {request.mimetype or 'a body without Content-Type'}"
        )
    try:
        return orjson.loads(request.get_data())
    except ValueError as problem:
        raise ScimError("invalidSyntax", f"the body is not JSON: {problem}") from problem


def _answer(answer: Answer) -> Response:
    if answer.body is None:
        response = Response(status=answer.status, headers=answer.headers)
        del response.headers["Content-Type"]
        return response
    return _json(answer.status, answer.body, answer.headers)


def _json(status: int, body: bytes, headers: dict[str, str] | None = None) -> Response:
    accepted = request.accept_mimetypes
    plain = accepted.provided and not accepted["application/scim+json"] and accepted["application/json"]
    return Response(body, status, headers, content_type="application/json" if plain else MEDIA_TYPE)

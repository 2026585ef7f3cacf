"""Flask in, Flask out: routes, media types and authentication of the SCIM edge. What a request means is service.py's business."""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import orjson
from flask import Blueprint, Response, g, request
from werkzeug.datastructures import Headers, MIMEAccept
from werkzeug.exceptions import HTTPException, MethodNotAllowed, UnsupportedMediaType
from werkzeug.http import parse_accept_header

from connector.core.errors import ConnectorError, Denied
from connector.core.rate import Limiter
from connector.domain.unit import Caller, Domain
from connector.edges.scim import errors, queries
from connector.edges.scim.answers import Answer, Conditions
from connector.edges.scim.catalogue import Collection
from connector.edges.scim.catalogue_file import Catalogue
from connector.edges.scim.discovery import Discovery
from connector.edges.scim.errors import MEDIA_TYPE, ScimError
from connector.edges.scim.profiles import PROFILES
from connector.edges.scim.render import EVERYTHING, Selection, selection
from connector.edges.scim.schema import Table
from connector.edges.scim.service import ScimService, table_of

PREFIX = "/scim/v2"
_WRITING = ["POST", "PUT", "PATCH", "DELETE"]
_MEDIA_TYPES = {"application/scim+json", "application/json"}


def blueprint(
    domain: Domain, *, base_url: str, authenticate: Callable[[str | None], Caller], catalogue: Catalogue
) -> Blueprint:
    """The edge below /scim/v2. `authenticate` turns an Authorization header into a caller or raises Unauthenticated."""
    edge = Blueprint("scim", __name__, url_prefix=PREFIX)
    service = ScimService(domain, base_url, catalogue)
    limiter = Limiter(time.monotonic)

    @edge.before_request
    def _know_the_caller() -> None:
        caller = g.caller = authenticate(request.headers.get("Authorization"))
        limiter.take(caller.id, caller.rate)
        if caller.kind != "client" and request.endpoint != "scim.me":
            raise Denied("this is for inbound clients; an agent may read itself at /Me", scope="scim")
        if caller.kind == "client" and not any(scope.startswith("scim") for scope in caller.scopes):
            raise Denied("a scope for SCIM is needed, such as 'scim'", scope="scim")

    _mount_discovery(edge, Discovery(base_url, service.collections))
    for endpoint, collection in service.collections.items():
        _mount_collection(edge, endpoint, collection)
    _mount_messages(edge, service)
    _mount_resources(edge, service)
    return edge


def _mount_discovery(edge: Blueprint, discovery: Discovery) -> None:
    def answer(document: bytes) -> Response:
        if "filter" in request.args:
            raise Denied("discovery cannot be filtered (RFC 7644 section 4)")
        return _json(200, document, {"Vary": "Authorization"})

    @edge.get("/ServiceProviderConfig")
    def config() -> Response:
        return answer(discovery.config(g.caller.dialect, PROFILES[g.caller.profile]))

    @edge.get("/ResourceTypes")
    def types() -> Response:
        return answer(discovery.types(g.caller.dialect))

    @edge.get("/ResourceTypes/<name>")
    def type(name: str) -> Response:
        return answer(discovery.type(name, g.caller.dialect))

    @edge.get("/Schemas")
    def schemas() -> Response:
        return answer(discovery.schemas(g.caller.dialect, PROFILES[g.caller.profile]))

    @edge.get("/Schemas/<urn>")
    def schema(urn: str) -> Response:
        return answer(discovery.schema(urn, g.caller.dialect, PROFILES[g.caller.profile]))

    @edge.route("/ServiceProviderConfig", methods=_WRITING)
    @edge.route("/ResourceTypes", methods=_WRITING)
    @edge.route("/ResourceTypes/<name>", methods=_WRITING)
    @edge.route("/Schemas", methods=_WRITING)
    @edge.route("/Schemas/<name>", methods=_WRITING)
    def unwritable(name: str = "") -> Response:
        raise MethodNotAllowed(["GET", "HEAD", "OPTIONS"], "discovery can only be read (RFC 7644 section 4)")


def _mount_collection(edge: Blueprint, endpoint: str, collection: Collection) -> None:
    """A list that only the catalogue file changes; whoever may speak SCIM may read it."""

    @edge.get(f"/{endpoint}", endpoint=f"list_{endpoint}")
    def listed() -> Response:
        return _answer(collection.search(g.caller, queries.from_url(request.args)))

    @edge.post(f"/{endpoint}/.search", endpoint=f"search_{endpoint}")
    def searched() -> Response:
        return _answer(collection.search(g.caller, queries.from_body(_body())))

    @edge.get(f"/{endpoint}/<id>", endpoint=f"read_{endpoint}")
    def one(id: str) -> Response:
        return _answer(collection.read(id, _chosen(collection.table), _conditions()))

    @edge.route(f"/{endpoint}", methods=_WRITING, endpoint=f"unwritable_{endpoint}")
    @edge.route(f"/{endpoint}/<id>", methods=_WRITING, endpoint=f"unwritable_{endpoint}")
    def unwritable(id: str = "") -> Response:
        raise MethodNotAllowed(["GET", "HEAD", "OPTIONS"], f"{endpoint} can only be read")


def _mount_messages(edge: Blueprint, service: ScimService) -> None:
    @edge.post("/Bulk")
    def bulk() -> Response:
        return _answer(service.bulk(g.caller, _body()))

    @edge.get("/")
    def root() -> Response:
        return _answer(service.search(g.caller, None, queries.from_url(request.args)))

    @edge.post("/.search")
    def search_all() -> Response:
        return _answer(service.search(g.caller, None, queries.from_body(_body())))

    @edge.post("/<endpoint>/.search")
    def search_by_body(endpoint: str) -> Response:
        return _answer(service.search(g.caller, _table(endpoint), queries.from_body(_body())))

    @edge.route("/Me", methods=["GET", *_WRITING])
    def me() -> Response:
        if g.caller.kind == "client" or request.method != "GET":
            detail = "an agent may read itself here; nothing else is served (RFC 7644 section 3.11)"
            return _json(501, orjson.dumps(errors.body(501, detail)))
        table = _table("Agents")
        return _answer(service.me(g.caller, table, _chosen(table), _conditions()))


def _mount_resources(edge: Blueprint, service: ScimService) -> None:
    @edge.get("/<endpoint>")
    def search(endpoint: str) -> Response:
        return _answer(service.search(g.caller, _table(endpoint), queries.from_url(request.args)))

    @edge.post("/<endpoint>")
    def create(endpoint: str) -> Response:
        table = _table(endpoint)
        return _answer(service.create(g.caller, table, _body(), _chosen(table)))

    @edge.get("/<endpoint>/<id>")
    def read(endpoint: str, id: str) -> Response:
        table = _table(endpoint)
        return _answer(service.read(g.caller, table, id, _chosen(table), _conditions()))

    @edge.put("/<endpoint>/<id>")
    def replace(endpoint: str, id: str) -> Response:
        table = _table(endpoint)
        return _answer(service.replace(g.caller, table, id, _body(), _chosen(table), _conditions()))

    @edge.patch("/<endpoint>/<id>")
    def patch(endpoint: str, id: str) -> Response:
        table = _table(endpoint)
        return _answer(service.patch(g.caller, table, id, _body(), _chosen(table), _conditions()))

    @edge.delete("/<endpoint>/<id>")
    def delete(endpoint: str, id: str) -> Response:
        return _answer(service.delete(g.caller, _table(endpoint), id, _conditions()))


def render_error(error: ConnectorError | HTTPException) -> Response:
    """Any error below /scim, as an RFC 7644 section 3.12 body; the framework's own errors too."""
    if isinstance(error, ConnectorError):
        body, status, headers = errors.render(error)
        return _json(status, orjson.dumps(body), headers)
    status = error.code or 500
    allowed = sorted(getattr(error, "valid_methods", None) or ())
    headers = {"Allow": ", ".join(allowed)} if allowed else {}
    return _json(status, orjson.dumps(errors.body(status, error.description or error.name)), headers)


def _table(endpoint: str) -> Table:
    return table_of(endpoint, g.caller.dialect)


def _chosen(table: Table) -> Selection:
    if not request.query_string:
        return EVERYTHING
    return selection(table, request.args.get("attributes"), request.args.get("excludedAttributes"))


def _conditions() -> Conditions:
    given = request.headers
    return Conditions(given.get("If-Match"), given.get("If-None-Match"), required=g.caller.if_match)


def _body() -> Any:
    if request.mimetype not in _MEDIA_TYPES:
        raise UnsupportedMediaType(
            f"send application/scim+json, not {request.mimetype or 'a body without Content-Type'}"
        )
    try:
        return orjson.loads(request.get_data())
    except ValueError as problem:
        raise ScimError("invalidSyntax", f"the body is not JSON: {problem}") from problem


class _Ready(Response):
    """An answer whose headers are as they go out: Flask's own class would parse and write each Location again."""

    def get_wsgi_headers(self, environ: Any) -> Headers:
        return self.headers


def _answer(answer: Answer) -> Response:
    if answer.body is not None:
        return _json(answer.status, answer.body, answer.headers)
    response = _Ready(status=answer.status, headers=answer.headers)
    del response.headers["Content-Type"]
    return response


def _json(status: int, body: bytes, headers: dict[str, str] | None = None) -> Response:
    response = _Ready(body, status, headers, content_type=_content_type(request.headers.get("Accept")))
    response.headers["Content-Length"] = str(len(body))
    return response


@lru_cache(maxsize=256)
def _content_type(accept: str | None) -> str:
    """SCIM's own, unless the client takes plain JSON only (RFC 7644 section 3.8)."""
    accepted = parse_accept_header(accept, MIMEAccept)
    plain = accepted.provided and not accepted["application/scim+json"] and accepted["application/json"]
    return "application/json" if plain else MEDIA_TYPE

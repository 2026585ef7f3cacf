"""WSGI in, WSGI out: who calls, media types and errors of the SCIM edge. What is at which path, routes.py says.

It stands in front of Flask, not in it: Flask's handling of a request takes twice as long as reading a resource does
(docs/decisions/005-scim-in-front-of-flask.md).
"""

import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import orjson
from werkzeug import Request
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import HTTPException, InternalServerError, MethodNotAllowed
from werkzeug.http import parse_accept_header

from connector.core import ids
from connector.core.errors import ConnectorError, Denied, NotFound
from connector.core.logs import logger
from connector.core.rate import Limiter
from connector.domain.unit import Caller, Domain
from connector.edges.scim import errors
from connector.edges.scim.answers import Answer
from connector.edges.scim.asked import Asked
from connector.edges.scim.catalogue_file import Catalogue
from connector.edges.scim.discovery import Discovery
from connector.edges.scim.errors import MEDIA_TYPE
from connector.edges.scim.routes import ME, Routes
from connector.edges.scim.service import ScimService

ROOT = "/scim"
PREFIX = f"{ROOT}/v2"
_STATUS = {one.value: f"{one.value} {one.phrase}" for one in HTTPStatus}
log = logger()

Environ = dict[str, Any]
Start = Callable[[str, list[tuple[str, str]]], Any]


class ScimEdge:
    """Everything below /scim.

    `authenticate` turns an Authorization header, and the request where more is asked of it, into a caller or raises
    Unauthenticated; `challenge` completes a WWW-Authenticate header.
    """

    def __init__(
        self,
        domain: Domain,
        *,
        base_url: str,
        authenticate: Callable[[str | None, Callable[[], Request]], Caller],
        challenge: Callable[[str], str],
        catalogue: Catalogue,
    ) -> None:
        service = ScimService(domain, base_url, catalogue)
        self._routes = Routes(service, Discovery(base_url, service.collections))
        self._authenticate = authenticate
        self._challenge = challenge
        self._limiter = Limiter(time.monotonic)

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        correlation = ids.correlation_from(environ.get("HTTP_TRACEPARENT"))
        ids.correlation_id.set(correlation)
        asked = Asked(environ, PREFIX)
        try:
            answer = self._let_in(asked, environ)
        except (ConnectorError, HTTPException) as problem:
            answer = self._refusal(problem)
        except Exception:  # the WSGI boundary: nothing may leave without a correlation id
            log.exception(
                "a request failed unexpectedly", action="request", method=asked.method, path=environ["PATH_INFO"]
            )
            answer = self._refusal(InternalServerError("something went wrong on our side"))
        asked.drain()
        headers = [*answer.headers.items(), ("Correlation-Id", correlation)]
        if answer.body is not None:
            headers.append(("Content-Type", _content_type(asked.header("ACCEPT"))))
            headers.append(("Content-Length", str(len(answer.body))))
        start(_STATUS[answer.status], headers)
        return [answer.body] if answer.body and asked.method != "HEAD" else []

    def _let_in(self, asked: Asked, environ: Environ) -> Answer:
        if not f"{environ['PATH_INFO']}/".startswith(f"{PREFIX}/"):
            raise NotFound(f"SCIM is served at {PREFIX}")
        caller = asked.caller = self._authenticate(asked.header("AUTHORIZATION"), lambda: Request(environ))
        self._limiter.take(caller.id, caller.rate)
        if caller.kind != "client":
            if asked.segments != ME:
                raise Denied("this is for inbound clients; an agent may read itself at /Me", scope="scim")
        elif not any(scope.startswith("scim") for scope in caller.scopes):
            raise Denied("a scope for SCIM is needed, such as 'scim'", scope="scim")
        methods, variable = self._routes.find(asked.segments)
        handler = methods.get("GET" if asked.method == "HEAD" else asked.method)
        if handler is not None:
            return handler(asked, *variable)
        allowed = [*methods, *(["HEAD"] if "GET" in methods else []), "OPTIONS"]
        if asked.method == "OPTIONS":
            return Answer(200, b"", {"Allow": ", ".join(allowed)})
        only = "it can only be read" if "GET" in methods and len(methods) == 1 else f"it takes {', '.join(methods)}"
        raise MethodNotAllowed(allowed, f"{asked.method} is not for this path: {only}")

    def _refusal(self, error: ConnectorError | HTTPException) -> Answer:
        """Any error, as an RFC 7644 section 3.12 body; those of the HTTP layer too."""
        if isinstance(error, ConnectorError):
            body, status, headers = errors.render(error)
            if status == HTTPStatus.UNAUTHORIZED:
                headers["WWW-Authenticate"] = self._challenge(headers["WWW-Authenticate"])
            return Answer(status, orjson.dumps(body), headers)
        status = error.code or 500
        allowed = sorted(getattr(error, "valid_methods", None) or ())
        headers = {"Allow": ", ".join(allowed)} if allowed else {}
        return Answer(status, orjson.dumps(errors.body(status, error.description or error.name)), headers)


@lru_cache(maxsize=256)
def _content_type(accept: str | None) -> str:
    """SCIM's own, unless the client takes plain JSON only (RFC 7644 section 3.8)."""
    accepted = parse_accept_header(accept, MIMEAccept)
    plain = accepted.provided and not accepted["application/scim+json"] and accepted["application/json"]
    return "application/json" if plain else MEDIA_TYPE

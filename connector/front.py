"""What holds for every request and every answer, and the way past Flask's dispatch for programs (decision 005)."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Request, Response, request
from werkzeug.exceptions import HTTPException, InternalServerError

from connector.core import ids
from connector.core.errors import ConnectorError
from connector.core.logs import logger
from connector.core.plain import Plain
from connector.edges.console import pages
from connector.edges.oauth import errors as oauth_errors
from connector.edges.scim.asked import MAX_BODY
from connector.edges.scim.wsgi import ROOT as SCIM
from connector.edges.scim.wsgi import ScimEdge

log = logger()

_RENDERERS: tuple[tuple[str, Callable[[ConnectorError | HTTPException], Response]], ...] = (
    ("/saml/acs", pages.render_error),
    ("/saml/sp/", pages.render_error),
    ("/signin", pages.render_error),
    ("/oauth/authorize", pages.render_error),
    ("/delegations/", pages.render_error),
    ("", oauth_errors.render_error),  # plain JSON for everything that has no form of its own
)


class Front:
    """Takes the place of the application's `wsgi_app`: answers for SCIM and of plain views, the rest through Flask.

    `challenge` completes a WWW-Authenticate header. To be made when all blueprints are registered.
    """

    def __init__(self, app: Flask, scim: ScimEdge, challenge: Callable[[str], str]) -> None:
        self._scim, self._challenge, self._flask = scim, challenge, app.wsgi_app
        views = ((rule, app.view_functions[rule.endpoint]) for rule in app.url_map.iter_rules())
        self._posted = {
            rule.rule: view.view for rule, view in views if isinstance(view, Plain) and "POST" in (rule.methods or ())
        }
        app.before_request(lambda: _begin(request))
        app.after_request(lambda response: self._end(request, response))
        app.register_error_handler(Exception, lambda error: _rendered(request, error))
        app.wsgi_app = self  # type: ignore[assignment]  # Flask's own way to wrap an application

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(f"{SCIM}/") or path == SCIM:
            return self._scim(environ, start)
        view = self._posted.get(path) if environ["REQUEST_METHOD"] == "POST" else None
        return self._flask(environ, start) if view is None else self._answer(view, Request(environ))(environ, start)

    def _answer(self, view: Callable[[Request], Response], asked: Request) -> Response:
        _begin(asked)
        asked.max_content_length = MAX_BODY
        try:
            response = view(asked)
        except Exception as error:  # noqa: BLE001  # the WSGI boundary; `_rendered` tells the log
            response = _rendered(asked, error)
        return self._end(asked, response)

    def _end(self, asked: Request, response: Response) -> Response:
        if response.status_code == 401 and (challenge := response.headers.get("WWW-Authenticate")):
            response.headers["WWW-Authenticate"] = self._challenge(challenge)
        if 0 < (asked.content_length or 0) <= MAX_BODY:
            asked.max_content_length = MAX_BODY  # an edge may have set less
            asked.get_data()  # a body that was refused unread would make the server cut the connection under the client
        response.headers["Correlation-Id"] = ids.correlation_id.get()
        return response


def _begin(asked: Request) -> None:
    ids.correlation_id.set(ids.correlation_from(asked.headers.get("traceparent")))


def _rendered(asked: Request, error: Exception) -> Response:
    if not isinstance(error, ConnectorError | HTTPException):  # nothing may leave without a correlation id
        log.exception("a request failed unexpectedly", action="request", method=asked.method, path=asked.path)
        error = InternalServerError("something went wrong on our side")
    if asked.path == "/":
        return pages.render_error(error)
    return next(render for prefix, render in _RENDERERS if asked.path.startswith(prefix))(error)

"""How pages are made: one layout, strict headers, no script. People are told what to do; the correlation id leads to the rest."""

import flask
from werkzeug.exceptions import HTTPException

from connector.core import ids
from connector.core.errors import ConnectorError, Denied, Invalid, NotFound, Unavailable
from connector.edges.console.session import SignInFirst

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_STATUS: tuple[tuple[type[ConnectorError], int], ...] = (
    (Denied, 403),
    (NotFound, 404),
    (Invalid, 400),
    (Unavailable, 503),
)


def page(template: str, status: int = 200, **values: object) -> flask.Response:
    """A page of our own."""
    text = flask.render_template(template, **values)
    return flask.Response(text, status, _HEADERS, content_type="text/html; charset=utf-8")


def refusal(sentence: str, code: str, status: int) -> flask.Response:
    """Somebody is not let in, or something did not work: what, and what to quote when asking for help."""
    return page("refusal.html", status, sentence=sentence, code=code, correlation=ids.correlation_id.get())


def onward(address: str) -> flask.Response:
    """Leads on to another site by itself, without a script."""
    return page("onward.html", address=address)


def signed_out(everywhere: bool) -> flask.Response:
    """`everywhere`: the identity provider has ended its session, too."""
    return page("signed_out.html", everywhere=everywhere)


def render_error(error: ConnectorError | HTTPException) -> flask.Response:
    """Errors on the way to or on a page, for people."""
    if isinstance(error, SignInFirst):
        return flask.Response(status=303, headers={"Location": error.address})
    if isinstance(error, HTTPException):
        if error.response is not None or (error.code or 500) < 400:
            return flask.Response(status=error.code)
        return refusal(error.description or error.name, error.name.lower().replace(" ", "-"), error.code or 500)
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    sentence = error.detail if status < 500 else "Something is not right on our side. Please try again in a moment."
    return refusal(sentence, type(error).__name__.lower(), status)

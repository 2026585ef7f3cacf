"""How pages are made: one layout, strict headers, no script. People are told what to do; the correlation id leads to the rest."""

from urllib.parse import urlsplit

import flask
from werkzeug.exceptions import HTTPException

from connector.core import ids
from connector.core.errors import ConnectorError, Denied, Invalid, NotFound, TooManyRequests, Unavailable
from connector.edges.console.session import SignInFirst

_POLICY = "default-src 'none'; style-src 'self'; form-action {}; base-uri 'none'; frame-ancestors 'none'"
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_STATUS: tuple[tuple[type[ConnectorError], int], ...] = (
    (Denied, 403),
    (NotFound, 404),
    (Invalid, 400),
    (TooManyRequests, 429),
    (Unavailable, 503),
)


def page(template: str, status: int = 200, *, leads_to: str | None = None, **values: object) -> flask.Response:
    """A page of our own. Where sending its form ends in a redirect to another site, `leads_to` is that address."""
    text = flask.render_template(template, **values)
    allowed = f"'self' {_source(leads_to)}" if leads_to else "'self'"
    headers = {**_HEADERS, "Content-Security-Policy": _POLICY.format(allowed)}
    return flask.Response(text, status, headers, content_type="text/html; charset=utf-8")


def day(moment: str) -> str:
    """A moment in text, as people read it."""
    return f"{moment[:10]} {moment[11:16]} UTC"


def _source(address: str) -> str:
    """What a policy calls the site of that address (CSP level 3 section 2.3.1); it has no word for hosts in brackets, nor for apps."""
    parts = urlsplit(address)
    named = parts.scheme in ("http", "https") and "[" not in parts.netloc
    return f"{parts.scheme}://{parts.netloc}" if named else f"{parts.scheme}:"


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
    answer = refusal(sentence, type(error).__name__.lower(), status)
    if isinstance(error, Unavailable | TooManyRequests):
        answer.headers["Retry-After"] = str(max(1, round(error.retry_after)))
    return answer

"""Errors of the OAuth edge, in RFC 6749 section 5.2 form."""

import orjson
from flask import Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from connector.core import errors, ids


class OAuthError(errors.ConnectorError):
    """`code` is a registered OAuth error, such as invalid_client."""

    def __init__(self, code: str, detail: str, *, status: int = 400) -> None:
        super().__init__(detail)
        self.code = code
        self.status = status


class Refused(errors.Unauthenticated):
    """Client authentication failed. The answer never says why; `why` is for the event of the client or agent `holder`."""

    def __init__(self, why: str, *, holder: str | None = None, retry_after: int | None = None) -> None:
        super().__init__("client authentication failed")
        self.why = why
        self.holder = holder
        self.retry_after = retry_after


# What a refusal is called by the parameter that it is about (RFC 6749 section 5.2, RFC 8693 section 2.2.2, RFC 8707 section 2)
_DENIED = {
    "scope": "invalid_scope",
    "resource": "invalid_target",
    "subject_token": "invalid_request",
    "actor_token": "invalid_request",
    "assertion": "invalid_grant",
    "code": "invalid_grant",
    "consent": "access_denied",
}
_CODES: tuple[tuple[type[errors.ConnectorError], int, str], ...] = (
    (errors.Unauthenticated, 401, "invalid_client"),
    (errors.TooManyRequests, 429, "temporarily_unavailable"),
    (errors.Unavailable, 503, "temporarily_unavailable"),
    (errors.ConnectorError, 400, "invalid_request"),
)


def told_as(error: errors.ConnectorError) -> tuple[int, str]:
    """The status and the registered error that ours is told as."""
    if isinstance(error, OAuthError):
        return error.status, error.code
    if isinstance(error, errors.Denied):
        return 400, _DENIED.get(error.field or "", "unauthorized_client")  # known, and not allowed to have a token now
    if isinstance(error, errors.BadProof):
        return 400, error.code  # RFC 9449 section 8: at the token endpoint
    return next((status, code) for kind, status, code in _CODES if isinstance(error, kind))


def render_error(error: errors.ConnectorError | HTTPException) -> Response:
    """Any error below /oauth."""
    if isinstance(error, errors.ConnectorError):
        (status, code), detail = told_as(error), error.detail
    else:
        status, detail = error.code or 500, error.description or error.name
        code = "server_error" if status >= 500 else "invalid_request"
    if status >= 500:
        detail = f"{detail} (correlation id {ids.correlation_id.get()})"
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))  # RFC 9110 section 15.5.6: it must be said
    if isinstance(error, Refused | errors.TooManyRequests | errors.Unavailable) and error.retry_after:
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    if isinstance(error, errors.BadProof) and error.nonce:
        headers["DPoP-Nonce"] = error.nonce
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="oauth"'
    body = orjson.dumps({"error": code, "error_description": detail})
    return Response(body, status, headers, content_type="application/json")

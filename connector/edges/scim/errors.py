"""Errors of the SCIM edge and the one function that renders the error tree as RFC 7644 section 3.12 bodies."""

from typing import Any

from connector.core import challenges, errors, ids

URN = "urn:ietf:params:scim:api:messages:2.0:Error"
MEDIA_TYPE = "application/scim+json"


class ScimError(errors.Invalid):
    """A request that breaks the protocol; `scim_type` is one of RFC 7644 table 9 (or RFC 9865's), None where none fits."""

    def __init__(self, scim_type: str | None, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail, field=field)
        self.scim_type = scim_type


class PreconditionRequired(errors.ConnectorError):
    """A change without If-Match by a client that must send it (RFC 6585 section 3)."""


class TooLarge(errors.ConnectorError):
    """More operations, or more bytes, than a bulk request may hold (RFC 7644 section 3.7.4)."""


_STATUS: tuple[tuple[type[errors.ConnectorError], int, str | None], ...] = (
    (errors.Unauthenticated, 401, None),
    (errors.Denied, 403, None),
    (errors.NotFound, 404, None),
    (errors.Conflict, 409, "uniqueness"),
    (errors.Stale, 412, None),
    (PreconditionRequired, 428, None),
    (TooLarge, 413, None),
    (errors.TooManyRequests, 429, None),
    (errors.Unavailable, 503, None),
    (errors.Invalid, 400, "invalidValue"),
)


def render(error: errors.ConnectorError) -> tuple[dict[str, Any], int, dict[str, str]]:
    """(body, status, headers) for an error of ours."""
    status, scim_type = next((status, word) for kind, status, word in _STATUS if isinstance(error, kind))
    if isinstance(error, ScimError):
        scim_type = error.scim_type
    headers = {}
    if isinstance(error, errors.Unauthenticated | errors.Denied):
        headers = challenges.headers_of(error, realm="scim")
    if isinstance(error, errors.Unavailable | errors.TooManyRequests):
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    return body(status, error.detail, scim_type), status, headers


def body(status: int, detail: str, scim_type: str | None = None) -> dict[str, Any]:
    """The Error message; also for what the framework refuses (404, 405, 413, 415, 500)."""
    message: dict[str, Any] = {"schemas": [URN], "status": str(status), "detail": detail}
    if scim_type:
        message["scimType"] = scim_type
    if status >= 500 and ids.correlation_id.get():
        message["detail"] = f"{detail} (correlation id {ids.correlation_id.get()})"
    return message

"""Our errors in SAML's and SOAP's own forms. One table, one function."""

from dataclasses import dataclass

from connector.core.errors import ConnectorError, Denied, Invalid, TooManyRequests, Unavailable
from connector.edges.saml.soap import NotUnderstood


class Declined(ConnectorError):
    """The request is a known application's own and cannot be met: it is told so in a Response with this status.

    `recorded` where the event that tells of it was written already.
    """

    def __init__(self, detail: str, *, status: tuple[str, ...], recorded: bool = False) -> None:
        super().__init__(detail)
        self.status = status
        self.recorded = recorded


@dataclass(frozen=True)
class Rendered:
    """Where no Response can be sent: an HTTP status for pages, and a fault code for SOAP."""

    http_status: int
    fault: str
    detail: str
    retry_after: int | None = None


_TABLE: tuple[tuple[type[ConnectorError], int, str], ...] = (
    (NotUnderstood, 500, "MustUnderstand"),
    (Denied, 403, "Client"),
    (Declined, 403, "Client"),
    (Invalid, 400, "Client"),
    (TooManyRequests, 429, "Client"),
    (Unavailable, 503, "Server"),
)


def render(problem: ConnectorError) -> Rendered:
    """How a request that has no trustworthy address to answer to is refused."""
    for kind, http_status, fault in _TABLE:
        if isinstance(problem, kind):
            wait = problem.retry_after if isinstance(problem, Unavailable | TooManyRequests) else None
            later = max(1, round(wait)) if wait is not None else None
            return Rendered(http_status, fault, problem.detail, later)
    return Rendered(500, "Server", "the request could not be carried out")

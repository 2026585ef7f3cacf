"""The error tree. No HTTP in it: each edge renders these in its protocol's own form.

Every error says what is wrong in one sentence that a caller may read; none carries a secret.
"""


class ConnectorError(Exception):
    """Base of all errors that we raise on purpose.

    `detail` is the sentence for the caller; `field` names the offending input, where there is one.
    """

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


class Invalid(ConnectorError):
    """The input breaks a rule; the detail names the field, the problem and what would be right."""


class NotFound(ConnectorError):
    """There is no such thing, or the caller may not know of it."""


class Conflict(ConnectorError):
    """A unique value is already taken."""


class Stale(ConnectorError):
    """The caller's version of the record is not the present one (If-Match)."""


class Unauthenticated(ConnectorError):
    """The caller has not proved who it is."""


class BadProof(Unauthenticated):
    """The token's key was not shown (RFC 9449, RFC 8705); `code` is the registered error, `nonce` the one to use."""

    def __init__(self, detail: str, *, code: str = "invalid_dpop_proof", nonce: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.nonce = nonce


class StepUpRequired(Unauthenticated):
    """Known, but not well enough for this (RFC 9470): come back with a stronger or a fresher authentication."""

    def __init__(self, detail: str, *, acr_values: tuple[str, ...] = (), max_age: int | None = None) -> None:
        super().__init__(detail)
        self.acr_values = acr_values
        self.max_age = max_age


class Denied(ConnectorError):
    """The caller is known and may not do this; `scope` names what it would need (RFC 6750 section 3.1)."""

    def __init__(self, detail: str, *, field: str | None = None, scope: str | None = None) -> None:
        super().__init__(detail, field=field)
        self.scope = scope


class Unavailable(ConnectorError):
    """Something that we need does not answer just now; try again after `retry_after` seconds."""

    def __init__(self, detail: str, *, retry_after: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class TooManyRequests(ConnectorError):
    """The caller asks, or fails to prove who it is, too often; come back after `retry_after` seconds (RFC 6585 section 4)."""

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Misconfigured(ConnectorError):
    """Settings, mappings or keys are wrong; `problems` lists every one of them, each with its name or file and line."""

    def __init__(self, heading: str, problems: list[str]) -> None:
        super().__init__("\n".join([heading, *(f"  - {problem}" for problem in problems)]))
        self.problems = problems

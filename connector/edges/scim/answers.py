"""What goes back, and the conditions that a request may set on the resource's version (RFC 7644 section 3.14)."""

from dataclasses import dataclass, field
from typing import Protocol

from connector.core.errors import Stale
from connector.edges.scim.errors import PreconditionRequired, ScimError


class Versioned(Protocol):
    """What has an ETag."""

    @property
    def version(self) -> int | str: ...


@dataclass(frozen=True)
class Answer:
    """Status, body (None for 204 and 304) and headers."""

    status: int
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Conditions:
    """If-Match and If-None-Match as they came; `required` says that this client must send If-Match with a change."""

    if_match: str | None = None
    if_none_match: str | None = None
    required: bool = False

    def check(self, record: Versioned) -> None:
        """Stale (412) where If-Match does not name the record's version; 428 where it is missing and must not be."""
        if self.if_match is None:
            if self.required:
                raise PreconditionRequired("send If-Match with the version that you have read: this client must")
            return
        if not _names(self.if_match, record, "If-Match"):
            raise Stale(f"the resource is at version {etag(record)}, which If-Match does not name")

    def unchanged(self, record: Versioned) -> bool:
        """Whether If-None-Match names the record's version: the client has it already."""
        return self.if_none_match is not None and _names(self.if_none_match, record, "If-None-Match")


def etag(record: Versioned) -> str:
    """The version as ETag and as meta.version."""
    return f'W/"{record.version}"'


def _names(header: str, record: Versioned, called: str) -> bool:
    """Whether the header names the record's version; weak and strong compare alike here."""
    if header.strip() == "*":
        return True
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    if not all(len(tag) > 1 and tag[0] == tag[-1] == '"' for tag in tags):
        raise ScimError(None, f"{header!r} is not a list of ETags", field=called)
    return f'"{record.version}"' in tags

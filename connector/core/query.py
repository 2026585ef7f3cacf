"""The neutral filter tree: what an edge asks of storage, with names already resolved and values already typed."""

import unicodedata
from dataclasses import dataclass


def comparison_key(text: str) -> str:
    """A text as it is compared where case does not count: Unicode NFC, case folded (RFC 7644 section 5)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


@dataclass(frozen=True)
class Attribute:
    """A resolved attribute. `path` leads to it in the document under canonical names (`("emails", "value")`).

    `multi` says that the first step of the path is a list. `case_exact` as in RFC 7643 section 2.2.
    """

    path: tuple[str, ...]
    type: str = "string"
    case_exact: bool = False
    multi: bool = False


@dataclass(frozen=True)
class Equals:
    """The attribute has this value; for a list, any element does. None means: it is unassigned."""

    attribute: Attribute
    value: str | bool | int | float | None


@dataclass(frozen=True)
class And:
    terms: tuple["Filter", ...]


@dataclass(frozen=True)
class Element:
    """One element of a list attribute meets every term (`emails[type eq "work" and value eq "x"]`)."""

    attribute: Attribute
    terms: tuple[Equals, ...]


Filter = Equals | And | Element

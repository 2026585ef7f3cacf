"""The neutral query: what an edge asks of storage, with names already resolved and values already typed.

A tree says one thing in one way: `ne` is Not(Compare eq), `eq null` is Not(Present), a list attribute is always asked about
through Element. So whoever evaluates it (core/match.py, storage/where.py) knows few cases, and they are true or false, never unknown.
"""

import unicodedata
from dataclasses import dataclass
from typing import Literal

Operator = Literal["eq", "co", "sw", "ew", "gt", "ge", "lt", "le"]
Value = str | bool | int | float


def comparison_key(text: str) -> str:
    """A text as it is compared where case does not count: Unicode NFC, case folded (RFC 7644 section 5)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


@dataclass(frozen=True)
class Attribute:
    """A resolved attribute. `path` leads to it under canonical names (`("name", "givenName")`, `(urn, "department")`).

    Inside an Element the path begins at the element; () is the element itself. `multi` says that the attribute is a list.
    `case_exact` as in RFC 7643 section 2.2.
    """

    path: tuple[str, ...]
    type: str = "string"
    case_exact: bool = False
    multi: bool = False


@dataclass(frozen=True)
class Present:
    """The attribute has a value; of a complex one, any of its attributes has."""

    attribute: Attribute


@dataclass(frozen=True)
class Compare:
    """The attribute, which is no list, has a value and it compares so: texts by code point, without case unless case_exact.

    dateTime values are in the fixed form of core/clock.py, so that they compare as texts.
    """

    attribute: Attribute
    operator: Operator
    value: Value


@dataclass(frozen=True)
class Element:
    """One and the same element of a list attribute meets the condition (`emails[type eq "work" and value eq "x"]`)."""

    attribute: Attribute
    condition: "Filter"


@dataclass(frozen=True)
class Not:
    term: "Filter"


@dataclass(frozen=True)
class And:
    """Every term holds; without terms it is true."""

    terms: tuple["Filter", ...] = ()


@dataclass(frozen=True)
class Or:
    """Some term holds; without terms it is false."""

    terms: tuple["Filter", ...] = ()


Filter = Compare | Present | Element | Not | And | Or
TRUE = And()
FALSE = Or()


@dataclass(frozen=True)
class Sort:
    """An order of results (RFC 7644 section 3.4.2.3). A list attribute is ordered by its primary, else its first element.

    `list_path` leads to that list; the attribute's path then begins at the element.
    """

    attribute: Attribute
    descending: bool = False
    list_path: tuple[str, ...] = ()

"""What a list request asks for (RFC 7644 sections 3.4.2 and 3.4.3, RFC 9865): from a URL or from a SearchRequest body."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.edges.scim.errors import ScimError

URN = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
DEFAULT_PAGE = 100
MAX_PAGE = 1000
_LARGEST = 2**53  # no database numbers further; a larger startIndex is behind the end just the same


@dataclass(frozen=True)
class Query:
    """A list request, its texts not yet read against the tables. `cursor` is None where paging is by index."""

    filter: str | None
    sort_by: str | None
    sort_order: str | None
    start: int
    count: int
    cursor: str | None
    attributes: str | None
    excluded: str | None

    @property
    def fixed(self) -> list[Any]:
        """What must stay the same from page to page, beside the count (RFC 9865 section 2)."""
        return [self.filter, self.sort_by, self.sort_order, self.attributes, self.excluded]


def from_url(given: Mapping[str, str]) -> Query:
    """Parameter names are taken in any case."""
    return _query({name.lower(): value for name, value in given.items()})


def from_body(body: Any) -> Query:
    """A SearchRequest; its lists of attributes become what a URL would say."""
    keys = {name.lower(): value for name, value in body.items()} if isinstance(body, dict) else {}
    schemas = keys.get("schemas")
    if not isinstance(schemas, list) or URN.lower() not in {str(one).lower() for one in schemas}:
        raise ScimError("invalidSyntax", f"schemas must hold {URN}", field="schemas")
    for name in ("attributes", "excludedattributes"):
        listed = keys.get(name)
        if isinstance(listed, list) and all(isinstance(one, str) for one in listed):
            keys[name] = ",".join(listed)
    return _query(keys)


def _query(keys: dict[str, Any]) -> Query:
    cursor = _text(keys, "cursor")
    if cursor is not None and "startindex" in keys:
        raise ScimError("invalidValue", "page by cursor or by startIndex, not by both", field="cursor")
    count = max(0, _number(keys, "count", DEFAULT_PAGE))
    if cursor is not None and count > MAX_PAGE:
        raise ScimError("invalidCount", f"count is at most {MAX_PAGE}", field="count")
    return Query(
        filter=_text(keys, "filter") or None,
        sort_by=_text(keys, "sortBy") or None,
        sort_order=_text(keys, "sortOrder") or None,
        start=max(1, _number(keys, "startIndex", 1)),
        count=min(count, MAX_PAGE),
        cursor=cursor,
        attributes=_text(keys, "attributes") or None,
        excluded=_text(keys, "excludedAttributes") or None,
    )


def _text(keys: dict[str, Any], name: str) -> str | None:
    value = keys.get(name.lower())
    if value is not None and not isinstance(value, str):
        raise ScimError("invalidValue", f"{name} must be a string", field=name)
    return value


def _number(keys: dict[str, Any], name: str, default: int) -> int:
    value = keys.get(name.lower())
    if value is None:
        return default
    try:
        number = int(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
    except ValueError:
        number = None
    if number is None:
        raise ScimError("invalidValue", f"{name} must be a whole number, not {value!r}", field=name)
    return max(-_LARGEST, min(number, _LARGEST))

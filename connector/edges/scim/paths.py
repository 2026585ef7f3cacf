"""Attribute names (RFC 7644 section 3.10): text to the attributes that they mean, by the tables."""

from dataclasses import dataclass

from connector.core.query import Attribute as Resolved
from connector.core.query import Filter
from connector.edges.scim.errors import ScimError
from connector.edges.scim.schema import Attribute, Table


@dataclass(frozen=True)
class Path:
    """A resolved path. `urn` names the extension (None for the core); without `attribute` it is the whole extension.

    `sub` is the attribute behind the dot; `filter` is the value filter of `emails[type eq "work"]`, asked about an element.
    """

    urn: str | None
    attribute: Attribute | None
    sub: Attribute | None = None
    filter: Filter | None = None


def split(table: Table, text: str, error: str) -> Path:
    """`userName`, `name.givenName`, `urn:…:User:department`, a bare extension URN; case does not count.

    ScimError of the type `error` where the name is not known.
    """
    urn, rest = _without_urn(table, text.lower())
    if urn is None:
        raise ScimError(error, f"{text!r} names a schema that {table.name} does not have", field=text)
    extension = urn if urn != table.urn else None
    if extension and not rest:
        return Path(extension, None)
    first, _, behind = rest.partition(".")
    attribute = table.namespace(extension).get(first)
    if attribute is None:
        raise ScimError(error, f"{text!r} is not an attribute of {table.name}", field=text)
    if not behind:
        return Path(extension, attribute)
    sub = (attribute.sub or {}).get(behind)
    if sub is None:
        raise ScimError(error, f"{text!r}: {attribute.name} has no attribute of that name", field=text)
    return Path(extension, attribute, sub)


def _without_urn(table: Table, lower: str) -> tuple[str | None, str]:
    """The schema (None: one that the table does not have) and the name in it. A URN holds dots itself: it is split off first."""
    if not lower.startswith("urn:"):
        return table.urn, lower
    for urn in (table.urn, *(name for name, _ in table.extensions.values())):
        key = urn.lower()
        if lower == key or lower.startswith(key + ":"):
            return urn, lower[len(key) + 1 :]
    return None, lower


def home_of(path: Path) -> tuple[str, ...]:
    """Where in a document the path's attribute is, without its sub-attribute."""
    assert path.attribute is not None
    return ((path.urn,) if path.urn else ()) + (path.attribute.name,)


def resolved(attribute: Attribute, path: tuple[str, ...]) -> Resolved:
    """An attribute of the tables in the words of the neutral query."""
    return Resolved(path, attribute.type, attribute.case_exact, multi=attribute.multi)

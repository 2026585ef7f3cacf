"""sortBy and sortOrder (RFC 7644 section 3.4.2.3): text to the neutral order of core/query.py."""

from connector.core.query import Sort
from connector.edges.scim.errors import ScimError
from connector.edges.scim.paths import home_of, resolved, split
from connector.edges.scim.schema import Table

_UNSORTABLE = {"members", "groups", "owners", "sponsor", "schemas"}  # rows of others: there is no one value to order by


def parse_sorts(tables: list[Table], sort_by: str | None, sort_order: str | None) -> tuple[tuple[str, Sort], ...]:
    """The order of each kind. Across several types, those that do not define the attribute have no value (section 3.4.2.1).

    ScimError as of `parse_sort`, where none of them does.
    """
    found, refused = [], None
    for table in tables:
        try:
            sort = parse_sort(table, sort_by, sort_order)
        except ScimError as problem:
            refused = problem
        else:
            if sort is not None:
                found.append((table.kind, sort))
    if refused is not None and not found:
        raise refused
    return tuple(found)


def parse_sort(table: Table, sort_by: str | None, sort_order: str | None = None) -> Sort | None:
    """The order that is asked for, or None. ScimError `invalidValue` where it cannot be had.

    A complex attribute needs a sub-attribute, a list of objects takes `value` unless another is named; `sortOrder` without
    `sortBy` is passed over, as the RFC says.
    """
    order = (sort_order or "ascending").lower()
    if order not in ("ascending", "descending"):
        raise ScimError("invalidValue", f"sortOrder is ascending or descending, not {sort_order!r}", field="sortOrder")
    if not sort_by:
        return None
    path = split(table, sort_by.strip(), "invalidValue")
    attribute = path.attribute
    if attribute is None or attribute.returned == "never" or attribute.name in _UNSORTABLE:
        raise ScimError("invalidValue", f"{sort_by} cannot be sorted by", field="sortBy")
    sub = path.sub
    if attribute.sub and sub is None:
        sub = attribute.sub.get("value") if attribute.multi else None
        if sub is None:
            raise ScimError(
                "invalidValue", f"sortBy {sort_by} needs one of its attributes behind a dot", field="sortBy"
            )
    leaf, home = sub or attribute, home_of(path)
    if f"{attribute.name}.{leaf.name}" in ("meta.location", "meta.resourceType") or leaf.name == "$ref":
        raise ScimError("invalidValue", f"{sort_by} cannot be sorted by", field="sortBy")
    if attribute.multi:
        return Sort(resolved(leaf, (sub.name,) if sub else ()), order == "descending", home)
    return Sort(resolved(leaf, (*home, sub.name) if sub else home), order == "descending")

"""core.query's Sort to the value that is ordered by (RFC 7644 section 3.4.2.3): the same on every database."""

import sqlalchemy as sa

from connector.core.query import Attribute, Sort
from connector.storage import tables as t
from connector.storage.operands import Expression, Place, Resource, View, relation
from connector.storage.where import NAMES


def sort_key(sort: Sort, *, kind: str, client_id: str, sqlite: bool) -> Expression:
    """The value that a resource is ordered by, folded where its case does not count; NULL where it has none."""
    view = View(kind, client_id, sqlite)
    resource = Resource(view, NAMES[kind])
    related = relation(sort.attribute.path, view)
    if related is not None:  # externalId, which is one row at most
        mine = sa.and_(related.own == t.resource.c.id, *related.where)
        value = related.place.operand(Attribute(())).value
        return sa.select(value).select_from(related.source).where(mine).scalar_subquery()
    if not sort.list_path:
        return _key(sort.attribute, resource)
    elements = resource.elements(sort.list_path)
    primary = elements.place.operand(Attribute(("primary",), "boolean")).value
    first = sa.case((primary, 0), else_=1)
    one = sa.select(_key(sort.attribute, elements.place)).select_from(elements.source)
    return one.order_by(first, elements.position).limit(1).scalar_subquery()


def _key(attribute: Attribute, place: Place) -> Expression:
    operand = place.operand(attribute)
    exact = attribute.case_exact or attribute.type not in ("string", "reference")
    return operand.value if exact else operand.folded

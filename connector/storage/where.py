"""core.query to SQL: the only translator of filters. Values are always bound, never pasted."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from connector.core.clock import from_text, to_text
from connector.core.query import And, Attribute, Element, Equals, Filter, comparison_key
from connector.storage import tables as t

Condition = sa.ColumnElement[bool]


def condition(filter: Filter, *, client_id: str, sqlite: bool) -> Condition:
    """The condition on the resource table that the filter means, as this client sees it (externalId is its own)."""
    match filter:
        case And(terms):
            return sa.and_(*(condition(term, client_id=client_id, sqlite=sqlite) for term in terms))
        case Equals(attribute, value):
            return (
                _indexed(attribute, value, client_id)
                if _is_indexed(attribute)
                else _in_document(attribute, value, sqlite)
            )
        case Element(attribute, terms):
            return _element(attribute, terms, sqlite)


_COLUMNS: dict[tuple[str, ...], sa.ColumnElement[str]] = {
    ("id",): t.resource.c.id,
    ("meta", "created"): t.resource.c.created,
    ("meta", "lastModified"): t.resource.c.modified,
}
_NAMES = {("userName",), ("agentUserName",)}
_RELATIONS: dict[tuple[str, ...], tuple[sa.ColumnElement[str], sa.ColumnElement[str]]] = {
    ("members", "value"): (t.member.c.group_id, t.member.c.member_id),
    ("groups", "value"): (t.member.c.member_id, t.member.c.group_id),
    ("owners", "value"): (t.ownership.c.agent_id, t.ownership.c.holder_id),
    ("sponsor", "value"): (t.ownership.c.agent_id, t.ownership.c.holder_id),
}


def _is_indexed(attribute: Attribute) -> bool:
    path = attribute.path
    return path in _COLUMNS or path in _NAMES or path[-2:] in _RELATIONS or path in {("externalId",), ("active",)}


def _indexed(attribute: Attribute, value: object, client_id: str) -> Condition:
    path = attribute.path
    if path in _NAMES:
        return t.resource.c.name_key == comparison_key(str(value)) if value is not None else sa.false()
    if path in _COLUMNS:
        return _COLUMNS[path] == (to_text(from_text(str(value))) if attribute.type == "dateTime" and value else value)
    if path == ("active",):
        return t.resource.c.active == value
    if path == ("externalId",):
        held = sa.select(t.external_id.c.resource_id).where(t.external_id.c.client_id == client_id)
        if value is None:
            return t.resource.c.id.not_in(held)
        return t.resource.c.id.in_(
            held.where(t.external_id.c.kind == t.resource.c.kind, t.external_id.c.value == value)
        )
    ours, theirs = _RELATIONS[path[-2:]]
    related = sa.select(ours).where(ours == t.resource.c.id)
    if theirs is t.ownership.c.holder_id:
        related = related.where(t.ownership.c.role == ("owner" if path[0] == "owners" else "sponsor"))
    return ~sa.exists(related) if value is None else sa.exists(related.where(theirs == value))


def _in_document(attribute: Attribute, value: str | bool | int | float | None, sqlite: bool) -> Condition:
    if not attribute.multi:
        return _same(_extract(t.resource.c.document, attribute.path, sqlite), attribute, value, sqlite)
    if value is None:
        return ~sa.exists(sa.select(sa.literal(1)).select_from(_elements(attribute.path[0], sqlite)))
    return _element(attribute, (Equals(attribute, value),), sqlite)


def _element(attribute: Attribute, terms: tuple[Equals, ...], sqlite: bool) -> Condition:
    elements = _elements(attribute.path[0], sqlite)
    one = elements.c.value
    tests = [
        _same(_extract(one, term.attribute.path[1:], sqlite), term.attribute, term.value, sqlite) for term in terms
    ]
    return sa.exists(sa.select(sa.literal(1)).select_from(elements).where(*tests))


def _elements(name: str, sqlite: bool) -> sa.TableValuedAlias:
    if sqlite:
        return sa.func.json_each(t.resource.c.document, _json_path((name,))).table_valued("value")
    listed = sa.cast(t.resource.c.document, JSONB)[name]
    listed = sa.case((sa.func.jsonb_typeof(listed) == "array", listed), else_=sa.literal_column("'[]'::jsonb"))
    return sa.func.jsonb_array_elements(listed).table_valued("value")


def _extract(source: sa.ColumnElement[str], path: tuple[str, ...], sqlite: bool) -> sa.ColumnElement[str]:
    if sqlite:
        return sa.func.json_extract(source, _json_path(path)) if path else source
    steps = sa.func.jsonb_extract_path_text(sa.cast(source, JSONB), *path)
    return steps


def _same(found: sa.ColumnElement[str], attribute: Attribute, value: object, sqlite: bool) -> Condition:
    if value is None:
        return found.is_(None)
    if isinstance(value, bool):
        return found == (int(value) if sqlite else str(value).lower())
    if isinstance(value, int | float):
        return found == value if sqlite else sa.cast(found, sa.Numeric) == value
    if attribute.type == "dateTime":
        return found == to_text(from_text(str(value)))  # documents hold the same fixed form
    if attribute.case_exact:
        return found == value
    folded = sa.func.fold(found) if sqlite else sa.func.lower(sa.func.normalize(found))
    return folded == (comparison_key(str(value)) if sqlite else sa.func.lower(sa.func.normalize(value)))


def _json_path(path: tuple[str, ...]) -> str:
    return "$" + "".join(f'."{step}"' for step in path)

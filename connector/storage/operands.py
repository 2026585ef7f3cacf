"""Where the attributes of a query are in SQL: columns, the JSON document, an element of a list in it, rows that relate resources.

Each place answers three questions about a path: its value, whether it is there, and its elements. The same on every database.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from connector.core.query import Attribute
from connector.storage import tables as t

Expression = sa.ColumnElement[Any]
Condition = sa.ColumnElement[bool]
_TYPES = {"person": "User", "agent": "Agent", "group": "Group"}


@dataclass(frozen=True)
class View:
    """Who asks for what: the kind of resource, the client whose externalIds count, and the database."""

    kind: str
    client_id: str
    sqlite: bool


@dataclass(frozen=True)
class Operand:
    """A value in SQL, NULL where it is unassigned; `folded` is the same for comparing without case."""

    value: Expression
    folded: Expression


class Place(Protocol):
    """What a condition is asked about."""

    @property
    def view(self) -> View: ...

    def operand(self, attribute: Attribute) -> Operand: ...

    def elements(self, path: tuple[str, ...]) -> "Elements": ...


@dataclass(frozen=True)
class Elements:
    """The elements of a list: what to select from, the place that one of them is, and their order."""

    source: sa.FromClause
    place: Place
    position: Expression


def text(value: Expression) -> Operand:
    """A text that is compared by code point, whatever the locale of the database."""
    return Operand(value, sa.func.fold(value))


@dataclass(frozen=True)
class Json:
    """A JSON document, or a value in one."""

    source: Expression
    view: View

    def operand(self, attribute: Attribute) -> Operand:
        path = attribute.path
        if self.view.sqlite:
            return text(sa.func.json_extract(self.source, _json_path(path)) if path else self.source)
        whole = self.source.op("#>>", return_type=sa.Text())(sa.literal_column("'{}'"))
        found: Expression = sa.func.jsonb_extract_path_text(self.source, *path, type_=sa.Text()) if path else whole
        if attribute.type in ("integer", "decimal"):
            number = sa.cast(found, sa.Numeric)
            return Operand(number, number)
        if attribute.type == "boolean":
            truth = sa.cast(found, sa.Boolean)
            return Operand(truth, truth)
        return text(sa.collate(found, "C"))

    def elements(self, path: tuple[str, ...]) -> Elements:
        if self.view.sqlite:
            rows = sa.func.json_each(self.source, _json_path(path)).table_valued("key", "value")
            return Elements(rows, Json(rows.c.value, self.view), rows.c.key)
        held = sa.func.jsonb_extract_path(self.source, *path)
        listed = sa.case((sa.func.jsonb_typeof(held) == "array", held), else_=sa.literal_column("'[]'::jsonb"))
        found = sa.func.jsonb_array_elements(listed).table_valued(sa.column("value", JSONB), with_ordinality="position")
        found = found.render_derived()
        return Elements(found, Json(found.c.value, self.view), found.c.position)


def document(view: View) -> Json:
    whole: Expression = t.resource.c.document
    return Json(whole if view.sqlite else sa.cast(whole, JSONB), view)


@dataclass(frozen=True)
class Resource:
    """A row of the resource table: what has a column is asked there, the rest in the document."""

    view: View
    name: str  # the attribute that is the unique name of the kind

    def operand(self, attribute: Attribute) -> Operand:
        c = t.resource.c
        if attribute.path == (self.name,):
            return Operand(c.name, c.name_key)
        match attribute.path:
            case ("id",) | ("meta",):  # meta is always there
                return text(c.id)
            case ("active",):
                return Operand(c.active, c.active)
            case ("meta", "created"):
                return text(c.created)
            case ("meta", "lastModified"):
                return text(c.modified)
            case ("meta", "version"):
                return text(sa.literal('W/"').concat(sa.cast(c.version, sa.Text)).concat('"'))
        return document(self.view).operand(attribute)

    def elements(self, path: tuple[str, ...]) -> Elements:
        return document(self.view).elements(path)


@dataclass(frozen=True)
class Related:
    """A row that relates the resource to others: a member, a group that it is in, an owner, its externalId."""

    view: View
    columns: dict[tuple[str, ...], Operand]

    def operand(self, attribute: Attribute) -> Operand:
        return self.columns.get(attribute.path) or text(sa.null())

    def elements(self, path: tuple[str, ...]) -> Elements:
        raise NotImplementedError(f"no list {path} in a related row")


@dataclass(frozen=True)
class Relation:
    """Rows of other tables that one attribute is made of. `own` is the column that holds the resource's id.

    `quick` are the paths that an index of the rows leads to, with equality.
    """

    source: sa.FromClause
    own: Expression
    where: tuple[Condition, ...]
    place: Related
    quick: frozenset[tuple[str, ...]] = frozenset({("value",), ("display",)})


def relation(path: tuple[str, ...], view: View) -> Relation | None:
    """The rows behind the attribute that a path begins with, or None where it is no such attribute."""
    match path:
        case ("members",):
            return _members(view)
        case ("groups",):
            return _groups(view)
        case ("owners",):
            return _ownerships(view, "owner")
        case (_, "sponsor"):
            return _ownerships(view, "sponsor")
        case ("agents",):
            return _application_agents(view)
        case ("applications",):
            return _applications(view)
        case ("externalId",):
            return _external_id(view)
    return None


def _members(view: View) -> Relation:
    m, other = t.member, t.resource.alias()
    columns = {
        (): text(m.c.member_id),
        ("value",): text(m.c.member_id),
        ("type",): text(_type_of(m.c.member_kind)),
        ("display",): Operand(other.c.name, other.c.name_key),
    }
    joined = m.join(other, other.c.id == m.c.member_id)
    return Relation(joined, m.c.group_id, (), Related(view, columns))


def _groups(view: View) -> Relation:
    """Groups that a resource is in directly: enough to tell whether there are any."""
    m, group = t.member, t.resource.alias()
    joined = m.join(group, group.c.id == m.c.group_id)
    place = _one_group(m.c.group_id, Operand(group.c.name, group.c.name_key), sa.literal("direct"), view)
    return Relation(joined, m.c.member_id, (), place)


def _one_group(id: Expression, display: Operand, type: Expression, view: View) -> Related:
    return Related(view, {(): text(id), ("value",): text(id), ("display",): display, ("type",): text(type)})


def all_below(meets: Callable[[Place], Condition], view: View) -> Relation:
    """Every group that meets the condition, with everybody who is in it or in a group below it (RFC 7643 section 4.1.2).

    Groups are followed downwards, of which there are few, and not their members.
    """
    top, edge, m, same = t.resource.alias(), t.member.alias(), t.member.alias(), t.member.alias()
    named = _one_group(top.c.id, Operand(top.c.name, top.c.name_key), sa.literal("direct"), view)
    first = sa.select(top.c.id.label("top"), top.c.id.label("group_id")).where(top.c.kind == "group", meets(named))
    rows = first.cte(recursive=True)
    deeper = sa.select(rows.c.top, edge.c.member_id).join(edge, edge.c.group_id == rows.c.group_id)
    rows = rows.union(deeper.where(edge.c.member_kind == "group"))
    is_direct = sa.exists().where(same.c.group_id == rows.c.top, same.c.member_id == m.c.member_id)
    shown = t.resource.alias()
    name, key = (
        sa.select(one).where(shown.c.id == rows.c.top).scalar_subquery() for one in (shown.c.name, shown.c.name_key)
    )
    place = _one_group(rows.c.top, Operand(name, key), sa.case((is_direct, "direct"), else_="indirect"), view)
    return Relation(rows.join(m, m.c.group_id == rows.c.group_id), m.c.member_id, (), place)


def _ownerships(view: View, role: str) -> Relation:
    o, other = t.ownership, t.resource.alias()
    holder = other.c.document if view.sqlite else sa.cast(other.c.document, JSONB)
    shown = Json(holder, view).operand(Attribute(("displayName",)))
    display = sa.func.coalesce(shown.value, other.c.name)
    columns = {
        (): text(o.c.holder_id),
        ("value",): text(o.c.holder_id),
        ("display",): text(display if view.sqlite else sa.collate(display, "C")),
    }
    columns[("type",)] = text(_type_of(other.c.kind))
    if role == "owner":
        primary = sa.case((o.c.accountable, sa.true()))
        columns[("primary",)] = Operand(primary, primary)
    joined = o.join(other, other.c.id == o.c.holder_id)
    return Relation(joined, o.c.agent_id, (o.c.role == role,), Related(view, columns), frozenset({("value",)}))


def _application_agents(view: View) -> Relation:
    a = t.application_agent
    columns = {(): text(a.c.agent_id), ("value",): text(a.c.agent_id), ("type",): text(a.c.type)}
    return Relation(a, a.c.application_id, (), Related(view, columns), frozenset({("value",)}))


def _applications(view: View) -> Relation:
    a, other = t.application_agent, t.resource.alias()
    columns = {
        (): text(a.c.application_id),
        ("value",): text(a.c.application_id),
        ("type",): text(a.c.type),
        ("display",): Operand(other.c.name, other.c.name_key),
    }
    joined = a.join(other, other.c.id == a.c.application_id)
    return Relation(joined, a.c.agent_id, (), Related(view, columns))


def _external_id(view: View) -> Relation:
    e = t.external_id.alias()  # the statement around may join the table itself
    place = Related(view, {(): text(e.c.value)})
    mine = (e.c.client_id == view.client_id, e.c.kind == view.kind)
    return Relation(e, e.c.resource_id, mine, place, frozenset({()}))


def _type_of(kind: Expression) -> Expression:
    return sa.case(_TYPES, value=kind)


def _json_path(path: tuple[str, ...]) -> str:
    return "$" + "".join(f'."{step}"' for step in path)

"""core.query to SQL: the only translator of filters. Values are always bound, never pasted, and there is no LIKE to escape.

The tree is two-valued, SQL is not: NULL may stand for false under AND and OR, and Not asks `IS NOT TRUE`, so that it never leaks.
"""

import operator as op
import sys
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from connector.core.query import TRUE, And, Attribute, Compare, Element, Filter, Not, Or, Present, Value, comparison_key
from connector.storage import searchable
from connector.storage import tables as t
from connector.storage.operands import (
    Condition,
    Elements,
    Expression,
    Operand,
    Place,
    Relation,
    Resource,
    View,
    all_below,
    relation,
)

NAMES = {"agent": "agentUserName", "person": "userName", "group": "displayName", "application": "name"}
SEARCHED = {("emails",)}  # lists whose values are rows of their own, see searchable.py
_ORDER: Mapping[str, Callable[[Any, Any], Condition]] = {
    "eq": op.eq,
    "gt": op.gt,
    "ge": op.ge,
    "lt": op.lt,
    "le": op.le,
}


def condition(filter: Filter, *, kind: str, client_id: str, sqlite: bool) -> Condition:
    """The condition on the resource table that the filter means for that kind, as this client sees it (externalId is its own)."""
    view = View(kind, client_id, sqlite)
    return _holds(filter, Resource(view, NAMES[kind]))


def _holds(filter: Filter, place: Place) -> Condition:
    match filter:
        case And(terms):
            return sa.and_(sa.true(), *(_holds(term, place) for term in terms))
        case Or(terms):
            return sa.or_(sa.false(), *(_holds(term, place) for term in terms))
        case Not(term):
            return _holds(term, place).is_not(sa.true())
        case Element(attribute, inner):
            if attribute.path == ("groups",):
                return _in_a_group(inner, place.view)
            related = relation(attribute.path, place.view) if isinstance(place, Resource) else None
            if related is not None:
                return _some_row(related, inner)
            elements: Elements = place.elements(attribute.path)
            found = _exists(elements.source, _holds(inner, elements.place))
            candidates = _candidates(attribute, inner, place.view.sqlite) if isinstance(place, Resource) else None
            return found if candidates is None else sa.and_(t.resource.c.id.in_(candidates), found)
        case Present(attribute) | Compare(attribute):
            related, rest = _relation_of(attribute, place)
            if related is not None:
                return _some_row(related, _moved(filter, rest))
    return _leaf(filter, place.operand(filter.attribute), place.view.sqlite)


def narrows(filter: Filter) -> bool:
    """Whether an index leads to the few resources that can meet the filter, so that those of a kind need not be walked over."""
    match filter:
        case And(terms):
            return any(narrows(term) for term in terms)
        case Or(terms):
            return bool(terms) and all(narrows(term) for term in terms)
        case Element(attribute, inner):
            if _candidates(attribute, inner, sqlite=True) is not None:
                return True
            related = relation(attribute.path, _ANYBODY)
            return related is not None and _is_quick(inner, related.quick)
        case Compare(attribute, "eq"):
            related, rest = _relation_of(attribute, Resource(_ANYBODY, ""))
            return attribute.path == ("id",) or (related is not None and rest in related.quick)
    return False


_ANYBODY = View("", "", sqlite=True)


def _candidates(attribute: Attribute, inner: Filter, sqlite: bool) -> sa.Select[tuple[str]] | None:
    """The ids of all that can meet the condition, by the rows of searched values; None where they cannot tell."""
    name = f"{attribute.path[0]}.value"
    for term in inner.terms if isinstance(inner, And) else (inner,):
        if isinstance(term, Compare) and term.attribute.path == ("value",) and isinstance(term.value, str):
            key = comparison_key(term.value)
            if attribute.path not in SEARCHED or not key:
                return None
            if term.operator == "eq":
                return searchable.equal(name, key)
            if term.operator == "sw":
                return searchable.beginning(name, key)
            if term.operator == "co":
                return searchable.containing(name, key, sqlite=sqlite)
    return None


def _leaf(filter: Present | Compare, operand: Operand, sqlite: bool) -> Condition:
    if isinstance(filter, Present):
        return operand.value.is_not(None)
    value = filter.value
    if isinstance(value, bool):
        return operand.value.is_(sa.true() if value else sa.false())
    exact = filter.attribute.case_exact or filter.attribute.type not in ("string", "reference")
    if exact or not isinstance(value, str):
        return _compared(operand.value, filter.operator, value, sqlite)
    return _compared(operand.folded, filter.operator, comparison_key(value), sqlite)


def _compared(found: Expression, operator: str, value: Value, sqlite: bool) -> Condition:
    if operator in _ORDER:
        return _ORDER[operator](found, value)
    wanted = str(value)
    if not wanted:
        return found.is_not(None)
    if operator == "co":
        return (sa.func.instr(found, wanted) if sqlite else sa.func.strpos(found, wanted)) > 0
    if operator == "ew":
        length = len(wanted)
        return (sa.func.substr(found, -length) if sqlite else sa.func.right(found, length)) == wanted
    if isinstance(found, sa.Column):
        end = _after(wanted)
        return found >= wanted if end is None else sa.and_(found >= wanted, found < end)
    return sa.func.substr(found, 1, len(wanted)) == wanted


def _after(prefix: str) -> str | None:
    """The first text, by code point, behind all that begin with the prefix: a range, which an index can serve."""
    for at in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[at]) + 1
        if code <= sys.maxunicode:
            return prefix[:at] + chr(0xE000 if code == 0xD800 else code)  # surrogates are no characters
    return None


def _relation_of(attribute: Attribute, place: Place) -> tuple[Relation | None, tuple[str, ...]]:
    """The rows that the path begins with, and the rest of the path."""
    if not isinstance(place, Resource):
        return None, ()
    for length in (1, 2):
        related = relation(attribute.path[:length], place.view) if len(attribute.path) >= length else None
        if related is not None:
            return related, attribute.path[length:]
    return None, ()


def _moved(filter: Present | Compare, path: tuple[str, ...]) -> Present | Compare:
    a = filter.attribute
    attribute = Attribute(path, a.type, a.case_exact, a.multi)
    if isinstance(filter, Present):
        return Present(attribute)
    return Compare(attribute, filter.operator, filter.value)


def _some_row(related: Relation, inner: Filter) -> Condition:
    """Where an index leads to the rows, they are found first, and by them the resources; else the resource's rows are looked at."""
    found = sa.and_(*related.where, _holds(inner, related.place))
    if _is_quick(inner, related.quick):
        return t.resource.c.id.in_(sa.select(related.own).select_from(related.source).where(found))
    return _exists(related.source, sa.and_(related.own == t.resource.c.id, found))


def _in_a_group(inner: Filter, view: View) -> Condition:
    """The resource is in a group that meets the condition, directly or through other groups.

    Which groups those are is asked first, and then who is below them; only `type` depends on both, and is asked at the end.
    """
    known = _without_type(inner)
    below = all_below(lambda group: _holds(known, group), view)
    found = sa.select(below.own).select_from(below.source)
    return t.resource.c.id.in_(found if known == inner else found.where(_holds(inner, below.place)))


def _without_type(inner: Filter) -> Filter:
    """What of the condition does not ask about `type`; it holds wherever the condition does."""
    if isinstance(inner, And):
        return And(tuple(term for term in inner.terms if not _asks(term, "type")))
    return TRUE if _asks(inner, "type") else inner


def _asks(filter: Filter, name: str) -> bool:
    match filter:
        case And(terms) | Or(terms):
            return any(_asks(term, name) for term in terms)
        case Not(term):
            return _asks(term, name)
        case Element(attribute) | Present(attribute) | Compare(attribute):
            return attribute.path == (name,)


def _is_quick(inner: Filter, quick: frozenset[tuple[str, ...]]) -> bool:
    match inner:
        case Compare(attribute, "eq"):
            return attribute.path in quick
        case And(terms):
            return any(_is_quick(term, quick) for term in terms)
        case Or(terms):
            return bool(terms) and all(_is_quick(term, quick) for term in terms)
    return False


def _exists(source: sa.FromClause, found: Condition) -> Condition:
    return sa.exists(sa.select(sa.literal(1)).select_from(source).where(found))

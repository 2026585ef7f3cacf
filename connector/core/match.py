"""Evaluates filters and orders of core/query.py on plain data: the value filters of PATCH, what is in memory only, and the oracle
that the tests hold SQL against.
"""

import operator
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from connector.core.query import And, Attribute, Compare, Element, Filter, Not, Or, Present, Sort, comparison_key

T = TypeVar("T")

_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "co": operator.contains,
    "sw": str.startswith,
    "ew": str.endswith,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


def matches(filter: Filter, data: Any) -> bool:
    """Whether a canonical document, or an element of a list, meets the filter."""
    match filter:
        case And(terms):
            return all(matches(term, data) for term in terms)
        case Or(terms):
            return any(matches(term, data) for term in terms)
        case Not(term):
            return not matches(term, data)
        case Element(attribute, condition):
            return any(matches(condition, one) for one in value_at(data, attribute.path) or [])
        case Present(attribute):
            return value_at(data, attribute.path) not in (None, "", [], {})
        case Compare(attribute, word, wanted):
            found = value_at(data, attribute.path)
            if found is None or isinstance(found, bool) != isinstance(wanted, bool):
                return False
            return _TESTS[word](_comparable(attribute, found), _comparable(attribute, wanted))


def in_order(things: Iterable[T], sort: Sort, document: Callable[[T], Any]) -> list[T]:
    """The things by the order of their documents: without a value last; descending is the same order from its other end."""

    def key(thing: T) -> tuple[bool, Any]:
        found = _ordered_by(sort, document(thing))
        return found is None, found

    found = sorted(things, key=key)
    return found[::-1] if sort.descending else found


def _ordered_by(sort: Sort, data: Any) -> Any:
    """The value that the document is ordered by: in a list, of its primary element, else of its first."""
    if sort.list_path:
        elements = value_at(data, sort.list_path) or [None]
        data = next((one for one in elements if value_at(one, ("primary",)) is True), elements[0])
    return _comparable(sort.attribute, value_at(data, sort.attribute.path))


def _comparable(attribute: Attribute, value: Any) -> Any:
    return comparison_key(value) if isinstance(value, str) and not attribute.case_exact else value


def value_at(data: Any, path: tuple[str, ...]) -> Any:
    """What the path leads to, or None."""
    for step in path:
        if not isinstance(data, dict):
            return None
        data = data.get(step)
    return data

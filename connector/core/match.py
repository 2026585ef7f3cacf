"""Evaluates the tree of core/query.py on plain data: the value filters of PATCH, and the oracle that the tests hold SQL against."""

import operator
from collections.abc import Callable
from typing import Any

from connector.core.query import And, Compare, Element, Filter, Not, Or, Present, comparison_key

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
            if isinstance(found, str) and isinstance(wanted, str) and not attribute.case_exact:
                found, wanted = comparison_key(found), comparison_key(wanted)
            return _TESTS[word](found, wanted)


def value_at(data: Any, path: tuple[str, ...]) -> Any:
    """What the path leads to, or None."""
    for step in path:
        if not isinstance(data, dict):
            return None
        data = data.get(step)
    return data

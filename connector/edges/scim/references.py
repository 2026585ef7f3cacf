"""`$ref` and `meta.location` in filters. They are made when an answer is written, from the address that we are reached at, the type and
the id; so what is asked about them is asked about the type and the id behind them, which are stored.
"""

from collections.abc import Mapping
from typing import Any

from connector.core.query import FALSE, And, Attribute, Compare, Filter, Not, Operator, Or, Present

_ENDPOINTS = {"User": "Users", "Agent": "Agents", "Group": "Groups", "AgenticApplication": "AgenticApplications"}
_POINT_TO: Mapping[str, tuple[str, ...]] = {  # where there are several types, `type` beside the id says which one it is
    "members.$ref": ("User", "Agent", "Group"),
    "owners.$ref": ("User", "Group"),
    "sponsor.$ref": ("User", "Group"),
    "groups.$ref": ("Group",),
    "parent.$ref": ("Agent",),
    "agents.$ref": ("Agent",),
    "applications.$ref": ("AgenticApplication",),
    "manager.$ref": ("User",),
}
_LOCATION = "meta.location"


def is_made(label: str) -> bool:
    """Whether that attribute is made when an answer is written."""
    return label in _POINT_TO or label == _LOCATION


def instead(label: str) -> str:
    """The attribute that may be asked about in its place."""
    return "id" if label == _LOCATION else label.replace("$ref", "value")


def asked(label: str, path: tuple[str, ...], operator: Operator, wanted: Any, root: str, endpoint: str) -> Filter:
    """What the comparison asks of the stored attributes; `wanted` None asks whether there is a reference.

    `path` leads to the attribute from the data that is asked about, `endpoint` is that of the resources that are searched.
    """
    if label == _LOCATION:
        return _made(Attribute(("id",), case_exact=True), None, {"": endpoint}, operator, wanted, root)
    value, type = (Attribute((*path[:-1], name), case_exact=True) for name in ("value", "type"))
    endpoints = {one: _ENDPOINTS[one] for one in _POINT_TO[label]}
    found = _made(value, type if len(endpoints) > 1 else None, endpoints, operator, wanted, root)
    if label != "manager.$ref":
        return found
    given = Attribute(path, "reference", case_exact=True)  # a client may have given one, which is kept and shown
    own = Present(given) if wanted is None else Compare(given, operator, wanted)
    return Or((own, And((Not(Present(given)), found))))


def _made(
    value: Attribute, type: Attribute | None, endpoints: Mapping[str, str], operator: Operator, wanted: Any, root: str
) -> Filter:
    there = Present(value)
    if wanted is None:
        return there
    found: list[Filter] = []
    for name, endpoint in endpoints.items():
        term = _behind(f"{root}/{endpoint}/", value, operator, wanted)
        if term != FALSE:
            found.append(term if type is None else And((Compare(type, "eq", name), term)))
    return found[0] if len(found) == 1 else Or(tuple(found))


def _behind(base: str, value: Attribute, operator: Operator, wanted: str) -> Filter:
    """`base + value` compares so with what is wanted."""

    def has(word: Operator, text: str) -> Filter:
        return Compare(value, word, text)

    there = Present(value)
    rest = wanted[len(base) :] if wanted.startswith(base) else None
    match operator:
        case "eq":
            return FALSE if rest is None else has("eq", rest)
        case "sw":
            return there if base.startswith(wanted) else FALSE if rest is None else has("sw", rest)
        case "co" | "ew":
            if operator == "co" and wanted in base:
                return there
            across = [wanted[n:] for n in range(1, len(wanted)) if base.endswith(wanted[:n])]
            return Or((has(operator, wanted), *(has("sw" if operator == "co" else "eq", one) for one in across)))
    if rest is not None:
        return has(operator, rest)
    return there if (base > wanted) == (operator in ("gt", "ge")) else FALSE

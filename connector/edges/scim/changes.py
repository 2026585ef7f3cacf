"""What one PATCH operation does to one attribute (RFC 7644 sections 3.5.2.1 to 3.5.2.3). `home` is the document or an extension in it.

Nothing here knows of requests: values are read by the tables, lists stay free of duplicates, and one element at most is primary.
"""

from typing import Any

from connector.core.match import matches
from connector.core.query import And, Compare, Filter
from connector.edges.scim.errors import ScimError
from connector.edges.scim.profiles import Profile
from connector.edges.scim.schema import Attribute
from connector.edges.scim.values import is_unassigned, join, one_primary, read, read_list, read_one

_LABELS = {"type", "primary"}  # an element that has lost everything else is no value any more


def put(home: dict[str, Any], op: str, attribute: Attribute, value: Any, where: str, profile: Profile) -> None:
    """`add` or `replace` of a whole attribute."""
    found = read(attribute, value, where, profile)
    if attribute.multi:
        elements = list(home.get(attribute.name, [])) if op == "add" else []
        before = _primaries(elements)
        meant = join(attribute, elements, found or [])
        if any(_is_primary(one) for one in meant):
            _demote(before, meant)
        one_primary(elements, where)
        _store(home, attribute.name, elements)
    elif attribute.sub and isinstance(home.get(attribute.name), dict):
        _merge(home[attribute.name], attribute, found or {}, value)
        _store(home, attribute.name, home[attribute.name])
    else:
        _store(home, attribute.name, found)


def remove(home: dict[str, Any], attribute: Attribute, value: Any, where: str, profile: Profile) -> None:
    """`remove` of a whole attribute; of a list with values, of those values only, and never of all."""
    if attribute.required:
        raise ScimError("mutability", f"{attribute.name} is required: it cannot be removed", field=where)
    if not attribute.multi or value in (None, ""):
        home.pop(attribute.name, None)
        return
    if not profile.remove_by_value:
        raise ScimError("invalidValue", f"remove takes no value; use {where}[…] to choose elements", field="value")
    gone = read_list(attribute, value if isinstance(value, list) else [value], where, profile) or []
    left = [one for one in home.get(attribute.name, []) if not any(_covers(one, other) for other in gone)]
    _store(home, attribute.name, left)


def put_sub(
    home: dict[str, Any], attribute: Attribute, sub: Attribute, value: Any, where: str, profile: Profile
) -> None:
    """`add` or `replace` of `attr.sub`; in a list, of each element."""
    found = read(sub, value, where, profile)
    if not attribute.multi:
        home.setdefault(attribute.name, {})[sub.name] = found
        return
    elements: list[dict[str, Any]] = home.get(attribute.name) or [{}]
    for one in elements:
        one[sub.name] = found
    _settle(home, attribute, elements, where)


def remove_sub(home: dict[str, Any], attribute: Attribute, sub: Attribute, where: str, chosen: Filter | None) -> None:
    """`remove` of `attr.sub`, of each element, or of those that the filter chooses."""
    if sub.required:
        raise ScimError("mutability", f"{where} is required: it cannot be removed", field=where)
    held = home.get(attribute.name)
    if not held:
        return
    if not attribute.multi:
        held.pop(sub.name, None)
        _store(home, attribute.name, held)
        return
    for one in held:
        if (chosen is None or matches(chosen, one)) and one.pop(sub.name, None) is not None and one.keys() <= _LABELS:
            one.clear()
    _store(home, attribute.name, [one for one in held if one])


def remove_chosen(home: dict[str, Any], attribute: Attribute, chosen: Filter, where: str) -> None:
    """`remove` of `attr[filter]`; that nothing matches is no error."""
    left = [one for one in home.get(attribute.name, []) if not matches(chosen, one)]
    if not left and attribute.required:
        raise ScimError("mutability", f"{attribute.name} is required: its last value cannot be removed", field=where)
    _store(home, attribute.name, left)


def put_chosen(
    home: dict[str, Any],
    attribute: Attribute,
    chosen: Filter,
    sub: Attribute | None,
    value: Any,
    where: str,
    profile: Profile,
    *,
    creates: bool,
) -> None:
    """`add` or `replace` of `attr[filter]` and `attr[filter].sub`. Where nothing matches, `creates` makes the element."""
    elements: list[Any] = home.get(attribute.name, [])
    meant = [one for one in elements if matches(chosen, one)]
    if not meant:
        made = _described(chosen) if creates else None
        if made is None:
            raise ScimError("noTarget", f"nothing matches {where}", field=where)
        meant = [made]
        elements = [*elements, made]
    before = _primaries(elements)
    for one in meant:
        if sub is not None:
            one[sub.name] = read(sub, value, where, profile)
        else:
            _merge(one, attribute, read_one(attribute, value, where, profile) or {}, value)
    if any(_is_primary(one) for one in meant):
        _demote(before, meant)
    _settle(home, attribute, elements, where)


def _settle(home: dict[str, Any], attribute: Attribute, elements: list[Any], where: str) -> None:
    """Store a list whose elements were changed in place: what has become equal is one, and one at most is primary."""
    one_primary(elements, where)
    for one in elements:
        for sub in (attribute.sub or {}).values():
            if one and sub.required and sub.writable and is_unassigned(one.get(sub.name)):
                raise ScimError("invalidValue", f"{attribute.name}.{sub.name} is required", field=where)
    found: list[Any] = []
    join(attribute, found, [one for one in elements if one])
    _store(home, attribute.name, found)


def _merge(held: dict[str, Any], attribute: Attribute, found: dict[str, Any], given: Any) -> None:
    """Bring an object to what is given; what is null there is cleared, what the old value entailed does not outlive it."""
    subs = attribute.sub or {}
    if "value" in found and found["value"] != held.get("value"):
        for sub in subs.values():
            if sub.name == "$ref" or not sub.writable:
                held.pop(sub.name, None)
    held.update(found)
    for name, one in given.items() if isinstance(given, dict) else ():
        known = subs.get(name.lower())
        if known is None or not known.writable or not is_unassigned(one):
            continue
        if known.required:
            raise ScimError("invalidValue", f"{attribute.name}.{known.name} is required", field=attribute.name)
        held.pop(known.name, None)


def _described(chosen: Filter) -> dict[str, Any] | None:
    """The element that a value filter describes: `eq` joined by `and`. None where it is not that plain."""
    match chosen:
        case Compare(attribute, "eq", value) if len(attribute.path) == 1:
            return {attribute.path[0]: value}
        case And(terms) if terms:
            parts = [_described(term) for term in terms]
            made: dict[str, Any] = {}
            for part in parts:
                if part is None or made.keys() & part.keys():
                    return None
                made |= part
            return made
    return None


def _covers(element: Any, other: Any) -> bool:
    """Whether a value to be removed means this element: equal in all that it names."""
    if isinstance(element, dict) and isinstance(other, dict):
        return bool(other) and all(element.get(name) == value for name, value in other.items())
    return bool(element == other)


def _is_primary(one: Any) -> bool:
    return isinstance(one, dict) and one.get("primary") is True


def _primaries(elements: list[Any]) -> list[dict[str, Any]]:
    return [one for one in elements if _is_primary(one)]


def _demote(before: list[dict[str, Any]], meant: list[Any]) -> None:
    """Who was primary is no longer, where another was made it (RFC 7644 section 3.5.2)."""
    for one in before:
        if not any(one is other for other in meant):
            one.pop("primary", None)


def _store(home: dict[str, Any], name: str, value: Any) -> None:
    if is_unassigned(value):
        home.pop(name, None)
    else:
        home[name] = value

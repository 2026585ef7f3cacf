"""One value at a time: from what clients send to what we keep. What is tolerated of whom: profiles.py."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from connector.core.clock import from_text, to_text
from connector.core.query import comparison_key
from connector.edges.scim.errors import ScimError
from connector.edges.scim.profiles import Profile
from connector.edges.scim.schema import Attribute

_EMPTY: tuple[Any, ...] = (None, "", [], {})


def is_unassigned(value: Any) -> bool:
    """null, "", [] and {} are the same state as absent (RFC 7643 section 2.5)."""
    return value is None or (not isinstance(value, bool | int | float) and value in _EMPTY)


def read(attribute: Attribute, value: Any, where: str, profile: Profile) -> Any:
    """The value as it is kept, or None where it is unassigned. ScimError names `where`, the problem and what would be right."""
    if is_unassigned(value):
        return None
    if not attribute.multi:
        if isinstance(value, list):
            raise ScimError("invalidValue", f"{where} takes one {attribute.type}, not a list", field=where)
        return read_one(attribute, value, where, profile)
    if not isinstance(value, list):
        if not profile.single_value_for_list:
            raise ScimError("invalidValue", f"{where} takes a list", field=where)
        value = [value]
    return read_list(attribute, value, where, profile)


def read_list(attribute: Attribute, values: list[Any], where: str, profile: Profile) -> list[Any] | None:
    """The elements that are assigned, each once; at most one of them is primary (RFC 7643 section 2.4)."""
    read = [read_one(attribute, value, where, profile) for value in values if not is_unassigned(value)]
    if len(read) == 1 and read[0] is not None:
        return read
    found: list[Any] = []
    join(attribute, found, [one for one in read if one is not None])
    one_primary(found, where)
    return found or None


def join(attribute: Attribute, elements: list[Any], more: list[Any]) -> list[Any]:
    """Put more elements into the list; one that is there already, by type and value, is brought up to date instead.

    The elements, as they are in the list, that were meant.
    """
    meant = []
    keys = {_identity(attribute, one): one for one in elements}
    for one in more:
        known = keys.setdefault(_identity(attribute, one), one)
        if known is one:
            elements.append(one)
        elif isinstance(known, dict):
            known.update(one)
        meant.append(known)
    return meant


def _identity(attribute: Attribute, element: Any) -> Any:
    """What a list holds only once (RFC 7643 section 2.4): a type and value; without a value, the whole element."""
    if not isinstance(element, dict):
        return _key(attribute, element)
    sub = attribute.sub or {}
    if "value" not in element:
        return tuple(sorted((name, _key(sub[name.lower()], value)) for name, value in element.items()))
    kind = sub.get("type")
    own = _key(kind, element.get("type")) if kind is not None and kind.writable else None
    return own, _key(sub["value"], element["value"])


def _key(attribute: Attribute, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_key(attribute, one) for one in value)
    return comparison_key(value) if isinstance(value, str) and not attribute.case_exact else value


def one_primary(elements: list[Any], where: str) -> None:
    """ScimError where more than one element is primary."""
    if sum(1 for one in elements if isinstance(one, dict) and one.get("primary") is True) > 1:
        raise ScimError("invalidValue", f"{where}: at most one element may be primary", field=where)


def read_one(attribute: Attribute, value: Any, where: str, profile: Profile) -> Any:
    if attribute.type == "complex":
        return _complex(attribute, value, where, profile)
    return _READERS[attribute.type](value, where, profile)


def _complex(attribute: Attribute, value: Any, where: str, profile: Profile) -> dict[str, Any] | None:
    sub = attribute.sub or {}
    if isinstance(value, str) and "value" in sub and profile.bare_string_for_object:
        value = {"value": value}
    if not isinstance(value, dict):
        raise ScimError("invalidValue", f"{where} takes an object, not {_kind(value)}", field=where)
    read_value: dict[str, Any] = {}
    for name, given in value.items():
        known = sub.get(name.lower())
        if known is None:
            if not profile.unknown_attributes:
                raise ScimError("invalidSyntax", f"{where}.{name} is not an attribute", field=f"{where}.{name}")
            continue
        if known.plain and type(given) is str and given and "\0" not in given:
            read_value[known.name] = given
        elif known.writable:
            one = read(known, given, f"{where}.{known.name}", profile)
            if one is not None:
                read_value[known.name] = one
    for needed in attribute.needed:
        if needed not in read_value and read_value:
            raise ScimError("invalidValue", f"{where}.{needed} is required", field=f"{where}.{needed}")
    return read_value or None


def _text(value: Any, where: str, profile: Profile) -> str:
    if isinstance(value, str):
        if "\0" in value:  # PostgreSQL could neither keep nor search a document that holds it
            raise ScimError("invalidValue", f"{where} must not hold the character U+0000", field=where)
        return value
    raise ScimError("invalidValue", f"{where} takes a string, not {_kind(value)}", field=where)


def _boolean(value: Any, where: str, profile: Profile) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and profile.boolean_strings and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ScimError("invalidValue", f"{where} takes true or false, not {_kind(value)}", field=where)


def _integer(value: Any, where: str, profile: Profile) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ScimError("invalidValue", f"{where} takes an integer, not {_kind(value)}", field=where)


def _decimal(value: Any, where: str, profile: Profile) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise ScimError("invalidValue", f"{where} takes a number, not {_kind(value)}", field=where)


def _moment(value: Any, where: str, profile: Profile) -> str:
    try:
        return to_text(from_text(_text(value, where, profile)))
    except (ValueError, OverflowError) as problem:
        detail = f"{where} takes a date and time with a zone, such as 2027-03-31T00:00:00Z"
        raise ScimError("invalidValue", detail, field=where) from problem


def _binary(value: Any, where: str, profile: Profile) -> str:
    text = "".join(_text(value, where, profile).split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64encode(base64.b64decode(text + "=" * (-len(text) % 4), validate=True)).decode()
    except (ValueError, binascii.Error) as problem:
        raise ScimError("invalidValue", f"{where} takes base64", field=where) from problem


_READERS: dict[str, Callable[[Any, str, Profile], Any]] = {
    "string": _text,
    "reference": _text,
    "boolean": _boolean,
    "integer": _integer,
    "decimal": _decimal,
    "dateTime": _moment,
    "binary": _binary,
}


def _kind(value: Any) -> str:
    names = {bool: "a boolean", str: "a string", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "null")

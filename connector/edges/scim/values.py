"""One value at a time: from what clients send to what we keep. What each tolerance is called and who needs it: docs/scim.md."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from connector.core.clock import from_text, to_text
from connector.core.query import comparison_key
from connector.edges.scim.errors import ScimError
from connector.edges.scim.schema import Attribute

_EMPTY: tuple[Any, ...] = (None, "", [], {})


def is_unassigned(value: Any) -> bool:
    """null, "", [] and {} are the same state as absent (RFC 7643 section 2.5)."""
    return value is None or (not isinstance(value, bool | int | float) and value in _EMPTY)


def read(attribute: Attribute, value: Any, where: str, *, strict: bool) -> Any:
    """The value as it is kept, or None where it is unassigned. ScimError names `where`, the problem and what would be right."""
    if is_unassigned(value):
        return None
    if not attribute.multi:
        if isinstance(value, list):
            raise ScimError("invalidValue", f"{where} takes one {attribute.type}, not a list", field=where)
        return read_one(attribute, value, where, strict=strict)
    if not isinstance(value, list):
        if strict:
            raise ScimError("invalidValue", f"{where} takes a list", field=where)
        value = [value]
    return read_list(attribute, value, where, strict=strict)


def read_list(attribute: Attribute, values: list[Any], where: str, *, strict: bool) -> list[Any] | None:
    """The elements that are assigned, each once; at most one of them is primary (RFC 7643 section 2.4)."""
    read: list[Any] = []
    for value in values:
        one = None if is_unassigned(value) else read_one(attribute, value, where, strict=strict)
        if one is not None and one not in read:
            read.append(one)
    if sum(1 for one in read if isinstance(one, dict) and one.get("primary") is True) > 1:
        raise ScimError("invalidValue", f"{where}: at most one element may be primary", field=where)
    return read or None


def read_one(attribute: Attribute, value: Any, where: str, *, strict: bool) -> Any:
    if attribute.type == "complex":
        return _complex(attribute, value, where, strict)
    return _READERS[attribute.type](value, where, strict)


def _complex(attribute: Attribute, value: Any, where: str, strict: bool) -> dict[str, Any] | None:
    sub = attribute.sub or {}
    if isinstance(value, str) and "value" in sub and not strict:
        value = {"value": value}  # manager or member as a bare string: Entra, Keycloak
    if not isinstance(value, dict):
        raise ScimError("invalidValue", f"{where} takes an object, not {_kind(value)}", field=where)
    read_value: dict[str, Any] = {}
    for name, given in value.items():
        known = sub.get(name.lower())
        if known is None:
            if strict:
                raise ScimError("invalidSyntax", f"{where}.{name} is not an attribute", field=f"{where}.{name}")
            continue
        if known.writable:
            one = read(known, given, f"{where}.{known.name}", strict=strict)
            if one is not None:
                read_value[known.name] = one
    for known in sub.values():
        if known.required and known.writable and known.name not in read_value and read_value:
            raise ScimError("invalidValue", f"{where}.{known.name} is required", field=f"{where}.{known.name}")
    return read_value or None


def _text(value: Any, where: str, strict: bool) -> str:
    if isinstance(value, str):
        if "\0" in value:  # PostgreSQL could neither keep nor search a document that holds it
            raise ScimError("invalidValue", f"{where} must not hold the character U+0000", field=where)
        return value
    raise ScimError("invalidValue", f"{where} takes a string, not {_kind(value)}", field=where)


def _boolean(value: Any, where: str, strict: bool) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and not strict and value.lower() in ("true", "false"):
        return value.lower() == "true"  # "True", "False": Entra
    raise ScimError("invalidValue", f"{where} takes true or false, not {_kind(value)}", field=where)


def _integer(value: Any, where: str, strict: bool) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ScimError("invalidValue", f"{where} takes an integer, not {_kind(value)}", field=where)


def _decimal(value: Any, where: str, strict: bool) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise ScimError("invalidValue", f"{where} takes a number, not {_kind(value)}", field=where)


def _moment(value: Any, where: str, strict: bool) -> str:
    try:
        return to_text(from_text(_text(value, where, strict)))
    except (ValueError, OverflowError) as problem:
        detail = f"{where} takes a date and time with a zone, such as 2027-03-31T00:00:00Z"
        raise ScimError("invalidValue", detail, field=where) from problem


def _binary(value: Any, where: str, strict: bool) -> str:
    text = "".join(_text(value, where, strict).split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64encode(base64.b64decode(text + "=" * (-len(text) % 4), validate=True)).decode()
    except (ValueError, binascii.Error) as problem:
        raise ScimError("invalidValue", f"{where} takes base64", field=where) from problem


_READERS: dict[str, Callable[[Any, str, bool], Any]] = {
    "string": _text,
    "reference": _text,
    "boolean": _boolean,
    "integer": _integer,
    "decimal": _decimal,
    "dateTime": _moment,
    "binary": _binary,
}


def same(attribute: Attribute, found: Any, wanted: Any) -> bool:
    """Whether two simple values are equal by the attribute's rule of case (RFC 7643 section 2.2)."""
    if isinstance(found, str) and isinstance(wanted, str) and not attribute.case_exact:
        return comparison_key(found) == comparison_key(wanted)
    return bool(found == wanted)


def _kind(value: Any) -> str:
    names = {bool: "a boolean", str: "a string", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "null")

"""Requests of RFC 4511 as bytes, and the elements in an answer's bytes (ITU-T X.690 with the limits of RFC 4511 section 5.1).

ldap3 makes an object of every element of a request and encodes that, which takes most of the time of a call.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from connector.targets.base import Rejected

BOOLEAN, INTEGER, OCTETS, ENUMERATED, SEQUENCE, SET = 0x01, 0x02, 0x04, 0x0A, 0x30, 0x31
_SEARCH, _MODIFY, _ADD, _DELETE, _RENAME, _CONTROLS = 0x63, 0x66, 0x68, 0x4A, 0x6C, 0xA0
_AND, _OR, _NOT, _PRESENT = 0xA0, 0xA1, 0xA2, 0x87
_COMPARISONS = {"=": 0xA3, ">=": 0xA5, "<=": 0xA6}
_ITEM = re.compile(r"\(([^()=<>~:]+)([<>]?=)([^()]*)\)")
_ESCAPED = re.compile(rb"\\([0-9a-fA-F]{2})")
_ALL_ESCAPED = re.compile(r"(?:\\[0-9a-fA-F]{2})*")
_TRUE, _FALSE = b"\x01\x01\xff", b"\x01\x01\x00"

Control = tuple[str, bool, bytes | None]


def element(tag: int, *parts: bytes) -> bytes:
    value = parts[0] if len(parts) == 1 else b"".join(parts)
    size = len(value)
    if size < 0x80:
        return bytes((tag, size)) + value
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + value


def elements(data: bytes) -> list[tuple[int, bytes]]:
    """The elements (tag, value) one after the other in data. ValueError or IndexError where it breaks off."""
    found, at, end = [], 0, len(data)
    while at < end:
        tag, length, start = data[at], data[at + 1], at + 2
        if length > 0x7F:
            start += length & 0x7F
            length = int.from_bytes(data[at + 2 : start], "big")
        found.append((tag, data[start : start + length]))
        at = start + length
    if at != end:
        raise ValueError("the last element breaks off")
    return found


def size_of(data: bytes) -> int:
    """How long the element is that data begins with, its head included; 0 where that cannot be told yet."""
    if len(data) < 2:
        return 0
    length, start = data[1], 2
    if length > 0x7F:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    return start + length if len(data) >= start else 0


def inside(data: bytes) -> list[tuple[int, bytes]]:
    """The elements of the one element that data is."""
    return elements(elements(data)[0][1])


def message(number: int, request: bytes, controls: Iterable[Control]) -> bytes:
    """The whole of what is sent."""
    encoded = [
        element(SEQUENCE, _text(oid), _TRUE if critical else b"", b"" if value is None else element(OCTETS, value))
        for oid, critical, value in controls
    ]
    return element(SEQUENCE, _number(number), request, element(_CONTROLS, *encoded) if encoded else b"")


def search(base: str, filter: str, attributes: Sequence[str], *, only_base: bool) -> bytes:
    """Never through an alias, without limits of ours."""
    scope, never, none = bytes((ENUMERATED, 1, 0 if only_base else 2)), bytes((ENUMERATED, 1, 0)), _number(0)
    return element(_SEARCH, _text(base), scope, never, none, none, _FALSE, matching(filter), selection(attributes))


def add(dn: str, attributes: Mapping[str, Sequence[bytes]]) -> bytes:
    values = [_attribute(name, values) for name, values in attributes.items()]
    return element(_ADD, _text(dn), element(SEQUENCE, *values))


def modify(dn: str, changes: Sequence[tuple[str, int, Sequence[bytes]]]) -> bytes:
    """`changes` are attribute, operation (0 add, 1 delete, 2 replace) and values."""
    steps = [
        element(SEQUENCE, bytes((ENUMERATED, 1, operation)), _attribute(name, values))
        for name, operation, values in changes
    ]
    return element(_MODIFY, _text(dn), element(SEQUENCE, *steps))


def rename(dn: str, relative_name: str) -> bytes:
    """The values of the old name go."""
    return element(_RENAME, _text(dn), _text(relative_name), _TRUE)


def delete(dn: str) -> bytes:
    return element(_DELETE, dn.encode())


def selection(attributes: Sequence[str]) -> bytes:
    return element(SEQUENCE, *map(_text, attributes))


def page(size: int, cookie: bytes) -> bytes:
    """The value of the control for paged results (RFC 2696)."""
    return element(SEQUENCE, _number(size), element(OCTETS, cookie))


def matching(filter: str) -> bytes:
    """A filter of RFC 4515: and, or, not, presence, and comparisons of whole values, whose bytes may be escaped."""
    encoded, rest = _filter(filter)
    if rest:
        raise Rejected(f"{filter!r} is not a filter: {rest!r} is left over")
    return encoded


def _filter(text: str) -> tuple[bytes, str]:
    kind = {"(&": _AND, "(|": _OR, "(!": _NOT}.get(text[:2])
    if kind is None:
        return _comparison(text)
    parts, rest = [], text[2:]
    while not rest.startswith(")"):
        part, rest = _filter(rest)
        parts.append(part)
    return element(kind, *parts), rest[1:]


def _comparison(text: str) -> tuple[bytes, str]:
    found = _ITEM.match(text)
    if found is None:
        raise Rejected(f"{text!r} is not a filter that is supported here")
    attribute, sign, value = found.groups()
    rest = text[found.end() :]
    if (sign, value) == ("=", "*"):
        return element(_PRESENT, attribute.encode()), rest
    if "*" in value:
        raise Rejected(f"{text!r}: parts of values are not searched for")
    if _ALL_ESCAPED.fullmatch(value):  # as ldap_answers.equals does it
        plain = bytes.fromhex(value.replace("\\", ""))
    else:
        plain = _ESCAPED.sub(lambda one: bytes.fromhex(one[1].decode()), value.encode())
    return element(_COMPARISONS[sign], _text(attribute), element(OCTETS, plain)), rest


def _attribute(name: str, values: Sequence[bytes]) -> bytes:
    return element(SEQUENCE, _text(name), element(SET, *(element(OCTETS, value) for value in values)))


def _text(text: str) -> bytes:
    return element(OCTETS, text.encode())


def _number(number: int) -> bytes:
    return element(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))

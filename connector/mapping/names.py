"""Addresses of accounts: a relative distinguished name from attribute values, escaped so that no value can change its shape.

In: pairs of attribute and raw value. Out: text by RFC 4514. The base below which it stands is the target's business.
"""

from collections.abc import Mapping

from connector.core.errors import Invalid

_SPECIAL = frozenset('"+,;<>\\=#')  # RFC 4514 section 2.4; "=" and "#" need not be escaped everywhere: ldap3 wants it


def relative_name(values: Mapping[str, str]) -> str:
    """`uid=a` or, for several attributes, `cn=a+uid=b` (RFC 4514 section 2.2)."""
    return "+".join(f"{attribute}={escape(value)}" for attribute, value in values.items())


def escape(value: str) -> str:
    """One attribute value for use in a distinguished name (RFC 4514 section 2.4). Invalid for an empty value or a NUL."""
    if not value or "\0" in value:
        raise Invalid("a value in the account's address must not be empty or hold a NUL character")
    last = len(value) - 1
    return "".join(_escape(letter, first=place == 0, last=place == last) for place, letter in enumerate(value))


def _escape(letter: str, *, first: bool, last: bool) -> str:
    if letter in _SPECIAL or (letter == " " and (first or last)):
        return "\\" + letter
    if ord(letter) < 0x20 or ord(letter) == 0x7F:
        return f"\\{ord(letter):02X}"
    return letter

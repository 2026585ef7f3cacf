"""Distinguished names and values of LDAP, for comparing and for filters: pure.

In: names and values as people or servers write them. Out: one spelling of each, or the text of a filter (RFC 4514, RFC 4515).
"""

import re
from typing import Final

from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import escape_rdn

from connector.targets.base import Rejected, Value

_ATTRIBUTE = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)(?:;[A-Za-z0-9-]+)*")  # RFC 4512 section 2.5
_ESCAPED = re.compile(rb"\\([0-9A-Fa-f]{2}|.)", re.DOTALL)

# Attributes whose values are distinguished names, in the schemas that directories ship (RFC 4519, RFC 4524, RFC 2798).
DN_ATTRIBUTES: Final = frozenset(("manager", "owner", "secretary", "seealso", "member", "uniquemember", "roleoccupant"))

Pairs = tuple[tuple[str, str], ...]
Parts = tuple[Pairs, ...]


def _split(text: str, separator: str) -> list[str]:
    """Cut at every separator that no backslash escapes, and take white space off that none does (RFC 4514 section 2.4)."""
    pieces = [""]
    letters = iter(text)
    for letter in letters:
        if letter == "\\":
            pieces[-1] += letter + next(letters, "")
        elif letter == separator:
            pieces.append("")
        else:
            pieces[-1] += letter
    return [_trimmed(piece) for piece in pieces]


def _trimmed(piece: str) -> str:
    text = piece.strip(" ")
    kept = len(text) - len(text.rstrip("\\"))
    return text + " " if kept % 2 and piece.rstrip(" ") != piece else text


def _written(name: str) -> list[list[tuple[str, str]]]:
    """The relative names of a DN as (attribute, raw value) pairs; Rejected where it is no DN. ldap3's own parser refuses
    what servers send: it wants "#" escaped everywhere."""
    parts = []
    for part in _split(name, ","):
        pairs = [tuple(_trimmed(half) for half in pair.split("=", 1)) for pair in _split(part, "+")]
        if not all(len(pair) == 2 and _ATTRIBUTE.fullmatch(pair[0]) and pair[1] for pair in pairs):
            raise Rejected(f"{name[:200]!r} is not a distinguished name")
        parts.append([(attribute, unescaped(value)) for attribute, value in pairs])
    return parts


def parts_of(name: str) -> Parts:
    """The relative names of a DN, each a sorted tuple of (attribute, value), in one spelling; Rejected where it is no DN."""
    return tuple(
        tuple(sorted((attribute.lower(), folded(value)) for attribute, value in part)) for part in _written(name)
    )


def canonical(name: str) -> str:
    """The DN in the one spelling that all its spellings share; a text that is no DN, folded."""
    try:
        parts = parts_of(name)
    except Rejected:
        return folded(name)
    return ",".join("+".join(f"{attribute}={_escape(value)}" for attribute, value in part) for part in parts)


def below(name: str, base: str) -> str:
    """The name below the base; a name that stands below it already is kept."""
    parts, under = parts_of(name), parts_of(base)
    return name if len(parts) > len(under) and parts[-len(under) :] == under else f"{name},{base}"


def relative_part(name: str) -> str:
    """The first relative name of a DN, as written."""
    return _split(name, ",")[0]


def naming_values(name: str) -> dict[str, str]:
    """Attribute (lower case) to raw value of the first relative name, as written."""
    return {attribute.lower(): value for attribute, value in _written(name)[0]}


def named(attribute: str, value: str) -> str:
    """A relative name, escaped; Rejected for a value that none can have."""
    if not value.strip() or any(ord(letter) < 0x20 for letter in value):
        raise Rejected(f"{value[:80]!r} cannot be a name in the directory", attribute=attribute)
    return f"{attribute}={escape_rdn(value)}"


def equals(attribute: str, value: str) -> str:
    """An equality filter (RFC 4515): the value is literal, and the attribute is checked to be no more than a name."""
    if not _ATTRIBUTE.fullmatch(attribute):
        raise Rejected(f"{attribute[:80]!r} is not an attribute name", attribute=attribute)
    return f"({attribute}={escape_filter_chars(value)})"


def same_text(one: str, other: str) -> bool:
    """Equality as caseIgnoreMatch sees it (RFC 4517 section 4.2.11)."""
    return folded(one) == folded(other)


def folded(text: str) -> str:
    return " ".join(text.casefold().split())


def unescaped(value: str) -> str:
    """An escaped value of a DN as plain text; hex pairs are octets of UTF-8 (RFC 4514 section 2.4)."""

    def octet(found: re.Match[bytes]) -> bytes:
        return bytes.fromhex(found[1].decode()) if len(found[1]) == 2 else found[1]

    return _ESCAPED.sub(octet, value.encode()).decode("utf-8", errors="replace")


def texts(attribute: str, value: Value) -> list[str]:
    """The values as LDAP writes them: lists are several values, truth is TRUE or FALSE (RFC 4517 section 3.3.3)."""
    found = []
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict | list) or one is None:
            raise Rejected(f"{attribute}: LDAP attributes hold plain values only", attribute=attribute)
        found.append(("TRUE" if one else "FALSE") if isinstance(one, bool) else str(one))
    return [text for text in found if text]


def _escape(value: str) -> str:
    return escape_rdn(value) if value else ""

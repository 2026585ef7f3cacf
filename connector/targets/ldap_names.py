"""Distinguished names and attribute values as directories compare them (RFC 4514, RFC 4517). Pure."""

import re

from connector.core.query import comparison_key
from connector.targets.base import Rejected

# The attributes of the usual schemas whose values are names of entries (RFC 4519, RFC 4524, memberOf).
_NAMES = frozenset(
    {"manager", "secretary", "owner", "member", "memberof", "uniquemember"}
    | {"seealso", "roleoccupant", "documentauthor", "aliasedobjectname"}
    | {"managedby", "assistant"}  # of Active Directory
)
_ESCAPED = re.compile(rb"\\([0-9a-fA-F]{2}|.)", re.DOTALL)
_TO_ESCAPE = re.compile(r'(^[ #]|[",+;<>=\\]| $)')


def relative_names(dn: str) -> list[str]:
    """Each level of a name in the form in which two spellings of one name are equal, the entry's own level first."""
    return [_level(level) for level in _split(dn, ",")]


def canonical(dn: str) -> str:
    return ",".join(relative_names(dn))


def same_text(attribute: str, one: str, other: str) -> bool:
    """Whether two values are equal as directories compare them: without case, and names of entries as names."""
    if attribute.lower() in _NAMES:
        return canonical(one) == canonical(other)
    return comparison_key(one) == comparison_key(other)


def as_texts(attribute: str, value: object) -> list[str]:
    """A plain value as LDAP holds it: a list without empty values and doubles. Rejected for what LDAP has no form for."""
    texts = []
    for one in value if isinstance(value, list | tuple) else [value]:
        if isinstance(one, bool):
            texts.append("TRUE" if one else "FALSE")
        elif isinstance(one, str | int):
            texts.append(str(one))
        else:
            raise Rejected(f"{attribute}: a directory holds text, not {type(one).__name__}", attribute=attribute)
    return list(dict.fromkeys(text for text in texts if text))


def normal_texts(attribute: str, value: object) -> list[str]:
    """As `as_texts`, names of entries and of classes in one spelling."""
    texts = as_texts(attribute, value)
    if attribute.lower() == "objectclass":
        return sorted({text.lower() for text in texts})
    return sorted({canonical(text) for text in texts}) if attribute.lower() in _NAMES else texts


def relative_name(attribute: str, value: str) -> str:
    """One level of a name (RFC 4514 section 2.4)."""
    if not value or any(character < " " for character in value):
        raise Rejected(f"{attribute}: {value!r} cannot be part of a name", attribute=attribute)
    return f"{attribute}={_escaped(value)}"


def own_name(name: str) -> str:
    """The relative name as it was given. Rejected for anything but exactly one level."""
    levels = _split(name, ",")
    if len(levels) != 1 or any(not all(part.partition("=")[::2]) for part in _split(name, "+")):
        raise Rejected(f"{name!r} is not a relative name such as uid=bot")
    return name


def own_value(name: str) -> str:
    """The value in a relative name, as it is without escapes."""
    return _plain(own_name(name).partition("=")[2])


def _split(text: str, separator: str) -> list[str]:
    return re.findall(rf"(?:\\.|[^\\{separator}])+", text, re.DOTALL)


def _level(level: str) -> str:
    parts = []
    for part in _split(level, "+"):
        attribute, _, value = part.partition("=")
        text = " ".join(comparison_key(_plain(value)).split())
        parts.append(f"{attribute.strip().lower()}={_escaped(text)}")
    return "+".join(sorted(parts))


def _plain(value: str) -> str:
    return _ESCAPED.sub(lambda found: _unescaped(found[1]), value.strip().encode()).decode(errors="replace")


def _unescaped(escaped: bytes) -> bytes:
    return bytes.fromhex(escaped.decode()) if len(escaped) == 2 else escaped


def _escaped(text: str) -> str:
    return _TO_ESCAPE.sub(r"\\\1", text)

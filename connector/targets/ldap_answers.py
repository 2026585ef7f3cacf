"""Answers of a directory as values: entries with text, and refusals as our errors. Knows RFC 4511 and no connection."""

import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ldap3.core.results import RESULT_CODES

from connector.targets.base import AlreadyExists, Missing, NotAllowed, Rejected, TargetError, Unreachable
from connector.targets.ldap_connection import Found, Result

SECRETS = frozenset({"userpassword", "unicodepwd"})
SIZE_LIMIT, NO_SUCH_OBJECT = 4, 32
_TROUBLE = frozenset({1, 3, 4, 9, 11, 51, 52, 80})  # busy, unavailable, other, and limits that cut an answer short
_NOT_ALLOWED = frozenset({7, 8, 13, 48, 49, 50})
_AT_FAULT = re.compile(r"attribute '([\w;.-]+)'|^([A-Za-z][\w;.-]*): ")
# What is said by the unique overlay of OpenLDAP, 389-ds, Samba, and Windows
_NOT_UNIQUE = ("non-unique", "not unique", "same attribute value", "already in use", "000021c7:", "000021c8:")

Explain = Callable[[int, str], str]
"""What a directory of one kind means by a result code and its message, in plain words; "" where there is no more to say."""


@dataclass(frozen=True)
class Entry:
    """An entry as it was read: values that are text, by attribute name. Binary values and passwords are left out."""

    dn: str
    attributes: Mapping[str, list[str]]

    def values(self, attribute: str) -> list[str]:
        exact = self.attributes.get(attribute)
        if exact is not None:
            return exact
        wanted = attribute.lower()
        return next((values for name, values in self.attributes.items() if name.lower() == wanted), [])

    def first(self, attribute: str) -> str:
        return next(iter(self.values(attribute)), "")


class Refused(Rejected):
    """A refusal by the directory itself, with its result code and what it said."""

    def __init__(self, detail: str, *, attribute: str | None, code: int, told: str) -> None:
        super().__init__(detail, attribute=attribute)
        self.code = code
        self.told = told


def error(result: Result, doing: str, hidden: Iterable[str], explain: Explain) -> TargetError:
    """The error that a result is. `hidden` are the secrets that its message must not show."""
    code, told = result.code, result.told.replace("\0", "").strip()
    for secret in hidden:
        told = told.replace(secret, "********") if secret else told
    said = f"{doing}: {RESULT_CODES.get(code, 'refused')} ({code})" + (f", {told[:300]}" if told else "")
    said = f"{meant}; {said}" if (meant := explain(code, told)) else said
    at_fault = _AT_FAULT.search(told)
    attribute = (at_fault[1] or at_fault[2]) if at_fault else None
    if code == 68 or (code == 19 and any(sign in told.lower() for sign in _NOT_UNIQUE)):
        return AlreadyExists(said, attribute=attribute)
    if code == NO_SUCH_OBJECT:
        return Missing(said)
    if code in _NOT_ALLOWED:
        return NotAllowed(said)
    if code in _TROUBLE:
        return Unreachable(said)
    return Refused(said, attribute=attribute, code=code, told=told)


def nothing_more(code: int, told: str) -> str:
    """For directories that say in their message what they mean."""
    return ""


def entry(found: Found) -> Entry:
    return Entry(found.dn.decode(), texts(found.attributes))


def texts(raw: Mapping[str, Sequence[bytes]]) -> dict[str, list[str]]:
    """Raw values as text, passwords and binary ones left out."""
    attributes: dict[str, list[str]] = {}
    for name, values in raw.items():
        lower = name.lower()
        if lower in SECRETS:
            continue
        form = _FORMS.get(lower, bytes.decode)
        try:
            attributes[name] = [form(value) for value in values]
        except UnicodeDecodeError:
            continue  # binary: a photograph or a certificate, never ours
    return attributes


def equals(attribute: str, value: str) -> str:
    """A filter for equality (RFC 4515); each byte of the value is escaped, so that none can mean anything else."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*|\d+(\.\d+)+", attribute):
        raise Rejected(f"{attribute!r} is not the name of an LDAP attribute")
    return f"({attribute}={escaped(encoded(attribute, value))})"


def escaped(value: bytes) -> str:
    return "\\" + value.hex("\\") if value else ""


def encoded(attribute: str, value: str) -> bytes:
    """A text as the attribute takes it."""
    try:
        plain = value.encode()
    except UnicodeEncodeError as problem:  # half a surrogate pair
        raise Rejected("a text holds what UTF-8 cannot", attribute=attribute) from problem
    return f'"{value}"'.encode("utf-16-le") if attribute.lower() == "unicodepwd" else plain  # [MS-ADTS] 3.1.1.3.1.5


def guid(value: bytes) -> str:
    """An object's identifier as Active Directory holds it ([MS-DTYP] 2.3.4.2), in the usual text form."""
    return str(uuid.UUID(bytes_le=value))


def sid(value: bytes) -> str:
    """A security identifier ([MS-DTYP] 2.4.2.2) in its text form, S-1-5-21-…-500."""
    parts = [int.from_bytes(value[at : at + 4], "little") for at in range(8, len(value), 4)]
    return "-".join(["S", str(value[0]), str(int.from_bytes(value[2:8], "big")), *map(str, parts)])


def sid_bytes(text: str) -> bytes:
    """A security identifier as the directory holds it."""
    _, revision, authority, *parts = text.split("-")
    head = bytes([int(revision), len(parts)]) + int(authority).to_bytes(6, "big")
    return head + b"".join(int(part).to_bytes(4, "little") for part in parts)


_FORMS: dict[str, Callable[[bytes], str]] = {"objectguid": guid, "invocationid": guid, "objectsid": sid}

"""A connection of ldap3, which opens, secures and signs it in; the calls over it are made and read here.

ldap3 makes an object of each element and decodes each value twice, the second time by guessing an encoding, so that a photograph
becomes text. Reading here takes a quarter of that time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import ldap3
from ldap3.core.exceptions import LDAPSessionTerminatedByServerError, LDAPSocketOpenError, LDAPSocketReceiveError

from connector.targets import ldap_ber as ber

_ENTRY, _REFERENCE, _INTERMEDIATE, _CONTROLS = 0x64, 0x73, 0x79, 0xA0
_DONE = frozenset({0x65, 0x67, 0x69, 0x6B, 0x6D})  # of a search, a change, an addition, a deletion, a new name
_NAME, _VALUE = 0x80, 0x81
_AT_ONCE = 65_536


@dataclass(frozen=True)
class Result:
    """How a call ended (RFC 4511 section 4.1.9)."""

    code: int
    told: str
    controls: Mapping[str, bytes]


@dataclass(frozen=True)
class Found:
    """An entry as bytes."""

    dn: bytes
    attributes: Mapping[str, list[bytes]]
    controls: Mapping[str, bytes]


@dataclass
class Answer:
    """What came until the result, and that."""

    result: Result
    entries: list[Found] = field(default_factory=list)
    intermediate: list[tuple[str, bytes]] = field(default_factory=list)
    references: int = 0


class LdapConnection(ldap3.Connection):
    """One call at a time; after an exception it is to be closed."""

    def __init__(self, server: ldap3.Server, user: str, password: str, *, read_timeout: int) -> None:
        super().__init__(
            server,
            user,
            password,
            client_strategy=ldap3.SAFE_SYNC,
            auto_referrals=False,
            check_names=False,
            receive_timeout=read_timeout,
        )
        self._read_timeout = read_timeout
        self._number = 0
        self._unread = b""

    def exchange(self, request: bytes, controls: Iterable[ber.Control] = ()) -> Answer:
        if self.socket is None:
            raise LDAPSocketOpenError("the connection is closed")
        self.socket.settimeout(self._read_timeout)
        self._number += 1
        self.socket.sendall(ber.message(self._number, request, controls))
        try:
            return self._answer()
        except (ValueError, IndexError) as problem:
            raise LDAPSocketReceiveError("the answer is not one of LDAP") from problem

    def _answer(self) -> Answer:
        answer = Answer(Result(-1, "", {}))
        while True:
            (_, its), (tag, payload), *rest = ber.inside(self._message())
            number = int.from_bytes(its, "big")
            if number == 0:  # a notice of disconnection (RFC 4511 section 4.4.1)
                raise LDAPSessionTerminatedByServerError("the directory hangs up")
            if number != self._number:
                raise ValueError("an answer to another call")
            controls = _controls(rest[0][1]) if rest and rest[0][0] == _CONTROLS else {}
            if tag == _ENTRY:
                (_, dn), (_, attributes) = ber.elements(payload)
                answer.entries.append(Found(dn, attributes_of(attributes), controls))
            elif tag == _INTERMEDIATE:
                parts = dict(ber.elements(payload))
                answer.intermediate.append((parts.get(_NAME, b"").decode(), parts.get(_VALUE, b"")))
            elif tag == _REFERENCE:
                answer.references += 1
            elif tag in _DONE:
                (_, code), _, (_, told), *_ = ber.elements(payload)
                message = told.decode(errors="replace")
                answer.result = Result(int.from_bytes(code, "big"), message, controls)
                return answer
            else:
                raise ValueError(f"an answer with the tag {tag:#x}")

    def _message(self) -> bytes:
        """The next one, whole."""
        while True:
            size = ber.size_of(self._unread)
            if 0 < size <= len(self._unread):
                message, self._unread = self._unread[:size], self._unread[size:]
                return message
            more = self.socket.recv(_AT_ONCE)
            if not more:
                raise LDAPSessionTerminatedByServerError("the directory hangs up")
            self._unread += more


def attributes_of(listed: bytes) -> dict[str, list[bytes]]:
    """Attributes with their values, from the elements of a PartialAttributeList."""
    found = {}
    for _, attribute in ber.elements(listed):
        (_, name), (_, values) = ber.elements(attribute)
        found[name.decode()] = [value for _, value in ber.elements(values)]
    return found


def _controls(listed: bytes) -> dict[str, bytes]:
    found = {}
    for _, control in ber.elements(listed):
        (_, oid), *rest = ber.elements(control)
        found[oid.decode()] = next((value for tag, value in rest if tag == ber.OCTETS), b"")
    return found

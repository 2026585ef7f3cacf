"""The LDAP side of a directory: one verified connection, every result code looked at, and errors as ours.

In: an operation. Out: entries as text, or an error of the TargetError tree. Never in clear, never to a host that the server refers
us to, never a truncated search taken for a whole one. ldap3 objects stay here: their reprs hold the password.
"""

import base64
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import ldap3
from ldap3.core import exceptions as failures

from connector.core.secret import Secret
from connector.targets.base import AlreadyExists, NotAllowed, Rejected, TargetError, Unreachable

_PAGED = "1.2.840.113556.1.4.319"
_MAX_DETAIL: Final = 300

# The client's character set would otherwise come from the terminal: a service started with LANG=C would lose letters.
ldap3.set_config_parameter("DEFAULT_CLIENT_ENCODING", "utf-8")

T = TypeVar("T")
Modifications = Mapping[str, list[tuple[str, list[str]]]]

# Result codes (RFC 4511 appendix A). What is not in a row is Rejected: a person or a mapping must change something.
_NO_SUCH_OBJECT = 32
_TAKEN: Final = (68,)
_NOT_ALLOWED: Final = (7, 8, 13, 48, 49, 50, 123)
_LATER: Final = (1, 2, 3, 4, 10, 11, 51, 52, 80, 85, 91)


@dataclass(frozen=True)
class Entry:
    """One entry: its DN, and its values as text by attribute name in lower case; `names` has their spelling."""

    dn: str
    values: Mapping[str, list[str]]
    names: Mapping[str, str]


@dataclass(frozen=True)
class Place:
    """Where the directory is and how we sign in."""

    url: str
    start_tls: bool
    ca_file: str
    bind_dn: str
    password: Secret
    connect_timeout: int
    read_timeout: int


class NotThere(Exception):
    """noSuchObject from the directory itself."""


class Refused(Exception):
    """A result code that the caller asked to see."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class LdapWire:
    """Calls to one directory, one at a time over one connection; a walk over many pages gets a connection of its own."""

    def __init__(self, place: Place, *, page_size: int) -> None:
        self._place = place
        self._page_size = page_size
        self._lock = threading.Lock()
        self._connection: Any = None

    def add(self, dn: str, attributes: Mapping[str, list[str]]) -> None:
        self._change(lambda connection: connection.add(dn, attributes=dict(attributes)))

    def modify(self, dn: str, changes: Modifications, *, expect: tuple[int, ...] = ()) -> None:
        """Refused for a result code in `expect`."""
        self._change(lambda connection: connection.modify(dn, dict(changes)), expect)

    def rename(self, dn: str, relative_name: str) -> None:
        self._change(lambda connection: connection.modify_dn(dn, relative_name, delete_old_dn=True))

    def delete(self, dn: str) -> None:
        self._change(lambda connection: connection.delete(dn))

    def search(self, base: str, query: str, attributes: list[str], *, one: bool = False) -> list[Entry]:
        """All matching entries below the base, or the base itself; Unreachable where they are not all to be had."""

        def read(connection: Any) -> list[Entry]:
            return list(self._pages(connection, base, query, attributes, one=one))

        return self._with_connection(read)

    def walk(self, base: str, query: str, attributes: list[str]) -> Iterator[Entry]:
        """The same, page by page. Servers allow one paged search for a connection, and others may call meanwhile."""
        connection = self._open()
        try:
            with self._failures():
                yield from self._pages(connection, base, query, attributes, one=False)
        finally:
            _close(connection)

    def _pages(self, connection: Any, base: str, query: str, attributes: list[str], *, one: bool) -> Iterator[Entry]:
        cookie: Any = None
        while True:
            _, result, response, _request = connection.search(
                base,
                query,
                search_scope=ldap3.BASE if one else ldap3.SUBTREE,
                dereference_aliases=ldap3.DEREF_NEVER,
                attributes=attributes,
                paged_size=None if one else self._page_size,
                paged_cookie=cookie,
            )
            self._raise_for(result)
            yield from (_entry(found) for found in response or () if found["type"] == "searchResEntry")
            control = (result.get("controls") or {}).get(_PAGED)
            cookie = control["value"]["cookie"] if control else None
            if not cookie:
                return

    def _change(self, call: Callable[[Any], Any], expect: tuple[int, ...] = ()) -> None:
        def run(connection: Any) -> None:
            _, result, _response, _request = call(connection)
            if result["result"] in expect:
                raise Refused(result["result"])
            self._raise_for(result)

        self._with_connection(run)

    def _with_connection(self, call: Callable[[Any], T]) -> T:
        """Run one operation. Where the server had closed the connection, once more over a new one: each is safe to repeat."""
        with self._lock, self._failures():
            for is_last in (self._connection is None, True):
                if self._connection is None:
                    self._connection = self._open()
                try:
                    return call(self._connection)
                except failures.LDAPCommunicationError as problem:
                    _close(self._connection)
                    self._connection = None
                    if is_last or "timed out" in str(problem):
                        raise
            raise AssertionError("the last attempt returns or raises")

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """ldap3's exceptions as ours. Their texts may hold values, so only what is known to be harmless is passed on."""
        try:
            yield
        except failures.LDAPCommunicationError as problem:
            raise Unreachable(f"{self._place.url} {_what_failed(problem)}") from None
        except failures.LDAPInvalidDnError:
            raise Rejected("the name is not a distinguished name") from None
        except failures.LDAPInvalidFilterError:
            raise Rejected("the filter is not an LDAP filter (RFC 4515)") from None
        except failures.LDAPExceptionError as problem:
            raise Rejected(f"the request cannot be sent: {type(problem).__name__}") from None

    def _open(self) -> Any:
        place = self._place
        parts = urlsplit(place.url)
        tls = ldap3.Tls(
            validate=ssl.CERT_REQUIRED,
            version=ssl.PROTOCOL_TLS_CLIENT,
            ca_certs_file=place.ca_file or None,
            sni=parts.hostname,
        )
        # A new Server for every attempt: ldap3 remembers a refused connection and refuses by itself for seconds.
        server = ldap3.Server(
            parts.hostname or "",
            port=parts.port or (636 if parts.scheme == "ldaps" else 389),
            use_ssl=parts.scheme == "ldaps",
            tls=tls,
            get_info=ldap3.NONE,
            connect_timeout=place.connect_timeout,
            allowed_referral_hosts=[],
        )
        connection: Any = ldap3.Connection(
            server,
            user=place.bind_dn,
            password=place.password.reveal(),
            client_strategy=ldap3.SAFE_SYNC,
            auto_referrals=False,
            check_names=False,
            receive_timeout=place.read_timeout,
        )
        try:
            connection.open(read_server_info=False)
            if place.start_tls and not connection.start_tls(read_server_info=False):
                raise Unreachable(f"{place.url} does not offer StartTLS")
            _, result, _response, _request = connection.bind(read_server_info=False)
        except (failures.LDAPExceptionError, OSError) as problem:
            _close(connection)
            raise Unreachable(self._no_connection(problem)) from None
        if result["result"] != 0:
            _close(connection)
            self._raise_for(result)
        return connection

    def _no_connection(self, problem: Exception) -> str:
        """Why there is no connection, in words of ours; a certificate that is not trusted names the option to look at."""
        text = str(problem)
        if "CERTIFICATE_VERIFY_FAILED" in text or isinstance(problem, failures.LDAPCertificateError):
            trusted = (
                f"ca_file {self._place.ca_file}" if self._place.ca_file else "the system's CA certificates (no ca_file)"
            )
            return f"{self._place.url}: its certificate is not trusted by {trusted}, or is for another host name"
        return f"{self._place.url} {_what_failed(problem)}"

    def _raise_for(self, result: Mapping[str, Any]) -> None:
        code = result["result"]
        if code == 0:
            return
        if code == _NO_SUCH_OBJECT:
            raise NotThere
        raise self._error(code, str(result.get("description", "")), str(result.get("message") or ""))

    def _error(self, code: int, description: str, message: str) -> TargetError:
        said = re.sub(r"[\s\x00-\x1f\x7f]+", " ", f"{description} ({code}) {message}".strip())
        said = said if len(said) <= _MAX_DETAIL else said[: _MAX_DETAIL - 1] + "…"
        if code in _TAKEN or (code == 19 and "unique" in message.lower()):  # 19: OpenLDAP's overlay unique
            return AlreadyExists(f"the value is taken: {said}")
        if code in _NOT_ALLOWED:
            return NotAllowed(f"{self._place.url} does not let us do this: {said}")
        if code in _LATER:
            part = "; only a part of the answer was given" if code in (3, 4, 11) else ""
            return Unreachable(f"{self._place.url} cannot answer: {said}{part}")
        attribute = re.match(r"(\w[\w-]*): ", message)
        return Rejected(f"the directory refused it: {said}", attribute=attribute[1] if attribute else None)


def _entry(found: Mapping[str, Any]) -> Entry:
    raw: Mapping[str, list[bytes]] = found["raw_attributes"]
    values = {name.lower(): [_text(value) for value in held] for name, held in raw.items()}
    return Entry(str(found["dn"]), values, {name.lower(): name for name in raw})


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def _what_failed(problem: Exception) -> str:
    text = str(problem).lower()
    if "timed out" in text or "timeout" in text:
        return "did not answer in time"
    return "refused the connection" if "refused" in text else "closed the connection or cannot be reached"


def _close(connection: Any) -> None:
    """Hang up; that the other side did so first is no matter."""
    try:
        connection.unbind()
    except (failures.LDAPExceptionError, OSError):
        return

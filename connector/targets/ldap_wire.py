"""Operations at one LDAP directory (RFC 4511), and its answers as values or as our errors. Knows LDAP and no accounts.

TLS always, the certificate always verified, before the password is sent. Referrals are never followed, aliases never dereferenced.
"""

import math
import re
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import ldap3
from ldap3.core.exceptions import LDAPException, LDAPMaximumRetriesError, LDAPSocketOpenError

from connector.targets.base import AlreadyExists, Missing, NotAllowed, Rejected, TargetError, Unreachable
from connector.targets.ldap_options import LdapOptions

ADD, DELETE, REPLACE = ldap3.MODIFY_ADD, ldap3.MODIFY_DELETE, ldap3.MODIFY_REPLACE
SECRETS = frozenset({"userpassword"})
_PAGE = 200
_PAGING = "1.2.840.113556.1.4.319"
_TROUBLE = frozenset({1, 3, 4, 9, 11, 51, 52, 80})  # busy, unavailable, other, and limits that cut an answer short
_NOT_ALLOWED = frozenset({7, 8, 13, 48, 49, 50})
_AT_FAULT = re.compile(r"attribute '([\w;.-]+)'|^([A-Za-z][\w;.-]*): ")
_NOT_UNIQUE = ("non-unique", "not unique", "same attribute value")  # the unique overlay of OpenLDAP; 389-ds
Step = tuple[str, str, list[str]]  # attribute, operation, values
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Entry:
    """An entry as it was read: values that are text, by attribute name. Binary values and passwords are left out."""

    dn: str
    attributes: Mapping[str, list[str]]

    def values(self, attribute: str) -> list[str]:
        wanted = attribute.lower()
        return next((values for name, values in self.attributes.items() if name.lower() == wanted), [])


class _Tls(ldap3.Tls):
    """TLS by the standard library's own check of chain and name; ldap3's check knows no IP addresses on newer Pythons."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = context
        self.refused = ""

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        try:
            connection.socket = self._context.wrap_socket(connection.socket, server_hostname=connection.server.host)
        except ssl.SSLCertVerificationError as problem:
            self.refused = problem.verify_message
            raise


class LdapWire:
    """One directory, one connection: made at the first call, made anew once where the server has gone away."""

    def __init__(self, options: LdapOptions) -> None:
        self.url = options.url
        self._options = options
        self._lock = threading.RLock()
        self._connection: Any = None  # Any: the stubs leave a connection's methods untyped

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                _hang_up(connection)

    def search(
        self, base: str, filter: str, attributes: Iterable[str] = ("1.1",), *, only_base: bool = False
    ) -> list[Entry]:
        """Every match below base (or base itself alone). Whatever is not a complete answer raises."""
        wanted, scope = list(attributes), ldap3.BASE if only_base else ldap3.SUBTREE

        def walk(connection: Any) -> list[Entry]:
            found: list[Entry] = []
            cookie: bytes | None = None
            while True:
                _, result, response, _ = connection.search(
                    base,
                    filter,
                    scope,
                    dereference_aliases=ldap3.DEREF_NEVER,
                    attributes=wanted,
                    paged_size=None if only_base else _PAGE,
                    paged_cookie=cookie,
                )
                if result["result"] == 32:
                    raise _NoBase(f"{base} is not there, or may not be read: the search in it says nothing")
                self._must_be_done(result, f"the search below {base}")
                if any(one["type"] == "searchResRef" for one in response or []):
                    raise Rejected(f"a part of {base} is on another server; referrals are not followed")
                found += [_entry(one) for one in response or [] if one["type"] == "searchResEntry"]
                control = (result.get("controls") or {}).get(_PAGING)
                cookie = control["value"]["cookie"] if control else None
                if not cookie:
                    return found

        return self._run(walk)

    def at(self, dn: str, attributes: Iterable[str] = ("1.1",)) -> Entry | None:
        """The entry of that name; None where the directory says that there is none."""
        try:
            found = self.search(dn, "(objectClass=*)", attributes, only_base=True)
        except _NoBase:
            return None
        return found[0] if found else None

    def add(self, dn: str, attributes: Mapping[str, Sequence[str]]) -> None:
        """Add an entry. AlreadyExists where the name or a unique value is taken."""
        encoded = {name: [_bytes(value) for value in values] for name, values in attributes.items()}
        try:
            self._write(lambda to: to.add(dn, attributes=encoded), f"adding {dn}", _secrets(attributes.items()))
        except Missing as problem:  # what is missing is the entry above
            raise Rejected(f"{problem.detail}: is the base right?") from problem

    def modify(self, dn: str, changes: Sequence[Step]) -> None:
        """Change an entry, all or nothing. Missing where it is gone."""
        encoded: dict[str, list[tuple[str, list[bytes]]]] = {}
        for name, operation, values in changes:
            encoded.setdefault(name, []).append((operation, [_bytes(value) for value in values]))
        hidden = _secrets((name, values) for name, _, values in changes)
        self._write(lambda to: to.modify(dn, encoded), f"changing {dn}", hidden)

    def rename(self, dn: str, relative_name: str) -> None:
        self._write(lambda to: to.modify_dn(dn, relative_name, delete_old_dn=True), f"renaming {dn}")

    def delete(self, dn: str) -> None:
        self._write(lambda to: to.delete(dn), f"deleting {dn}")

    def _write(self, operation: Callable[[Any], Any], doing: str, hidden: Iterable[str] = ()) -> None:
        def once(connection: Any) -> None:
            _, result, _, _ = operation(connection)
            self._must_be_done(result, doing, hidden)

        self._run(once)

    def _run(self, work: Callable[[Any], Answer]) -> Answer:
        """Do it, and once more over a new connection where the held one turns out to be dead. Every write may be repeated."""
        with self._lock:
            held = self._connection is not None
            try:
                return work(self._connected())
            except (LDAPException, OSError) as problem:
                self.close()
                if not held or _is_timeout(problem):
                    raise self._lost(problem) from problem
            try:
                return work(self._connected())
            except (LDAPException, OSError) as problem:
                self.close()
                raise self._lost(problem) from problem

    def _connected(self) -> Any:
        if self._connection is None:
            self._connection = self._sign_in()
        return self._connection

    def _sign_in(self) -> Any:
        options, parts, tls = self._options, urlsplit(self._options.url), _Tls(self._options.context())
        secure = parts.scheme == "ldaps"
        server = ldap3.Server(  # a new one each time: it remembers a refused connection for seconds
            parts.hostname or "",
            port=parts.port or (636 if secure else 389),
            use_ssl=secure,
            tls=tls,
            get_info=ldap3.NONE,
            connect_timeout=options.connect_timeout,
            allowed_referral_hosts=[],
        )
        connection: Any = ldap3.Connection(
            server,
            options.bind_dn,
            options.password.reveal(),
            client_strategy=ldap3.SAFE_SYNC,
            auto_referrals=False,
            check_names=False,
            auto_range=False,
            receive_timeout=math.ceil(options.read_timeout),
        )
        try:
            connection.open(read_server_info=False)
            if options.start_tls and not connection.start_tls(read_server_info=False):
                raise LDAPSocketOpenError("the server does not start TLS")
            _, result, _, _ = connection.bind(read_server_info=False)
            self._must_be_done(result, f"signing in as {options.bind_dn} at {options.url}")
        except BaseException as problem:
            _hang_up(connection)
            if tls.refused:
                trusted = options.ca_file or "the system's CA certificates"
                said = f"the certificate of {parts.hostname} is not trusted by {trusted} (ca_file): {tls.refused}"
                raise Unreachable(said) from problem
            raise
        return connection

    def _must_be_done(self, result: Mapping[str, Any], doing: str, hidden: Iterable[str] = ()) -> None:
        if result["result"] != 0:
            raise _error(result, doing, (*hidden, self._options.password.reveal()))

    def _lost(self, problem: Exception) -> Unreachable:
        said = str(problem).replace(self._options.password.reveal(), "********")[:300]
        return Unreachable(f"{self.url} gives no answer: {said}")


class _NoBase(Unreachable):
    """The base of a search is not there: nothing is said about what would be below it."""


def equals(attribute: str, value: str) -> str:
    """A filter for equality (RFC 4515); each byte of the value is escaped, so that none can mean anything else."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*|\d+(\.\d+)+", attribute):
        raise Rejected(f"{attribute!r} is not the name of an LDAP attribute")
    escaped = "".join(f"\\{byte:02x}" for byte in _bytes(value))
    return f"({attribute}={escaped})"


def _error(result: Mapping[str, Any], doing: str, hidden: Iterable[str]) -> TargetError:
    code, told = int(result["result"]), str(result.get("message") or "").replace("\0", "").strip()
    for secret in hidden:
        told = told.replace(secret, "********") if secret else told
    said = f"{doing}: {result['description']} ({code})" + (f", {told[:300]}" if told else "")
    at_fault = _AT_FAULT.search(told)
    attribute = (at_fault[1] or at_fault[2]) if at_fault else None
    if code == 68 or (code == 19 and any(sign in told.lower() for sign in _NOT_UNIQUE)):
        return AlreadyExists(said, attribute=attribute)
    if code == 32:
        return Missing(said)
    if code in _NOT_ALLOWED:
        return NotAllowed(said)
    if code in _TROUBLE:
        return Unreachable(said)
    refused = _Refused(said, attribute=attribute)
    refused.code = code
    return refused


class _Refused(Rejected):
    code = 0


def code_of(problem: Rejected) -> int:
    """The result code behind a refusal; 0 where it came from us."""
    return problem.code if isinstance(problem, _Refused) else 0


def _entry(found: Mapping[str, Any]) -> Entry:
    attributes: dict[str, list[str]] = {}
    for name, values in found["raw_attributes"].items():
        if name.lower() in SECRETS:
            continue
        try:
            attributes[name] = [value.decode() for value in values]
        except UnicodeDecodeError:
            continue  # binary: a photograph or a certificate, never ours
    return Entry(found["raw_dn"].decode(), attributes)


def _bytes(value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError as problem:  # half a surrogate pair
        raise Rejected("a text holds what UTF-8 cannot") from problem


def _secrets(attributes: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    return [value for name, values in attributes if name.lower() in SECRETS for value in values]


def _is_timeout(problem: Exception) -> bool:
    return isinstance(problem, LDAPMaximumRetriesError) or "timed out" in str(problem)


def _hang_up(connection: Any) -> None:
    """Close for good: ldap3 keeps the socket of a connection that was refused or has died."""
    socket = connection.socket
    try:
        connection.unbind()
    except (LDAPException, OSError):
        pass
    finally:
        for one in (socket, connection.socket):
            if one is not None:
                one.close()

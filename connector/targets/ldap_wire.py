"""Operations at one LDAP directory (RFC 4511), and its answers as values or as our errors. Knows LDAP and no accounts.

TLS always, the certificate always verified, before the password is sent. Referrals are never followed, aliases never dereferenced.
"""

import math
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

import ldap3
from ldap3.core.exceptions import LDAPException, LDAPMaximumRetriesError, LDAPSocketOpenError

from connector.targets import ldap_answers as answers
from connector.targets import ldap_ber as ber
from connector.targets.base import Missing, Rejected, Unreachable
from connector.targets.ldap_answers import NO_SUCH_OBJECT, SIZE_LIMIT, Entry, Explain
from connector.targets.ldap_ber import Control
from connector.targets.ldap_options import DirectoryOptions
from connector.targets.ldap_raw import POST_READ, RawConnection

ADD, DELETE, REPLACE = range(3)
_PAGE = 500  # the size limit of an OpenLDAP that nobody has configured
_PAGING = "1.2.840.113556.1.4.319"
Step = tuple[str, int, list[str]]  # attribute, operation, values
Answer = TypeVar("Answer")


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

    def __init__(self, options: DirectoryOptions, explain: Explain, always: Sequence[Control] = ()) -> None:
        """`explain` puts the directory's refusals in plain words; `always` are the controls of every search."""
        self.url = options.url
        self._options = options
        self._explain = explain
        self._always = tuple(always)
        self._lock = threading.RLock()
        self._connection: RawConnection | None = None

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                _hang_up(connection)

    def search(
        self,
        base: str,
        filter: str,
        attributes: Iterable[str] = ("1.1",),
        *,
        only_base: bool = False,
        controls: Sequence[Control] = (),
    ) -> list[Entry]:
        """Every match below base (or base itself alone). Whatever is not a complete answer raises."""
        asked = _Search(base, filter, tuple(attributes), (*self._always, *controls), only_base=only_base)
        try:
            return self._run(lambda connection: self._ask(connection, asked))[1]
        except _CutShort:
            return [entry for page in self.pages(base, filter, asked.attributes, controls=controls) for entry in page]

    def pages(
        self, base: str, filter: str, attributes: Iterable[str], *, controls: Sequence[Control] = ()
    ) -> Iterator[list[Entry]]:
        """Every match below base, page after page (RFC 2696), over a connection of its own: a directory may keep only one
        such walk for a connection. Raises where the walk cannot be completed."""
        asked, always = _Search(base, filter, tuple(attributes)), (*self._always, *controls)
        connection, cookie = None, b""
        try:
            connection = self._sign_in()
            while True:
                paging = (_PAGING, False, ber.page(_PAGE, cookie))
                result, found = self._ask(connection, replace(asked, controls=(*always, paging)))
                control = (result.get("controls") or {}).get(_PAGING)
                cookie = control["value"]["cookie"] if control else b""
                yield found
                if not cookie:
                    return
        except (LDAPException, OSError) as problem:
            raise self._lost(problem) from problem
        finally:
            if connection is not None:
                _hang_up(connection)

    def at(self, dn: str, attributes: Iterable[str] = ("1.1",), *, controls: Sequence[Control] = ()) -> Entry | None:
        """The entry of that name; None where the directory says that there is none."""
        try:
            found = self.search(dn, "(objectClass=*)", attributes, only_base=True, controls=controls)
        except _NoBase:
            return None
        return found[0] if found else None

    def add(self, dn: str, attributes: Mapping[str, Sequence[str]], *, read: Sequence[str]) -> Entry:
        """Add an entry; what is asked of it as it is then. AlreadyExists where the name or a unique value is taken."""
        encoded = {name: [answers.encoded(name, value) for value in values] for name, values in attributes.items()}
        try:
            result = self._write(ber.add(dn, encoded), f"adding {dn}", _secrets(attributes.items()), read)
        except Missing as problem:  # what is missing is the entry above
            raise Rejected(f"{problem.detail}: is the base right?") from problem
        return self._written(result, dn, read)

    def modify(self, dn: str, changes: Sequence[Step], *, read: Sequence[str] = ()) -> Entry:
        """Change an entry, all or nothing; what is asked of it as it is then. Missing where it is gone."""
        encoded = [
            (name, operation, [answers.encoded(name, value) for value in values]) for name, operation, values in changes
        ]
        hidden = _secrets((name, values) for name, _, values in changes)
        return self._written(self._write(ber.modify(dn, encoded), f"changing {dn}", hidden, read), dn, read)

    def rename(self, dn: str, relative_name: str) -> None:
        self._write(ber.rename(dn, relative_name), f"renaming {dn}")

    def delete(self, dn: str) -> None:
        self._write(ber.delete(dn), f"deleting {dn}")

    def raw_search(
        self,
        base: str,
        filter: str,
        attributes: Iterable[str],
        control: Control,
        *,
        fine: Sequence[int],
    ) -> tuple[Any, list[Any]]:
        """The result, success or one of `fine`, and all that came before it, of what a control makes of a search."""
        asked = _Search(base, filter, tuple(attributes), (control,))
        result, response = self._run(lambda connection: _send(connection, asked))
        if result["result"] not in fine:
            self._must_be_done(result, f"the search below {base}")
        return result, response

    def _ask(self, connection: RawConnection, asked: "_Search") -> tuple[Any, list[Entry]]:
        result, response = _send(connection, asked)
        if result["result"] == NO_SUCH_OBJECT:
            raise _NoBase(f"{asked.base} is not there, or may not be read: the search in it says nothing")
        if result["result"] == SIZE_LIMIT:
            raise _CutShort(f"the search below {asked.base} has more results than the directory gives")
        self._must_be_done(result, f"the search below {asked.base}")
        if any(one["type"] == "searchResRef" for one in response):
            raise Rejected(f"a part of {asked.base} is on another server; referrals are not followed")
        return result, [answers.entry(one) for one in response if one["type"] == "searchResEntry"]

    def _written(self, result: Any, dn: str, read: Sequence[str]) -> Entry:
        """The entry after a write: the directory's own word of it (RFC 4527), else read again."""
        if not read:
            return Entry(dn, {})
        told = (result.get("controls") or {}).get(POST_READ)
        if told:
            return Entry(dn, answers.texts(told["value"]))
        entry = self.at(dn, read)
        if entry is None:
            raise Missing(f"{dn} was written, but is not there any more")
        return entry

    def _write(self, request: bytes, doing: str, hidden: Iterable[str] = (), read: Sequence[str] = ()) -> Any:
        controls: list[Control] = [(POST_READ, False, ber.selection(read))] if read else []

        def once(connection: RawConnection) -> Any:
            result, _ = connection.exchange(request, controls)
            self._must_be_done(result, doing, hidden)
            return result

        return self._run(once)

    def _run(self, work: Callable[[RawConnection], Answer]) -> Answer:
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

    def _connected(self) -> RawConnection:
        if self._connection is None:
            self._connection = self._sign_in()
        return self._connection

    def _sign_in(self) -> RawConnection:
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
        connection = RawConnection(
            server,
            options.bind_dn,
            options.password.reveal(),
            auto_referrals=False,
            check_names=False,
            auto_range=False,
            return_empty_attributes=False,
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
            raise answers.error(result, doing, (*hidden, self._options.password.reveal()), self._explain)

    def _lost(self, problem: Exception) -> Unreachable:
        said = str(problem).replace(self._options.password.reveal(), "********")[:300]
        return Unreachable(f"{self.url} gives no answer: {said}")


class _NoBase(Unreachable):
    """The base of a search is not there: nothing is said about what would be below it."""


class _CutShort(Unreachable):
    """The directory gave only a part of what was asked for: nothing of it counts."""


@dataclass(frozen=True)
class _Search:
    base: str
    filter: str
    attributes: tuple[str, ...]
    controls: tuple[Control, ...] = ()
    only_base: bool = False


def _send(connection: RawConnection, asked: _Search) -> tuple[Any, list[Any]]:
    request = ber.search(asked.base, asked.filter, asked.attributes, only_base=asked.only_base)
    return connection.exchange(request, asked.controls)


def _secrets(attributes: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    return [value for name, values in attributes if name.lower() in answers.SECRETS for value in values]


def _is_timeout(problem: Exception) -> bool:
    return isinstance(problem, LDAPMaximumRetriesError) or "timed out" in str(problem)


def _hang_up(connection: RawConnection) -> None:
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

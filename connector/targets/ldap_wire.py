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
from connector.targets.base import Missing, Rejected, TargetError, Unreachable
from connector.targets.ldap_answers import NO_SUCH_OBJECT, SIZE_LIMIT, Entry, Explain
from connector.targets.ldap_ber import Control
from connector.targets.ldap_connection import Answer, LdapConnection, Result, attributes_of
from connector.targets.ldap_options import DirectoryOptions

ADD, DELETE, REPLACE = range(3)
_PAGE = 500  # the size limit of an OpenLDAP that nobody has configured
_PAGING, _POST_READ = "1.2.840.113556.1.4.319", "1.3.6.1.1.13.2"
Step = tuple[str, int, list[str]]  # attribute, operation, values
Outcome = TypeVar("Outcome")


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
    """One directory, and a connection for each call at a time: kept after it, made anew once where the server has gone away."""

    def __init__(self, options: DirectoryOptions, explain: Explain, always: Sequence[Control] = ()) -> None:
        """`explain` puts the directory's refusals in plain words; `always` are the controls of every search."""
        self.url = options.url
        self._options = options
        self._explain = explain
        self._always = tuple(always)
        self._lock = threading.Lock()
        self._idle: list[LdapConnection] = []

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
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
                told = result.controls.get(_PAGING)
                cookie = ber.inside(told)[1][1] if told else b""
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
        self, base: str, filter: str, attributes: Iterable[str], control: Control, *, fine: Sequence[int]
    ) -> Answer:
        """The whole answer, ending in success or one of `fine`, of what a control makes of a search."""
        asked = _Search(base, filter, tuple(attributes), (control,))
        answer = self._run(lambda connection: _send(connection, asked))
        if answer.result.code not in fine:
            self._must_be_done(answer.result, f"the search below {base}")
        return answer

    def _ask(self, connection: LdapConnection, asked: "_Search") -> tuple[Result, list[Entry]]:
        answer = _send(connection, asked)
        if answer.result.code == NO_SUCH_OBJECT:
            raise _NoBase(f"{asked.base} is not there, or may not be read: the search in it says nothing")
        if answer.result.code == SIZE_LIMIT:
            raise _CutShort(f"the search below {asked.base} has more results than the directory gives")
        self._must_be_done(answer.result, f"the search below {asked.base}")
        if answer.references:
            raise Rejected(f"a part of {asked.base} is on another server; referrals are not followed")
        return answer.result, [answers.entry(one) for one in answer.entries]

    def _written(self, result: Result, dn: str, read: Sequence[str]) -> Entry:
        """The entry after a write: the directory's own word of it (RFC 4527), else read again."""
        if not read:
            return Entry(dn, {})
        if told := result.controls.get(_POST_READ):
            return Entry(dn, answers.texts(attributes_of(ber.inside(told)[1][1])))
        entry = self.at(dn, read)
        if entry is None:
            raise Missing(f"{dn} was written, but is not there any more")
        return entry

    def _write(self, request: bytes, doing: str, hidden: Iterable[str] = (), read: Sequence[str] = ()) -> Result:
        controls: list[Control] = [(_POST_READ, False, ber.selection(read))] if read else []

        def once(connection: LdapConnection) -> Result:
            result = connection.exchange(request, controls).result
            self._must_be_done(result, doing, hidden)
            return result

        return self._run(once)

    def _run(self, work: Callable[[LdapConnection], Outcome]) -> Outcome:
        """Do it, and once more over a new connection where a held one turns out to be dead. Every write may be repeated."""
        with self._lock:
            held = self._idle.pop() if self._idle else None
        if held is not None:
            try:
                return self._over(held, work)
            except (LDAPException, OSError) as problem:
                self.close()
                if _is_timeout(problem):
                    raise self._lost(problem) from problem
        try:
            return self._over(self._sign_in(), work)
        except (LDAPException, OSError) as problem:
            raise self._lost(problem) from problem

    def _over(self, connection: LdapConnection, work: Callable[[LdapConnection], Outcome]) -> Outcome:
        """Over one connection that nobody else has meanwhile; it is kept unless it broke."""
        broken = True
        try:
            outcome = work(connection)
            broken = False
        except TargetError:  # the directory said so
            broken = False
            raise
        finally:
            if broken:
                _hang_up(connection)
            else:
                with self._lock:
                    self._idle.append(connection)
        return outcome

    def _sign_in(self) -> LdapConnection:
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
        connection = LdapConnection(
            server,
            options.bind_dn,
            options.password.reveal(),
            read_timeout=math.ceil(options.read_timeout),
        )
        try:
            connection.open(read_server_info=False)
            if options.start_tls and not connection.start_tls(read_server_info=False):
                raise LDAPSocketOpenError("the server does not start TLS")
            _, told, _, _ = connection.bind(read_server_info=False)
            result = Result(told["result"], str(told["message"]), {})
            self._must_be_done(result, f"signing in as {options.bind_dn} at {options.url}")
        except BaseException as problem:
            _hang_up(connection)
            if tls.refused:
                trusted = options.ca_file or "the system's CA certificates"
                said = f"the certificate of {parts.hostname} is not trusted by {trusted} (ca_file): {tls.refused}"
                raise Unreachable(said) from problem
            raise
        return connection

    def _must_be_done(self, result: Result, doing: str, hidden: Iterable[str] = ()) -> None:
        if result.code != 0:
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


def _send(connection: LdapConnection, asked: _Search) -> Answer:
    request = ber.search(asked.base, asked.filter, asked.attributes, only_base=asked.only_base)
    return connection.exchange(request, asked.controls)


def _secrets(attributes: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    return [value for name, values in attributes if name.lower() in answers.SECRETS for value in values]


def _is_timeout(problem: Exception) -> bool:
    return isinstance(problem, LDAPMaximumRetriesError) or "timed out" in str(problem)


def _hang_up(connection: LdapConnection) -> None:
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

"""What has changed among the accounts of a directory of RFC 4511: by its content synchronisation (RFC 4533), or by timestamps.

In: a cookie of an earlier look. Out: pages of changes. The directory gives one cookie for a look, so the pages before the last carry
the one that they began with: going on from there repeats them and loses nothing.
"""

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from connector.targets import ldap_ber as ber
from connector.targets.base import Account, ChangedPage, CookieExpired, Unsupported
from connector.targets.ldap_answers import SIZE_LIMIT, Entry, entry
from connector.targets.ldap_connection import Found
from connector.targets.ldap_entries import LdapEntries
from connector.targets.ldap_options import LdapOptions

SYNC_REQUEST, _STATE, _DONE = (f"1.3.6.1.4.1.4203.1.9.1.{number}" for number in (1, 2, 3))
_INFO = "1.3.6.1.4.1.4203.1.9.1.4"
_REFRESH_ONLY = b"\x0a\x01\x01"
_ID_SET = 0xA3
_PRESENT, _DELETED = 0, 3
_UNKNOWN_CONTROL = 12
# More than it gives at once, unwilling (as OpenLDAP is after it was restored from a backup), and e-syncRefreshRequired
_EXPIRED = (SIZE_LIMIT, 53, 4096)
_SYNC, _SINCE = "sync ", "since "


@dataclass
class _Look:
    """What the directory said since a cookie. Not `by_deletes`: it named what is there, not what is gone."""

    cookie: bytes = b""
    by_deletes: bool = False
    entries: list[Entry] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


class LdapChanges(LdapEntries):
    """The call of the ChangesTarget protocol."""

    _options: LdapOptions
    _page: ClassVar[int] = 200

    def changes(self, cookie: str) -> Iterator[ChangedPage]:
        if self._options.changes == "sync":
            return self._by_sync(cookie)
        if self._options.changes == "timestamps":
            return self._by_timestamps(cookie)
        raise Unsupported(f"the target {self.name} is set to tell no changes (option changes)")

    def _by_sync(self, cookie: str) -> Iterator[ChangedPage]:
        if not cookie:  # where it stands now, then everything: what changes meanwhile comes with the next look
            nothing = f"(!{self._accounts_filter})"
            now = self._look(b"", f"(&{self._accounts_filter}{nothing})")
            yield from self._everything(_SYNC + now.cookie.decode("latin-1") if now.cookie else "")
            return
        if not cookie.startswith(_SYNC):
            raise CookieExpired("the cookie is of another way to tell changes")
        since = self._look(cookie[len(_SYNC) :].encode("latin-1"), self._accounts_filter)
        if not since.by_deletes or (since.entries and not since.cookie):  # the latter for a cookie that it cannot read
            raise CookieExpired("the directory does not know any more what was deleted since the last look")
        accounts = [self._account(one) for one in since.entries]
        after = _SYNC + since.cookie.decode("latin-1") if since.cookie else cookie  # none where nothing has changed
        yield from self._in_pages(accounts, since.gone, cookie, after)

    def _by_timestamps(self, cookie: str) -> Iterator[ChangedPage]:
        """Changes to the second; one that the last look may have met comes again. Deletions are not told."""
        if cookie and not re.fullmatch(rf"{_SINCE}\d{{14}}(\.\d+)?Z", cookie):
            raise CookieExpired("the cookie is of another way to tell changes")
        since = cookie[len(_SINCE) :]
        changed = f"(&{self._accounts_filter}(modifyTimestamp>={since}))" if since else self._accounts_filter
        base, stamp = self._options.accounts_base, "modifyTimestamp"
        # Read before the entries are: one that changes while they are read has this time or a later one.
        stamps = (one.first(stamp) for page in self._wire.pages(base, changed, (stamp,)) for one in page)
        newest = max(stamps, default=since)
        after = _SINCE + newest if newest else ""
        if not since:
            yield from self._everything(after)
            return
        accounts = [self._account(one) for page in self._wire.pages(base, changed, self._read) for one in page]
        yield from self._in_pages(accounts, [], cookie, after)

    def _everything(self, cookie: str) -> Iterator[ChangedPage]:
        for page in self._wire.pages(self._options.accounts_base, self._accounts_filter, self._read):
            yield ChangedPage(tuple(self._account(one) for one in page), (), "", whole=True)
        yield ChangedPage((), (), cookie, whole=True)

    def _in_pages(self, accounts: list[Account], gone: Sequence[str], before: str, after: str) -> Iterator[ChangedPage]:
        pages = [accounts[at : at + self._page] for at in range(0, len(accounts), self._page)] or [[]]
        for number, page in enumerate(pages):
            last = number == len(pages) - 1
            yield ChangedPage(tuple(page), tuple(gone) if number == 0 else (), after if last else before)

    def _look(self, cookie: bytes, filter: str) -> _Look:
        value = ber.element(ber.SEQUENCE, _REFRESH_ONLY + (ber.element(ber.OCTETS, cookie) if cookie else b""))
        control, fine = (SYNC_REQUEST, True, value), (_UNKNOWN_CONTROL, *_EXPIRED)
        answer = self._wire.raw_search(self._options.accounts_base, filter, self._read, control, fine=fine)
        if answer.result.code in _EXPIRED:
            raise CookieExpired(f"the directory asks for a full read ({answer.result.code}) {answer.result.told}")
        if answer.result.code == _UNKNOWN_CONTROL:
            raise Unsupported(f"{self._wire.url} has no content synchronisation (RFC 4533): see option changes")
        look = _Look()
        for tag, part in ber.inside(_control(answer.result.controls, _DONE)):
            look.cookie = part if tag == ber.OCTETS else look.cookie
            look.by_deletes = part != b"\0" if tag == ber.BOOLEAN else look.by_deletes
        for found in answer.entries:
            _take_entry(look, found)
        for name, value in answer.intermediate:
            if name == _INFO:
                _take_info(look, value)
        return look


def _take_entry(look: _Look, found: Found) -> None:
    (_, state), (_, identity), *_ = ber.inside(_control(found.controls, _STATE))
    if state[0] == _DELETED:
        look.gone.append(str(uuid.UUID(bytes=identity)))
    elif state[0] != _PRESENT:
        look.entries.append(entry(found))


def _take_info(look: _Look, value: bytes) -> None:
    tag, listed = ber.elements(value)[0]
    parts = dict(ber.elements(listed)) if tag == _ID_SET else {}
    if parts.get(ber.BOOLEAN, b"\0") != b"\0":  # else they are those that are still there
        look.gone += [str(uuid.UUID(bytes=identity)) for _, identity in ber.elements(parts[ber.SET])]


def _control(controls: Mapping[str, bytes], oid: str) -> bytes:
    if oid not in controls:
        raise Unsupported("the directory answers without the controls of RFC 4533: see option changes")
    return controls[oid]

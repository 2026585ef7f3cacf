"""What has changed among the accounts of a directory of RFC 4511: by its content synchronisation (RFC 4533), or by timestamps.

In: a cookie of an earlier look. Out: pages of changes. The directory gives one cookie for a look, so the pages before the last carry
the one that they began with: going on from there repeats them and loses nothing.
"""

import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from connector.targets import ldap_ber as ber
from connector.targets.base import Account, ChangedPage, CookieExpired, Unsupported
from connector.targets.ldap_answers import Entry, entry
from connector.targets.ldap_entries import LdapEntries
from connector.targets.ldap_options import LdapOptions

_REQUEST, _STATE, _DONE = (f"1.3.6.1.4.1.4203.1.9.1.{number}" for number in (1, 2, 3))
_INFO = "1.3.6.1.4.1.4203.1.9.1.4"
_REFRESH_ONLY = b"\x0a\x01\x01"
_ID_SET = 0xA3
_PRESENT, _DELETED = 0, 3
_UNKNOWN_CONTROL, _UNWILLING, _REFRESH_REQUIRED = 12, 53, 4096
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
        control, fine = (_REQUEST, True, value), (_UNKNOWN_CONTROL, _UNWILLING, _REFRESH_REQUIRED)
        result, found = self._wire.raw_search(self._options.accounts_base, filter, self._read, control, fine=fine)
        if result["result"] in (
            _REFRESH_REQUIRED,
            _UNWILLING,
        ):  # OpenLDAP is unwilling after it was restored from a backup
            raise CookieExpired(f"the directory asks for a full read: {result['message'] or result['description']}")
        if result["result"] == _UNKNOWN_CONTROL:
            raise Unsupported(f"{self._wire.url} has no content synchronisation (RFC 4533): see option changes")
        look = _Look()
        for tag, part in ber.inside(_control(result, _DONE)):
            look.cookie = part if tag == ber.OCTETS else look.cookie
            look.by_deletes = part != b"\0" if tag == ber.BOOLEAN else look.by_deletes
        for one in found:
            _take(look, one)
        return look


def _take(look: _Look, one: dict[str, Any]) -> None:
    if one["type"] == "searchResEntry":
        (_, state), (_, identity), *_ = ber.inside(_control(one, _STATE))
        if state[0] == _DELETED:
            look.gone.append(str(uuid.UUID(bytes=identity)))
        elif state[0] != _PRESENT:
            look.entries.append(entry(one))
    elif one["type"] == "intermediateResponse" and one["responseName"] == _INFO:
        tag, value = ber.elements(one["responseValue"])[0]
        if tag == _ID_SET:
            parts = dict(ber.elements(value))
            if parts.get(ber.BOOLEAN, b"\0") != b"\0":  # else they are those that are still there
                look.gone += [str(uuid.UUID(bytes=identity)) for _, identity in ber.elements(parts[ber.SET])]


def _control(answer: dict[str, Any], oid: str) -> bytes:
    control = (answer.get("controls") or {}).get(oid)
    if control is None:
        raise Unsupported("the directory answers without the controls of RFC 4533: see option changes")
    value: bytes = control["value"]
    return value

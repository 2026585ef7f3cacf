"""What has changed among the accounts of a domain, by the update sequence numbers of one domain controller.

In: a cookie of an earlier look. Out: pages of changes, each with a cookie of its own. An ordinary account can read this, if it may
see deleted entries. Numbers are of one controller: at another one, or after it was restored, a full read must follow.
"""

import re
from collections.abc import Iterator
from typing import ClassVar

from connector.targets import ldap_names as names
from connector.targets.base import Account, ChangedPage, CookieExpired, Rejected
from connector.targets.ldap_answers import Entry
from connector.targets.ldap_ber import Control
from connector.targets.ldap_entries import LdapEntries
from connector.targets.ldap_options import ActiveDirectoryOptions

_COOKIE = re.compile(r"usn ([0-9a-f-]{36}) (\d+)")
_SHOW_DELETED: Control = ("1.2.840.113556.1.4.417", True, None)
_USERS = "(&(objectClass=user)(!(objectClass=computer)))"  # a deleted entry has no objectCategory
_FEW, _MANY = 100, 2_000


class ActiveDirectoryChanges(LdapEntries):
    """The call of the ChangesTarget protocol."""

    _options: ActiveDirectoryOptions
    _first_step: ClassVar[int] = 10_000  # numbers looked through at once; more where few accounts have them

    def changes(self, cookie: str) -> Iterator[ChangedPage]:
        """A walk that began with a cookie, or was taken up again in the middle, is no full read: it does not say `whole`."""
        controller, done, whole = self._controller(), 0, not cookie
        newest = self._newest()
        if cookie:
            found = _COOKIE.fullmatch(cookie)
            if found is None or found[1] != controller or int(found[2]) > newest:
                raise CookieExpired("the last look was at another domain controller, or before this one was restored")
            done = int(found[2])
            if not self._sees_deletions():
                raise CookieExpired(
                    f"{self._options.bind_dn} sees no deleted entries: see docs/targets/active_directory.md"
                )
        step = self._first_step
        while newest > done:  # an entry that changes while we walk comes again at the end
            upto = min(newest, done + step)
            accounts, gone = self._between(done + 1, upto, and_gone=not whole)
            step = step * 2 if len(accounts) + len(gone) < _FEW else step
            step = max(step // 2, 1) if len(accounts) + len(gone) > _MANY else step
            done, newest = upto, self._newest()
            if accounts or gone:
                yield ChangedPage(accounts, gone, f"usn {controller} {done}", whole=whole)
        yield ChangedPage((), (), f"usn {controller} {done}", whole=whole)

    def _between(self, first: int, last: int, *, and_gone: bool) -> tuple[tuple[Account, ...], tuple[str, ...]]:
        """Accounts that were changed then and not later; and users of the domain that were, and are no accounts of ours."""
        then = f"(uSNChanged>={first})(uSNChanged<={last})"
        found = self._wire.search(self._options.accounts_base, f"(&{self._accounts_filter}{then})", self._read)
        accounts = tuple(self._account(entry) for entry in found)
        if not and_gone:
            return accounts, ()
        ours, domain = {account.id for account in accounts}, self._options.domain
        everywhere = self._wire.search(domain, f"(&{_USERS}{then})", (self._anchor,), controls=(_SHOW_DELETED,))
        return accounts, tuple(self._id(entry) for entry in everywhere if self._id(entry) not in ours)

    def _root(self) -> Entry:
        root = self._wire.at("", ("dnsHostName", "dsServiceName", "highestCommittedUSN"))
        if root is None or not root.first("dsServiceName"):
            raise Rejected(f"{self._wire.url} is no domain controller of Active Directory")
        return root

    def _newest(self) -> int:
        return int(self._root().first("highestCommittedUSN"))

    def _controller(self) -> str:
        """Whose numbers these are: it changes when a controller is restored from a backup ([MS-ADTS] 3.1.1.1.9)."""
        service = self._wire.at(self._root().first("dsServiceName"), ("invocationId",))
        if service is None or not service.first("invocationId"):
            raise Rejected("the invocationId of the domain controller may not be read")
        return service.first("invocationId")

    def _sees_deletions(self) -> bool:
        """Whoever may not see deleted entries is told of none, without an error; a domain has some at any time."""
        container = f"CN=Deleted Objects,{self._options.domain}"
        if self._wire.at(container, controls=(_SHOW_DELETED,)) is None:
            return False
        pages = self._wire.pages(container, "(isDeleted=TRUE)", ("1.1",), controls=(_SHOW_DELETED,))
        own = names.canonical(container)  # it says of itself, too, that it is deleted
        return any(names.canonical(entry.dn) != own for page in pages for entry in page)

"""What has changed at an API that dates changes or logs them: one full read, then what was dated or logged since.

In: a cookie. Out: pages of accounts as they are now. A cookie is the moment to look back to; within the full read also the place of the
next page. Every look goes back further than the last one ended: what is listed or logged late is met by the next look, and an account
that is told twice does no harm.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from connector.core.clock import Clock, from_text, to_text
from connector.targets.base import Account, ChangedPage, CookieExpired, Unreachable
from connector.targets.rest_wire import Reply, RestWire
from connector.targets.sign_in import Json

_COOKIE: Final = re.compile(r"(?P<kind>since|whole) (?P<moment>\S*)(?: (?P<place>\S.*))?")
# Indexes and logs lag behind by seconds to minutes, and the target's clock may be before or behind ours.
_OVERLAP: Final = timedelta(minutes=10)
_PAGE: Final = 200


class RestChanges(ABC):
    """The call of the ChangesTarget protocol. A subclass says how its API lists and dates."""

    _clock: Clock

    @abstractmethod
    def read(self, account_id: str) -> Account | None:
        """The call of the Target protocol."""

    @abstractmethod
    def _account_pages(self, place: str) -> Iterator[tuple[list[Account], str]]:
        """Accounts of ours, page after page, each with the place of the next page ("" for the end); from a place on, or all for ""."""

    @abstractmethod
    def _changed(self, since: datetime) -> Iterable[Account]:
        """Accounts of ours that were changed since, as far as the target dates them."""

    @abstractmethod
    def _logged(self, since: datetime) -> Iterable[str]:
        """Anchors that the target's log names since; of others' accounts, too. Each is read."""

    @abstractmethod
    def _remembers(self) -> timedelta | None:
        """How far back changes and deletions are told; None where none are told, so that only full reads are made."""

    def accounts(self) -> Iterator[Account]:
        for accounts, _ in self._account_pages(""):
            yield from accounts

    def changes(self, cookie: str) -> Iterator[ChangedPage]:
        found, began = _COOKIE.fullmatch(cookie), self._clock()
        if not cookie:
            yield from self._whole(to_text(began - _OVERLAP) if self._remembers() is not None else "", "")
        elif found is None or (found["kind"] == "whole") != bool(found["place"]):
            raise CookieExpired(f"{cookie!r} is no cookie of this target")
        elif found["place"]:
            yield from self._whole(found["moment"], found["place"])
        else:
            yield from self._since(_moment(found["moment"]), began, cookie)

    def _whole(self, moment: str, place: str) -> Iterator[ChangedPage]:
        for accounts, following in self._account_pages(place):
            at_the_end = f"since {moment}" if moment else ""
            cookie = f"whole {moment} {following}" if following else at_the_end
            yield ChangedPage(tuple(accounts), (), cookie, whole=True)

    def _since(self, since: datetime, began: datetime, before: str) -> Iterator[ChangedPage]:
        """Only the last page has a new cookie: what is told in no order cannot be gone on with half-way."""
        remembers = self._remembers()
        if remembers is None or since < began - remembers:
            raise CookieExpired(f"changes are not told any more since {to_text(since)}")
        accounts, gone = {one.id: one for one in self._changed(since)}, []
        for anchor in dict.fromkeys(self._logged(since)):
            account = self.read(anchor)
            if account is None:
                accounts.pop(anchor, None)  # the index may not know yet
                gone.append(anchor)
            else:
                accounts[anchor] = account
        after = f"since {to_text(max(since, began - _OVERLAP))}"
        told = list(accounts.values())
        for start in range(0, len(told) or 1, _PAGE):
            last = start + _PAGE >= len(told)
            some = tuple(told[start : start + _PAGE])
            yield ChangedPage(some, tuple(gone) if start == 0 else (), after if last else before)


def pages_from(
    wire: RestWire, url: str, cut: Callable[[Reply], tuple[list[Json], str]]
) -> Iterator[tuple[list[Json], str]]:
    """Pages of a list whose every page tells the address of the next one, each with that address. Waits where the quota asks for it.

    CookieExpired where the first address is not one of the target's.
    """
    if not url.startswith(f"{wire.url}/"):
        raise CookieExpired("the cookie is of another address")
    seen: set[str] = set()
    while url:
        seen.add(url)
        items, url = cut(wire.patiently(partial(wire.follow, url)))
        if url in seen:
            raise Unreachable(f"{wire.url} gave a next page that does not lead on")
        yield items, url


def _moment(text: str) -> datetime:
    try:
        return from_text(text)
    except ValueError:
        raise CookieExpired(f"{text!r} is no moment that changes could be told since") from None

"""What has changed at a SCIM server since the last look, by meta.lastModified (RFC 7644 section 3.4.2.2).

In: the cookie, a moment of the server's own clock. Out: pages of accounts as they are now. Deletions leave no trace there, so only a
full read finds them; and one must follow where the server's answer shows that it does not filter by the date.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from connector.core.clock import Clock
from connector.targets.base import ChangedPage, CookieExpired, Rejected, Unsupported
from connector.targets.scim_accounts import as_account, holds
from connector.targets.scim_resources import ScimResources
from connector.targets.sign_in import Json

# What changes while a list is walked may be dated before what is met last: the next look begins so long before this one did. The
# server's clock may be behind ours by as much.
_OVERLAP: Final = timedelta(minutes=10)


class ScimChanges(ScimResources):
    """The incremental read over the wire that ScimTarget opens."""

    _clock: Clock
    _ours: tuple[str, str]  # attribute and value that our accounts have; empty texts where all are ours
    _batch: int

    def changes(self, cookie: str) -> Iterator[ChangedPage]:
        if not self._wire.profile.dates_changes:
            raise Unsupported(f"{self._wire.url} does not tell what has changed; read its accounts instead")
        started = self._clock()
        if not cookie:
            yield from self._told(self._wire.pages(self._place()), cookie, started, whole=True)
            return
        since = _moment(cookie)
        if since is None:
            raise CookieExpired(f"{cookie!r} is no moment that a list of changes could start at")
        recent = self._since(since)
        if recent is None:
            raise CookieExpired(f"{self._wire.url} does not tell by a filter what was changed since {cookie}")
        yield from self._told(recent, cookie, started, whole=False)

    def _since(self, moment: datetime) -> list[Json] | None:
        """What was changed at the moment or later; None where the server cannot be believed to have looked at the date.

        The moment is never after the newest date that the server gave, so an honest answer holds something, unless that was deleted.
        """
        if not self._wire.features().filter:
            return None
        query = f'meta.lastModified ge "{_text(moment)}"'
        try:
            found = list(self._wire.pages(self._place(), query=query))
        except Rejected:
            return None
        dates = [_date(resource) for resource in found]
        return found if dates and all(date is not None and date >= moment for date in dates) else None

    def _told(self, resources: Iterable[Json], cookie: str, started: datetime, *, whole: bool) -> Iterator[ChangedPage]:
        """Only the last page has a new cookie: a list in no order cannot be gone on with half-way."""
        batch: list[Json] = []
        newest: datetime | None = None
        for resource in resources:
            if len(batch) == self._batch:
                yield self._page(batch, cookie, whole=whole)
                batch = []
            batch.append(resource)
            date = _date(resource)
            newest = max(newest, date) if newest and date else newest or date
        following = "" if newest is None else _text(min(newest, started - _OVERLAP))
        yield self._page(batch, following, whole=whole)

    def _page(self, batch: list[Json], cookie: str, *, whole: bool) -> ChangedPage:
        attribute, value = self._ours
        accounts = (as_account(resource) for resource in batch)
        ours = tuple(one for one in accounts if not attribute or holds(one, attribute, value))
        return ChangedPage(ours, (), cookie, whole)


def _date(resource: Json) -> datetime | None:
    meta = resource.get("meta")
    return _moment(str(meta.get("lastModified", ""))) if isinstance(meta, dict) else None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _text(moment: datetime) -> str:
    """In whole milliseconds, rounded down: some servers know no finer."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

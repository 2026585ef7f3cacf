"""What has changed among our users of an Okta org, by their `lastUpdated`; who was deleted, by the System Log.

In: a cookie. Out: pages of accounts as they are now. Membership of groups has no date there. A service app reads the System Log only
with the scope okta.logs.read; without it, deletions are met by the next full read.
Sources: developer.okta.com, Users API ("search") and System Log API ("bounded requests", retention of 90 days).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

import orjson

from connector.core.clock import to_text
from connector.targets.base import Account, NotAllowed, TargetError
from connector.targets.okta_wire import OktaDirectory, account_of, cut, plain, profile_of
from connector.targets.rest_changes import RestChanges, pages_from
from connector.targets.rest_values import holds

_MINUTE: Final = timedelta(minutes=1)
_LOG_KEEPS: Final = timedelta(days=80)
_EVENTS: Final = ("user.lifecycle.deactivate", "user.lifecycle.delete.initiated", "user.lifecycle.delete.completed")


class OktaChanges(OktaDirectory, RestChanges):
    """The incremental read over the wire that OktaUsers opens."""

    def _account_pages(self, place: str) -> Iterator[tuple[list[Account], str]]:
        """Those of our mark by `search`, which knows deactivated users, too."""
        attribute, _, value = self._options.accounts_where.partition("=")
        query = {"limit": str(min(200, self._options.page_size))} | ({"search": self._ours()} if attribute else {})
        for users, following in pages_from(
            self._wire, place or f"{self._wire.url}/api/v1/users?{urlencode(query)}", cut
        ):
            ours = [one for one in users if not attribute or holds(profile_of(one).get(attribute), plain(value))]
            yield [account_of(one) for one in ours], following

    def _changed(self, since: datetime) -> Iterator[Account]:
        """One that has lost our mark is not told: the next full read misses it."""
        ours = self._ours()
        dated = f'lastUpdated gt "{to_text(since)}"'
        return map(account_of, self._list("api", "v1", "users", search=f"{dated} and {ours}" if ours else dated))

    def _logged(self, since: datetime) -> Iterator[str]:
        """With an end: without one it would be a poll, whose list never ends."""
        period = {"since": to_text(since), "until": to_text(self._clock())}
        wanted = " or ".join(f'eventType eq "{name}"' for name in _EVENTS)
        try:
            for event in self._list("api", "v1", "logs", filter=wanted, **period):
                for one in event.get("target") or []:
                    if one.get("type") == "User" and one.get("id"):
                        yield str(one["id"])
        except NotAllowed:
            return  # `check` says so

    def _remembers(self) -> timedelta:
        return _LOG_KEEPS

    def _may_read_log(self) -> bool:
        now = self._clock()
        try:
            next(self._list("api", "v1", "logs", limit="1", since=to_text(now - _MINUTE), until=to_text(now)), None)
        except TargetError:
            return False
        return True

    def _ours(self) -> str:
        attribute, _, value = self._options.accounts_where.partition("=")
        return f"profile.{attribute} eq {orjson.dumps(plain(value)).decode()}" if attribute else ""

"""What has changed among our users of a PingOne environment, by its audit: users cannot be filtered by date there.

In: a cookie. Out: pages of accounts as they are now. The audit names users; each is read. Audit is kept at hand for 14 days, and a worker
application may be barred from it: then only full reads are made.
Source: developer.pingidentity.com, Audit Activities ("recordedAt" must be bounded; one further condition may follow).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from connector.core.clock import to_text
from connector.targets.base import Account, NotAllowed
from connector.targets.pingone_wire import PingOneOptions, account_of, cut, equals, listed
from connector.targets.rest_changes import RestChanges, pages_from
from connector.targets.rest_values import holds
from connector.targets.rest_wire import RestWire
from connector.targets.sign_in import Json

_AUDIT_KEEPS: Final = timedelta(days=13)
_SIGN_INS: Final = "USER.ACCESS"


class PingOneChanges(RestChanges):
    """The incremental read over the wire that PingOneTarget opens."""

    _options: PingOneOptions
    _wire: RestWire

    def _account_pages(self, place: str) -> Iterator[tuple[list[Account], str]]:
        attribute, _, value = self._options.accounts_where.partition("=")
        query = {"limit": str(self._options.page_size)} | ({"filter": equals(attribute, value)} if attribute else {})
        for users, following in pages_from(self._wire, place or f"{self._wire.url}/users?{urlencode(query)}", cut):
            accounts = [account_of(user) for user in users]
            yield [one for one in accounts if not attribute or holds(one.attributes.get(attribute), value)], following

    def _changed(self, since: datetime) -> Iterator[Account]:
        return iter(())

    def _logged(self, since: datetime) -> Iterator[str]:
        """Whatever happened to a user but a sign-in; in our users' population only, where they have one of their own."""
        about = equals("resources.type", "USER")
        if self._options.population:
            about = equals("resources.population.id", self._options.population)
        for activity in self._audit(since, about, limit=self._options.page_size):
            if str((activity.get("action") or {}).get("type", "")).startswith(_SIGN_INS):
                continue
            for one in activity.get("resources") or []:
                if one.get("type") == "USER" and one.get("id"):
                    yield str(one["id"])

    def _remembers(self) -> timedelta | None:
        try:
            next(self._audit(self._clock() - timedelta(minutes=1), equals("resources.type", "USER"), limit=1), None)
        except NotAllowed:
            return None
        return _AUDIT_KEEPS

    def _audit(self, since: datetime, about: str, *, limit: int) -> Iterator[Json]:
        period = f'recordedAt gt "{to_text(since)}" and recordedAt lt "{to_text(self._clock())}"'
        return listed(self._wire, "activities", limit=limit, filter=f"{period} and {about}")

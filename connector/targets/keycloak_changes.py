"""What has changed among our accounts in a realm of Keycloak, by its admin events: no date of a change is kept there.

In: a cookie. Out: pages of accounts as they are now. The events name objects; each is read. Where the realm keeps no admin events, or we
may not read them (role view-events), only full reads are made. What people do to their own account is no admin event.
Source: Keycloak's Admin REST API, `GET /admin/realms/{realm}/admin-events` and `/events/config`.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import ClassVar, Final
from urllib.parse import urlencode

from connector.targets.base import Account, NotAllowed, Unreachable
from connector.targets.keycloak_wire import KeycloakOptions, KeycloakWire
from connector.targets.rest_changes import RestChanges

_FOR_EVER: Final = timedelta(days=365)
_UNTOLD: Final = timedelta(hours=1)  # where we may not read for how long events are kept
FULL_READS: Final = "changes are only found by full reads: the realm keeps no admin events, or we may not read them"


class KeycloakChanges(RestChanges):
    """The incremental read over the wire that KeycloakTarget opens."""

    _options: KeycloakOptions
    _wire: KeycloakWire
    _events: ClassVar[tuple[str, ...]]  # the types of resources whose events are about an account
    _named: ClassVar[re.Pattern[str]]  # the account in the path of such an event

    def _changed(self, since: datetime) -> Iterator[Account]:
        return iter(())

    def _logged(self, since: datetime) -> Iterator[str]:
        """The newest event comes first: what is added meanwhile repeats events and hides none."""
        size, first = self._options.page_size, 0
        kinds = [("resourceTypes", kind) for kind in self._events]
        while True:
            cut = [("dateFrom", str(int(since.timestamp() * 1000))), ("first", str(first)), ("max", str(size))]
            page = self._wire.follow(f"{self._wire.url}/admin-events?{urlencode([*kinds, *cut])}").body
            if not isinstance(page, list):
                raise Unreachable(f"{self._wire.url} did not answer with a list of admin events")
            for event in page:
                if found := self._named.match(str(event.get("resourcePath", ""))):
                    yield found[1]
            if len(page) < size:
                return
            first += size

    def _remembers(self) -> timedelta | None:
        try:
            if self._wire.get("events", "config").object.get("adminEventsEnabled") is not True:
                return None
        except NotAllowed:
            return None
        attributes = self._wire.get().object.get("attributes")
        if not isinstance(attributes, dict):
            return _UNTOLD
        seconds = int(attributes.get("adminEventsExpiration") or 0)
        return timedelta(seconds=seconds) if seconds else _FOR_EVER

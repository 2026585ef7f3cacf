"""How often a client may fail to authenticate: for each client and address, so that one who guesses elsewhere does not shut out the client.

Here is what this process knows of it. Of clients that there are, the failures of all processes are counted in the database
(domain.failed_attempts), and each failure here learns how many they are; whoever succeeds is not looked up anywhere. So once it is too
many, another process lets in at most one more attempt before it knows.
"""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from connector.core.errors import TooManyRequests

_REMEMBERED = 10_000


@dataclass(frozen=True)
class _Failures:
    count: int
    since: float
    shared: bool  # they are counted in the database, too


class Attempts:
    """At most `limit` failures in `window`; 0 counts nothing. `now` is a clock in seconds that only goes forward."""

    def __init__(self, now: Callable[[], float], *, limit: int, seconds: float) -> None:
        self._now = now
        self.limit = limit
        self.window = timedelta(seconds=seconds)
        self._seconds = seconds
        self._failures: dict[tuple[str, str], _Failures] = {}
        self._lock = threading.Lock()

    def check(self, client: str, address: str) -> None:
        """TooManyRequests, with when to come back, where there were too many; the right secret does not help then."""
        found = self._failures.get((client, address))
        if found is None or not self.limit or found.count < self.limit:
            return
        wait = found.since + self._seconds - self._now()
        if wait > 0:
            raise TooManyRequests("too many failed authentications", retry_after=math.ceil(wait))

    def failed(self, client: str, address: str) -> None:
        """Of nobody who is there: counted in this process alone."""
        if not self.limit:
            return
        with self._lock:
            now = self._now()
            found = self._failures.pop((client, address), None)
            if found is None or now - found.since >= self._seconds:
                found = _Failures(0, now, shared=False)
            self._keep(client, address, _Failures(found.count + 1, found.since, found.shared))

    def learn(self, client: str, address: str, count: int, age: timedelta) -> None:
        """So many did all processes count, the first of them that long ago."""
        with self._lock:
            self._failures.pop((client, address), None)
            self._keep(client, address, _Failures(count, self._now() - age.total_seconds(), shared=True))

    def succeeded(self, client: str, address: str) -> bool:
        """Count anew. Whether what the database has is to be forgotten, too."""
        with self._lock:
            found = self._failures.pop((client, address), None)
        return found is not None and found.shared

    def _keep(self, client: str, address: str, found: _Failures) -> None:
        while len(self._failures) >= _REMEMBERED:
            del self._failures[next(iter(self._failures))]
        self._failures[client, address] = found

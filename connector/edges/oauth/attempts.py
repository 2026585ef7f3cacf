"""How often a client may fail to authenticate: counted for each client and address, in this process.

For the two together: one who guesses elsewhere does not shut out the client itself.
"""

import math
import threading
from collections.abc import Callable

from connector.core.errors import TooManyRequests

_REMEMBERED = 10_000


class Attempts:
    """At most `limit` failures in `seconds`; 0 counts nothing. `now` is a clock in seconds that only goes forward."""

    def __init__(self, now: Callable[[], float], *, limit: int, seconds: float) -> None:
        self._now = now
        self._limit = limit
        self._seconds = seconds
        self._failures: dict[tuple[str, str], tuple[int, float]] = {}  # (how many, since when)
        self._lock = threading.Lock()

    def check(self, client: str, address: str) -> None:
        """TooManyRequests, with when to come back, where there were too many; the right secret does not help then."""
        count, since = self._failures.get((client, address), (0, 0.0))
        wait = since + self._seconds - self._now()
        if self._limit and count >= self._limit and wait > 0:
            raise TooManyRequests("too many failed authentications", retry_after=math.ceil(wait))

    def failed(self, client: str, address: str) -> None:
        if not self._limit:
            return
        with self._lock:
            now = self._now()
            count, since = self._failures.pop((client, address), (0, now))
            if now - since >= self._seconds:
                count, since = 0, now
            while len(self._failures) >= _REMEMBERED:
                del self._failures[next(iter(self._failures))]
            self._failures[client, address] = (count + 1, since)

    def succeeded(self, client: str, address: str) -> None:
        with self._lock:
            self._failures.pop((client, address), None)

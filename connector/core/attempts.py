"""How often something has failed: counted for each name and address, in this process.

For the two together: a client of that name is not shut out by one who guesses elsewhere.
"""

import math
import threading
from collections.abc import Callable

_REMEMBERED = 10_000


class Attempts:
    """At most `limit` failures in `seconds`; 0 counts nothing. `now` is a clock in seconds that only goes forward."""

    def __init__(self, now: Callable[[], float], *, limit: int, seconds: float) -> None:
        self._now = now
        self._limit = limit
        self._seconds = seconds
        self._failures: dict[tuple[str, str], tuple[int, float]] = {}  # (how many, since when)
        self._lock = threading.Lock()

    def wait(self, name: str, address: str) -> int:
        """For how many seconds more there have been too many; 0 where there have not."""
        count, since = self._failures.get((name, address), (0, 0.0))
        wait = since + self._seconds - self._now()
        return math.ceil(wait) if self._limit and count >= self._limit and wait > 0 else 0

    def failed(self, name: str, address: str) -> None:
        if not self._limit:
            return
        with self._lock:
            now = self._now()
            count, since = self._failures.pop((name, address), (0, now))
            if now - since >= self._seconds:
                count, since = 0, now
            while len(self._failures) >= _REMEMBERED:
                del self._failures[next(iter(self._failures))]
            self._failures[name, address] = (count + 1, since)

    def succeeded(self, name: str, address: str) -> None:
        with self._lock:
            self._failures.pop((name, address), None)

"""How often somebody may ask: a bucket each, in this process (RFC 6585 section 4)."""

import math
import threading
from collections.abc import Callable

from connector.core.errors import TooManyRequests

_REMEMBERED = 10_000


class Limiter:
    """`now` is a clock in seconds that only goes forward."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._left: dict[str, tuple[float, float]] = {}  # (requests left, since when), who asked last at the end
        self._lock = threading.Lock()

    def take(self, who: str, most: int, seconds: float = 1.0) -> None:
        """Count one request of at most that many in that time. TooManyRequests says when to come back; 0 is no limit."""
        if not most:
            return
        with self._lock:
            now = self._now()
            left, since = self._left.pop(who, (float(most), now))
            left = min(most, left + (now - since) * most / seconds)
            while len(self._left) >= _REMEMBERED:
                del self._left[next(iter(self._left))]
            self._left[who] = (left - 1 if left >= 1 else left, now)
        if left < 1:
            wait = max(1, math.ceil((1 - left) * seconds / most))
            time = "second" if seconds == 1 else f"{seconds:g} seconds"
            raise TooManyRequests(f"more than {most} requests per {time}", retry_after=wait)

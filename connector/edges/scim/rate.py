"""How often a client may ask: a bucket of one second's requests each, in this process (RFC 6585 section 4)."""

import math
import threading
from collections.abc import Callable

from connector.domain.unit import Caller
from connector.edges.scim.errors import TooManyRequests


class Limiter:
    """`now` is a clock in seconds that only goes forward."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._left: dict[str, tuple[float, float]] = {}  # by client: (requests left, since when)
        self._lock = threading.Lock()

    def take(self, caller: Caller) -> None:
        """Count one request. TooManyRequests says when to come back; a rate of 0 is no limit."""
        if not caller.rate:
            return
        with self._lock:
            now = self._now()
            left, since = self._left.get(caller.id, (float(caller.rate), now))
            left = min(caller.rate, left + (now - since) * caller.rate)
            if left < 1:
                wait = math.ceil((1 - left) / caller.rate)
                raise TooManyRequests(f"more than {caller.rate} requests per second", retry_after=max(1, wait))
            self._left[caller.id] = (left - 1, now)

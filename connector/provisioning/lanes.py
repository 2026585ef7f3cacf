"""The lane of one destination: its threads, what waits for them, and how far ahead rows are claimed for it.

A claim is a commit: where pushes are quick, one for each of them would cost as much as they do. So rows are claimed for a fraction of
a second ahead; no further, since what is claimed already goes before what becomes more urgent meanwhile.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from connector.core.logs import logger
from connector.storage.outbox import Claim

MOST_THREADS = 64
_AHEAD_SECONDS = 0.25
_MOST_AHEAD = 64
_SMOOTH = 0.2  # how much the newest push counts in the mean

log = logger()


class Lane:
    """Safe to share between the worker's loop and its threads. `wake` is called when there is room for more."""

    def __init__(self, destination: str, carry_out: Callable[[Claim], None], wake: Callable[[], None]) -> None:
        self._pool = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix=destination)
        self._carry_out, self._wake = carry_out, wake
        self._lock = threading.Lock()
        self._waiting: deque[Claim] = deque()
        self._held: dict[str, Claim] = {}  # by lease: what waits, and what is being done
        self._threads = self._running = 0
        self._takes = 1.0  # seconds of a push

    @property
    def held(self) -> list[Claim]:
        """What this worker has claimed and is not done with."""
        with self._lock:
            return list(self._held.values())

    def room(self, threads: int) -> int:
        """How many rows are to be claimed now: none as long as there is work enough for so many threads."""
        ahead = min(_MOST_AHEAD, int(threads * _AHEAD_SECONDS / self._takes))
        held = len(self._held)
        return threads + ahead - held if held < threads + (ahead + 1) // 2 else 0

    def give(self, claims: Iterable[Claim], *, threads: int) -> None:
        """Carry these out, so many at the same time."""
        with self._lock:
            given = list(claims)
            self._waiting.extend(given)
            self._held.update({one.lease: one for one in given})
            self._threads = threads
            more = max(0, min(threads - self._running, len(self._waiting)))
            self._running += more
        for _ in range(more):
            self._pool.submit(self._work)

    def close(self) -> list[Claim]:
        """Wait for what is being done; what had not begun is not begun any more, and returned."""
        with self._lock:
            left = list(self._waiting)
            self._waiting.clear()
        self._pool.shutdown(wait=True)
        return left

    def _work(self) -> None:
        while (claim := self._next()) is not None:
            begun = time.perf_counter()
            try:
                self._carry_out(claim)
            except Exception:  # the row stays leased, and is taken over when the lease ends
                log.exception(
                    "a push failed unexpectedly", action="push", agent=claim.resource_id, destination=claim.destination
                )
            self._done(claim, time.perf_counter() - begun)

    def _next(self) -> Claim | None:
        with self._lock:
            if self._waiting and self._running <= self._threads:
                return self._waiting.popleft()
            self._running -= 1
            return None

    def _done(self, claim: Claim, seconds: float) -> None:
        with self._lock:
            del self._held[claim.lease]
            self._takes += _SMOOTH * (max(seconds, 0.0001) - self._takes)
        if self.room(self._threads) > 0:
            self._wake()

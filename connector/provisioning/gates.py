"""What lets pushes through to a destination: pauses, blocks, quarantine, how many at once and a second, and the guard.

In: a destination that has work due. Out: how many rows may be taken now, and whether those that take accounts away are among them.
"""

from dataclasses import dataclass

from connector.domain.targets import QUARANTINE
from connector.domain.unit import Domain, Unit
from connector.provisioning import held
from connector.provisioning.attempt import Attempts
from connector.provisioning.connections import Connections
from connector.provisioning.lanes import MOST_THREADS, Lane
from connector.storage import targets
from connector.storage.targets import TargetRecord


@dataclass(frozen=True)
class Gate:
    """How many rows may be claimed, and worked on at the same time; `removals`: also those that disable or delete accounts."""

    room: int
    threads: int
    removals: bool = True


_SHUT = Gate(0, 0)


class Gates:
    """The gates of one worker. Used by its loop only."""

    def __init__(self, domain: Domain, connections: Connections, attempts: Attempts, *, threads: int) -> None:
        self._domain = domain
        self._connections = connections
        self._attempts = attempts
        self._threads = threads
        self._tokens: dict[str, tuple[float, float]] = {}  # destination: pushes that it may have, and since when

    def open(self, destination: str, lane: Lane) -> Gate:
        """The gate as it stands. A target in quarantine is probed first, by one call."""
        kind, _, name = destination.partition(":")
        if kind != "target":
            return Gate(lane.room(self._threads), self._threads)
        with self._domain.view() as unit:
            target = targets.find(unit.tx, name)
            if target is None or target.is_closed(unit.tx.now):
                return _SHUT
        if target.failures >= QUARANTINE and not self._attempts.probe(name):
            return _SHUT
        threads = target.threads or self._threads
        room = min(lane.room(threads), self._allowance(destination, target))
        removals = room > 0 and not held.hold(self._domain, self._connections, name)
        return Gate(room, threads, removals)

    @staticmethod
    def is_closed(unit: Unit, destination: str) -> bool:
        """Whether the target is paused or left alone just now."""
        kind, _, name = destination.partition(":")
        target = targets.find(unit.tx, name) if kind == "target" else None
        return target is not None and target.is_closed(unit.tx.now)

    def _allowance(self, destination: str, target: TargetRecord) -> int:
        """A bucket that fills by `rate` a second and holds one second's worth."""
        if not target.rate:
            return MOST_THREADS
        now = self._domain.database.clock().timestamp()
        tokens, since = self._tokens.get(destination, (float(target.rate), now))
        tokens = min(float(target.rate), tokens + (now - since) * target.rate)
        self._tokens[destination] = (tokens, now)
        return int(tokens)

    def passed(self, destination: str, count: int) -> None:
        """So many rows were taken."""
        if destination in self._tokens:
            tokens, since = self._tokens[destination]
            self._tokens[destination] = (tokens - count, since)

"""What lets pushes through to a destination: pauses, blocks, quarantine, how many at once and a second, and the guard.

In: a destination that has work due. Out: how many rows may be taken now, and whether those that take accounts away are among them.
"""

from dataclasses import dataclass

from connector.domain.targets import QUARANTINE
from connector.domain.unit import Domain, Unit
from connector.provisioning import held
from connector.provisioning.attempt import Attempts
from connector.provisioning.connections import Connections
from connector.storage import targets
from connector.storage.targets import TargetRecord

MOST_THREADS = 64
_SHUT = 0


@dataclass(frozen=True)
class Gate:
    """How many rows may be claimed; `removals`: also those that disable or delete accounts."""

    room: int
    removals: bool = True


class Gates:
    """The gates of one worker. Used by its loop only."""

    def __init__(self, domain: Domain, connections: Connections, attempts: Attempts, *, threads: int) -> None:
        self._domain = domain
        self._connections = connections
        self._attempts = attempts
        self._threads = threads
        self._tokens: dict[str, tuple[float, float]] = {}  # destination: pushes that it may have, and since when

    def open(self, destination: str, *, running: int) -> Gate:
        """The gate as it stands. A target in quarantine is probed first, by one call."""
        kind, _, name = destination.partition(":")
        if kind != "target":
            return Gate(self._threads - running)
        with self._domain.view() as unit:
            target = targets.find(unit.tx, name)
            if target is None or self.is_closed(unit, destination):
                return Gate(_SHUT)
        if target.failures >= QUARANTINE and not self._attempts.probe(name):
            return Gate(_SHUT)
        room = min((target.threads or self._threads) - running, self._allowance(destination, target))
        return Gate(room, removals=room > 0 and not held.hold(self._domain, self._connections, name))

    @staticmethod
    def is_closed(unit: Unit, destination: str) -> bool:
        """Whether the target is paused or left alone just now."""
        kind, _, name = destination.partition(":")
        target = targets.find(unit.tx, name) if kind == "target" else None
        return target is not None and (target.paused is not None or (target.blocked_until or "") > unit.tx.now)

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

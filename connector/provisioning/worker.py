"""The worker: claims outbox rows, carries them out, decides about retries; seals the audit log; suspends what has expired.

Each destination has a pool of its own, so that one which hangs holds up nobody else. One object that fails holds up no other.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from connector.core import ids
from connector.core.errors import ConnectorError, Unavailable
from connector.core.logs import logger
from connector.domain import agents, audit, rotation
from connector.domain.audit import Sealer
from connector.domain.unit import SYSTEM, Domain
from connector.provisioning.attempt import Attempts
from connector.provisioning.chores import Chore, Chores
from connector.provisioning.connections import Connections
from connector.provisioning.gates import MOST_THREADS, Gates
from connector.provisioning.push import Push
from connector.provisioning.schedule import Schedule
from connector.storage import outbox, searchable, tally
from connector.storage.outbox import Claim

_HOUSEKEEPING = 1.0
_ROTATION = 60.0
_INDEX_TURNS = 50  # so often in one turn, so that a large load is caught up with, while others may write between

TellApp = Callable[[str, str], None]
log = logger()


class Worker:
    """Runs until it is told to stop. Any number of workers may run beside each other on one database."""

    def __init__(
        self,
        domain: Domain,
        connections: Connections,
        push: Push,
        tell_app: TellApp,
        *,
        origin: str,
        threads: int = 4,
        lease_seconds: float = 60.0,
        poll_seconds: float = 0.25,
        checkpoint_file: Path | None = None,
        schedule: Schedule | None = None,
        chores: Sequence[Chore] = (),
    ) -> None:
        self._domain = domain
        self._tell_app = tell_app
        self._attempts = Attempts(domain, connections, push, lease_seconds=lease_seconds)
        self._gates = Gates(domain, connections, self._attempts, threads=threads)
        self._sealer = Sealer(domain, origin=origin)
        self._lease_seconds = lease_seconds
        self._poll_seconds = poll_seconds
        self._checkpoint_file = checkpoint_file
        self._schedule = schedule
        self._chores = Chores(chores)
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._running: dict[str, int] = {}
        self._held: dict[str, Claim] = {}  # by lease: what this worker is at just now
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._room = threading.Event()  # a push has ended: there is room for the next, and no need to wait for the poll
        self._housekept = 0.0
        self._rotated = 0.0

    def start(self) -> threading.Thread:
        """Run in a thread of its own."""
        thread = threading.Thread(target=self.run, name="worker", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        self._stopping.set()
        self._room.set()

    def run(self) -> None:
        """Work until `stop`. An unexpected failure is logged, and the loop goes on."""
        while not self._stopping.is_set():
            self._room.clear()  # before the turn: what ends during it is not missed
            try:
                busy = self.turn()
            except Unavailable as problem:
                log.warning("the worker waits", action="work", problem=problem.detail)
                busy = False
            except Exception:  # the worker must outlive whatever a single turn meets
                log.exception("the worker's turn failed", action="work")
                busy = False
            if not busy and not self._stopping.is_set():  # which may have come before `clear`
                self._room.wait(self._poll_seconds)
        for pool in list(self._pools.values()):
            pool.shutdown(wait=True)

    def turn(self) -> bool:
        """Hand out what is due; whether anything was."""
        self._housekeep()
        with self._domain.view() as unit:
            due = outbox.destinations_due(unit.tx)
        handed_out = False
        for destination in due:
            gate = self._gates.open(destination, running=self._running.get(destination, 0))
            if gate.room <= 0:
                continue
            with self._domain.change(SYSTEM) as unit:
                if self._gates.is_closed(unit, destination):  # since we looked, by a push that was under way
                    continue
                claims = outbox.claim(
                    unit.tx, destination, limit=gate.room, seconds=self._lease_seconds, removals=gate.removals
                )
            self._gates.passed(destination, len(claims))
            for claim in claims:
                handed_out = True
                self._submit(claim)
        return handed_out

    def drain(self, *, seconds: float = 30.0) -> bool:
        """Work until nothing is due or running any more; whether that was reached in time. For commands and tests."""
        deadline = threading.Event()
        timer = threading.Timer(seconds, deadline.set)
        timer.start()
        try:
            while not deadline.is_set():
                self._room.clear()
                idle = not any(
                    self._running.values()
                )  # before the turn: what ends during it may have kept it from claiming
                if not self.turn() and idle:
                    return True
                self._room.wait(0.01)
            return False
        finally:
            timer.cancel()

    def _submit(self, claim: Claim) -> None:
        with self._lock:
            pool = self._pools.get(claim.destination)
            if pool is None:
                pool = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix=claim.destination)
                self._pools[claim.destination] = pool
            self._running[claim.destination] = self._running.get(claim.destination, 0) + 1
            self._held[claim.lease] = claim
        pool.submit(self._carry_out, claim)

    def _carry_out(self, claim: Claim) -> None:
        ids.correlation_id.set(claim.correlation_id)
        try:
            self._attempt(claim)
        except Exception:  # the pool would swallow it: the row stays leased and is taken over when the lease ends
            log.exception(
                "a push failed unexpectedly", action="push", agent=claim.resource_id, destination=claim.destination
            )
        finally:
            with self._lock:
                self._running[claim.destination] -= 1
                del self._held[claim.lease]
            self._room.set()

    def _attempt(self, claim: Claim) -> None:
        kind, _, name = claim.destination.partition(":")
        if kind == "target":
            self._attempts.carry_out(claim)
            return
        try:
            self._tell_app(claim.resource_id, name)
        except ConnectorError as problem:
            self._attempts.failed(claim, problem)
            return
        with self._domain.change(SYSTEM) as unit:
            outbox.finish(unit.tx, claim)
        log.info("told", action="push", agent=claim.resource_id, destination=claim.destination)

    def _housekeep(self) -> None:
        now = self._domain.database.clock().timestamp()
        if now - self._housekept < _HOUSEKEEPING:
            return
        self._housekept = now
        self._renew()
        if self._schedule is not None:
            self._schedule.start_due()
        self._chores.start_due(now)
        sealed = self._sealer.seal()
        if sealed and self._checkpoint_file is not None and (note := audit.last_checkpoint(self._domain)):
            self._checkpoint_file.write_text(note)
        with self._domain.change(SYSTEM.because("validUntil has passed")) as unit:
            agents.suspend_expired(unit)
        if now - self._rotated >= _ROTATION:
            self._rotated = now
            rotation.schedule(self._domain)
        for _ in range(_INDEX_TURNS):
            with self._domain.change(SYSTEM) as unit:
                tally.sum_up(unit.tx)
                if not searchable.index(unit.tx):
                    break
        self._domain.database.tidy()

    def _renew(self) -> None:
        """A push may take longer than its lease (a slow target, many steps): while we live, nobody else takes it over."""
        with self._lock:
            held = list(self._held.values())
        if held:
            with self._domain.change(SYSTEM) as unit:
                for claim in held:
                    outbox.renew(unit.tx, claim, seconds=self._lease_seconds)

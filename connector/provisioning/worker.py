"""The worker: claims outbox rows, carries them out, decides about retries; seals the audit log; suspends what has expired.

Each destination has a pool of its own, so that one which hangs holds up nobody else. One object that fails holds up no other.
"""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from connector.core import ids
from connector.core.clock import to_text
from connector.core.errors import ConnectorError, Misconfigured, Unavailable
from connector.core.logs import logger
from connector.domain import agents, audit
from connector.domain.audit import Sealer
from connector.domain.events import Action
from connector.domain.unit import SYSTEM, Domain, Unit
from connector.provisioning.connections import Connections
from connector.provisioning.push import Push
from connector.storage import outbox, searchable, tally, targets
from connector.storage.outbox import Claim
from connector.targets.base import NotAllowed, TargetError, Throttled, Unreachable

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 300.0
_TARGET_WAIT = 5.0  # how long a target that could not be reached is left alone, doubled each time
_HOUSEKEEPING = 1.0
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
    ) -> None:
        self._domain = domain
        self._connections = connections
        self._push = push
        self._tell_app = tell_app
        self._sealer = Sealer(domain, origin=origin)
        self._threads = threads
        self._lease_seconds = lease_seconds
        self._poll_seconds = poll_seconds
        self._checkpoint_file = checkpoint_file
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._running: dict[str, int] = {}
        self._held: dict[str, Claim] = {}  # by lease: what this worker is at just now
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._housekept = 0.0

    def start(self) -> threading.Thread:
        """Run in a thread of its own."""
        thread = threading.Thread(target=self.run, name="worker", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        """Work until `stop`. An unexpected failure is logged, and the loop goes on."""
        while not self._stopping.is_set():
            try:
                busy = self.turn()
            except Unavailable as problem:
                log.warning("the worker waits", action="work", problem=problem.detail)
                busy = False
            except Exception:  # the worker must outlive whatever a single turn meets
                log.exception("the worker's turn failed", action="work")
                busy = False
            if not busy:
                self._stopping.wait(self._poll_seconds)
        for pool in list(self._pools.values()):
            pool.shutdown(wait=True)

    def turn(self) -> bool:
        """Hand out what is due; whether anything was."""
        self._housekeep()
        with self._domain.view() as unit:
            due = outbox.destinations_due(unit.tx)
            blocked = _blocked(unit)
        handed_out = False
        for destination in due:
            room = self._threads - self._running.get(destination, 0)
            if destination in blocked or room <= 0:
                continue
            with self._domain.change(SYSTEM) as unit:
                if destination in _blocked(unit):  # since we looked, by a push that was under way
                    continue
                claims = outbox.claim(unit.tx, destination, limit=room, seconds=self._lease_seconds)
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
                busy = self.turn()
                if not busy and not any(self._running.values()):
                    return True
                deadline.wait(0.01)
            return False
        finally:
            timer.cancel()

    def _submit(self, claim: Claim) -> None:
        with self._lock:
            pool = self._pools.get(claim.destination)
            if pool is None:
                pool = ThreadPoolExecutor(self._threads, thread_name_prefix=claim.destination)
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

    def _attempt(self, claim: Claim) -> None:
        kind, _, name = claim.destination.partition(":")
        try:
            if kind == "app":
                self._tell_app(claim.resource_id, name)
                steps = ["tell"]
            else:
                steps = [str(step) for step in self._push.push(claim.resource_id, self._connections.open(name))]
        except ConnectorError as problem:
            self._failed(claim, kind, name, problem)
            return
        with self._domain.change(SYSTEM) as unit:
            held = outbox.finish(unit.tx, claim)
        if kind == "target":
            with self._domain.change(
                SYSTEM
            ) as unit:  # a transaction later: target rows are never locked with outbox rows
                targets.healthy(unit.tx, name)
        log.info(
            "pushed", action="push", agent=claim.resource_id, destination=claim.destination, steps=steps, kept=held
        )

    def _failed(self, claim: Claim, kind: str, name: str, problem: ConnectorError) -> None:
        again = isinstance(problem, Unavailable) or (isinstance(problem, TargetError) and problem.retry)
        of_target = kind == "target" and isinstance(problem, Unreachable | Throttled | NotAllowed | Misconfigured)
        again = again or of_target  # a person may mend credentials or options: the work is kept for then
        with self._domain.change(SYSTEM) as unit:
            if again:
                wait = problem.retry_after if isinstance(problem, Throttled | Unavailable) else None
                due = to_text(unit.tx.moment + timedelta(seconds=wait or _wait(claim.attempts, _FIRST_WAIT)))
                outbox.postpone(unit.tx, claim, due=due, problem=problem.detail)
            else:
                outbox.finish(unit.tx, claim, problem=problem.detail)
                unit.record(
                    Action.ACCOUNT_FAILED, "agent", claim.resource_id, destination=claim.destination, why=problem.detail
                )
        if of_target:
            self._block(name, problem)
            if _waits(problem) is None:  # a connection that was asked to wait keeps all its threads waiting
                self._connections.forget(name)
        log.warning(
            "not pushed",
            action="push",
            agent=claim.resource_id,
            destination=claim.destination,
            problem=problem.detail,
            again=again,
        )

    def _block(self, name: str, problem: ConnectorError) -> None:
        """Leave the target alone for a while: as long as it asked for, else longer each time."""
        with self._domain.change(SYSTEM) as unit:
            target = targets.find(unit.tx, name)
            blocked_until = (target.blocked_until or "") if target else ""
            asked = _waits(problem)
            if target is None or (asked is None and blocked_until > unit.tx.now):
                return
            wait = asked if asked is not None else min(_LONGEST_WAIT, _wait(target.failures, _TARGET_WAIT / 5))
            until = to_text(unit.tx.moment + timedelta(seconds=wait))
            if until > blocked_until:
                targets.block(unit.tx, name, until=until, problem=problem.detail)

    def _housekeep(self) -> None:
        now = self._domain.database.clock().timestamp()
        if now - self._housekept < _HOUSEKEEPING:
            return
        self._housekept = now
        self._renew()
        sealed = self._sealer.seal()
        if sealed and self._checkpoint_file is not None and (note := audit.last_checkpoint(self._domain)):
            self._checkpoint_file.write_text(note)
        with self._domain.change(SYSTEM.because("validUntil has passed")) as unit:
            agents.suspend_expired(unit)
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


def _blocked(unit: Unit) -> set[str]:
    """Destinations that are to be left alone just now."""
    return {f"target:{one.name}" for one in targets.everyone(unit.tx) if (one.blocked_until or "") > unit.tx.now}


def _waits(problem: ConnectorError) -> float | None:
    """How many seconds the target asked us to wait, if it did."""
    return problem.retry_after if isinstance(problem, TargetError) else None


def _wait(attempts: int, first: float) -> float:
    """Exponential back-off with full jitter above the half, so that failed pushes do not come back all at once."""
    longest = min(_LONGEST_WAIT, first * 2.0 ** min(attempts, 20))
    return longest * (0.5 + random.random() / 2)  # noqa: S311  (no secret depends on it)

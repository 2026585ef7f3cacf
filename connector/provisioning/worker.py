"""The worker: claims outbox rows, carries them out, decides about retries; seals the audit log; suspends what has expired.

Each destination has a lane of its own, so that one which hangs holds up nobody else. One object that fails holds up no other.
"""

import threading
from collections.abc import Callable, Sequence
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
from connector.provisioning.gates import Gates
from connector.provisioning.lanes import Lane
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
        self._lanes: dict[str, Lane] = {}  # changed by the loop only
        self._stopping = threading.Event()
        self._room = threading.Event()  # pushes have ended: no need to wait for the poll
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
        for lane in self._lanes.values():
            left = lane.close()
            with self._domain.change(SYSTEM) as unit:
                for claim in left:
                    outbox.give_back(unit.tx, claim)

    @property
    def busy(self) -> bool:
        """Whether anything is claimed and not done with."""
        return any(lane.held for lane in self._lanes.values())

    def turn(self) -> bool:
        """Hand out what is due; whether anything was."""
        self._housekeep()
        with self._domain.view() as unit:
            due = outbox.destinations_due(unit.tx)
        handed_out = False
        for destination in due:
            lane = self._lanes.get(destination) or self._open_lane(destination)
            gate = self._gates.open(destination, lane)
            if gate.room <= 0:
                continue
            with self._domain.change(SYSTEM) as unit:
                if self._gates.is_closed(unit, destination):  # since we looked, by a push that was under way
                    continue
                claims = outbox.claim(
                    unit.tx, destination, limit=gate.room, seconds=self._lease_seconds, removals=gate.removals
                )
            self._gates.passed(destination, len(claims))
            lane.give(claims, threads=gate.threads)
            handed_out = handed_out or bool(claims)
        return handed_out

    def _open_lane(self, destination: str) -> Lane:
        self._lanes[destination] = Lane(destination, self._carry_out, self._room.set)
        return self._lanes[destination]

    def drain(self, *, seconds: float = 30.0) -> bool:
        """Work until nothing is due or running any more; whether that was reached in time. For commands and tests."""
        deadline = threading.Event()
        timer = threading.Timer(seconds, deadline.set)
        timer.start()
        try:
            while not deadline.is_set():
                self._room.clear()
                idle = not self.busy  # before the turn: what ends during it may have kept it from claiming
                if not self.turn() and idle:
                    return True
                self._room.wait(0.01)
            return False
        finally:
            timer.cancel()

    def _carry_out(self, claim: Claim) -> None:
        ids.correlation_id.set(claim.correlation_id)
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
        held = [claim for lane in self._lanes.values() for claim in lane.held]
        if held:
            with self._domain.change(SYSTEM) as unit:
                for claim in held:
                    outbox.renew(unit.tx, claim, seconds=self._lease_seconds)

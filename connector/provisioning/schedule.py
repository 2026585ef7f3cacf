"""What a worker does of itself at each target: follow changes every few minutes, and look at the whole of it once a day.

In: nothing but time. Out: looks in the outbox, and plans that are carried out unless they are stopped.
"""

import threading
from datetime import timedelta

from connector.core.clock import to_text
from connector.core.errors import ConnectorError
from connector.core.ids import correlation_id, new_correlation_id
from connector.core.logs import logger
from connector.domain.unit import SYSTEM, Domain
from connector.provisioning.connections import Connections
from connector.provisioning.directory import DirectorySync
from connector.provisioning.reconcile import Reconciler
from connector.storage import targets
from connector.storage.targets import TargetRecord

_AGAIN = timedelta(minutes=1)  # a run that failed is not begun again before

log = logger()


class Schedule:
    """The periodic runs of one worker; a thread of its own, so that a large target holds up no push."""

    def __init__(
        self,
        domain: Domain,
        connections: Connections,
        reconciler: Reconciler,
        directory: DirectorySync,
        *,
        reconcile_hours: float,
        follow_seconds: float,
    ) -> None:
        self._domain = domain
        self._connections = connections
        self._reconciler = reconciler
        self._directory = directory
        self._whole = timedelta(hours=reconcile_hours)
        self._follow = timedelta(seconds=follow_seconds)
        self._begun: dict[str, str] = {}  # target: when its last run began
        self._thread: threading.Thread | None = None

    def start_due(self) -> None:
        """Begin what is due, unless the last round is still under way."""
        if self._thread is not None and self._thread.is_alive():
            return
        if self.due():
            self._thread = threading.Thread(target=self.run_due, name="schedule", daemon=True)
            self._thread.start()

    def due(self) -> list[tuple[str, bool]]:
        """(target, whether the whole of it) of the runs that are due. Targets that are paused or left alone are not."""
        with self._domain.view() as unit:
            now, found = unit.tx.moment, []
            for target in targets.everyone(unit.tx):
                if target.paused is not None or (target.blocked_until or "") > unit.tx.now:
                    continue
                if self._begun.get(target.name, "") > to_text(now - _AGAIN):
                    continue
                if self._whole and (target.read or target.created) <= to_text(now - self._whole):
                    found.append((target.name, True))
                elif self._follow and target.cookie and self._last_look(target) <= to_text(now - self._follow):
                    found.append((target.name, False))
        return found

    def run_due(self) -> None:
        """Carry out what is due, one target after the other. A target that fails is tried again when it is due the next time."""
        for name, whole in self.due():
            correlation_id.set(new_correlation_id())
            with self._domain.view() as unit:
                self._begun[name] = unit.tx.now
            try:
                if whole:
                    self._run(name)
                else:
                    followed = self._reconciler.follow(name, _quiet)
                    log.info("changes followed", action="follow", target=name, agents=followed)
            except ConnectorError as problem:
                log.warning("not reconciled", action="reconcile", target=name, problem=problem.detail)

    def _run(self, name: str) -> None:
        by = SYSTEM.because("scheduled reconciliation")
        at = self._connections.open(name)
        if at.mapping.directory is not None:  # people first: accounts refer to them
            synced = self._directory.run(at, by, _quiet)
            log.info("directory read", action="directory", target=name, counts=synced.counts, problems=synced.problems)
        stored, plan = self._reconciler.plan(name, by, _quiet)
        if stored.brakes != "[]":
            log.warning("a plan is stopped", action="reconcile", target=name, plan=stored.id, brakes=stored.brakes)
            return
        report = self._reconciler.apply(stored.id, by, _quiet)
        log.info("reconciled", action="reconcile", target=name, counts=plan.counts, result=dict(report.result))

    def _last_look(self, target: TargetRecord) -> str:
        return max(self._begun.get(target.name, ""), target.read or "")


def _quiet(_what: str, _count: int) -> None:
    """Nobody watches."""

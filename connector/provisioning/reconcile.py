"""Reconciliation of a target: plan, brake, approve, apply. A plan is stored before anything is written, and what is written is the plan.

In: the name of a target, or the id of a plan. Out: the stored plan, or what came of it. One run at a time at each target.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from connector.core.clock import to_text
from connector.core.errors import Conflict
from connector.core.ids import new_correlation_id
from connector.domain import plans as kept
from connector.domain.targets import fetch
from connector.domain.unit import SYSTEM, UPDATE, Caller, Domain, Unit
from connector.provisioning.attempt import Attempts, Outcome
from connector.provisioning.connections import Connections
from connector.provisioning.correlate import Doubt
from connector.provisioning.plan import NOT_WRITTEN
from connector.provisioning.plans import QUEUE, Entry, Plan, brakes, loads
from connector.provisioning.push import Push
from connector.provisioning.record import open_case
from connector.provisioning.survey import Progress, Surveyor
from connector.storage import cases, leases, links, outbox, targets
from connector.storage.plans import PlanRecord
from connector.targets.base import ChangedPage, ChangesTarget, CookieExpired

_LEASE = timedelta(minutes=10)
_MOST_CASES = 1000  # of accounts that are nobody's: more are a wrong base, and not a list to go through by hand


@dataclass
class Report:
    """What came of applying a plan: steps taken, agents of whom other steps were needed by now, problems by agent."""

    plan: str
    written: Counter[str] = field(default_factory=Counter)
    stale: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    released: int = 0

    @property
    def writes(self) -> int:
        return sum(self.written.values())

    @property
    def result(self) -> Mapping[str, int]:
        return {**self.written, "stale": len(self.stale), "failed": len(self.failed), "released": self.released}


class Reconciler:
    """Makes plans and carries them out."""

    def __init__(
        self, domain: Domain, connections: Connections, push: Push, attempts: Attempts, *, threads: int
    ) -> None:
        self._domain = domain
        self._connections = connections
        self._surveyor = Surveyor(domain, push)
        self._attempts = attempts
        self._threads = threads

    def plan(self, name: str, by: Caller, progress: Progress) -> tuple[PlanRecord, Plan]:
        """Look at the whole target and keep the plan. Nothing is written at the target; cases are opened for people."""
        with self._alone(name, progress) as told:
            at = self._connections.open(name)
            survey = self._surveyor.whole(at, told)
            tripped = brakes(survey.plan, at.mapping.policies.guard, at.mapping.answerable)
            with self._domain.change(by) as unit:
                stored = kept.keep(unit, name, survey.plan.kind, survey.plan.text, survey.plan.counts, tripped)
                _keep_cases(unit, name, survey.doubts)
                targets.change(unit.tx, name, read=unit.tx.now, cookie=survey.cookie)
        return stored, survey.plan

    def follow(self, name: str, progress: Progress) -> int:
        """Read what has changed at the target since the last look, and have the worker look at the agents concerned; how many.

        Each page's cookie is kept, so that the next look goes on from there. Where the target has forgotten the cookie, or shows more
        accounts gone than the guard allows, nothing is done: a whole look must follow (the cookie is dropped).
        """
        with self._alone(name, progress) as told:
            at = self._connections.open(name)
            with self._domain.view() as unit:
                cookie = fetch(unit, name).cookie
                allowed = at.mapping.policies.guard.allowed(links.count_agents(unit.tx, name))
            if not cookie or not isinstance(at.target, ChangesTarget):
                return 0
            followed, gone = 0, 0
            try:
                for page in at.target.changes(cookie):
                    gone += self._ours(name, page.gone)
                    if gone > allowed:
                        raise CookieExpired(f"{gone} accounts are gone at once")
                    followed += self._followed(name, page)
                    told("changes read", len(page.accounts) + len(page.gone))
            except CookieExpired:
                with self._domain.change(SYSTEM) as unit:
                    targets.change(unit.tx, name, cookie=None)
            return followed

    def _ours(self, name: str, anchors: Sequence[str]) -> int:
        """How many of them are accounts of agents: some targets tell of everybody who is gone."""
        with self._domain.view() as unit:
            return len(links.agents_at(unit.tx, name, anchors))

    def _followed(self, name: str, page: ChangedPage) -> int:
        with self._domain.change(SYSTEM) as unit:
            changed = links.agents_at(unit.tx, name, [*(one.id for one in page.accounts), *page.gone])
            unit.look_at(name, changed, priority=UPDATE)
            targets.change(unit.tx, name, cookie=page.cookie)
        return len(changed)

    def apply(self, plan_id: str, by: Caller, progress: Progress) -> Report:
        """Carry out the plan, unless it is stopped (Denied). What has changed since it was made is left to the worker."""
        with self._domain.change(by) as unit:
            stored = kept.start(unit, plan_id)
        plan, report = loads(stored.document), Report(plan_id)
        with self._alone(stored.target, progress) as told:
            if plan.kind == QUEUE:
                with self._domain.change(by) as unit:
                    outbox.release(unit.tx, f"target:{stored.target}", [entry.agent for entry in plan.entries])
                report.released = len(plan.entries)
            else:
                self._carry_out(plan, report, told)
            with self._domain.change(by) as unit:
                kept.finish(unit, plan_id, report.result)
        return report

    def _carry_out(self, plan: Plan, report: Report, progress: Progress) -> None:
        """Entry by entry; one that fails holds up no other."""
        todo = [entry for entry in plan.entries if entry.writes or entry.drift]
        with ThreadPoolExecutor(self._threads, thread_name_prefix=f"apply-{plan.target}") as pool:
            done = pool.map(lambda entry: self._attempts.now(entry.agent, plan.target, planned=entry.steps), todo)
            for entry, outcome in zip(todo, done, strict=True):
                _count(report, entry, outcome)
                progress("agents done", 1)

    @contextmanager
    def _alone(self, name: str, progress: Progress) -> Iterator[Progress]:
        """One run at a time at a target: Conflict where another process is at it. What is told of the progress keeps the lease."""
        holder, lease = new_correlation_id(), f"reconcile:{name}"
        kept_at = self._domain.database.clock()

        def told(what: str, count: int) -> None:
            nonlocal kept_at
            progress(what, count)
            if self._domain.database.clock() - kept_at > _LEASE / 10:
                kept_at = self._domain.database.clock()
                self._keep(lease, holder)

        if not self._keep(lease, holder):
            raise Conflict(f"another run is under way at {name}; it is one at a time", field="target")
        try:
            yield told
        finally:
            with self._domain.change(SYSTEM) as unit:
                leases.drop(unit.tx, lease, holder)

    def _keep(self, lease: str, holder: str) -> bool:
        with self._domain.change(SYSTEM) as unit:
            return leases.take(unit.tx, lease, holder, to_text(unit.tx.moment + _LEASE))


def _count(report: Report, entry: Entry, outcome: Outcome) -> None:
    if outcome.problem is not None:
        report.failed[entry.name] = outcome.problem
    elif outcome.stale:
        report.stale.append(entry.name)
    else:
        report.written.update(step["action"] for step in entry.steps if step["action"] not in NOT_WRITTEN)


def _keep_cases(unit: Unit, name: str, doubts: Mapping[str, Doubt]) -> None:
    """Open what is to be decided; what has settled itself is closed."""
    nobodys = [about for about, doubt in doubts.items() if doubt.kind == "unmatched"]
    for about in [*(about for about in doubts if about not in set(nobodys)), *nobodys[:_MOST_CASES]]:
        open_case(unit, name, about, doubts[about])
    cases.settle_others(unit.tx, name, still=set(doubts))

"""One attempt at a row of the outbox: push, then done, later, or given up; and what a failure says about the target as a whole.

In: a claim. Out: what was done. The worker, `connector push` and the application of a plan all go through here, so that no two of
them are at one account at the same time, and every outcome is recorded alike.
"""

import functools
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from connector.core.clock import to_text
from connector.core.errors import ConnectorError, Misconfigured, Unavailable
from connector.core.ids import correlation_id, new_correlation_id
from connector.core.logs import logger
from connector.domain.events import Action
from connector.domain.targets import QUARANTINE, fetch
from connector.domain.unit import SYSTEM, UPDATE, Domain, Unit
from connector.provisioning.connections import Connections
from connector.provisioning.correlate import NeedsDecision
from connector.provisioning.facts import Subject
from connector.provisioning.plan import NOT_WRITTEN
from connector.provisioning.plans import Document
from connector.provisioning.preview import Pushed
from connector.provisioning.push import Push
from connector.storage import outbox, targets
from connector.storage.outbox import Claim
from connector.storage.targets import TargetRecord
from connector.targets.base import NotAllowed, Propagating, TargetError, Throttled, Unreachable, Unsupported

FIRST_WAIT, LONGEST_WAIT = 0.5, 300.0
_TARGET_WAIT = 5.0  # how long a target that could not be reached is left alone, doubled each time
_PROPAGATION = 10.0  # when to look again at what a target does not show yet
_FRESH = 1.0  # so many seconds what was read of an agent may wait for its push
_PATIENCE = 40  # so many looks: a target that never shows it has lost it

log = logger()


@dataclass(frozen=True)
class Outcome:
    """What one attempt did: the steps taken, or the problem. `stale`: other steps were needed than those that were planned."""

    steps: tuple[str, ...] = ()
    problem: str | None = None
    stale: bool = False


@dataclass(frozen=True)
class Job:
    """A claimed row, and what was read of its agent right after that, at the time `read` of the monotonic clock."""

    claim: Claim
    subject: Subject | None = None
    read: float = 0.0


class Attempts:
    """Carries out claimed rows of destinations that are targets. Safe to share between threads."""

    def __init__(self, domain: Domain, connections: Connections, push: Push, *, lease_seconds: float) -> None:
        self._domain = domain
        self._connections = connections
        self._push = push
        self._lease_seconds = lease_seconds

    def now(self, agent_id: str, target: str, *, planned: Sequence[Document] | None = None) -> Outcome:
        """Push this agent at once, unless a worker is at it. `planned`: see Push.push."""
        correlation = correlation_id.get() or new_correlation_id()
        with self._domain.change(SYSTEM) as unit:
            claim = outbox.take(
                unit.tx, agent_id, f"target:{target}", seconds=self._lease_seconds, correlation_id=correlation
            )
        if claim is None:
            return Outcome(problem="a worker is at it just now")
        return self.carry_out(Job(claim), planned=planned)

    def jobs(self, claims: Sequence[Claim]) -> list[Job]:
        """What is to be carried out of claims of one destination. What they need is read for all in one go: by itself each push would
        spend more on that than on anything else. Changes from then on count up the row, and it is looked at again."""
        kind, _, name = claims[0].destination.partition(":") if claims else ("", "", "")
        if kind != "target":
            return [Job(claim) for claim in claims]
        read = time.monotonic()
        try:
            with self._domain.view() as unit:
                subjects = self._push.gather(unit, [claim.resource_id for claim in claims], name)
        except Exception:  # of one agent: none of the others may suffer, so each is read by itself
            log.exception("agents could not be read together", action="push", target=name)
            return [Job(claim) for claim in claims]
        return [Job(claim, subject, read) for claim, subject in zip(claims, subjects, strict=True)]

    def carry_out(self, job: Job, *, planned: Sequence[Document] | None = None) -> Outcome:
        """Push, and record how it went: every ConnectorError is dealt with here."""
        claim, name = job.claim, job.claim.destination.partition(":")[2]
        try:
            with self._domain.glance() as unit:
                record = fetch(unit, name)
                closed = planned is None and record.is_closed(unit.tx.now)
            if closed:  # since it was claimed
                with self._domain.change(SYSTEM) as unit:
                    outbox.give_back(unit.tx, claim)
                return Outcome(problem=f"{name} is paused, or left alone for a while")
            at, subject = self._connections.at(record), self._subject(job, name)
            end = functools.partial(_done, claim=claim)
            pushed = self._push.push(subject, at, end, planned=planned, untried=claim.untried)
        except ConnectorError as problem:
            self.failed(claim, problem)
            return Outcome(problem=problem.detail)
        self._well(record)
        steps = tuple(str(step) for step in pushed.steps)
        log.info("pushed", action="push", agent=claim.resource_id, target=name, steps=list(steps))
        return Outcome(steps, stale=pushed.stale)

    def _subject(self, job: Job, name: str) -> Subject:
        if job.subject is not None and time.monotonic() - job.read < _FRESH:
            return job.subject
        with self._domain.view() as unit:
            return self._push.gather(unit, [job.claim.resource_id], name)[0]

    def _well(self, record: TargetRecord) -> None:
        """It answered. Where nothing is known against it, that is written once a second only."""
        now = to_text(self._domain.database.clock())
        if not record.failures and (record.last_success or "") >= now[:19]:
            return
        with self._domain.change(SYSTEM) as unit:  # by itself: target rows are never locked with outbox rows
            targets.healthy(unit.tx, record.name)

    def failed(self, claim: Claim, problem: ConnectorError) -> None:
        """Later, where that may help; else given up until the agent changes or a person does something."""
        kind, _, name = claim.destination.partition(":")
        of_target = kind == "target" and isinstance(problem, Unreachable | Throttled | NotAllowed | Misconfigured)
        # A person may mend credentials or options: the work is kept for then.
        again = of_target or isinstance(problem, Unavailable) or (isinstance(problem, TargetError) and problem.retry)
        if isinstance(problem, Propagating) and claim.attempts >= _PATIENCE:
            again = False
        with self._domain.change(SYSTEM) as unit:
            if again:
                due = to_text(unit.tx.moment + timedelta(seconds=_later(claim, problem)))
                shown = "propagating" if isinstance(problem, Propagating) else None
                held = outbox.postpone(unit.tx, claim, due=due, problem=problem.detail, outcome=shown)
            else:
                held = outbox.finish(unit.tx, claim, problem=problem.detail, outcome=_kind(problem))
                if held:
                    detail = {"destination": claim.destination, "why": problem.detail}
                    unit.record(Action.ACCOUNT_FAILED, "agent", claim.resource_id, **detail)
            if kind == "target" and not held:
                _look_again(unit, claim)
        if of_target:
            self._block(name, problem)
            if _asked(problem) is None:  # a connection that was asked to wait keeps all its threads waiting
                self._connections.forget(name)
        log.warning(
            "not pushed",
            action="push",
            agent=claim.resource_id,
            destination=claim.destination,
            problem=problem.detail,
            again=again,
        )

    def probe(self, name: str) -> bool:
        """Ask a quarantined target whether it is well again; whether it is."""
        try:
            self._connections.open(name).target.check()
        except ConnectorError as problem:
            self._block(name, problem)
            self._connections.forget(name)
            return False
        with self._domain.change(SYSTEM) as unit:
            targets.healthy(unit.tx, name)
            unit.record(Action.TARGET_RELEASED, "target", name)
        return True

    def _block(self, name: str, problem: ConnectorError) -> None:
        """Leave the target alone for a while: as long as it asked for, else longer each time."""
        with self._domain.change(SYSTEM) as unit:
            target = targets.find(unit.tx, name)
            blocked_until = (target.blocked_until or "") if target else ""
            asked = _asked(problem)
            if target is None or (asked is None and blocked_until > unit.tx.now):
                return
            wait = asked if asked is not None else min(LONGEST_WAIT, back_off(target.failures, _TARGET_WAIT / 5))
            until = to_text(unit.tx.moment + timedelta(seconds=wait))
            if until > blocked_until:
                another = blocked_until <= unit.tx.now  # pushes that were under way together count as one failure
                targets.block(unit.tx, name, until=until, problem=problem.detail, failures=int(another))
                if another and target.failures + 1 == QUARANTINE:
                    unit.record(Action.TARGET_QUARANTINED, "target", name, why=problem.detail)


def _done(unit: Unit, pushed: Pushed, *, claim: Claim) -> None:
    unsupported = ", ".join(step.note for step in pushed.steps if step.action == "unsupported")
    if pushed.stale:  # nothing was done: what made the plan stale is still to be looked at
        why = "it has changed since the plan was made"
        held = outbox.postpone(unit.tx, claim, due=unit.tx.now, problem=why)
    elif pushed.again is not None:
        why = f"the account is deleted at {pushed.again}"
        held = outbox.postpone(unit.tx, claim, due=pushed.again, problem=why, outcome="propagating")
    elif unsupported:
        why = f"this target does not support {unsupported}"
        held = outbox.finish(unit.tx, claim, problem=why, outcome="unsupported")
    else:
        held = outbox.finish(unit.tx, claim)
    if not held:
        log.warning("another worker had taken the push over", agent=claim.resource_id, destination=claim.destination)
        if any(step.action not in NOT_WRITTEN for step in pushed.steps):
            _look_again(unit, claim)


def _look_again(unit: Unit, claim: Claim) -> None:
    """Who lost the lease on the way may have written over what its successor wrote: what is there now must be compared once more."""
    unit.look_at(claim.destination.partition(":")[2], [claim.resource_id], priority=UPDATE)


def back_off(attempts: int, first: float) -> float:
    """Exponential back-off with full jitter above the half, so that failed pushes do not come back all at once."""
    longest = min(LONGEST_WAIT, first * 2.0 ** min(attempts, 20))
    return longest * (0.5 + random.random() / 2)  # noqa: S311  (no secret depends on it)


def _later(claim: Claim, problem: ConnectorError) -> float:
    asked = problem.retry_after if isinstance(problem, Throttled | Unavailable | Propagating) else None
    return asked or (_PROPAGATION if isinstance(problem, Propagating) else back_off(claim.attempts, FIRST_WAIT))


def _kind(problem: ConnectorError) -> str:
    if isinstance(problem, NeedsDecision):
        return "case"
    return "unsupported" if isinstance(problem, Unsupported) else "failed"


def _asked(problem: ConnectorError) -> float | None:
    """How many seconds the target asked us to wait, if it did."""
    return problem.retry_after if isinstance(problem, TargetError) else None

"""Which targets there are: add, remove, list with their state. What a target is able to do is provisioning's business."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson

from connector.core.errors import Conflict, Invalid, NotFound
from connector.domain import unit as work
from connector.domain.events import Action
from connector.domain.unit import Unit
from connector.storage import outbox, plans, resources, targets
from connector.storage.outbox import Standing
from connector.storage.plans import PlanRecord
from connector.storage.targets import TargetRecord

QUARANTINE = 8  # failures of the target itself in a row; from then on a probe goes before any push


@dataclass(frozen=True)
class TargetState:
    """A target and how it stands: `state` is one of ready, working, retrying, blocked, quarantined, paused, held, attention.

    `held`: removals wait until the plan of that id is approved. `propagating` are among the pending, `unsupported` among the failed.
    """

    target: TargetRecord
    pending: int
    failed: int
    state: str
    problem: str | None
    held: str | None = None
    propagating: int = 0
    unsupported: int = 0


def add(
    unit: Unit,
    name: str,
    kind: str,
    mapping: str,
    options: Mapping[str, str],
    *,
    threads: int | None = None,
    rate: int = 0,
) -> TargetRecord:
    """A new target; every agent is looked at there (back-fill). Conflict where the name is taken."""
    if targets.find(unit.tx, name):
        raise Conflict(f"there is a target named {name!r} already", field="name")
    given = orjson.dumps(dict(options)).decode()
    made = TargetRecord(name, kind, mapping, given, unit.tx.now, threads=threads, rate=rate)
    targets.insert(unit.tx, made)
    unit.record(Action.TARGET_ADDED, "target", name, kind=kind, mapping=mapping)
    unit.look(resources.ids_of_kind(unit.tx, "agent"), priority=work.BACKFILL)
    return made


def remove(unit: Unit, name: str) -> None:
    """Forget the target, its links and its backlog. Accounts there stay as they are."""
    fetch(unit, name)
    targets.delete(unit.tx, name)
    outbox.forget(unit.tx, f"target:{name}")
    unit.record(Action.TARGET_REMOVED, "target", name)


def tune(unit: Unit, name: str, *, threads: int | None, rate: int | None) -> None:
    """How many pushes at the same time, and a second from each worker (0: as fast as it goes). What is None stays as it is."""
    fetch(unit, name)
    values = {key: value for key, value in (("threads", threads), ("rate", rate)) if value is not None}
    if values:
        targets.change(unit.tx, name, **values)
        unit.record(Action.TARGET_CHANGED, "target", name, **values)


def pause(unit: Unit, name: str, reason: str) -> None:
    """Send nothing there until it is resumed; the work is kept."""
    fetch(unit, name)
    if not reason.strip():
        raise Invalid("a pause needs a reason", field="because")
    targets.change(unit.tx, name, paused=f"{unit.by.name}: {reason}")
    unit.record(Action.TARGET_PAUSED, "target", name, why=reason)


def resume(unit: Unit, name: str) -> None:
    """Go on sending, at once: a block or quarantine ends too."""
    fetch(unit, name)
    targets.change(unit.tx, name, paused=None, blocked_until=None, failures=0, problem=None)
    unit.record(Action.TARGET_RESUMED, "target", name)


def failures(unit: Unit, name: str) -> list[Standing]:
    """Pushes that were given up (dead letters), oldest first."""
    fetch(unit, name)
    return outbox.given_up(unit.tx, f"target:{name}")


def replay(unit: Unit, name: str, agent_ids: Iterable[str] = ()) -> int:
    """Try the pushes again that were given up: those of these agents, or all; how many."""
    chosen = set(agent_ids)
    ids = [one.resource_id for one in failures(unit, name) if not chosen or one.resource_id in chosen]
    unit.look_at(name, ids, priority=work.UPDATE)
    return len(ids)


def fetch(unit: Unit, name: str) -> TargetRecord:
    found = targets.find(unit.tx, name)
    if found is None:
        known = ", ".join(targets.names(unit.tx)) or "none yet"
        raise NotFound(f"there is no target named {name!r}; there are: {known}", field="name")
    return found


def states(unit: Unit) -> list[TargetState]:
    backlog = {one.destination: one for one in outbox.backlog(unit.tx)}
    found = []
    for target in targets.everyone(unit.tx):
        waiting = backlog.get(f"target:{target.name}")
        pending, failed = (waiting.pending, waiting.failed) if waiting else (0, 0)
        blocked = target.blocked_until is not None and target.blocked_until > unit.tx.now
        problem = target.problem or (waiting.problem if waiting else None)
        held = _held(unit, target.name)
        if target.paused:
            state, problem = "paused", target.paused
        elif blocked:
            state = "quarantined" if target.failures >= QUARANTINE else "blocked"
        elif held:
            state, problem = "held", "; ".join(orjson.loads(held.brakes))
        elif pending:
            state = "retrying" if problem else "working"
        else:
            state = "attention" if failed else "ready"
        within = (waiting.propagating, waiting.unsupported) if waiting else (0, 0)
        found.append(TargetState(target, pending, failed, state, problem, held.id if held else None, *within))
    return found


def _held(unit: Unit, name: str) -> PlanRecord | None:
    """The plan that waits for an approval: of removals in the queue first, else of a reconciliation."""
    found = [plans.waiting(unit.tx, name, kind) for kind in ("queue", "reconcile")]
    return next((plan for plan in found if plan is not None and plan.brakes != "[]"), None)

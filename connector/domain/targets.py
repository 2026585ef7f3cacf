"""Which targets there are: add, remove, list with their state. What a target is able to do is provisioning's business."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from connector.core.errors import Conflict, NotFound
from connector.domain import unit as work
from connector.domain.events import Action
from connector.domain.unit import Unit
from connector.storage import outbox, resources, targets
from connector.storage.targets import TargetRecord


@dataclass(frozen=True)
class TargetState:
    """A target and how it stands: `state` is one of ready, working, retrying, blocked, attention."""

    target: TargetRecord
    pending: int
    failed: int
    state: str
    problem: str | None


def add(unit: Unit, name: str, kind: str, mapping: str, options: Mapping[str, str]) -> TargetRecord:
    """A new target; every agent is looked at there (back-fill). Conflict where the name is taken."""
    if targets.find(unit.tx, name):
        raise Conflict(f"there is a target named {name!r} already", field="name")
    made = TargetRecord(name, kind, mapping, orjson.dumps(dict(options)).decode(), unit.tx.now)
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
        if blocked:
            state = "blocked"
        elif pending:
            state = "retrying" if problem else "working"
        else:
            state = "attention" if failed else "ready"
        found.append(TargetState(target, pending, failed, state, problem))
    return found

"""Plans: what a reconciliation of a target would do, as it was computed, and whether somebody has approved it."""

from dataclasses import dataclass

import sqlalchemy as sa

from connector.storage import tables as t
from connector.storage.db import Transaction

_p = t.plan.c


@dataclass(frozen=True)
class PlanRecord:
    """`document` is canonical JSON, `digest` its SHA-256 in hex, `brakes` a JSON list of sentences; `state` see tables.py."""

    id: str
    target: str
    kind: str
    digest: str
    document: str
    brakes: str
    state: str
    made_by: str
    created: str
    modified: str
    approved_by: str | None = None
    reason: str | None = None


_COLUMNS = [_p[name] for name in PlanRecord.__dataclass_fields__]


def insert(tx: Transaction, plan: PlanRecord) -> None:
    """Keep it; an open plan of the same target and kind is replaced by it."""
    lift(tx, plan.target, plan.kind)
    tx.execute(sa.insert(t.plan).values(**vars(plan)))


def find(tx: Transaction, id: str) -> PlanRecord | None:
    row = tx.execute(sa.select(*_COLUMNS).where(_p.id == id)).first()
    return PlanRecord(**row._asdict()) if row else None


def waiting(tx: Transaction, target: str, kind: str) -> PlanRecord | None:
    """The plan of the target that was neither approved nor applied nor replaced."""
    row = tx.execute(sa.select(*_COLUMNS).where(*_waiting(target, kind))).first()
    return PlanRecord(**row._asdict()) if row else None


def lift(tx: Transaction, target: str, kind: str) -> None:
    """Its time is over; what it said need not be kept."""
    tx.execute(
        sa.update(t.plan).where(*_waiting(target, kind)).values(state="replaced", modified=tx.now, document="{}")
    )


def _waiting(target: str, kind: str) -> tuple[sa.ColumnElement[bool], ...]:
    return _p.target == target, _p.kind == kind, _p.state == "open"


def move(tx: Transaction, id: str, state: str, *, approved_by: str | None = None, reason: str | None = None) -> None:
    """Another state; who approved it and why, where that is the move."""
    values: dict[str, str] = {"state": state, "modified": tx.now}
    if approved_by is not None:
        values |= {"approved_by": approved_by, "reason": reason or ""}
    tx.execute(sa.update(t.plan).where(_p.id == id).values(values))

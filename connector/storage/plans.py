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
    """Keep it; an open plan of the same target is replaced by it."""
    tx.execute(
        sa.update(t.plan)
        .where(_p.target == plan.target, _p.state == "open")
        .values(state="replaced", modified=tx.now, document="{}")
    )
    tx.execute(sa.insert(t.plan).values(**vars(plan)))


def find(tx: Transaction, id: str) -> PlanRecord | None:
    row = tx.execute(sa.select(*_COLUMNS).where(_p.id == id)).first()
    return PlanRecord(**row._asdict()) if row else None


def latest(tx: Transaction, target: str) -> PlanRecord | None:
    """The newest plan of the target."""
    newest = sa.select(*_COLUMNS).where(_p.target == target).order_by(_p.created.desc(), _p.id.desc()).limit(1)
    row = tx.execute(newest).first()
    return PlanRecord(**row._asdict()) if row else None


def move(tx: Transaction, id: str, state: str, *, approved_by: str | None = None, reason: str | None = None) -> None:
    """Another state; who approved it and why, where that is the move."""
    values: dict[str, str] = {"state": state, "modified": tx.now}
    if approved_by is not None:
        values |= {"approved_by": approved_by, "reason": reason or ""}
    tx.execute(sa.update(t.plan).where(_p.id == id).values(values))

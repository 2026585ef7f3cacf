"""The outbox: "this resource at that destination must be looked at". One row a pair, so changes coalesce.

A row is open while `wanted` is ahead of `done`. Who works on it holds its lease; finishing is fenced by that lease, so that a
worker that was believed dead cannot undo what its successor recorded.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from connector.core.clock import to_text
from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.prepared import Prepared

_o = t.outbox.c
_open = _o.wanted > _o.done
_RELEASED, _DISABLE, _LAST = -1, 1, 5  # of the priorities in domain/unit.py, and one before them
_removal = sa.and_(  # an agent that has been switched on again since is none
    _o.priority.between(0, _DISABLE),
    ~sa.exists().where(t.resource.c.id == _o.resource_id, t.resource.c.active),
)
_now: sa.BindParameter[str] = sa.bindparam("now")
_free = sa.or_(_o.lease_until.is_(None), _o.lease_until < _now)
_ready = (_open, _o.due <= _now, _free)


def _destinations_due() -> Prepared:
    """Goes from destination to destination by the index of open rows, of which there may be a great many for each."""
    first = sa.select(sa.func.min(_o.destination).label("name")).where(_open).cte("found", recursive=True)
    following = sa.select(sa.func.min(_o.destination)).where(_open, _o.destination > first.c.name).scalar_subquery()
    found = first.union_all(sa.select(following).where(first.c.name.is_not(None)))
    due = sa.exists().where(_o.destination == found.c.name, *_ready)
    return Prepared(sa.select(found.c.name).where(found.c.name.is_not(None), due))


_due_at = _destinations_due()
# Whoever tried it once has left a lease, a problem, or a count that is done. `attempts` alone is begun anew by each change.
_untried = sa.and_(_o.done == 0, _o.attempts == 0, _o.lease.is_(None), _o.problem.is_(None))
_next = {
    removals: Prepared(
        sa.select(_o.resource_id, _o.wanted, _o.attempts, _o.correlation_id, _untried)
        .where(_o.destination == sa.bindparam("destination"), *_ready, *([] if removals else [sa.not_(_removal)]))
        .order_by(_o.priority, _o.due)  # no further: a back-fill has them all due at once, and sorting them takes long
        .limit(sa.bindparam("limit"))
        .with_for_update(skip_locked=True)
    )
    for removals in (True, False)
}
_row = sa.update(t.outbox).where(_o.resource_id == sa.bindparam("id_"), _o.destination == sa.bindparam("destination_"))
_held = _row.where(_o.lease == sa.bindparam("lease_"))
_lease = Prepared(_row, columns=("lease", "lease_until"))
_renew = Prepared(_held, columns=("lease_until",))
_give_back = Prepared(_held, columns=("lease", "lease_until"))
_END = ("problem", "outcome", "lease", "lease_until")
_finish = Prepared(_held, columns=("done", "attempts", "changed", *_END))
_postpone = Prepared(_held.where(_o.wanted == sa.bindparam("wanted_")), columns=("due", "attempts", *_END))
_free_with_problem = Prepared(_held, columns=_END)


@dataclass(frozen=True)
class Claim:
    """A row in our hands until the lease ends. `wanted` is the count of changes that this attempt will have covered.

    `untried`: nobody has ever begun to do anything about it.
    """

    resource_id: str
    destination: str
    wanted: int
    attempts: int
    lease: str
    correlation_id: str
    untried: bool = False


@dataclass(frozen=True)
class Backlog:
    """How a destination stands: rows waiting, rows that a person must look at, and the last problem seen.

    Among those that wait are the `propagating` ones, among the others those that are `unsupported` there.
    """

    destination: str
    pending: int
    failed: int
    problem: str | None
    propagating: int = 0
    unsupported: int = 0


@dataclass(frozen=True)
class Standing:
    """How a resource stands at a destination. `state`: synced, pending, propagating, failed, case or unsupported; `due`: next try."""

    resource_id: str
    destination: str
    state: str
    problem: str | None
    attempts: int
    due: str
    changed: str


def look(
    tx: Transaction, resource_ids: Iterable[str], destinations: Iterable[str], *, priority: int, correlation_id: str
) -> None:
    """Ask for a look at each resource at each destination."""
    wanted_at = sorted(destinations)
    rows = [
        {"resource_id": id, "destination": destination}
        for id in sorted(
            set(resource_ids)
        )  # everybody locks rows in the same order, or two transactions could deadlock
        for destination in wanted_at
    ]
    fresh = {"wanted": 1, "done": 0, "priority": priority, "attempts": 0, "due": tx.now, "changed": tx.now}
    insert = sqlite.insert(t.outbox) if tx.sqlite else postgresql.insert(t.outbox)
    for start in range(0, len(rows), 500):
        part = [{**row, **fresh, "correlation_id": correlation_id} for row in rows[start : start + 500]]
        statement = insert.values(part)
        urgent = sa.case(
            (sa.and_(_open, _o.priority < statement.excluded.priority), _o.priority), else_=statement.excluded.priority
        )
        changed = {
            "wanted": _o.wanted + 1,
            "priority": urgent,
            "attempts": 0,
            "due": tx.now,
            "correlation_id": correlation_id,
            "changed": tx.now,
        }
        tx.execute(statement.on_conflict_do_update(index_elements=["resource_id", "destination"], set_=changed))


def destinations_due(tx: Transaction) -> list[str]:
    """Destinations with work that may begin now."""
    return [row[0] for row in _due_at.all(tx, now=tx.now)]


def claim(tx: Transaction, destination: str, *, limit: int, seconds: float, removals: bool = True) -> list[Claim]:
    """Take up to `limit` rows of that destination, most urgent first, for that long; `removals` says whether also those that
    take an account away (see `removing`)."""
    chosen = _next[removals].all(tx, destination=destination, now=tx.now, limit=limit)
    claims = [
        Claim(id, destination, wanted, attempts, tx.new_id("lse"), correlation, bool(untried))
        for id, wanted, attempts, correlation, untried in chosen
    ]
    until = _until(tx, seconds)
    for one in claims:
        _lease.later(tx, **_key(one), lease=one.lease, lease_until=until)
    return claims


def take(tx: Transaction, resource_id: str, destination: str, *, seconds: float, correlation_id: str) -> Claim | None:
    """This very row, now, opened where there is none open; None where a worker is at it."""
    row = tx.execute(
        sa.select(_o.wanted, _o.done, _o.attempts, _free.label("free"))
        .where(_o.resource_id == resource_id, _o.destination == destination)
        .with_for_update(),
        {"now": tx.now},
    ).first()
    if row is not None and not row.free:
        return None
    if row is None or row.wanted == row.done:
        look(tx, [resource_id], [destination], priority=_LAST, correlation_id=correlation_id)
    wanted, attempts = (1, 0) if row is None else (row.wanted + (row.wanted == row.done), row.attempts)
    one = Claim(resource_id, destination, wanted, attempts, tx.new_id("lse"), correlation_id)
    _lease(tx, **_key(one), lease=one.lease, lease_until=_until(tx, seconds))
    return one


def removing(tx: Transaction, destination: str, *, most: int | None = None) -> list[tuple[str, int]]:
    """(resource, priority) of the open rows that will disable or delete an account there, where nobody has released them."""
    linked = sa.exists().where(t.link.c.resource_id == _o.resource_id, t.link.c.target == destination.partition(":")[2])
    chosen = sa.select(_o.resource_id, _o.priority).where(_o.destination == destination, _open, _removal, linked)
    return [(row[0], row[1]) for row in tx.execute(chosen.order_by(_o.resource_id).limit(most))]


def release(tx: Transaction, destination: str, resource_ids: Iterable[str]) -> None:
    """Somebody has approved that these accounts are disabled or deleted: they go before everything else."""
    for id in resource_ids:
        row = (_o.resource_id == id, _o.destination == destination, _removal)
        tx.execute(sa.update(t.outbox).where(*row).values(priority=_RELEASED, due=tx.now))


def renew(tx: Transaction, claim: Claim, *, seconds: float) -> bool:
    """Keep the lease for that long from now; False where another worker has taken it over."""
    held = _renew(tx, **_key(claim), lease_=claim.lease, lease_until=_until(tx, seconds))
    return bool(held.rowcount == 1)


def give_back(tx: Transaction, claim: Claim) -> None:
    """Not tried after all: somebody may claim it again."""
    _give_back(tx, **_key(claim), lease_=claim.lease, lease=None, lease_until=None)


def finish(tx: Transaction, claim: Claim, *, problem: str | None = None, outcome: str | None = None) -> bool:
    """Done, or given up with a problem until something changes; False where the lease was lost: nothing is recorded then.

    `outcome` says what the problem is: failed, case or unsupported.
    """
    end = {"problem": problem, "outcome": outcome, "lease": None, "lease_until": None}
    held = _finish(tx, **_key(claim), lease_=claim.lease, done=claim.wanted, attempts=0, changed=tx.now, **end)
    return bool(held.rowcount == 1)


def postpone(tx: Transaction, claim: Claim, *, due: str, problem: str, outcome: str | None = None) -> bool:
    """To be tried again at `due`."""
    key = {
        **_key(claim),
        "lease_": claim.lease,
        "problem": problem,
        "outcome": outcome,
        "lease": None,
        "lease_until": None,
    }
    if _postpone(tx, **key, wanted_=claim.wanted, due=due, attempts=claim.attempts + 1).rowcount == 1:
        return True
    # It has changed in the meantime: the change asked for a look now, which a wait of ours must not put off.
    return bool(_free_with_problem(tx, **key).rowcount == 1)


def _key(claim: Claim) -> dict[str, str]:
    return {"id_": claim.resource_id, "destination_": claim.destination}


def _until(tx: Transaction, seconds: float) -> str:
    return to_text(tx.moment + timedelta(seconds=seconds))


def backlog(tx: Transaction) -> list[Backlog]:
    counted = (
        sa.select(
            _o.destination,
            sa.func.sum(sa.case((_open, 1), else_=0)),
            sa.func.sum(sa.case((sa.and_(~_open, _o.problem.is_not(None)), 1), else_=0)),
            sa.func.max(_o.problem),
            sa.func.sum(sa.case((sa.and_(_open, _o.outcome == "propagating"), 1), else_=0)),
            sa.func.sum(sa.case((sa.and_(~_open, _o.outcome == "unsupported"), 1), else_=0)),
        )
        .group_by(_o.destination)
        .order_by(_o.destination)
    )
    return [Backlog(row[0], int(row[1]), int(row[2]), row[3], int(row[4]), int(row[5])) for row in tx.execute(counted)]


_STANDING = (
    _o.resource_id,
    _o.destination,
    _open.label("open"),
    _o.problem,
    _o.outcome,
    _o.attempts,
    _o.due,
    _o.changed,
)


def of_resource(tx: Transaction, resource_id: str) -> list[Standing]:
    """How it stands at each destination that was ever looked at."""
    query = sa.select(*_STANDING).where(_o.resource_id == resource_id).order_by(_o.destination)
    return [_standing(row) for row in tx.execute(query)]


def given_up(tx: Transaction, destination: str) -> list[Standing]:
    """Pushes that nobody will try again by himself (dead letters), oldest first."""
    query = sa.select(*_STANDING).where(_o.destination == destination, ~_open, _o.problem.is_not(None))
    return [_standing(row) for row in tx.execute(query.order_by(_o.changed, _o.resource_id))]


def waiting(tx: Transaction, destination: str) -> set[str]:
    """The resources that are to be looked at there, or are being looked at."""
    return set(tx.execute(sa.select(_o.resource_id).where(_o.destination == destination, _open)).scalars())


def _standing(row: Any) -> Standing:
    state = (
        row.outcome if row.problem and row.outcome else "pending" if row.open else "failed" if row.problem else "synced"
    )
    state = "pending" if row.open and state in ("failed", "case", "unsupported") else state
    return Standing(row.resource_id, row.destination, state, row.problem, row.attempts, row.due, row.changed)


def forget(tx: Transaction, destination: str) -> None:
    tx.execute(sa.delete(t.outbox).where(_o.destination == destination))

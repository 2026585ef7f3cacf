"""Correlation cases: accounts and agents whose counterpart a person must decide about. One case for each agent or account."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.prepared import Prepared

_c = t.correlation_case.c


@dataclass(frozen=True)
class Case:
    """`about` is the id of an agent, or of an account that no agent matches; `accounts` names the accounts in question by id."""

    id: str
    target: str
    kind: str
    about: str
    accounts: Mapping[str, str]
    detail: str
    state: str
    created: str
    decided_by: str | None = None
    reason: str | None = None


_COLUMNS = [_c[name] for name in Case.__dataclass_fields__]
_decided = sa.or_(_c.state == "ignored", _c.state == "unlinked")
_one = (_c.target == sa.bindparam("target"), _c.about == sa.bindparam("about"))
_ignored_of = Prepared(sa.select(_c.accounts).where(*_one, _decided))
_settle = Prepared(
    sa.update(t.correlation_case)
    .where(*_one, _c.state == "open")
    .values(state="settled", modified=sa.bindparam("modified_"))
)


def open_case(
    tx: Transaction, target: str, kind: str, about: str, accounts: Mapping[str, str], detail: str
) -> tuple[str, bool]:
    """The id of the case about that agent or account, and whether it is news. One that was decided to be ignored stays so, as
    long as its kind and its accounts are those that were decided about."""
    told = orjson.dumps(dict(accounts), option=orjson.OPT_SORT_KEYS).decode()
    before = tx.execute(
        sa.select(_c.id, _c.state, _c.kind, _c.accounts).where(_c.target == target, _c.about == about)
    ).first()
    if before and before.state in ("open", "ignored") and (before.kind, before.accounts) == (kind, told):
        return str(before.id), False
    id = before.id if before else tx.new_id("cse")
    insert = sqlite.insert(t.correlation_case) if tx.sqlite else postgresql.insert(t.correlation_case)
    row = {"kind": kind, "accounts": told, "detail": detail, "state": "open", "modified": tx.now}
    statement = insert.values(id=id, target=target, about=about, created=tx.now, **row)
    tx.execute(statement.on_conflict_do_update(index_elements=["target", "about"], set_=row))
    return str(id), True


def settle(tx: Transaction, target: str, about: str) -> None:
    """What the case was about has gone: nothing is to be decided any more."""
    _settle(tx, target=target, about=about, modified_=tx.now)


def settle_others(tx: Transaction, target: str, *, still: set[str]) -> None:
    """After a look at the whole target: open cases about anything else than `still` have settled themselves."""
    for about in tx.execute(sa.select(_c.about).where(_c.target == target, _c.state == "open")).scalars().all():
        if about not in still:
            settle(tx, target, about)


def decide(tx: Transaction, id: str, state: str, *, by: str, reason: str | None) -> None:
    tx.execute(
        sa.update(t.correlation_case)
        .where(_c.id == id)
        .values(state=state, decided_by=by, reason=reason, modified=tx.now)
    )


def find(tx: Transaction, id: str) -> Case | None:
    row = tx.execute(sa.select(*_COLUMNS).where(_c.id == id)).first()
    return _case(row) if row else None


def listing(tx: Transaction, *, target: str = "", state: str = "open") -> list[Case]:
    """The cases in that state, oldest first; of all targets where none is named."""
    where = [_c.state == state, *([_c.target == target] if target else [])]
    return [_case(row) for row in tx.execute(sa.select(*_COLUMNS).where(*where).order_by(_c.created, _c.id))]


def ignored(tx: Transaction, target: str) -> dict[str, frozenset[str]]:
    """What is decided not to belong together: agent (or account without one) to the accounts."""
    decided = sa.select(_c.about, _c.accounts).where(_c.target == target, _decided)
    return {about: frozenset(orjson.loads(accounts)) for about, accounts in tx.execute(decided)}


def ignored_of(tx: Transaction, target: str, about: str) -> frozenset[str]:
    """The same of one agent."""
    row = _ignored_of.first(tx, target=target, about=about)
    return frozenset(orjson.loads(row[0])) if row else frozenset()


def _case(row: sa.Row[tuple[object, ...]]) -> Case:
    values = row._asdict()
    return Case(**{**values, "accounts": orjson.loads(values["accounts"])})

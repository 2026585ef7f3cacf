"""Links: a record of ours and its counterpart (account, group) at one target."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.lists import within
from connector.storage.prepared import Prepared

_AGENT = "agt-"  # the ids of agents begin so (domain/schema.py)
UNKNOWN = "{}"  # nothing is remembered of the account: a person has linked it

_l = t.link.c


@dataclass(frozen=True)
class Link:
    """`applied` is JSON of what was last written there: the account's attributes, its state and its groups."""

    resource_id: str
    target: str
    remote_id: str
    applied: str

    @property
    def is_agents(self) -> bool:
        """Not that of a person or group that is read from there."""
        return self.resource_id.startswith(_AGENT)


_COLUMNS = [_l.resource_id, _l.target, _l.remote_id, _l.applied]
_of_agent = _l.resource_id.startswith(_AGENT)
_one = (_l.resource_id == sa.bindparam("id"), _l.target == sa.bindparam("target"))
_delete = Prepared(sa.delete(t.link).where(*_one))
_holder = Prepared(
    sa.select(_l.resource_id).where(_l.target == sa.bindparam("target"), _l.remote_id == sa.bindparam("remote_id"))
)
_ROW: dict[str, Any] = {
    name: sa.bindparam(name) for name in ("resource_id", "target", "remote_id", "applied", "created", "modified")
}


def _saving(insert: Any) -> Prepared:
    changed = {name: insert.excluded[name] for name in ("remote_id", "applied", "modified")}
    return Prepared(insert.on_conflict_do_update(index_elements=["resource_id", "target"], set_=changed))


_save = {
    "sqlite": _saving(sqlite.insert(t.link).values(_ROW)),
    "postgresql": _saving(postgresql.insert(t.link).values(_ROW)),
}
_among = Prepared(sa.select(*_COLUMNS).where(_l.target == sa.bindparam("target"), within(_l.resource_id, "ids")))
_linked = Prepared(sa.select(_l.resource_id).where(_l.target == sa.bindparam("target"), within(_l.resource_id, "ids")))
_agents_at = Prepared(
    sa.select(_l.resource_id).where(_l.target == sa.bindparam("target"), within(_l.remote_id, "ids"), _of_agent)
)


def find(tx: Transaction, resource_id: str, target: str) -> Link | None:
    return among(tx, target, [resource_id]).get(resource_id)


def among(tx: Transaction, target: str, ids: Iterable[str]) -> dict[str, Link]:
    """The links there of these records, by the id of the record."""
    rows = _among.all(tx, target=target, ids=orjson.dumps(list(ids)).decode())
    return {row[0]: Link(*row) for row in rows}


def holder(tx: Transaction, target: str, remote_id: str) -> str | None:
    """The id of the record that the account or group at the target is linked to."""
    row = _holder.first(tx, target=target, remote_id=remote_id)
    return row[0] if row else None


def agents_at(tx: Transaction, target: str, remote_ids: Iterable[str]) -> list[str]:
    """The ids of the agents that these accounts are linked to. People and groups are linked, too, and never pushed there."""
    return [row[0] for row in _agents_at.all(tx, target=target, ids=orjson.dumps(list(remote_ids)).decode())]


def linked(tx: Transaction, target: str, ids: Iterable[str]) -> set[str]:
    """Of these records those that are linked to something at the target."""
    return {row[0] for row in _linked.all(tx, target=target, ids=orjson.dumps(list(ids)).decode())}


def of_target(tx: Transaction, target: str) -> list[Link]:
    """The links there: of agents, and of the people and groups that are read from there."""
    return [Link(*row) for row in tx.execute(sa.select(*_COLUMNS).where(_l.target == target))]


def of_resource(tx: Transaction, resource_id: str) -> list[Link]:
    return [Link(*row) for row in tx.execute(sa.select(*_COLUMNS).where(_l.resource_id == resource_id))]


def count_agents(tx: Transaction, target: str) -> int:
    """How many agents are linked there."""
    counted = sa.select(sa.func.count()).select_from(t.link).where(_l.target == target, _of_agent)
    return int(tx.execute(counted).scalar() or 0)


def save(tx: Transaction, link: Link) -> None:
    _save[tx.dialect](tx, **vars(link), created=tx.now, modified=tx.now)


def delete(tx: Transaction, resource_id: str, target: str) -> None:
    _delete(tx, id=resource_id, target=target)

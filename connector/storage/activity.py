"""When an agent was last seen: a token was issued to it, or it signed on."""

from collections.abc import Iterable
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.lists import within
from connector.storage.prepared import Prepared

_a = t.activity.c
_ROW: dict[str, Any] = {name: sa.bindparam(name) for name in ("agent_id", "last_seen")}
_LATER: dict[str, Any] = {"index_elements": ["agent_id"], "set_": {"last_seen": _ROW["last_seen"]}}
_seen = {
    "sqlite": Prepared(sqlite.insert(t.activity).values(_ROW).on_conflict_do_update(**_LATER)),
    "postgresql": Prepared(postgresql.insert(t.activity).values(_ROW).on_conflict_do_update(**_LATER)),
}
_last = Prepared(sa.select(_a.agent_id, _a.last_seen).where(within(_a.agent_id, "ids")))


def seen(tx: Transaction, agent_id: str) -> None:
    _seen[tx.dialect](tx, agent_id=agent_id, last_seen=tx.now)


def last_seen(tx: Transaction, agent_ids: Iterable[str]) -> dict[str, str]:
    """The moment, for each agent that was ever seen."""
    return dict(_last.all(tx, ids=orjson.dumps(list(agent_ids)).decode()))

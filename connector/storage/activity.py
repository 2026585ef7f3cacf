"""When an agent was last seen: a token was issued to it, or it signed on."""

from collections.abc import Iterable

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.lists import within
from connector.storage.prepared import Prepared

_a = t.activity.c
_last = Prepared(sa.select(_a.agent_id, _a.last_seen).where(within(_a.agent_id, "ids")))


def seen(tx: Transaction, agent_id: str) -> None:
    insert = sqlite.insert(t.activity) if tx.sqlite else postgresql.insert(t.activity)
    row = insert.values(agent_id=agent_id, last_seen=tx.now)
    tx.execute(row.on_conflict_do_update(index_elements=["agent_id"], set_={"last_seen": tx.now}))


def last_seen(tx: Transaction, agent_ids: Iterable[str]) -> dict[str, str]:
    """The moment, for each agent that was ever seen."""
    return dict(_last.all(tx, ids=orjson.dumps(list(agent_ids)).decode()))

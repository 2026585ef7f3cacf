"""Authorization requests that agents have pushed (RFC 9126), and the agents that must do so."""

import orjson
import sqlalchemy as sa

from connector.storage import tables as t
from connector.storage.db import Transaction

_p, _o = t.pushed_request.c, t.push_only.c


def insert(tx: Transaction, uri_hash: str, agent_id: str, parameters: dict[str, str], expires: str) -> None:
    """Keep it; those that have expired go."""
    tx.execute(sa.delete(t.pushed_request).where(_p.expires < tx.now))
    values = {"uri_hash": uri_hash, "agent_id": agent_id, "parameters": orjson.dumps(parameters).decode()}
    tx.execute(sa.insert(t.pushed_request).values(**values, expires=expires))


def find(tx: Transaction, uri_hash: str, agent_id: str) -> dict[str, str] | None:
    """The parameters, where that agent has pushed them and they have not expired."""
    asked = sa.select(_p.parameters).where(_p.uri_hash == uri_hash, _p.agent_id == agent_id, _p.expires > tx.now)
    found = tx.execute(asked).scalar()
    return None if found is None else orjson.loads(found)


def delete(tx: Transaction, uri_hash: str) -> bool:
    """Whether it was there: of two that want it gone at once, one has done it."""
    return bool(tx.execute(sa.delete(t.pushed_request).where(_p.uri_hash == uri_hash)).rowcount)


def is_push_only(tx: Transaction, agent_id: str) -> bool:
    return tx.execute(sa.select(_o.agent_id).where(_o.agent_id == agent_id)).first() is not None


def set_push_only(tx: Transaction, agent_id: str, only: bool) -> None:
    tx.execute(sa.delete(t.push_only).where(_o.agent_id == agent_id))
    if only:
        tx.execute(sa.insert(t.push_only).values(agent_id=agent_id))

"""Who answers for an agent: links from agents to people (or groups) in the role owner or sponsor."""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from connector.storage import tables as t
from connector.storage.db import Transaction

_o = t.ownership.c


@dataclass(frozen=True)
class Ownership:
    holder_id: str
    role: str
    accountable: bool


def assign(tx: Transaction, agent_id: str, ownerships: Iterable[Ownership]) -> None:
    """Replace all of the agent's ownerships by these."""
    tx.execute(sa.delete(t.ownership).where(_o.agent_id == agent_id))
    rows = [{"agent_id": agent_id, **vars(one)} for one in ownerships]
    if rows:
        tx.execute(sa.insert(t.ownership), rows)


def of_agent(tx: Transaction, agent_id: str) -> list[Ownership]:
    """The accountable one first."""
    return of_agents(tx, [agent_id])[agent_id]


def of_agents(tx: Transaction, agent_ids: Iterable[str]) -> dict[str, list[Ownership]]:
    """The ownerships of several agents in one query; of each, the accountable one first."""
    held: dict[str, list[Ownership]] = {id: [] for id in agent_ids}
    query = sa.select(_o.agent_id, _o.holder_id, _o.role, _o.accountable).where(_o.agent_id.in_(list(held)))
    for row in tx.execute(query.order_by(_o.role, _o.accountable.desc(), _o.holder_id)):
        held[row.agent_id].append(Ownership(row.holder_id, row.role, row.accountable))
    return held


def agents_of(tx: Transaction, holder_id: str) -> list[str]:
    """Ids of the agents that this person or group answers for, in any role."""
    return list(tx.execute(sa.select(_o.agent_id).where(_o.holder_id == holder_id).distinct()).scalars())

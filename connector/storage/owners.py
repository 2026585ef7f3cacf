"""Who answers for an agent: links from agents to people (or groups) in the role owner or sponsor."""

from collections.abc import Iterable
from dataclasses import dataclass

import orjson
import sqlalchemy as sa

from connector.storage import resources
from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.lists import within
from connector.storage.prepared import Prepared
from connector.storage.resources import Record

_o = t.ownership.c
_of_agents = Prepared(
    sa.select(_o.agent_id, _o.holder_id, _o.role, _o.accountable)
    .where(within(_o.agent_id, "ids"))
    .order_by(_o.role, _o.accountable.desc(), _o.holder_id)
)
_holders_of = Prepared(
    sa.select(*resources.COLUMNS, _o.role)
    .join(t.ownership, _o.holder_id == t.resource.c.id)
    .where(_o.agent_id == sa.bindparam("agent"))
    .order_by(_o.role, _o.accountable.desc(), _o.holder_id)
)
_agents_of = Prepared(sa.select(_o.agent_id).where(_o.holder_id == sa.bindparam("holder")).distinct())
_insert = Prepared(sa.insert(t.ownership), columns=("agent_id", "holder_id", "role", "accountable"))
_clear = Prepared(sa.delete(t.ownership).where(_o.agent_id == sa.bindparam("agent")))


@dataclass(frozen=True)
class Ownership:
    holder_id: str
    role: str
    accountable: bool


def assign(tx: Transaction, agent_id: str, ownerships: Iterable[Ownership]) -> None:
    """Replace all of the agent's ownerships by these."""
    _clear(tx, agent=agent_id)
    give(tx, agent_id, ownerships)


def give(tx: Transaction, agent_id: str, ownerships: Iterable[Ownership]) -> None:
    """The ownerships of an agent that has none yet."""
    for one in ownerships:
        _insert(tx, agent_id=agent_id, holder_id=one.holder_id, role=one.role, accountable=one.accountable)


def make_accountable(tx: Transaction, agent_id: str, holder_id: str) -> None:
    """Of the agent's owners this one is accountable from now on."""
    tx.execute(
        sa.update(t.ownership)
        .where(_o.agent_id == agent_id, _o.role == "owner")
        .values(accountable=_o.holder_id == holder_id)
    )


def of_agent(tx: Transaction, agent_id: str) -> list[Ownership]:
    """The accountable one first."""
    return of_agents(tx, [agent_id])[agent_id]


def of_agents(tx: Transaction, agent_ids: Iterable[str]) -> dict[str, list[Ownership]]:
    """The ownerships of several agents in one query; of each, the accountable one first."""
    held: dict[str, list[Ownership]] = {id: [] for id in agent_ids}
    for agent_id, holder_id, role, accountable in _of_agents.all(tx, ids=orjson.dumps(list(held)).decode()):
        held[agent_id].append(Ownership(holder_id, role, bool(accountable)))
    return held


def holders_of(tx: Transaction, agent_id: str) -> list[tuple[str, Record]]:
    """Those of them that are there, with the role; the accountable one first."""
    return [(row[-1], resources.record(row[:-1])) for row in _holders_of.all(tx, agent=agent_id)]


def agents_of(tx: Transaction, holder_id: str) -> list[str]:
    """Ids of the agents that this person or group answers for, in any role."""
    return [row[0] for row in _agents_of.all(tx, holder=holder_id)]

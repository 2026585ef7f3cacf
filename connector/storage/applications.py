"""Which agents an agentic application has, as rows: the agent's side of it is shown with the agent."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
import sqlalchemy as sa

from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.lists import within
from connector.storage.prepared import Prepared

_a = t.application_agent.c
_agents = Prepared(
    sa.select(_a.application_id, _a.agent_id, _a.type, t.resource.c.name)
    .join(t.resource, t.resource.c.id == _a.agent_id)
    .where(within(_a.application_id, "ids"))
    .order_by(_a.agent_id)
)
_applications = Prepared(
    sa.select(_a.agent_id, _a.application_id, _a.type, t.resource.c.name)
    .join(t.resource, t.resource.c.id == _a.application_id)
    .where(within(_a.agent_id, "ids"))
    .order_by(_a.application_id)
)


def assign(tx: Transaction, application_id: str, agents: Mapping[str, str | None]) -> None:
    """Replace all of the application's agents by these: id to type."""
    tx.execute(sa.delete(t.application_agent).where(_a.application_id == application_id))
    rows = [{"application_id": application_id, "agent_id": id, "type": type} for id, type in agents.items()]
    if rows:
        tx.execute(sa.insert(t.application_agent), rows)


def agents_of(tx: Transaction, application_ids: Iterable[str]) -> dict[str, list[tuple[str, str | None, str]]]:
    """For each application that has any: (agent id, type, agent's name)."""
    return _by_first(_agents.all(tx, ids=orjson.dumps(list(application_ids)).decode()))


def of_agents(tx: Transaction, agent_ids: Iterable[str]) -> dict[str, list[tuple[str, str | None, str]]]:
    """For each agent that is in any: (application id, type, application's name)."""
    return _by_first(_applications.all(tx, ids=orjson.dumps(list(agent_ids)).decode()))


def _by_first(rows: list[Any]) -> dict[str, list[tuple[str, str | None, str]]]:
    found: dict[str, list[tuple[str, str | None, str]]] = {}
    for first, *rest in rows:
        found.setdefault(first, []).append(tuple(rest))
    return found

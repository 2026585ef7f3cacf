"""A unit of work: one transaction, who asks for it, and what must commit with it: audit events and outbox rows."""

import hmac
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from connector.core import ids
from connector.core.keys import KeyRing
from connector.core.lives import LONGEST_DAYS
from connector.domain.events import Action
from connector.storage import audit, clients, outbox, targets
from connector.storage.db import Database, Transaction


@dataclass(frozen=True)
class Caller:
    """Who asks: kind `client` (inbound SCIM client), `agent`, `person` (signed in), `idp` (a workforce IdP), `operator` (the command
    line) or `system` (worker, sealer).

    `own_only`: it may see and touch only what it has created; `if_match`: it must name the version that it changes; `rate`: requests
    per second, 0 for no limit; `park_members`: it may name members of groups before they are there; `token_minutes`: how long its access
    tokens last. `person` is the id of the person on whose behalf it acts, if any; `reason` is the caller's own why.
    """

    kind: str
    id: str
    name: str
    scopes: frozenset[str] = frozenset()
    person: str | None = None
    reason: str | None = None
    profile: str = "default"
    dialect: str = "wzdk"
    own_only: bool = False
    if_match: bool = False
    rate: int = 0
    park_members: bool = False
    token_minutes: int = 10

    def because(self, reason: str) -> "Caller":
        return replace(self, reason=reason)


SYSTEM = Caller("system", "system", "system")


@dataclass(frozen=True)
class Unit:
    """An open transaction on behalf of a caller."""

    tx: Transaction
    by: Caller
    _mac_key: bytes = field(repr=False)
    longest_days: Mapping[str, int]  # of an agent's credential, by its kind

    def record(self, action: Action, subject_kind: str, subject_id: str, **detail: Any) -> None:
        """Write the audit event of a change. Details must hold no secret."""
        event: dict[str, Any] = {
            "id": self.tx.new_id("evt"),
            "time": self.tx.now,
            "action": action.value,
            "actor": {"kind": self.by.kind, "id": self.by.id, "name": self.by.name},
            "subject": {"kind": subject_kind, "id": subject_id},
            "correlationId": ids.correlation_id.get(),
            "detail": {name: value for name, value in detail.items() if value is not None},
        }
        if self.by.person:
            event["onBehalfOf"] = self.by.person
        if self.by.reason:
            event["reason"] = self.by.reason
        body = canonical(event)
        mac = hmac.digest(self._mac_key, body, "sha256").hex()
        audit.add(self.tx, event["id"], action=action.value, subject_id=subject_id, body=body.decode(), mac=mac)

    def look(self, agent_ids: Iterable[str], *, priority: int) -> None:
        """Ask the worker to look at these agents at every target."""
        agent_ids = list(agent_ids)
        if not agent_ids:
            return
        destinations = [f"target:{name}" for name in targets.names(self.tx)]
        if destinations:
            self._enqueue(agent_ids, destinations, priority)

    def look_at(self, target: str, agent_ids: Iterable[str], *, priority: int) -> None:
        """Ask the worker to look at these agents at one target."""
        self._enqueue(agent_ids, [f"target:{target}"], priority)

    def tell_apps(self, agent_id: str, entity_ids: Iterable[str]) -> None:
        """Ask the worker to tell these applications that the agent's sessions have ended."""
        self._enqueue([agent_id], [f"app:{entity_id}" for entity_id in entity_ids], DEPROVISION)

    def _enqueue(self, resource_ids: Iterable[str], destinations: list[str], priority: int) -> None:
        correlation = ids.correlation_id.get() or ids.new_correlation_id()
        outbox.look(self.tx, resource_ids, destinations, priority=priority, correlation_id=correlation)


# The order of outbound work: what takes access away goes first.
DEPROVISION, DISABLE, MEMBERSHIP, UPDATE, CREATE, BACKFILL = range(6)


def canonical(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no spaces (RFC 8785 for the values that we write: texts, booleans, small integers)."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


class Domain:
    """What the edges and the worker hold: opens units of work."""

    def __init__(self, database: Database, keys: KeyRing, *, longest_days: Mapping[str, int] = LONGEST_DAYS) -> None:
        self.database = database
        self.longest_days = longest_days
        self.keys = keys
        self.mac_key = keys.derive("audit event")

    @contextmanager
    def change(self, by: Caller) -> Iterator[Unit]:
        """A unit that may write; commits at the end, or not at all."""
        with self.database.transaction() as tx:
            if (
                by.park_members
            ):  # one at a time, before any other lock: or a member and its resource could miss each other
                clients.hold(tx, by.id)
            yield Unit(tx, by, self.mac_key, self.longest_days)

    @contextmanager
    def view(self, by: Caller = SYSTEM) -> Iterator[Unit]:
        """A unit that only reads."""
        with self.database.snapshot() as tx:
            yield Unit(tx, by, self.mac_key, self.longest_days)

    @contextmanager
    def glance(self) -> Iterator[Unit]:
        """For a single reading statement, outside of any other unit."""
        with self.database.glance() as tx:
            yield Unit(tx, SYSTEM, self.mac_key, self.longest_days)

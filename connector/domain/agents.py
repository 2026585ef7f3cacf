"""Agents: register, change, suspend, delete. The only writer of agents.

Owners and sponsors are rows, not part of the stored document; `document` puts the two together.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from connector.core.clock import to_text
from connector.core.errors import Invalid
from connector.domain import credentials, delegations, lifecycle, resources, sessions
from connector.domain import unit as work
from connector.domain.events import Action
from connector.domain.resources import Draft, Record
from connector.domain.schema import GOVERNANCE, TYPE_OF
from connector.domain.unit import Unit
from connector.storage import activity, clients, owners, scopes, tombstones
from connector.storage import credentials as credential_store
from connector.storage.credentials import Credential
from connector.storage.owners import Ownership
from connector.storage.resources import by_ids
from connector.storage.resources import expired as _expired


def register(unit: Unit, document: dict[str, Any], external_id: str | None) -> Record:
    """A new agent. Invalid where its owners do not exist or its state contradicts itself; Conflict where a name is taken."""
    draft, ownerships = _draft(unit, document, external_id, before=None)
    record = resources.create(unit, "agent", draft)
    owners.give(unit.tx, record.id, ownerships)
    certificates = _certificates(document)
    if certificates:
        credentials.replace_certificates(unit, record.id, certificates)
    unit.record(Action.AGENT_CREATED, "agent", record.id, name=record.name, owners=[o.holder_id for o in ownerships])
    unit.look([record.id], priority=work.CREATE)
    return record


def amend(unit: Unit, before: Record, document: dict[str, Any], external_id: str | None) -> Record:
    """Bring the agent to that document (as `document()` gives it). Switching it off kills sessions and tokens at once."""
    draft, ownerships = _draft(unit, document, external_id, before=before)
    owners_changed = set(ownerships) != set(owners.of_agent(unit.tx, before.id))
    after, changed = resources.save(unit, before, draft, also_changed=owners_changed)
    if after is before:
        return before
    if owners_changed:
        owners.assign(unit.tx, before.id, ownerships)
        changed.append("owners")
    if "x509Certificates" in changed:
        credentials.replace_certificates(unit, before.id, _certificates(document))
    if before.active and not after.active:
        _cut_off(unit, before.id)
        unit.record(Action.AGENT_SUSPENDED, "agent", before.id, name=after.name)
    elif after.active and not before.active:
        unit.record(Action.AGENT_RESUMED, "agent", before.id, name=after.name)
    unit.record(Action.AGENT_CHANGED, "agent", before.id, name=after.name, changed=changed)
    unit.look([before.id], priority=work.UPDATE if after.active else work.DISABLE)
    return after


def delete(unit: Unit, record: Record) -> None:
    """Remove the agent. Its accounts at targets are dealt with by the worker, by their links."""
    _cut_off(unit, record.id)
    credentials.revoke_all(unit, "agent", record.id)
    clients.remove_trusts(unit.tx, record.id)
    scopes.forget(unit.tx, record.id)
    delegations.end_all(unit, record.id)
    resources.remove(unit, record)
    tombstones.put(unit.tx, "agent", record.id, record.name)
    unit.record(Action.AGENT_DELETED, "agent", record.id, name=record.name)
    unit.look([record.id], priority=work.DEPROVISION)


def suspend_expired(unit: Unit, *, limit: int = 100) -> int:
    """Suspend agents whose validUntil has passed; how many."""
    ids = _expired(unit.tx, limit)
    for id in ids:
        record = resources.fetch(unit, "agent", id, lock=True)
        amend(unit, record, {**document(unit, record), "active": False}, record.external_id)
    return len(ids)


def document(unit: Unit, record: Record) -> dict[str, Any]:
    """The agent's document with its owners and sponsor."""
    return documents(unit, [record])[record.id]


def documents(unit: Unit, records: list[Record]) -> dict[str, dict[str, Any]]:
    """The documents of several agents with their owners and sponsors, by id."""
    held = owners.of_agents(unit.tx, [record.id for record in records])
    holders = by_ids(unit.tx, {one.holder_id for ownerships in held.values() for one in ownerships})
    return {record.id: _with_owners(orjson.loads(record.document), held[record.id], holders) for record in records}


def _with_owners(document: dict[str, Any], held: list[Ownership], holders: dict[str, Record]) -> dict[str, Any]:
    listed = []
    for one in held:
        holder = holders.get(one.holder_id)
        if holder is None:
            continue  # deleted by another transaction since the ownerships were read
        entry: dict[str, Any] = {"value": holder.id, "display": display(holder), "type": TYPE_OF[holder.kind]}
        if one.role == "sponsor":
            document.setdefault(GOVERNANCE, {})["sponsor"] = entry
        else:
            listed.append({**entry, "primary": True} if one.accountable else entry)
    if listed:
        document["owners"] = listed
    return document


@dataclass(frozen=True)
class Facts:
    """What we know of an agent beside its document: its credentials, never their secrets, and when it was last seen."""

    now: str
    credentials: tuple[Credential, ...] = ()
    last_seen: str | None = None


def facts(unit: Unit, ids: list[str]) -> dict[str, Facts]:
    """The facts of each agent."""
    held = credential_store.of_holders(unit.tx, ids)
    seen = activity.last_seen(unit.tx, ids)
    return {id: Facts(unit.tx.now, tuple(held.get(id, ())), seen.get(id)) for id in ids}


def display(record: Record) -> str:
    """What a person or group is called."""
    return str(orjson.loads(record.document).get("displayName") or record.name)


def _draft(
    unit: Unit, document: dict[str, Any], external_id: str | None, *, before: Record | None
) -> tuple[Draft, list[Ownership]]:
    kept = {name: value for name, value in document.items() if name not in ("owners", "active", GOVERNANCE)}
    governance = dict(document.get(GOVERNANCE) or {})
    ownerships = _ownerships(unit, document.get("owners") or [], governance.pop("sponsor", None))
    given = governance.pop("lifecycleState", None)
    old = (before.active, state(before)) if before else None
    active, now = lifecycle.move(old, document.get("active"), given)
    if (
        before is None or given is not None or now != lifecycle.implied(active)
    ):  # it may be removed where `active` says the same
        governance["lifecycleState"] = now
    expires = governance.get("validUntil")
    if governance.get("validFrom", "") > (expires or "9999"):
        raise Invalid("validUntil is before validFrom", field="validUntil")
    switched_on = active and not (before and before.active)
    if switched_on and expires is not None and expires <= to_text(unit.tx.moment):
        raise Invalid(
            f"validUntil {expires} has passed: an active agent needs a later one, or none", field="validUntil"
        )
    _check_parent(unit, kept.get("parent"), before)
    if before is None or "active" in document:  # a client may remove the attribute; the state stays
        kept["active"] = active
    if governance or any(one.role == "sponsor" for one in ownerships):
        kept[GOVERNANCE] = governance
    return Draft(kept, external_id, active=active, expires=expires), ownerships


def state(record: Record) -> str:
    """The agent's lifecycle state, whether or not its document says so."""
    held = orjson.loads(record.document).get(GOVERNANCE, {}).get("lifecycleState")
    return held or lifecycle.implied(record.active)


def _ownerships(unit: Unit, listed: list[dict[str, Any]], sponsor: dict[str, Any] | None) -> list[Ownership]:
    primary = next((one["value"] for one in listed if one.get("primary")), listed[0]["value"] if listed else None)
    wanted = {one["value"]: Ownership(one["value"], "owner", one["value"] == primary) for one in listed}
    ownerships = list(wanted.values())
    if sponsor:
        ownerships.append(Ownership(sponsor["value"], "sponsor", False))
    known = by_ids(unit.tx, [one.holder_id for one in ownerships])
    for one in ownerships:
        field = "owners.value" if one.role == "owner" else "sponsor.value"
        holder = known.get(one.holder_id)
        if holder is None or holder.kind not in ("person", "group"):
            raise Invalid(f"{field} {one.holder_id!r} is not the id of a User or Group", field=field)
    return ownerships


def _check_parent(unit: Unit, parent: dict[str, Any] | None, before: Record | None) -> None:
    """The parent is another agent. One that was given before and is gone since does not stand in the way of other changes."""
    id = (parent or {}).get("value")
    if id is None or (before is not None and (orjson.loads(before.document).get("parent") or {}).get("value") == id):
        return
    found = by_ids(unit.tx, [id]).get(id)
    if found is None or found.kind != "agent" or (before is not None and id == before.id):
        raise Invalid(f"parent.value {id!r} is not the id of another Agent", field="parent.value")


def _certificates(document: dict[str, Any]) -> list[str]:
    return [one["value"] for one in document.get("x509Certificates") or [] if one.get("value")]


def _cut_off(unit: Unit, agent_id: str) -> None:
    """Sessions and tokens end in this very transaction; applications are told afterwards."""
    credential_store.set_cutoff(unit.tx, agent_id)
    sessions.end_all(unit, agent_id)

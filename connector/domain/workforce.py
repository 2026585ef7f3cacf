"""Workforce IdPs: who may vouch for people at our own door. Each has a trust of its own, which its metadata describes.

What the metadata says is the SAML edge's business; here it is a text that belongs to an entity id.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from connector.core.clock import to_text
from connector.core.errors import Conflict, Invalid, NotFound
from connector.domain import idp_settings, person_sessions
from connector.domain.events import Action
from connector.domain.idp_settings import IdpSettings
from connector.domain.unit import Unit
from connector.storage import resources, workforce
from connector.storage.workforce import WorkforceIdp

__all__ = ["Trust", "WorkforceIdp"]


@dataclass(frozen=True)
class Trust:
    """What is believed of an IdP: its metadata, where they are read again, and the certificate that they are signed with."""

    entity_id: str
    metadata: str
    url: str | None = None
    certificate: str | None = None


def add(unit: Unit, name: str, trust: Trust) -> WorkforceIdp:
    """A new one, or another trust for the one of that name. Conflict where another IdP has its entity id."""
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise Invalid("a workforce IdP needs a name of 1 to 100 printable characters", field="name")
    before = workforce.by_name(unit.tx, name)
    if before is not None and before.entity_id != trust.entity_id:
        raise Conflict(
            f"{name!r} is {before.entity_id}; remove it first, or choose another name for {trust.entity_id}",
            field="name",
        )
    settings = before.settings if before else idp_settings.to_json(IdpSettings())
    active, created = (before.active, before.created) if before else (True, unit.tx.now)
    idp = WorkforceIdp(
        name=name, **vars(trust), settings=settings, active=active, fetched=unit.tx.now, problem=None, created=created
    )
    workforce.save(unit.tx, idp)
    unit.record(Action.IDP_ADDED, "idp", name, entityId=trust.entity_id, replaced=True if before else None)
    return idp


def configure(unit: Unit, name: str, changes: Mapping[str, Any]) -> WorkforceIdp:
    """Change what was chosen for it. Groups of `role_groups` are given by id or display name. `active` switches it on and off.

    Where that might have made somebody else of a person, or given other roles, whoever had signed in must do so again.
    """
    before, wanted = fetch(unit, name), dict(changes)
    active = bool(wanted.pop("active", before.active))
    if "role_groups" in wanted:
        wanted["role_groups"] = tuple((role, _group_id(unit, group)) for role, group in wanted["role_groups"])
    after = idp_settings.changed(settings(before), wanted)
    different = idp_settings.differences(settings(before), after)
    if active != before.active:
        different["active"] = active
    if not different:
        return before
    idp = replace(before, settings=idp_settings.to_json(after), active=active)
    workforce.save(unit.tx, idp)
    unit.record(Action.IDP_CHANGED, "idp", name, changed=different)
    if not active:
        person_sessions.end_of_idp(unit, name, by="idp disabled")
    elif not idp_settings.DECIDED_AT_SIGN_IN.isdisjoint(different):
        person_sessions.end_of_idp(unit, name, by="idp changed")
    return idp


def refreshed(unit: Unit, name: str, metadata: str, **changed: Any) -> None:
    """Its metadata were read again; `changed` is what that means for the trust, for the event. Nothing where all is the same."""
    before = fetch(unit, name)
    workforce.save(unit.tx, replace(before, metadata=metadata, fetched=unit.tx.now, problem=None))
    if metadata != before.metadata:
        unit.record(Action.IDP_REFRESHED, "idp", name, **changed)


def not_refreshed(unit: Unit, name: str, problem: str) -> None:
    """Its metadata could not be had, or not be believed: what was believed before stays. Recorded when it begins."""
    before = fetch(unit, name)
    workforce.save(unit.tx, replace(before, fetched=unit.tx.now, problem=problem[:300]))
    if before.problem is None:
        unit.record(Action.IDP_NOT_REFRESHED, "idp", name, reason=problem[:300])


def due(unit: Unit, hours: float) -> list[WorkforceIdp]:
    """Those whose metadata are to be read again: they have an address, and were last asked for so long ago."""
    before = to_text(unit.tx.moment - timedelta(hours=hours))
    return [one for one in workforce.everyone(unit.tx) if one.active and one.url and one.fetched <= before]


def remove(unit: Unit, name: str) -> None:
    """Forget it; the sessions of whoever it had signed in end."""
    fetch(unit, name)
    person_sessions.end_of_idp(unit, name, by="idp removed")
    workforce.delete(unit.tx, name)
    unit.record(Action.IDP_REMOVED, "idp", name)


def fetch(unit: Unit, name: str) -> WorkforceIdp:
    """NotFound where there is none of that name."""
    idp = workforce.by_name(unit.tx, name)
    if idp is None:
        raise NotFound(f"there is no workforce IdP named {name!r}", field="name")
    return idp


def find(unit: Unit, entity_id: str) -> WorkforceIdp | None:
    """The one with that entity id, compared exactly, switched on or off."""
    return workforce.by_entity_id(unit.tx, entity_id)


def listing(unit: Unit) -> list[WorkforceIdp]:
    """Every one, in order of name."""
    return workforce.everyone(unit.tx)


def settings(idp: WorkforceIdp) -> IdpSettings:
    return idp_settings.from_json(idp.settings)


def _group_id(unit: Unit, name: str) -> str:
    found = resources.by_id(unit.tx, "group", name) or resources.by_name(unit.tx, "group", name)
    if found is None:
        raise Invalid(f"there is no group {name!r}, neither by id nor by displayName", field="role_groups")
    return found.id

"""The registry of resources and scopes: what there is to ask for, and who may. Granted to an agent or person, or to their groups.

A scope's name belongs to one resource, so that it says which resource a token is for (RFC 8707, RFC 9068 section 3).
"""

import re
from collections.abc import Iterable
from datetime import timedelta

from connector.core.errors import Conflict, Denied, Invalid, NotFound
from connector.domain import resources
from connector.domain.events import Action
from connector.domain.unit import Caller, Unit
from connector.storage import resources as records
from connector.storage import scopes
from connector.storage.scopes import Grant as Grant
from connector.storage.scopes import Scope as Scope

SCOPES = {
    "scim": "read and write everything over SCIM",
    "scim:read": "read everything over SCIM",
    "scim:agents": "read and write Agents",
    "scim:users": "read and write Users",
    "scim:groups": "read and write Groups",
    "scim:agenticapplications": "read and write AgenticApplications",
    "introspect": "ask whether a token is active",
    "credentials": "see, rotate and revoke the credentials of agents",
}
AGENT_SCOPE = "sign-on"  # what an agent's own token is good for: signing in to applications
_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}")  # RFC 6749 appendix A.4
_MAX_SECONDS = 3600
_BY_RISK = {"high": timedelta(minutes=5)}


def add_resource(unit: Unit, uri: str, name: str) -> None:
    """Register a service that accepts our tokens, or rename it. Invalid where the URI cannot be an audience (RFC 8707 section 2)."""
    if not re.fullmatch(r"[a-z][a-z0-9+.-]*:[^\s#]+", uri):
        raise Invalid(
            f"uri must be an absolute URI without a fragment, such as https://files.example, not {uri!r}", field="uri"
        )
    if not name.strip():
        raise Invalid("name must not be empty", field="name")
    scopes.save_resource(unit.tx, uri, name)
    unit.record(Action.RESOURCE_REGISTERED, "resource", uri, name=name)


def remove_resource(unit: Unit, uri: str) -> None:
    """With its scopes and their grants; tokens for it lose them at once."""
    if not scopes.remove_resource(unit.tx, uri):
        raise NotFound(f"there is no resource {uri!r}", field="uri")
    unit.record(Action.RESOURCE_REMOVED, "resource", uri)


def add(unit: Unit, name: str, resource: str, *, description: str = "", seconds: int | None = None) -> None:
    """A scope of a resource. Conflict where the name is taken; Invalid where it or its lifetime cannot be used."""
    if not _TOKEN.fullmatch(name):
        raise Invalid(
            f"name must have 1 to 100 printable characters, no space, quote or backslash, not {name!r}", field="name"
        )
    if seconds is not None and not 30 <= seconds <= _MAX_SECONDS:
        raise Invalid(f"seconds must be 30 to {_MAX_SECONDS}, not {seconds}", field="seconds")
    if name in SCOPES or name == AGENT_SCOPE or scopes.named(unit.tx, [name]):
        raise Conflict(f"there is a scope {name!r} already", field="name")
    if not scopes.has_resource(unit.tx, resource):
        raise NotFound(f"there is no resource {resource!r}", field="resource")
    scopes.insert(unit.tx, Scope(name, resource, description, seconds, unit.tx.now))
    unit.record(Action.SCOPE_ADDED, "scope", name, resource=resource, seconds=seconds)


def remove(unit: Unit, name: str) -> None:
    if not scopes.remove(unit.tx, name):
        raise NotFound(f"there is no scope {name!r}", field="name")
    unit.record(Action.SCOPE_REMOVED, "scope", name)


def grant(unit: Unit, scope: str, holder_id: str, *, not_after: str | None = None) -> None:
    """Let an agent, a person, or the members of a group ask for the scope, until then. A second grant replaces the first."""
    if not scopes.named(unit.tx, [scope]):
        raise NotFound(f"there is no scope {scope!r}", field="scope")
    holder = records.by_ids(unit.tx, [holder_id]).get(holder_id)
    if holder is None or holder.kind not in ("agent", "person", "group"):
        raise NotFound(f"{holder_id!r} is not the id of an Agent, User or Group", field="holder")
    if not_after is not None and not_after <= unit.tx.now:
        raise Invalid(f"the end of a grant must lie ahead, not {not_after}", field="expires")
    scopes.grant(unit.tx, Grant(unit.tx.new_id("grt"), scope, holder_id, not_after, unit.tx.now))
    unit.record(Action.SCOPE_GRANTED, holder.kind, holder_id, scope=scope, notAfter=not_after)


def withdraw(unit: Unit, scope: str, holder_id: str) -> None:
    if not scopes.withdraw(unit.tx, scope, holder_id):
        raise NotFound(f"{holder_id} was not granted {scope!r} itself", field="holder")
    holder = records.by_ids(unit.tx, [holder_id]).get(holder_id)
    unit.record(Action.SCOPE_WITHDRAWN, holder.kind if holder else "unknown", holder_id, scope=scope)


def granted(unit: Unit, holder_id: str) -> frozenset[str]:
    """What the agent or person may ask for now: by itself, and by the groups that it is in, those above groups too."""
    groups = resources.memberships(unit, [holder_id]).get(holder_id, [])
    return scopes.granted(unit.tx, [holder_id, *(id for id, _, _ in groups)])


def audience(unit: Unit, wanted: Iterable[str], resource: str | None, *, own: str) -> tuple[str, frozenset[str]]:
    """Whom a token with these scopes is for, and those of them that belong there. `own` is ourselves.

    Denied where the resource is not registered, or where the scopes belong to several and none was named.
    """
    known = _registered(unit, wanted)
    place = {name: known[name].resource if name in known else own for name in wanted}
    if resource is None:
        places = set(place.values())
        if len(places) > 1:
            raise Denied(
                f"the scopes belong to several resources: name one of {', '.join(sorted(places))} as resource",
                field="scope",
            )
        return (places.pop() if places else own), frozenset(place)
    if resource != own and not scopes.has_resource(unit.tx, resource):
        raise Denied(f"resource {resource!r} is not registered here", field="resource")
    return resource, frozenset(name for name, where in place.items() if where == resource)


def described(unit: Unit, names: Iterable[str]) -> tuple[Scope, ...]:
    """The registered ones among these, in order of name."""
    return tuple(sorted(scopes.named(unit.tx, names).values(), key=lambda one: one.name))


def resource_name(unit: Unit, uri: str) -> str:
    """What a resource is called; its URI where it is ourselves."""
    return scopes.resource_name(unit.tx, uri) or uri


def _registered(unit: Unit, wanted: Iterable[str]) -> dict[str, Scope]:
    """Those that are somebody else's; for our own alone the registry need not be asked."""
    others = [name for name in wanted if name not in SCOPES and name != AGENT_SCOPE]
    return scopes.named(unit.tx, others) if others else {}


def lifetime(unit: Unit, wanted: Iterable[str], *, holder: Caller, risk: str | None) -> timedelta:
    """How long a token may live: ten minutes, or as long as the client's may; less where a scope says so or the agent's risk is high."""
    limits = [timedelta(seconds=one.seconds) for one in _registered(unit, wanted).values() if one.seconds]
    own = timedelta(minutes=holder.token_minutes)
    return min([_BY_RISK.get(risk or "", own), own, *limits])


def listing(unit: Unit) -> tuple[list[tuple[str, str]], list[Scope], list[Grant]]:
    """Resources as (URI, name), scopes, grants."""
    return scopes.resources(unit.tx), scopes.everything(unit.tx), scopes.grants(unit.tx)

"""What belongs to an AI agent of Okta besides its profile: operations that take a while, owners, and public keys.

In: an agent's id. Out: the id that an operation led to, user ids of owners, JSON Web Keys. Owners are kept by the governance API
and named there by ORNs.
"""

import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from connector.targets.base import AlreadyExists, Missing, Propagating, Rejected, Unreachable
from connector.targets.line import NotThere
from connector.targets.rest_wire import Reply, RestWire
from connector.targets.sign_in import Json

BASE: Final = ("workload-principals", "api", "v1")
_OWNERS: Final = ("governance", "api", "v1", "resource-owners")
_MAX_OWNERS: Final = 5
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 2.0
_LOOK_AGAIN: Final = 15.0
_PUBLIC: Final = ("kid", "kty", "alg", "use", "n", "e", "crv", "x", "y")
_TAKEN: Final = re.compile(r"already exists|must be unique|already in use|duplicate", re.IGNORECASE)


def settle(wire: RestWire, reply: Reply, *, wait: float) -> str:
    """The id of the agent that the operation in the Location header led to. Propagating where it is not done in `wait` seconds."""
    operation = reply.location_id
    if not operation:
        raise Unreachable(f"Okta took the change ({reply.status}) and named no operation to follow")
    waited, pause = 0.0, _FIRST_PAUSE
    while True:
        state = _state(wire, operation)
        if state.get("status") == "COMPLETED":
            resource = state.get("resource")
            return str(resource.get("id", "")) if isinstance(resource, dict) else ""
        if state.get("status") == "FAILED":
            raise _failure(state)
        if waited >= wait:
            words = f"Okta still works on it after {wait:g} s (operation {operation}, {state.get('status')})"
            raise Propagating(words, retry_after=_LOOK_AGAIN)
        wire.pause(pause)
        waited, pause = waited + pause, min(_LONGEST_PAUSE, pause * 2)


class Owners:
    """The owners of agents, in Okta's governance."""

    def __init__(self, wire: RestWire, org: RestWire, org_id: str) -> None:
        self._wire = wire
        self._org = org
        self._org_id = org_id

    def of(self, agent_id: str) -> list[str]:
        """Ids of the users who own it; a group by its ORN."""
        orn = self._orn("workload-principals:ai-agents", agent_id)
        reply = self._wire.get(*_OWNERS, params={"filter": f'parentResourceOrn eq "{orn}"'})
        entries = [one for one in reply.object.get("data") or [] if _part(one, "resource").get("orn") == orn]
        named = [str(one.get("orn", "")) for entry in entries for one in entry.get("principals") or []]
        return [orn.rpartition(":")[2] if ":users:" in orn else orn for orn in named]

    def set(self, agent_id: str, owners: Iterable[str]) -> None:
        """Exactly these are the owners from now on."""
        principals = [one if one.startswith("orn:") else self._orn("users", one) for one in dict.fromkeys(owners)]
        if len(principals) > _MAX_OWNERS:
            fault = f"Okta takes at most {_MAX_OWNERS} owners of an agent, and the mapping gives {len(principals)}"
            raise Rejected(fault, attribute="owners")
        resource = self._orn("workload-principals:ai-agents", agent_id)
        self._wire.write("POST", *_OWNERS, body={"principalOrns": principals, "resourceOrns": [resource]})

    def _orn(self, kind: str, id: str) -> str:
        if not self._org_id:
            self._org_id = str(self._org.get("api", "v1", "org").object.get("id", ""))
            if not self._org_id:
                raise Rejected("Okta does not tell the id of the org: set the option org_id", attribute="owners")
        labels = (urlsplit(self._org.url).hostname or "").split(".")
        partition = next((label for label in labels[-2:-1] if label.startswith("okta")), "okta")
        return f"orn:{partition}:directory:{self._org_id}:{kind}:{id}"


def keys_of(wire: RestWire, agent_id: str) -> dict[str, Json]:
    """The active public keys: Okta's id of the key to the key."""
    listed = wire.get(*BASE, "ai-agents", agent_id, "credentials", "jwks").object.get("data") or []
    return {str(one["id"]): public_key(one) for one in listed if one.get("status", "ACTIVE") == "ACTIVE"}


def set_keys(wire: RestWire, agent_id: str, wanted: Iterable[Json]) -> None:
    """Exactly these keys: new ones are added before old ones go, so that the agent can sign in all the while."""
    path = (*BASE, "ai-agents", agent_id, "credentials", "jwks")
    there = keys_of(wire, agent_id)
    wanted = list(wanted)
    for key in wanted:
        if key not in there.values():
            wire.write("POST", *path, body={**key, "status": "ACTIVE"})
    for key_id, key in there.items():
        if key not in wanted:
            wire.write("POST", *path, key_id, "lifecycle", "deactivate")
            wire.write("DELETE", *path, key_id)


def read_keys(value: Any) -> list[Json]:
    """The keys that a mapping gives: JSON Web Keys or a set of them, as values or as JSON text. Rejected for anything else."""
    each = value if isinstance(value, list) else [value]
    found: list[Json] = []
    for one in each:
        key = _parsed(one)
        if not isinstance(key, dict):
            raise Rejected("jwks must be JSON Web Keys with a kty, or a set of them", attribute="jwks")
        if isinstance(key.get("keys"), list):
            found += read_keys(key["keys"])
        elif not isinstance(key.get("kty"), str):
            raise Rejected("jwks must be JSON Web Keys with a kty, or a set of them", attribute="jwks")
        else:
            found.append(public_key(key))
    return found


def public_key(key: Json) -> Json:
    """Its public members only: a private key given by mistake goes nowhere."""
    return {name: key[name] for name in _PUBLIC if key.get(name) is not None}


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except ValueError:
        return None


def _state(wire: RestWire, operation: str) -> Json:
    try:
        return wire.get(*BASE, "operations", operation).object
    except NotThere:
        raise Propagating(f"Okta does not show the operation {operation} yet", retry_after=_LOOK_AGAIN) from None


def _failure(state: Json) -> Exception:
    fault = _part(state, "errorDetails")
    code, words = str(fault.get("code", "")), " ".join(str(fault.get("message") or "it gave no reason").split())[:300]
    detail = f"Okta could not carry it out ({state.get('type')}, {code}): {words}"
    if code == "E0000007":
        return Missing(detail)
    if code == "E0000009":
        return Unreachable(detail)
    return AlreadyExists(detail, attribute="name") if _TAKEN.search(words) else Rejected(detail)


def _part(body: Json, name: str) -> Json:
    part = body.get(name)
    return part if isinstance(part, dict) else {}

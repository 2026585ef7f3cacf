"""Users and clients of Keycloak as flat attributes and back: pure.

In: a representation as JSON. Out: plain values by name; what is in the map `attributes` is called `attributes.NAME`. Of a user these
are lists of texts, of a client texts: one value is told as a text, several as a list.
"""

import copy
from collections.abc import Mapping
from typing import Any, Final

from connector.targets.base import Account, Changes, Value
from connector.targets.sign_in import Json

_INSIDE: Final = "attributes."
# The anchor, the state that has a call of its own, secrets, and what Keycloak says about its own workings.
_NOT_ATTRIBUTES: Final = frozenset(
    ("id", "enabled", "attributes", "secret", "registrationAccessToken", "access", "credentials")
)


def account_of(thing: Json) -> Account:
    flat: dict[str, Value] = {}
    for name, value in thing.items():
        if name not in _NOT_ATTRIBUTES and value not in (None, "", [], {}):
            flat[name] = value
    inside = thing.get("attributes")
    for name, value in (inside if isinstance(inside, dict) else {}).items():
        values = [one for one in (value if isinstance(value, list) else [value]) if one not in (None, "")]
        if values:
            flat[_INSIDE + name] = values if len(values) > 1 else values[0]
    return Account(id=str(thing["id"]), active=thing.get("enabled") is True, attributes=flat)


def changed(thing: Json, changes: Changes, *, lists: bool) -> Json:
    """The representation after the changes. A map of lists forgets what is left out; a map of texts what is an empty text."""
    after = copy.deepcopy(thing)
    inside: dict[str, Any] = after.setdefault("attributes", {}) or {}
    after["attributes"] = inside
    for name, value in changes.set.items():
        if name.startswith(_INSIDE):
            texts = [_text(one) for one in (value if isinstance(value, list) else [value])]
            inside[name.removeprefix(_INSIDE)] = texts if lists else texts[0]
        else:
            after[name] = value
    for name in changes.clear:
        if not name.startswith(_INSIDE):
            after[name] = ""
        elif lists:
            inside.pop(name.removeprefix(_INSIDE), None)
        else:
            inside[name.removeprefix(_INSIDE)] = ""
    return after


def inside_names(names: Mapping[str, Any]) -> list[str]:
    """The names of the map `attributes` among them, as they are called there."""
    return [name.removeprefix(_INSIDE) for name in names if name.startswith(_INSIDE)]


def holds(account: Account, attribute: str, value: str, *, exact: bool) -> bool:
    held = account.id if attribute == "id" else account.attributes.get(attribute)
    each = [_text(one) for one in (held if isinstance(held, list) else [held]) if one is not None]
    return value in each if exact else value.casefold() in (one.casefold() for one in each)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)

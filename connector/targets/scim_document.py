"""SCIM resources as flat attributes and back: `name.givenName`, `emails[type eq "work"].value`, `urn:…:User:manager.value`. Pure.

Flat names are attribute paths of RFC 7644 section 3.10. What has no such name (a list element without a type) is left alone.
"""

import re
from typing import Any

import orjson

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
_PATH = re.compile(
    r"^(?:(?P<urn>urn:[A-Za-z0-9:._-]+):)?(?P<name>[A-Za-z][\w$-]*)"
    r'(?:\[type eq "(?P<type>[^"]*)"\])?(?:\.(?P<sub>[A-Za-z$][\w$-]*))?$'
)
_ENVELOPE = frozenset({"schemas", "id", "meta", "groups"})


def flatten(resource: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a resource under their flat names."""
    flat: dict[str, Any] = {}
    for name, value in resource.items():
        if name.lower() in _ENVELOPE:
            continue
        if name.lower().startswith("urn:") and isinstance(value, dict):
            for inner, given in value.items():
                _flatten_one(f"{name}:{inner}", given, flat)
        else:
            _flatten_one(name, value, flat)
    return flat


def _flatten_one(name: str, value: Any, flat: dict[str, Any]) -> None:
    if isinstance(value, dict):
        flat.update({f"{name}.{sub}": given for sub, given in value.items() if _is_set(given)})
    elif isinstance(value, list) and any(isinstance(one, dict) for one in value):
        for one in value:
            if isinstance(one, dict) and one.get("type"):
                prefix = f'{name}[type eq "{one["type"]}"]'
                flat.update(
                    {f"{prefix}.{sub}": given for sub, given in one.items() if sub != "type" and _is_set(given)}
                )
    elif _is_set(value):
        flat[name] = value


def _is_set(value: Any) -> bool:
    return value is not None and value not in ("", [], {})


def assign(resource: dict[str, Any], path: str, value: Any) -> str:
    """Set one flat attribute in a resource (None clears it); the path of what now differs, for a PATCH operation.

    That path names a whole attribute (`emails`, `urn:…:User:manager`): replacing it whole is what every server understands.
    """
    found = _PATH.match(path)
    if found is None:
        raise ValueError(f"{path!r} is not an attribute path that can be written")
    home = resource
    if found["urn"]:
        home = resource.setdefault(_key(resource, found["urn"]), {})
    name = _key(home, found["name"])
    if found["type"] is not None:
        _assign_typed(home, name, found["type"], found["sub"] or "value", value)
    elif found["sub"]:
        inner = home[name] if isinstance(home.get(name), dict) else {}
        _put(inner, found["sub"], value)
        _put(home, name, {key: given for key, given in inner.items() if key != "$ref"})
    else:
        _put(home, name, value)
    return f"{found['urn']}:{found['name']}" if found["urn"] else found["name"]


def _assign_typed(home: dict[str, Any], name: str, type: str, sub: str, value: Any) -> None:
    elements = home[name] if isinstance(home.get(name), list) else []
    element = next((one for one in elements if str(one.get("type", "")).lower() == type.lower()), None)
    if element is None:
        element = {"type": type}
        elements = [*elements, element]
    _put(element, sub, value)
    _put(home, name, [one for one in elements if set(one) - {"type", "primary"}])


def _put(home: dict[str, Any], name: str, value: Any) -> None:
    if _is_set(value):
        home[_key(home, name)] = value
    else:
        home.pop(_key(home, name), None)


def _key(home: dict[str, Any], name: str) -> str:
    """The spelling that the resource itself uses for the name."""
    return next((key for key in home if key.lower() == name.lower()), name)


def fetch(resource: dict[str, Any], path: str) -> Any:
    """The value of the whole attribute that `assign` named."""
    urn, _, name = path.rpartition(":")
    home = resource.get(_key(resource, urn), {}) if urn else resource
    return home.get(_key(home, name))


def build(attributes: dict[str, Any]) -> dict[str, Any]:
    """A new resource from flat attributes."""
    resource: dict[str, Any] = {}
    for path, value in attributes.items():
        assign(resource, path, value)
    urns = [name for name in resource if name.startswith("urn:")]
    return {"schemas": [USER, *urns], **resource}


def copy(resource: dict[str, Any]) -> dict[str, Any]:
    """A copy that may be changed."""
    copied: dict[str, Any] = orjson.loads(orjson.dumps(resource))
    return copied

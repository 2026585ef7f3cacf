"""SCIM resources as flat attributes and back: pure.

In: a resource as JSON, and attribute paths (RFC 7644 section 3.10) as keys: `title`, `name.givenName`, `emails.value`,
`emails[type eq "work"].value`, each also behind a schema URN and a colon. Out: flat values, a changed resource, or the PATCH
operations for a change. One value of a list can be ours while the others stay as they are.
"""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from connector.core.errors import Invalid
from connector.targets.base import Changes, Value

CORE_USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
CORE_AGENT: Final = "urn:ietf:params:scim:schemas:core:2.0:Agent"
PATCH_OP: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

# Multi-valued attributes with sub-attributes, of the core user (RFC 7643 section 4.1.2) and of agents: `emails.value` names all.
_OF_USERS = (
    "emails",
    "phonenumbers",
    "ims",
    "photos",
    "addresses",
    "groups",
    "entitlements",
    "roles",
    "x509certificates",
)
_MULTI = frozenset((*_OF_USERS, "owners", "protocols"))
# Not an attribute that a mapping could manage: the anchor, the server's own, the state that has a call of its own, secrets.
_NOT_ATTRIBUTES = frozenset(("id", "meta", "schemas", "active", "groups", "password"))
_PATH = re.compile(
    r'(?:(?P<schema>urn:.+):)?(?P<name>[A-Za-z$][\w$-]*)(?:\[(?P<by>\w+) eq "(?P<like>[^"\\]*)"\])?(?:\.(?P<sub>[\w$-]+))?'
)

Resource = dict[str, Any]


@dataclass(frozen=True)
class Path:
    """An attribute path taken apart; `by` and `like` are the sub-attribute and the value that pick one item of a list."""

    text: str
    schema: str
    name: str
    by: str
    like: str
    sub: str

    @property
    def attribute(self) -> str:
        """The whole attribute, without item and sub-attribute."""
        return f"{self.schema}:{self.name}" if self.schema else self.name

    @property
    def item(self) -> str:
        return f'{self.attribute}[{self.by} eq "{self.like}"]'

    @property
    def is_multi(self) -> bool:
        return not self.by and bool(self.sub) and self.name.lower() in _MULTI


def parse_path(text: str) -> Path:
    """Invalid for a text that is not one of the forms above."""
    found = _PATH.fullmatch(text)
    if found is None or (found["by"] and not found["sub"]):
        raise Invalid(
            f'{text!r} is not a SCIM attribute path such as title, name.givenName or emails[type eq "work"].value'
        )
    return Path(text, *(found[part] or "" for part in ("schema", "name", "by", "like", "sub")))


def flatten(resource: Mapping[str, Any]) -> dict[str, Value]:
    """Every path that the resource has a value for; unassigned ones are absent."""
    flat: dict[str, Value] = {}
    for name, value in resource.items():
        if name.lower().startswith("urn:") and isinstance(value, Mapping):
            for part, inner in value.items():
                _flatten(flat, f"{name}:{part}", inner)
        elif name.lower() not in _NOT_ATTRIBUTES:
            _flatten(flat, name, value)
    return flat


def _flatten(flat: dict[str, Value], name: str, value: Any) -> None:
    if isinstance(value, Mapping):
        flat.update({f"{name}.{sub}": inner for sub, inner in value.items() if inner not in (None, "", [])})
    elif isinstance(value, list) and value:
        flat[name] = value
        items = [item for item in value if isinstance(item, Mapping)]
        for sub in {key: None for item in items for key in item}:
            flat[f"{name}.{sub}"] = [item[sub] for item in items if item.get(sub) not in (None, "")]
        for item in reversed(items):  # the first item of a type wins
            for sub, inner in item.items():
                if item.get("type") and sub != "type" and inner not in (None, ""):
                    flat[f'{name}[type eq "{item["type"]}"].{sub}'] = inner
    elif value not in (None, "", []):
        flat[name] = value


def changed(resource: Mapping[str, Any], changes: Changes, schema: str = CORE_USER) -> Resource:
    """The resource after the changes, for POST and PUT; `schemas` names every schema that it has attributes of."""
    result = copy.deepcopy(dict(resource))
    for text, value in changes.set.items():
        _set(result, parse_path(text), value)
    for text in changes.clear:
        _clear(result, parse_path(text))
    extensions = [name for name, value in result.items() if name.lower().startswith("urn:") and value]
    result["schemas"] = list(dict.fromkeys([*result.get("schemas", [schema]), *extensions]))
    return result


def operations(resource: Mapping[str, Any], changes: Changes) -> list[dict[str, Any]]:
    """PATCH operations (RFC 7644 section 3.5.2), one for each attribute path; `resource` is needed for paths with an item."""
    after, made = changed(resource, changes), []
    added: set[str] = set()
    for text, value in changes.set.items():
        path = parse_path(text)
        if path.is_multi:
            made.append(_replace(path.attribute, [{path.sub: one} for one in _as_list(value)]))
        elif path.by and _item(resource, path) is None:
            if path.item not in added:
                made.append({"op": "add", "path": path.attribute, "value": [_item(after, path)]})
            added.add(path.item)
        else:
            made.append(_replace(text, value))
    for text in changes.clear:
        path = parse_path(text)
        if not path.by:
            made.append({"op": "remove", "path": path.attribute if path.is_multi else text})
        elif _item(resource, path) is not None:
            gone = _item(after, path) is None
            made.append({"op": "remove", "path": path.item if gone else text})
    return [one for place, one in enumerate(made) if one not in made[:place]]


def _replace(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


def has_item(changes: Changes) -> bool:
    """Whether a path picks an item of a list, so that the present resource must be known."""
    return any(parse_path(text).by for text in (*changes.set, *changes.clear))


def _set(resource: Resource, path: Path, value: Value) -> None:
    inside = _container(resource, path, make=True)
    key = _key(inside, path.name)
    if path.by:
        item = _item(resource, path)
        if item is None:
            item = {path.by: path.like}
            inside[key] = [*(inside.get(key) or []), item]
        item[_key(item, path.sub)] = value
    elif path.is_multi:
        inside[key] = [{path.sub: one} for one in _as_list(value)]
    elif path.sub:
        present = inside.get(key)
        inside[key] = dict(present) if isinstance(present, Mapping) else {}
        inside[key][_key(inside[key], path.sub)] = value
    else:
        inside[key] = value


def _clear(resource: Resource, path: Path) -> None:
    inside = _container(resource, path, make=False)
    key = _key(inside, path.name)
    if path.by:
        item = _item(resource, path)
        if item is None:
            return
        item.pop(_key(item, path.sub), None)
        if set(item) <= {path.by, "primary"}:
            inside[key] = [other for other in inside[key] if other is not item]
        inside[key] = inside[key] or None
    elif path.sub and not path.is_multi:
        if isinstance(inside.get(key), dict):
            inside[key].pop(_key(inside[key], path.sub), None)
    else:
        inside.pop(key, None)


def _container(resource: Resource, path: Path, *, make: bool) -> Resource:
    if not path.schema:
        return resource
    key = _key(resource, path.schema)
    if make and not isinstance(resource.get(key), dict):
        resource[key] = {}
    found = resource.get(key)
    return found if isinstance(found, dict) else {}


def _item(resource: Mapping[str, Any], path: Path) -> dict[str, Any] | None:
    inside = _container(dict(resource), path, make=False)
    for item in inside.get(_key(inside, path.name)) or []:
        if isinstance(item, dict) and str(item.get(_key(item, path.by), "")).lower() == path.like.lower():
            return item
    return None


def _key(inside: Mapping[str, Any], name: str) -> str:
    """The name as it is spelt there already (attribute names are the same in any case), else as given."""
    return next((key for key in inside if key.lower() == name.lower()), name)


def _as_list(value: Value) -> list[Any]:
    return value if isinstance(value, list) else [value]

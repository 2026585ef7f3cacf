"""PATCH (RFC 7644 section 3.5.2) on plain data: operations change a document in place; memberships become row changes.

The caller hands in a document of its own and throws it away where an operation fails: that makes the request atomic.
"""

from collections.abc import Iterator
from typing import Any

from connector.domain.groups import MemberChange
from connector.edges.scim.errors import ScimError
from connector.edges.scim.paths import Path, Term, parse_path
from connector.edges.scim.schema import Attribute, Table
from connector.edges.scim.values import is_unassigned, read, read_list, read_one, same

URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_MAX_OPERATIONS = 1000
# Profiles under which writing through a filter that matches nothing makes the element (Entra sends this for a new address).
CREATING_PROFILES = frozenset({"entra"})


class Patch:
    """Applies the operations of one request to one document; collects changes of a group's members beside it."""

    def __init__(self, table: Table, document: dict[str, Any], *, profile: str) -> None:
        self.document = document
        self.members: list[MemberChange] = []
        self._table = table
        self._strict = profile == "strict"
        self._creates = profile in CREATING_PROFILES

    def apply(self, body: Any) -> None:
        """Run every operation, in order. ScimError for the first that cannot be carried out."""
        for op, path, value in _operations(body, strict=self._strict):
            if path is not None:
                self._one(op, path, value)
            elif op == "remove":
                raise ScimError("noTarget", "remove needs a path")
            elif not isinstance(value, dict):
                raise ScimError("invalidValue", f"{op} without a path takes an object of attributes", field="value")
            else:
                for key, given in value.items():
                    self._keyed(op, key, given)

    def _keyed(self, op: str, key: str, value: Any) -> None:
        """One key of a path-less value: it is itself a path (`name.givenName`). What only the server sets is passed over."""
        first = self._table.attributes.get(key.lower())
        if first is not None and not first.writable:
            return  # Okta sends id along
        try:
            self._one(op, key, value)
        except ScimError as problem:
            if self._strict or problem.scim_type != "invalidPath":
                raise

    def _one(self, op: str, text: str, value: Any) -> None:
        path = parse_path(self._table, text)
        if path.attribute is None:
            self._extension(op, path.urn or "", value)
            return
        if not path.attribute.writable or (path.sub is not None and not path.sub.writable):
            raise ScimError("mutability", f"{text} is set by the server", field=text)
        if self._table.kind == "group" and path.attribute.name == "members":
            self._change_members(op, path, value, text)
            return
        if path.attribute.mutability == "writeOnly":
            return  # we keep no passwords of people
        home = self.document if path.urn is None else self.document.setdefault(path.urn, {})
        if op != "remove" and path.sub is None and path.terms is None and is_unassigned(value):
            op = "remove"  # null, "" and [] mean unassigned (RFC 7643 section 2.5)
        if path.terms is not None:
            self._filtered(op, home, path, value, text)
        elif path.sub is not None:
            self._sub(op, home, path.attribute, path.sub, value, text)
        elif op == "remove":
            self._remove(home, path.attribute, value, text)
        else:
            self._set(op, home, path.attribute, value, text)
        if path.urn is not None and not home:
            del self.document[path.urn]

    def _extension(self, op: str, urn: str, value: Any) -> None:
        if op == "remove":
            self.document.pop(urn, None)
            return
        if not isinstance(value, dict):
            raise ScimError("invalidValue", f"{urn} takes an object", field=urn)
        for key, given in value.items():
            self._keyed(op, f"{urn}:{key}", given)

    def _remove(self, home: dict[str, Any], attribute: Attribute, value: Any, text: str) -> None:
        if attribute.required:
            raise ScimError("mutability", f"{attribute.name} is required: it cannot be removed", field=text)
        if attribute.multi and not is_unassigned(value) and not self._strict:
            # remove with a value list takes out just those elements (Entra, JumpCloud, authentik), never all
            gone = read_list(attribute, value if isinstance(value, list) else [value], text, strict=False) or []
            left = [one for one in home.get(attribute.name, []) if not any(_covers(one, other) for other in gone)]
            _store(home, attribute.name, left)
            return
        home.pop(attribute.name, None)

    def _set(self, op: str, home: dict[str, Any], attribute: Attribute, value: Any, text: str) -> None:
        found = read(attribute, value, text, strict=self._strict)
        if attribute.multi:
            before = home.get(attribute.name, []) if op == "add" else []
            added = [one for one in found or [] if one not in before]
            if any(isinstance(one, dict) and one.get("primary") for one in added):
                before = [_not_primary(one) for one in before]
            _store(home, attribute.name, before + added)
        elif attribute.sub and isinstance(home.get(attribute.name), dict):
            home[attribute.name].update(found or {})
            for name, given in value.items() if isinstance(value, dict) else ():
                if is_unassigned(given):  # a null among the given attributes clears it
                    home[attribute.name].pop(_canonical(attribute, name), None)
        else:
            _store(home, attribute.name, found)

    def _sub(self, op: str, home: dict[str, Any], attribute: Attribute, sub: Attribute, value: Any, text: str) -> None:
        if attribute.multi:
            elements = home.get(attribute.name) or []
            if not elements and op != "remove":
                elements = home[attribute.name] = [{}]
        else:
            elements = [home.setdefault(attribute.name, {})]
        for element in elements:
            self._put(op, element, sub, value, text)
        kept = [one for one in elements if one]
        _store(home, attribute.name, kept if attribute.multi else (kept[0] if kept else None))

    def _put(self, op: str, element: dict[str, Any], sub: Attribute, value: Any, text: str) -> None:
        found = None if op == "remove" else read(sub, value, text, strict=self._strict)
        if found is None and sub.required:
            raise ScimError("mutability", f"{text} is required: it cannot be removed", field=text)
        _store(element, sub.name, found)

    def _filtered(self, op: str, home: dict[str, Any], path: Path, value: Any, text: str) -> None:
        attribute, terms = path.attribute, path.terms or ()
        assert attribute is not None
        elements: list[dict[str, Any]] = home.get(attribute.name, [])
        chosen = [one for one in elements if _matches(one, terms)]
        if op == "remove":
            if path.sub is None:
                _store(home, attribute.name, [one for one in elements if one not in chosen])
                return
        elif not chosen:
            if not self._creates:
                raise ScimError("noTarget", f"nothing matches {text}", field=text)
            chosen = [{term.sub.name: term.value for term in terms}]
            elements = home.setdefault(attribute.name, elements)
            elements.extend(chosen)
        for element in chosen:
            if path.sub is not None:
                self._put(op, element, path.sub, value, text)
            else:
                element.update(read_one(attribute, value, text, strict=self._strict) or {})
        if any(one.get("primary") for one in chosen):
            for one in elements:
                if one not in chosen:
                    one.pop("primary", None)
        _store(home, attribute.name, [one for one in elements if one])

    def _change_members(self, op: str, path: Path, value: Any, text: str) -> None:
        attribute = path.attribute
        assert attribute is not None
        if path.sub is not None:
            raise ScimError("mutability", f"{text} cannot be changed: remove the member and add another", field=text)
        if path.terms is not None:
            ids = tuple(str(term.value) for term in path.terms if term.sub.name == "value")
            if op != "remove" or len(ids) != len(path.terms):
                raise ScimError("invalidPath", f'{text}: members are removed by members[value eq "id"]', field=text)
            self.members.append(MemberChange("remove", ids[:1]))
        elif op == "remove" and (is_unassigned(value) or self._strict):
            self.members.append(MemberChange("clear"))
        else:
            if not isinstance(value, list) and not is_unassigned(value):
                value = [value]
            kind = {"add": "add", "remove": "remove", "replace": "clear"}[op]
            self.members.append(MemberChange(kind, member_ids(attribute, value, text, strict=self._strict)))


def member_ids(attribute: Attribute, value: Any, text: str, *, strict: bool) -> tuple[str, ...]:
    """The ids in a list of members. ScimError where one has none."""
    found = read(attribute, value, text, strict=strict) or []
    for one in found:
        if not one.get("value"):
            raise ScimError("invalidValue", "members.value is required", field="members.value")
    return tuple(one["value"] for one in found)


def _operations(body: Any, *, strict: bool) -> Iterator[tuple[str, str | None, Any]]:
    keys = {key.lower(): value for key, value in body.items()} if isinstance(body, dict) else {}
    schemas = keys.get("schemas")
    if not isinstance(schemas, list) or URN.lower() not in {str(one).lower() for one in schemas}:
        raise ScimError("invalidSyntax", f"schemas must hold {URN}", field="schemas")
    operations = keys.get("operations")
    if not isinstance(operations, list) or not operations:
        raise ScimError("invalidSyntax", "Operations must be a list with at least one operation", field="Operations")
    if len(operations) > _MAX_OPERATIONS:
        raise ScimError("tooMany", f"more than {_MAX_OPERATIONS} operations", field="Operations")
    for operation in operations:
        given = {key.lower(): value for key, value in operation.items()} if isinstance(operation, dict) else {}
        op = given.get("op")
        if not isinstance(op, str) or (op if strict else op.lower()) not in ("add", "remove", "replace"):
            raise ScimError("invalidSyntax", f"op must be add, remove or replace, not {op!r}", field="op")
        path = given.get("path")
        if path is not None and not isinstance(path, str):
            raise ScimError("invalidPath", "path must be a string", field="path")
        if op.lower() == "add" and "value" not in given:
            raise ScimError("invalidValue", "add needs a value", field="value")
        yield op.lower(), path or None, given.get("value")


def _matches(element: dict[str, Any], terms: tuple[Term, ...]) -> bool:
    return all(same(term.sub, element.get(term.sub.name), term.value) for term in terms)


def _covers(element: Any, other: Any) -> bool:
    """Whether a value to be removed means this element: equal in all that it names."""
    if isinstance(element, dict) and isinstance(other, dict):
        return bool(other) and all(element.get(name) == value for name, value in other.items())
    return bool(element == other)


def _not_primary(one: Any) -> Any:
    return {name: value for name, value in one.items() if name != "primary"} if isinstance(one, dict) else one


def _canonical(attribute: Attribute, name: str) -> str:
    known = (attribute.sub or {}).get(name.lower())
    return known.name if known else name


def _store(home: dict[str, Any], name: str, value: Any) -> None:
    if is_unassigned(value):
        home.pop(name, None)
    else:
        home[name] = value

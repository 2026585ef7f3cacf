"""PATCH (RFC 7644 section 3.5.2) on plain data: operations change a document in place; memberships become row changes.

The caller hands in a document of its own and throws it away where an operation fails: that makes the request atomic.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from connector.core.match import value_at
from connector.domain.groups import MemberChange
from connector.edges.scim import changes
from connector.edges.scim.errors import ScimError
from connector.edges.scim.members import member_changes
from connector.edges.scim.patch_paths import parse_path
from connector.edges.scim.paths import Path, home_of
from connector.edges.scim.profiles import Profile
from connector.edges.scim.schema import Attribute, Table
from connector.edges.scim.values import is_unassigned

URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_MAX_OPERATIONS = 1000
# What clients send back as they got it, and nobody expects to change (Okta sends `id`, Entra `meta`).
_ECHOED = frozenset({"id", "meta", "groups", "schemas"})


@dataclass(frozen=True)
class Operation:
    op: str
    path: str | None
    value: Any


def read_operations(body: Any, profile: Profile) -> Iterator[Operation]:
    """The operations of a request body, in order. ScimError for what is no PatchOp message."""
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
        yield _read_operation(operation, profile)


def _read_operation(operation: Any, profile: Profile) -> Operation:
    given = {key.lower(): value for key, value in operation.items()} if isinstance(operation, dict) else {}
    op = given.get("op")
    if not isinstance(op, str) or (op.lower() if profile.operation_case else op) not in ("add", "remove", "replace"):
        raise ScimError("invalidSyntax", f"op must be add, remove or replace, not {op!r}", field="op")
    path, op = given.get("path") or None, op.lower()
    if path is not None and not isinstance(path, str):
        raise ScimError("invalidPath", "path must be a string", field="path")
    if path is None and op == "remove":
        raise ScimError("noTarget", "remove needs a path", field="path")
    if path is None and not profile.operation_without_path:
        raise ScimError("invalidSyntax", f"{op} needs a path", field="path")
    if op != "remove" and "value" not in given:
        raise ScimError("invalidValue", f"{op} needs a value", field="value")
    return Operation(op, path, given.get("value"))


class Patch:
    """Applies the operations of one request to one document; collects changes of a group's members beside it."""

    def __init__(self, table: Table, document: dict[str, Any], profile: Profile) -> None:
        self.document = document
        self.members: list[MemberChange] = []
        self._table = table
        self._profile = profile

    def apply(self, body: Any) -> None:
        """Run every operation, in order. ScimError for the first that cannot be carried out."""
        for operation in read_operations(body, self._profile):
            if operation.path is not None:
                path = parse_path(self._table, operation.path, self._profile)
                self._one(operation.op, path, operation.value, operation.path)
            elif isinstance(operation.value, dict):
                self._each(operation.op, operation.value)
            else:
                raise ScimError(
                    "invalidValue", f"{operation.op} without a path takes an object of attributes", field="value"
                )

    def _each(self, op: str, value: dict[str, Any], prefix: str = "") -> None:
        """Keys of a value without a path: each is itself a path, `name.givenName` and `urn:…:User:department` too."""
        for key, given in value.items():
            if prefix and key.lower() == "schemas":
                continue  # scim2-models names the extension in itself
            text = prefix + key
            try:
                path = parse_path(self._table, text, self._profile)
            except ScimError as problem:
                if problem.scim_type != "invalidPath" or not self._profile.unknown_attributes:
                    raise
                continue
            if path.attribute is None or _is_writable(path):
                self._one(op, path, given, text)
            elif path.attribute.name not in _ECHOED:
                self._unchanged(path, given, text)

    def _unchanged(self, path: Path, given: Any, text: str) -> None:
        """An attribute that only the server sets, among others: the value that it has, or one that is passed over."""
        behind = (path.sub.name,) if path.sub else ()
        if not self._profile.read_only_in_value and value_at(self.document, home_of(path) + behind) != given:
            raise ScimError("mutability", f"{text} is set by the server", field=text)

    def _one(self, op: str, path: Path, value: Any, text: str) -> None:
        attribute = path.attribute
        if attribute is None:
            self._extension(op, path.urn or "", value)
            return
        if not _is_writable(path):
            raise ScimError("mutability", f"{text} is set by the server", field=text)
        if attribute.mutability == "writeOnly":
            return  # we keep no passwords of people
        if op == "add" and value in ([], {}):
            if path.filter is None or self._profile.add_creates_element:
                return  # nothing to add; behind a filter there must yet be something to add it to
        elif op == "add" and is_unassigned(value):
            if not self._profile.empty_add_clears:
                raise ScimError("invalidValue", f"add needs a value for {text}; use remove to clear it", field=text)
            op = "replace"
            if attribute.name == "members":
                return  # only `remove` and `replace` can mean everybody
        if self._table.kind == "group" and attribute.name == "members":
            self.members += member_changes(op, path, value, text, self._profile)
            return
        home = self.document if path.urn is None else self.document.setdefault(path.urn, {})
        before = copy.deepcopy(home.get(attribute.name)) if attribute.mutability == "immutable" else None
        self._carry_out(op, home, path, attribute, value, text)
        if before is not None and home.get(attribute.name) != before:
            raise ScimError("mutability", f"{text} cannot be changed once it is set", field=text)
        if path.urn is not None and not home:
            del self.document[path.urn]

    def _carry_out(
        self, op: str, home: dict[str, Any], path: Path, attribute: Attribute, value: Any, text: str
    ) -> None:
        profile, sub, chosen = self._profile, path.sub, path.filter
        if op == "replace" and value == {} and attribute.sub:
            return  # what it does not name stays as it is (RFC 7644 section 3.5.2.3)
        if op == "replace" and is_unassigned(value):  # null, "" and [] are unassigned (RFC 7643 section 2.5)
            if (sub or attribute).required:
                raise ScimError("invalidValue", f"{text} is required: it cannot be empty", field=text)
            op, value = "remove", None
        if op == "remove":
            if sub is not None:
                changes.remove_sub(home, attribute, sub, text, chosen)
            elif chosen is not None:
                changes.remove_chosen(home, attribute, chosen, text)
            else:
                changes.remove(home, attribute, value, text, profile)
        elif chosen is not None:
            if op == "replace" and sub is None and not profile.replace_whole_element:
                raise ScimError("invalidPath", f"{text}: name the attribute to replace, behind a dot", field=text)
            creates = profile.add_creates_element if op == "add" else profile.replace_creates_element
            changes.put_chosen(home, attribute, chosen, sub, value, text, profile, creates=creates)
        elif sub is not None:
            changes.put_sub(home, attribute, sub, value, text, profile)
        else:
            changes.put(home, op, attribute, value, text, profile)

    def _extension(self, op: str, urn: str, value: Any) -> None:
        """A whole extension, by its URN."""
        if op == "remove" or (op == "replace" and is_unassigned(value) and value != {}):
            self.document.pop(urn, None)
        elif isinstance(value, dict):
            self._each(op, value, f"{urn}:")
        else:
            raise ScimError("invalidValue", f"{urn} takes an object", field=urn)


def _is_writable(path: Path) -> bool:
    return path.attribute is not None and path.attribute.writable and (path.sub is None or path.sub.writable)

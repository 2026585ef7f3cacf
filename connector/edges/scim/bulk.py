"""Bulk (RFC 7644 section 3.7): many operations in one request and one transaction, each with its own outcome.

A savepoint for each operation would undo it alone, and costs a tenth of it. In most requests nothing fails: so one is tried without
them first, and begun anew with them where something does.

A `bulkId:` reference may point forwards, and in circles: what it points to is carried out first; where that waits for this very
operation, it is created without the reference, which is added once both exist (section 3.7.1).
"""

from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

import orjson

from connector.core.errors import Conflict, ConnectorError, Invalid
from connector.domain.unit import Unit
from connector.edges.scim import errors, patch
from connector.edges.scim.answers import Answer, Conditions
from connector.edges.scim.errors import ScimError, TooLarge
from connector.edges.scim.operations import Operations, require
from connector.edges.scim.profiles import PROFILES, Profile
from connector.edges.scim.render import Renderer
from connector.edges.scim.schema import TABLES, Table, tables
from connector.edges.scim.validate import Body, read_resource

REQUEST = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
MAX_OPERATIONS = 1000
_REFERENCE = "bulkId:"
_DEEPEST = 50  # references that lead to references


@dataclass(frozen=True)
class Step:
    """One operation of the request, as it came; `id` is what stands behind the endpoint in its path."""

    method: str
    path: str
    bulk_id: str | None
    version: str | None
    data: Any
    refers: bool  # whether the data may hold a reference
    body: Body | ConnectorError | None = None  # a resource without references, read already, or what is wrong with it


@dataclass(frozen=True)
class Request:
    steps: list[Step]
    fail_on_errors: int | None


@dataclass
class _Run:
    """The state of one bulk request: outcomes by step, ids by bulkId, and references still to be added.

    `each`: every operation has a savepoint of its own; without, the first that fails raises _Failed.
    """

    unit: Unit
    request: Request
    each: bool
    outcomes: dict[int, dict[str, Any]] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    under_way: list[int] = field(default_factory=list)
    later: list[tuple[Table, str, str, Any]] = field(default_factory=list)
    errors: int = 0

    @property
    def enough(self) -> bool:
        wanted = self.request.fail_on_errors
        return wanted is not None and self.errors >= wanted


class _Failed(Exception):
    """An operation failed that has no savepoint of its own."""


class Bulk:
    """Reads and runs bulk requests."""

    def __init__(self, operations: Operations, render: Renderer) -> None:
        self._operations = operations
        self._render = render

    def read(self, body: Any, profile: Profile) -> Request:
        """ScimError where the message itself is wrong; TooLarge where it holds too many operations.

        Resources are read here already, before the transaction begins: others may write meanwhile.
        """
        keys = {key.lower(): value for key, value in body.items()} if isinstance(body, dict) else {}
        schemas = keys.get("schemas")
        if not isinstance(schemas, list) or REQUEST.lower() not in {str(one).lower() for one in schemas}:
            raise ScimError("invalidSyntax", f"schemas must hold {REQUEST}", field="schemas")
        operations = keys.get("operations")
        if not isinstance(operations, list) or not operations:
            raise ScimError(
                "invalidSyntax", "Operations must be a list with at least one operation", field="Operations"
            )
        if len(operations) > MAX_OPERATIONS:
            raise TooLarge(f"{len(operations)} operations are more than {MAX_OPERATIONS}, see ServiceProviderConfig")
        steps = [_step(one, profile) for one in operations]
        named = [one.bulk_id for one in steps if one.bulk_id is not None]
        if len(set(named)) != len(named):
            raise ScimError("invalidSyntax", "each bulkId may be used once in a request", field="bulkId")
        limit = keys.get("failonerrors")
        if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
            raise ScimError(
                "invalidValue", f"failOnErrors must be a number above 0, not {limit!r}", field="failOnErrors"
            )
        return Request(steps, limit)

    def run(self, unit: Unit, request: Request) -> Answer:
        """200 whatever becomes of the operations; those that were not attempted any more are left out."""
        if not any(isinstance(step.body, ConnectorError) for step in request.steps):
            with suppress(_Failed), unit.tx.savepoint():
                return self._run(_Run(unit, request, each=False))
        return self._run(_Run(unit, request, each=True))

    def _run(self, run: _Run) -> Answer:
        for number in range(len(run.request.steps)):
            if run.enough:
                break
            self._carry_out(run, number)
        for table, id, path, element in run.later:
            self._add_later(run, table, id, path, element)
        outcomes = [run.outcomes[number] for number in sorted(run.outcomes)]
        return Answer(200, orjson.dumps({"schemas": [_RESPONSE], "Operations": outcomes}))

    def _carry_out(self, run: _Run, number: int) -> None:
        if number in run.outcomes:
            return
        step = run.request.steps[number]
        outcome: dict[str, Any] = {"method": step.method}
        if step.bulk_id is not None:
            outcome["bulkId"] = step.bulk_id
        run.under_way.append(number)
        try:
            with run.unit.tx.savepoint() if run.each else nullcontext():
                answer = self._attempt(run, step)
            location = answer.headers.get("Location") or self._location(run, step)
            outcome |= {"location": location, "status": str(answer.status)}
            if "ETag" in answer.headers:
                outcome["version"] = answer.headers["ETag"]
            if step.bulk_id is not None and step.method == "POST":
                run.ids[step.bulk_id] = location.rpartition("/")[2]
        except ConnectorError as problem:
            if not run.each:
                raise _Failed from problem
            body, status, _ = errors.render(problem)
            outcome |= {"status": str(status), "response": body}
            if step.method != "POST":
                outcome["location"] = self._location(run, step)
            run.errors += 1
        run.under_way.pop()
        run.outcomes[number] = outcome

    def _attempt(self, run: _Run, step: Step) -> Answer:
        table, id = self._target(run, step)
        require(run.unit.by, table, writing=True)
        conditions = Conditions(step.version, required=run.unit.by.if_match and step.method != "POST")
        later: list[tuple[str, Any]] = []
        data = self._resolved(run, step.data, later, "", named=True) if step.refers else step.data
        if isinstance(step.body, ConnectorError):
            raise step.body
        if step.method == "POST":
            read = step.body or read_resource(table, data, PROFILES[run.unit.by.profile])
            answer = self._operations.create(run.unit, table, read, None)
            made = answer.headers["Location"].rpartition("/")[2]
            run.later += [(table, made, path, element) for path, element in later]
            return answer
        if later:
            raise Conflict("a circle of references can only be closed between operations that create")
        if step.method == "PUT":
            read = step.body or read_resource(table, data, PROFILES[run.unit.by.profile])
            return self._operations.replace(run.unit, table, id, read, None, conditions)
        if step.method == "PATCH":
            return self._operations.patch(run.unit, table, id, data, None, conditions)
        return self._operations.delete(run.unit, table, id, conditions)

    def _target(self, run: _Run, step: Step) -> tuple[Table, str]:
        endpoint, _, id = step.path.strip("/").partition("/")
        table = tables(run.unit.by.dialect).get(endpoint)
        if table is None or "/" in id:
            raise ScimError(
                "invalidPath", f"{step.path!r} is not the path of a resource type or resource", field="path"
            )
        if bool(id) == (step.method == "POST"):
            wanted = f"/{endpoint}" if step.method == "POST" else f"/{endpoint}/{{id}}"
            raise ScimError("invalidPath", f"{step.method} takes the path {wanted}", field="path")
        return table, self._reference(run, id) or id

    def _reference(self, run: _Run, text: str) -> str | None:
        """The id that a `bulkId:` reference stands for, or None where the text is none, or its operation waits for us."""
        if not text.startswith(_REFERENCE):
            return None
        name = text.removeprefix(_REFERENCE)
        if name in run.ids:
            return run.ids[name]
        number = next((n for n, one in enumerate(run.request.steps) if one.bulk_id == name), None)
        if number is None or run.request.steps[number].method != "POST":
            raise Conflict(f"{text}: no operation of this request creates that")
        if number in run.under_way or len(run.under_way) > _DEEPEST:
            return None
        self._carry_out(run, number)
        if name not in run.ids:
            raise Conflict(f"{text}: the operation that should have created it failed")
        return run.ids[name]

    def _resolved(self, run: _Run, data: Any, later: list[tuple[str, Any]], path: str, *, named: bool) -> Any:
        """The data with ids for references; what must wait is taken out and put down in `later` as (attribute, value).

        `named`: the data is a resource or an extension, whose keys are attributes; what holds a waiting reference deeper down
        goes as a whole.
        """
        if isinstance(data, dict):
            found = {}
            for name, value in data.items():
                below = f"{path}:{name}" if path else name
                extension = named and not path and name.lower().startswith("urn:")
                resolved = self._resolved(run, value, later, below if named else path, named=extension)
                if resolved is not _WAITS:
                    found[name] = resolved
                elif named:
                    later.append((below, value))
                else:
                    return _WAITS
            return found
        if isinstance(data, list):
            listed = [(one, self._resolved(run, one, later, path, named=False)) for one in data]
            later += [(path, one) for one, resolved in listed if resolved is _WAITS]
            return [resolved for _, resolved in listed if resolved is not _WAITS]
        if isinstance(data, str) and data.startswith(_REFERENCE):
            return self._reference(run, data) or _WAITS
        return data

    def _add_later(self, run: _Run, table: Table, id: str, path: str, element: Any) -> None:
        """Close a circle: both sides exist now, or one has failed, and then so has what it was created for."""
        number = next(n for n, one in run.outcomes.items() if one.get("location") == self._render.location(table, id))
        try:
            with run.unit.tx.savepoint() if run.each else nullcontext():
                value = self._resolved(run, element, [], path, named=False)
                operation = {"op": "add", "path": path, "value": value}
                body = {"schemas": [patch.URN], "Operations": [operation]}
                answer = self._operations.patch(run.unit, table, id, body, None, Conditions())
            run.outcomes[number]["version"] = answer.headers["ETag"]
        except ConnectorError as problem:
            if not run.each:
                raise _Failed from problem
            body, status, _ = errors.render(problem)
            run.outcomes[number] |= {"status": str(status), "response": body}

    def _location(self, run: _Run, step: Step) -> str:
        endpoint, _, id = step.path.strip("/").partition("/")
        known = run.ids.get(id.removeprefix(_REFERENCE), id)
        return f"{self._render.root}/{endpoint}/{known}"


_WAITS: Any = object()
_FIELDS: dict[str, Callable[[Any], bool]] = {
    "method": lambda value: isinstance(value, str) and value.upper() in ("POST", "PUT", "PATCH", "DELETE"),
    "path": lambda value: isinstance(value, str),
    "bulkId": lambda value: value is None or (isinstance(value, str) and value != ""),
    "version": lambda value: value is None or isinstance(value, str),
}


def _step(operation: Any, profile: Profile) -> Step:
    keys = {key.lower(): value for key, value in operation.items()} if isinstance(operation, dict) else {}
    for name, fits in _FIELDS.items():
        if not fits(keys.get(name.lower())):
            raise ScimError("invalidSyntax", f"{name} of an operation cannot be {keys.get(name.lower())!r}", field=name)
    method, path, data = keys["method"].upper(), keys["path"], keys.get("data")
    if method == "POST" and keys.get("bulkid") is None:
        raise ScimError("invalidSyntax", "a POST operation needs a bulkId (RFC 7644 section 3.7)", field="bulkId")
    if method != "DELETE" and not isinstance(data, dict):
        raise Invalid(f"a {method} operation needs data, an object", field="data")
    refers = _REFERENCE.encode() in orjson.dumps(data)
    body = _body(path, data, profile) if method in ("POST", "PUT") and not refers else None
    return Step(method, path, keys.get("bulkid"), keys.get("version"), data, refers, body)


def _body(path: str, data: Any, profile: Profile) -> Body | ConnectorError | None:
    table = TABLES.get(path.strip("/").partition("/")[0])
    try:
        return read_resource(table, data, profile) if table is not None else None
    except ConnectorError as problem:
        return problem

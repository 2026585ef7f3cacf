"""A whole resource as a client sends it, for POST and PUT: to the canonical document, by the tables."""

from dataclasses import dataclass
from typing import Any

from connector.edges.scim.errors import ScimError
from connector.edges.scim.profiles import Profile
from connector.edges.scim.schema import Attribute, Table
from connector.edges.scim.values import is_unassigned, read


@dataclass(frozen=True)
class Body:
    """A read request body: the canonical document (no id, meta, schemas, computed attributes) and the client's externalId."""

    document: dict[str, Any]
    external_id: str | None


def read_resource(table: Table, body: Any, profile: Profile) -> Body:
    """Check and canonicalise. readOnly attributes are dropped (RFC 7644 section 3.3), so are secrets, which we never keep."""
    if not isinstance(body, dict):
        raise ScimError("invalidSyntax", "the body must be a JSON object")
    _check_schemas(table, body, profile)
    document: dict[str, Any] = {}
    for key, value in body.items():
        extension = table.extensions.get(key.lower())
        if extension is not None:
            urn, attributes = extension
            nested = _read_extension(urn, attributes, value, profile)
            if nested:
                document[urn] = nested
        else:
            _read_attribute(table.attributes, key, value, document, "", profile)
    check_required(table, document)
    external_id = document.pop("externalId", None)
    return Body(document, external_id)


def check_required(table: Table, document: dict[str, Any]) -> None:
    """ScimError naming the first required attribute that is missing."""
    for name in table.needed:
        if is_unassigned(document.get(name)):
            raise ScimError("invalidValue", f"{_as_called(table, name)} is required", field=name)


def _as_called(table: Table, name: str) -> str:
    names = (table.called.get(name), name if name.lower() in table.attributes else None)
    return " or ".join(filter(None, names))


def _check_schemas(table: Table, body: dict[str, Any], profile: Profile) -> None:
    listed = next((value for key, value in body.items() if key.lower() == "schemas"), None)
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise ScimError("invalidSyntax", f"schemas is required: a list that holds {table.urn}", field="schemas")
    urns = {one.lower() for one in listed}
    if table.urn.lower() not in urns:
        raise ScimError("invalidSyntax", f"schemas must hold {table.urn}", field="schemas")
    unknown = urns - {table.urn.lower()} - table.extensions.keys()
    if unknown and not profile.unknown_schemas:
        raise ScimError(
            "invalidSyntax", f"the schema {sorted(unknown)[0]} is not known for {table.name}", field="schemas"
        )


def _read_extension(urn: str, attributes: Any, value: Any, profile: Profile) -> dict[str, Any]:
    if is_unassigned(value):
        return {}
    if not isinstance(value, dict):
        raise ScimError("invalidValue", f"{urn} takes an object", field=urn)
    document: dict[str, Any] = {}
    for key, given in value.items():
        _read_attribute(attributes, key, given, document, f"{urn}:", profile)
    return document


def _read_attribute(
    attributes: Any, key: str, value: Any, document: dict[str, Any], prefix: str, profile: Profile
) -> None:
    attribute: Attribute | None = attributes.get(key.lower())
    if attribute is None:
        if not profile.unknown_attributes:
            raise ScimError("invalidSyntax", f"{prefix}{key} is not an attribute of this resource", field=prefix + key)
        return
    if not attribute.writable:
        return
    quick = attribute.plain and type(value) is str and value and "\0" not in value
    found = value if quick else read(attribute, value, prefix + attribute.name, profile)
    if attribute.mutability == "writeOnly" or found is None:
        return
    if attribute.name in document and document[attribute.name] != found:
        detail = f"{attribute.name} is given twice with different values ({key} is another name of it)"
        raise ScimError("invalidValue", detail, field=attribute.name)
    document[attribute.name] = found

"""Tables of attributes, compiled once from the model classes: what a request may hold and how values compare.

Everything on the hot path looks things up here; no model object is made for a request.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any

from scim2_models import Extension as ModelExtension
from scim2_models import Resource, ResourceType, Schema

from connector.domain.schema import GOVERNANCE
from connector.edges.scim import catalogue_models, governance_models, models


@dataclass(frozen=True)
class Attribute:
    """The characteristics of one attribute (RFC 7643 section 2.2). `sub` by lower-case name."""

    name: str
    type: str
    multi: bool = False
    required: bool = False
    case_exact: bool = False
    mutability: str = "readWrite"
    returned: str = "default"
    sub: Mapping[str, "Attribute"] | None = None

    @cached_property
    def writable(self) -> bool:
        return self.mutability != "readOnly"

    @cached_property
    def plain(self) -> bool:
        """Whether a text is kept as it is: what most values are, read without further ado."""
        return self.writable and not self.multi and self.type in ("string", "reference")

    @cached_property
    def needed(self) -> tuple[str, ...]:
        """Names of the attributes that an object of this complex type must have."""
        return tuple(one.name for one in (self.sub or {}).values() if one.required and one.writable)


@dataclass(frozen=True, eq=False)  # one object for each type: it is its own key in caches
class Table:
    """One resource type: its kind in the domain, and its attributes and extensions by lower-case name."""

    kind: str
    name: str
    urn: str
    endpoint: str
    attributes: Mapping[str, Attribute]
    extensions: Mapping[str, tuple[str, Mapping[str, Attribute]]]
    called: Mapping[str, str] = field(default_factory=dict)
    """What attributes are called here, where that is not how they are kept: canonical name to the other one."""

    @cached_property
    def needed(self) -> tuple[str, ...]:
        """Names of the required attributes, each once."""
        return tuple(dict.fromkeys(one.name for one in self.attributes.values() if one.required))

    @cached_property
    def scope(self) -> str:
        """The scope that covers this type, and no other."""
        return f"scim:{ENDPOINT_OF[self.kind].lower()}"

    def namespace(self, urn: str | None) -> Mapping[str, Attribute]:
        """The attributes under an extension's URN, or the core ones for None."""
        return self.extensions[urn.lower()][1] if urn else self.attributes


# Attributes that only these dialects show; every dialect may write them (an attribute known to another is kept, not refused).
_ABBEY_ONLY = {
    "agentType",
    "applications",
    "entitlements",
    "parent",
    "protocols",
    "roles",
    "subject",
    "x509Certificates",
}
# "wahl" is the view at /AgenticIdentities.
HIDDEN: dict[str, frozenset[str]] = {
    "wzdk": frozenset(_ABBEY_ONLY | {"oAuthClientIdentifiers"}),
    "abbey": frozenset({"agentUserName", "oAuthClientIdentifiers"}),
    "superset": frozenset(),
    "wahl": frozenset({"displayName", "agentType", "parent", "protocols", "subject", "x509Certificates", GOVERNANCE}),
}


def _compile(attributes: list[Any]) -> dict[str, Attribute]:
    return {
        one.name.lower(): Attribute(
            name=one.name,
            type=one.type.value,
            multi=bool(one.multi_valued),
            required=bool(one.required),
            case_exact=bool(one.case_exact) or one.type.value in ("reference", "binary"),
            mutability=one.mutability.value,
            returned=one.returned.value,
            sub=_compile(one.sub_attributes) if one.sub_attributes else None,
        )
        for one in attributes
    }


_COMMON = {
    "id": Attribute("id", "string", case_exact=True, mutability="readOnly", returned="always"),
    "externalid": Attribute("externalId", "string", case_exact=True),
    "schemas": Attribute("schemas", "reference", multi=True, case_exact=True, mutability="readOnly", returned="always"),
    "meta": Attribute(
        "meta",
        "complex",
        mutability="readOnly",
        sub={
            "resourcetype": Attribute("resourceType", "string", case_exact=True, mutability="readOnly"),
            "created": Attribute("created", "dateTime", mutability="readOnly"),
            "lastmodified": Attribute("lastModified", "dateTime", mutability="readOnly"),
            "location": Attribute("location", "reference", case_exact=True, mutability="readOnly"),
            "version": Attribute("version", "string", case_exact=True, mutability="readOnly"),
        },
    ),
}


def _table(kind: str, endpoint: str, model: type[Resource[Any]], extension: type[ModelExtension] | None) -> Table:
    core = model.to_schema()
    attributes = _COMMON | _compile(core.attributes or [])
    if endpoint == "Agents":
        # `name` is the abbey dialect's word for agentUserName: the same attribute under both (design: one canonical agent).
        attributes["name"] = attributes["agentusername"]
        # The draft's own JSON schema misspells it so, and clients may be made from that.
        parts = attributes["protocols"].sub or {}
        misspelt = {**parts, "specifiationurl": parts["specificationurl"]}
        attributes["protocols"] = replace(attributes["protocols"], sub=misspelt)
    extensions = {}
    if extension is not None:
        described = extension.to_schema()
        extensions[str(described.id).lower()] = (str(described.id), _compile(described.attributes or []))
    called = {"agentUserName": "name"} if endpoint == "Agents" else {}
    return Table(kind, model.__name__, str(core.id), endpoint, attributes, extensions, called)


def _identities(agents: Table) -> Table:
    """The agents' own attributes, under the names of draft-wahl-scim-agent-schema-01."""
    table = _table("agent", "AgenticIdentities", models.AgenticIdentity, None)
    called = {"agentUserName": "displayName", "applications": "agenticApplicationId"}
    kept = {other.lower(): name.lower() for name, other in called.items()}
    return replace(
        table, attributes={key: agents.attributes[kept.get(key, key)] for key in table.attributes}, called=called
    )


TABLES: dict[str, Table] = {
    table.endpoint: table
    for table in (
        _table("agent", "Agents", models.Agent, governance_models.Governance),
        _table("person", "Users", models.User, models.EnterpriseUser),
        _table("group", "Groups", models.Group, None),
        _table("application", "AgenticApplications", models.AgenticApplication, None),
    )
}
ENDPOINT_OF = {table.kind: table.endpoint for table in TABLES.values()}
IDENTITIES = _identities(TABLES["Agents"])
_WITH_IDENTITIES = {**TABLES, IDENTITIES.endpoint: IDENTITIES}


def tables(dialect: str) -> Mapping[str, Table]:
    """What clients of that dialect find, by endpoint."""
    return _WITH_IDENTITIES if dialect == "wahl" else TABLES


def view_of(table: Table, dialect: str) -> str:
    """How a client of that dialect is shown the agents there: a key of HIDDEN."""
    if table is IDENTITIES:
        return "wahl"
    return "wzdk" if dialect == "wahl" else dialect


# What only the catalogue file changes: not kept in the database, and served where there is one.
CATALOGUE_TABLES: dict[str, Table] = {
    "Roles": _table("role", "Roles", catalogue_models.Role, None),
    "Entitlements": _table("entitlement", "Entitlements", catalogue_models.Entitlement, None),
}
_MODELS: dict[str, tuple[type[Resource[Any]], type[ModelExtension] | None]] = {
    "Agents": (models.Agent, governance_models.Governance),
    "Users": (models.User, models.EnterpriseUser),
    "Groups": (models.Group, None),
    "AgenticApplications": (models.AgenticApplication, None),
    "AgenticIdentities": (models.AgenticIdentity, None),
    "Roles": (catalogue_models.Role, None),
    "Entitlements": (catalogue_models.Entitlement, None),
}


def schema_documents(endpoints: Iterable[str], dialect: str) -> dict[str, dict[str, Any]]:
    """The schemas of these endpoints, by lower-case URN, as the dialect shows them (RFC 7643 section 7)."""
    found: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        for model in filter(None, _MODELS[endpoint]):
            document = dict(_schema_of(model))
            if endpoint == "Agents" and model is models.Agent:
                document["attributes"] = agent_attributes(document["attributes"], view_of(TABLES[endpoint], dialect))
            found[document["id"].lower()] = document
    return found


@cache
def _schema_of(model: type[Resource[Any]] | type[ModelExtension]) -> dict[str, Any]:
    return _dump(model.to_schema())


def agent_attributes(attributes: list[dict[str, Any]], view: str) -> list[dict[str, Any]]:
    """The Agent's attribute descriptions as a view shows them; `name` appears where it has it."""
    handle = next(one for one in attributes if one["name"] == "agentUserName")
    listed = [] if view == "wzdk" else [{**handle, "name": "name", "required": view == "abbey"}]
    return listed + [one for one in attributes if one["name"] not in HIDDEN[view]]


def without_member_display(document: dict[str, Any]) -> dict[str, Any]:
    """The Group schema as RFC 7643 section 8.7.1 has it."""
    return {**document, "attributes": [_without_display(one) for one in document["attributes"]]}


def _without_display(attribute: dict[str, Any]) -> dict[str, Any]:
    if attribute["name"] != "members":
        return attribute
    return {**attribute, "subAttributes": [one for one in attribute["subAttributes"] if one["name"] != "display"]}


def type_documents(endpoints: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The resource types of these endpoints, by lower-case name (RFC 7643 section 6)."""
    found = {}
    for endpoint in endpoints:
        model, extension = _MODELS[endpoint]
        described = ResourceType.from_resource(model[extension] if extension else model)  # type: ignore[index]
        document = _dump(described) | {"endpoint": f"/{endpoint}"}
        found[document["name"].lower()] = document
    return found


def _dump(model: Schema | ResourceType) -> dict[str, Any]:
    dumped: dict[str, Any] = model.model_dump(mode="json", exclude_none=True, by_alias=True)
    return dumped

"""The schemas that we serve, as scim2-models classes: people, groups, agents and applications.

Used at start-up only, to compile tables and the /Schemas documents. Agent: draft-wzdk-scim-agent-resource-00, with the attributes of
draft-abbey-scim-agent-extension-00 and of draft-wahl-scim-agent-schema-01 as a superset; our extension: governance_models.py.
"""

from datetime import datetime
from typing import Annotated, Any, Union

from pydantic import Field
from scim2_models import (
    URI,
    URN,
    CaseExact,
    ComplexAttribute,
    Entitlement,
    GroupMembership,
    Mutability,
    Reference,
    Required,
    Resource,
    Role,
    Uniqueness,
    X509Certificate,
)
from scim2_models import EnterpriseUser as RfcEnterpriseUser
from scim2_models import Group as RfcGroup
from scim2_models import User as RfcUser

from connector.domain import schema

User = RfcUser  # served as it is


class Manager(ComplexAttribute):
    """The RFC's JSON schema says required: false for both, and no client sends $ref."""

    value: Annotated[str | None, CaseExact.true] = None
    """The id of the SCIM resource representing the user's manager."""

    ref: Annotated[Reference["User"] | None, CaseExact.true] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The URI of the SCIM resource representing the user's manager."""

    display_name: Annotated[str | None, Mutability.read_only] = None
    """The displayName of the user's manager."""


class EnterpriseUser(RfcEnterpriseUser):
    __schema__ = URN(schema.ENTERPRISE)

    manager: Manager | None = None
    """The user's manager."""


class GroupMember(ComplexAttribute):
    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    """Identifier of the member of this Group."""

    ref: Annotated[Reference[Union["User", "Group", "Agent"]] | None, Mutability.immutable, CaseExact.true] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The URI of the member."""

    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User", "Group", "Agent"])
    """What the member is."""

    display: Annotated[str | None, Mutability.read_only] = None
    """What the member is called."""


class Group(RfcGroup):
    display_name: Annotated[str | None, Required.true, Uniqueness.server] = None
    """A human-readable name for the Group, unique without regard to case."""

    members: list[GroupMember] | None = None
    """A list of members of the Group."""


class Owner(ComplexAttribute):
    value: Annotated[str | None, Required.true, CaseExact.true] = None
    """The id of the User or Group that answers for the agent."""

    ref: Annotated[Reference[Union["User", "Group"]] | None, Mutability.read_only, CaseExact.true] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The URI of the owner."""

    display: Annotated[str | None, Mutability.read_only] = None
    """What the owner is called."""

    type: Annotated[str | None, Mutability.read_only] = None
    """User or Group."""

    primary: bool | None = None
    """Whether this owner is the accountable one; at most one is."""


class AgentProtocol(ComplexAttribute):
    type: str | None = Field(None, examples=["A2A", "OpenAPI", "MCP-Server"])
    """The protocol that the agent speaks."""

    specification_url: str | None = None
    """Where the description of its interface is found."""


class ParentAgent(ComplexAttribute):
    value: Annotated[str | None, CaseExact.true] = None
    """The id of the agent that this agent works under."""

    ref: Annotated[Reference["Agent"] | None, Mutability.read_only, CaseExact.true] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The URI of the parent."""

    display: Annotated[str | None, Mutability.read_only] = None
    """What the parent is called."""


class UsedApplication(ComplexAttribute):
    value: Annotated[str | None, Mutability.read_only, CaseExact.true] = None
    """The id of the application."""

    ref: Annotated[Reference["AgenticApplication"] | None, Mutability.read_only, CaseExact.true] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The URI of the application."""

    display: Annotated[str | None, Mutability.read_only] = None
    """What the application is called."""

    type: Annotated[str | None, Mutability.read_only] = None
    """How the agent belongs to it."""


class OAuthClientIdentifier(ComplexAttribute):
    name: str | None = None
    """What this registration is called."""

    description: str | None = None
    """What it is for."""

    client_id: Annotated[str | None, CaseExact.true] = None
    """The OAuth client id of the agent there."""

    issuer: Annotated[str | None, CaseExact.true] = None
    """The authorization server."""

    subject: Annotated[str | None, CaseExact.true] = None
    """The `sub` of the tokens that it issues to the agent."""

    audiences: Annotated[list[str] | None, CaseExact.true] = None
    """Whom those tokens are for."""


class Agent(Resource[Any]):
    """AI agent"""

    __schema__ = URN(schema.AGENT)

    agent_user_name: Annotated[str | None, Required.true, Uniqueness.server, CaseExact.false] = None
    """The agent's handle, unique among agents without regard to case."""

    display_name: str | None = None
    """What the agent is called."""

    description: str | None = None
    """What the agent does."""

    active: bool | None = None
    """Whether the agent may act; false ends its sessions and tokens at once."""

    owners: list[Owner] | None = None
    """Who answers for the agent."""

    groups: Annotated[list[GroupMembership] | None, Mutability.read_only] = None
    """The groups that the agent is in."""

    agent_type: str | None = None
    """What kind of agent it is, such as Assistant or Researcher."""

    roles: list[Role] | None = None
    """Roles of the agent."""

    entitlements: list[Entitlement] | None = None
    """Things that the agent is entitled to."""

    x509_certificates: list[X509Certificate] | None = Field(None, serialization_alias="x509Certificates")
    """Certificates whose keys the agent signs its client assertions with."""

    protocols: list[AgentProtocol] | None = None
    """Protocols that the agent speaks."""

    parent: ParentAgent | None = None
    """The agent that this agent works under."""

    subject: Annotated[str | None, CaseExact.true, Mutability.read_only] = None
    """The `sub` of the agent's tokens."""

    applications: Annotated[list[UsedApplication] | None, Mutability.read_only] = None
    """The applications that list the agent."""

    o_auth_client_identifiers: list[OAuthClientIdentifier] | None = Field(
        None, serialization_alias="oAuthClientIdentifiers", validation_alias="oAuthClientIdentifiers"
    )
    """How the agent is registered at authorization servers elsewhere."""


class AgenticIdentity(Resource[Any]):
    """AI agent, in the words of draft-wahl-scim-agent-schema-01: another view of an Agent"""

    __schema__ = URN(schema.AGENTIC_IDENTITY)

    display_name: Annotated[str | None, Required.true, Uniqueness.server, CaseExact.false] = None
    """The agent's handle, unique among agents without regard to case."""

    active: bool | None = None
    """Whether the agent may act; false ends its sessions and tokens at once."""

    description: str | None = None
    """What the agent does."""

    agentic_application_id: Annotated[str | None, CaseExact.true, Mutability.read_only] = None
    """The id of the first application that lists the agent."""

    owners: list[Owner] | None = None
    """Who answers for the agent."""

    o_auth_client_identifiers: list[OAuthClientIdentifier] | None = Field(
        None, serialization_alias="oAuthClientIdentifiers", validation_alias="oAuthClientIdentifiers"
    )
    """How the agent is registered at authorization servers elsewhere."""

    roles: list[Role] | None = None
    """Roles of the agent."""

    entitlements: list[Entitlement] | None = None
    """Things that the agent is entitled to."""

    groups: Annotated[list[GroupMembership] | None, Mutability.read_only] = None
    """The groups that the agent is in."""


class ApplicationUrl(ComplexAttribute):
    type: str | None = Field(None, examples=["ssoEndpoint", "loginPage", "api", "homepage"])
    """What is found there."""

    value: str | None = None
    """The URL."""

    description: str | None = None
    """What it is for."""

    primary: bool | None = None
    """Whether it is the main one; at most one is."""


class OAuthConfiguration(ComplexAttribute):
    client_id: str | None = None
    """The OAuth client id of the application."""

    description: str | None = None
    """What the client is for."""

    audience_uri: str | None = None
    """The audience that its tokens are for."""

    issuer_uri: str | None = None
    """Who issues its tokens."""

    redirect_uri: list[Reference[URI]] | None = None
    """Where the authorization server may send people back to."""


class ApplicationAgent(ComplexAttribute):
    value: Annotated[str | None, Required.true, CaseExact.true] = None
    """The id of the agent."""

    ref: Annotated[Reference["Agent"] | None, Mutability.read_only, CaseExact.true] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The URI of the agent."""

    display: Annotated[str | None, Mutability.read_only] = None
    """What the agent is called."""

    type: str | None = Field(None, examples=["owned", "authorized", "guest"])
    """How the agent belongs to the application."""


class ExternalIdentifier(ComplexAttribute):
    type: str | None = None
    """What kind of identifier it is."""

    value: str | None = None
    """The identifier."""

    system: str | None = None
    """The system that gave it."""


class AgenticApplication(Resource[Any]):
    """Application that agents belong to or work in"""

    __schema__ = URN(schema.APPLICATION)

    name: Annotated[str | None, Required.true, Uniqueness.server, CaseExact.false] = None
    """The application's handle, unique among applications without regard to case."""

    display_name: str | None = None
    """What the application is called."""

    description: str | None = None
    """What the application does."""

    active: bool | None = None
    """Whether the application is in use."""

    application_urls: list[ApplicationUrl] | None = None
    """Where the application is found."""

    last_accessed: Annotated[datetime | None, Mutability.read_only] = None
    """When an agent last signed on to it."""

    o_auth_configuration: list[OAuthConfiguration] | None = Field(
        None, serialization_alias="oAuthConfiguration", validation_alias="oAuthConfiguration"
    )
    """How the application takes part in OAuth."""

    agents: list[ApplicationAgent] | None = None
    """The agents of the application."""

    external_identifiers: list[ExternalIdentifier] | None = None
    """What other systems call the application."""

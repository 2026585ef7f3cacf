"""Our extension of agents (design: everything that is ours is in it), as scim2-models classes."""

from datetime import datetime
from typing import Annotated, Union

from pydantic import Field
from scim2_models import URN, CaseExact, ComplexAttribute, Extension, Mutability, Reference

from connector.domain import schema
from connector.edges.scim.models import Group, User


class Sponsor(ComplexAttribute):
    value: Annotated[str | None, CaseExact.true] = None
    """The id of the User or Group that answers for the agent's existence."""

    ref: Annotated[Reference[Union["User", "Group"]] | None, Mutability.read_only, CaseExact.true] = Field(  # type: ignore[type-arg]
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The URI of the sponsor."""

    display: Annotated[str | None, Mutability.read_only] = None
    """What the sponsor is called."""


class AgentCredential(ComplexAttribute):
    value: Annotated[str | None, Mutability.read_only, CaseExact.true] = None
    """The id of the credential; never a secret."""

    type: Annotated[str | None, Mutability.read_only] = None
    """client_secret, public_key, api_key, certificate or tls_name."""

    status: Annotated[str | None, Mutability.read_only] = None
    """pending, active, expired or revoked."""

    not_before: Annotated[datetime | None, Mutability.read_only] = None
    """From when it is good."""

    not_after: Annotated[datetime | None, Mutability.read_only] = None
    """Until when it is good."""

    last_used: Annotated[datetime | None, Mutability.read_only] = None
    """When it was last used, to the minute."""

    thumbprint: Annotated[str | None, Mutability.read_only, CaseExact.true] = None
    """The thumbprint of a public key (RFC 7638) or certificate (RFC 8705)."""


class Governance(Extension):
    """How the agent is governed"""

    __schema__ = URN(schema.GOVERNANCE)

    lifecycle_state: str | None = Field(None, examples=["proposed", "active", "suspended", "quarantined", "retired"])
    """Where the agent stands; active exactly while the agent's `active` is true."""

    autonomy: str | None = Field(None, examples=["assistive", "supervised", "autonomous"])
    """How far the agent acts by itself."""

    risk_level: str | None = Field(None, examples=["low", "medium", "high"])
    """How much harm the agent could do."""

    environment: str | None = None
    """Where the agent runs, such as production."""

    purpose: str | None = None
    """Why the agent exists."""

    sponsor: Sponsor | None = None
    """Who answers for the agent's existence and lifecycle."""

    valid_from: datetime | None = None
    """When the agent may begin to act."""

    valid_until: datetime | None = None
    """When the agent stops: it is suspended then."""

    next_review: datetime | None = None
    """When somebody is to check that the agent is still needed."""

    last_seen: Annotated[datetime | None, Mutability.read_only] = None
    """When the agent last took a token or signed on."""

    issuer: Annotated[str | None, CaseExact.true, Mutability.read_only] = None
    """Who issues the agent's tokens."""

    subject: Annotated[str | None, CaseExact.true, Mutability.read_only] = None
    """The `sub` of the agent's tokens; with the issuer it names the agent everywhere, and is never given to another."""

    credentials: Annotated[list[AgentCredential] | None, Mutability.read_only] = None
    """The agent's credentials, without their secrets."""

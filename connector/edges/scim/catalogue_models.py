"""The schemas of roles and entitlements as things of their own (draft-ietf-scim-roles-entitlements-01), as scim2-models classes.

Used at start-up only, like models.py.
"""

from typing import Annotated, Any

from scim2_models import URN, Mutability, Required, Resource


class CatalogueEntry(Resource[Any]):
    """What both are; no schema of its own."""

    value: Annotated[str | None, Mutability.read_only, Required.true] = None
    """What `value` in the `roles` or `entitlements` of an agent or user holds."""

    display: Annotated[str | None, Mutability.read_only] = None
    """What it is called."""

    type: Annotated[str | None, Mutability.read_only] = None
    """What kind of role or entitlement it is."""

    primary: Annotated[bool | None, Mutability.read_only] = None
    """Whether it is the preferred one; at most one is."""

    supported: Annotated[bool | None, Mutability.read_only] = None
    """Whether it can be used now."""

    limited_assignments_permitted: Annotated[bool | None, Mutability.read_only] = None
    """Whether only so many may have it."""

    total_assignments_permitted: Annotated[int | None, Mutability.read_only] = None
    """How many may have it."""

    contained_by: Annotated[list[str] | None, Mutability.read_only] = None
    """Values of those that grant this one too."""

    contains: Annotated[list[str] | None, Mutability.read_only] = None
    """Values of those that this one grants too."""


class Role(CatalogueEntry):
    """Role that may be assigned"""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Role")


class Entitlement(CatalogueEntry):
    """Entitlement that may be assigned"""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Entitlement")

"""The schemas of roles and entitlements as things of their own (draft-ietf-scim-roles-entitlements-01), as scim2-models classes.

Used at start-up only, like models.py.
"""

from typing import Annotated, Any

from scim2_models import URN, Mutability, Required, Resource

_ReadOnlyText = Annotated[str | None, Mutability.read_only]
_ReadOnlyFlag = Annotated[bool | None, Mutability.read_only]
_ReadOnlyNumber = Annotated[int | None, Mutability.read_only]
_ReadOnlyTexts = Annotated[list[str] | None, Mutability.read_only]


class Role(Resource[Any]):
    """Role that may be assigned"""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Role")

    value: Annotated[str | None, Mutability.read_only, Required.true] = None
    """What `roles.value` of an agent or user holds."""

    display: _ReadOnlyText = None
    """What the role is called."""

    type: _ReadOnlyText = None
    """What kind of role it is."""

    primary: _ReadOnlyFlag = None
    """Whether it is the preferred role; at most one is."""

    supported: _ReadOnlyFlag = None
    """Whether the role can be used now."""

    limited_assignments_permitted: _ReadOnlyFlag = None
    """Whether only so many may have the role."""

    total_assignments_permitted: _ReadOnlyNumber = None
    """How many may have the role."""

    contained_by: _ReadOnlyTexts = None
    """Values of the roles that grant this one too."""

    contains: _ReadOnlyTexts = None
    """Values of the roles that this one grants too."""


class Entitlement(Resource[Any]):
    """Entitlement that may be assigned"""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Entitlement")

    value: Annotated[str | None, Mutability.read_only, Required.true] = None
    """What `entitlements.value` of an agent or user holds."""

    display: _ReadOnlyText = None
    """What the entitlement is called."""

    type: _ReadOnlyText = None
    """What kind of entitlement it is."""

    primary: _ReadOnlyFlag = None
    """Whether it is the preferred entitlement; at most one is."""

    supported: _ReadOnlyFlag = None
    """Whether the entitlement can be used now."""

    limited_assignments_permitted: _ReadOnlyFlag = None
    """Whether only so many may have the entitlement."""

    total_assignments_permitted: _ReadOnlyNumber = None
    """How many may have the entitlement."""

    contained_by: _ReadOnlyTexts = None
    """Values of the entitlements that grant this one too."""

    contains: _ReadOnlyTexts = None
    """Values of the entitlements that this one grants too."""

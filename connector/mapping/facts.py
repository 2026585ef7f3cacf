"""The facts that a mapping may speak of: one table, so that a misspelt name is found when the file is read.

In: nothing. Out: the table, and how a dotted name is looked up in one agent's facts. The agent's attributes carry their SCIM
names (RFC 7643, and the agent resource of the SCIM agent drafts); the rest is what provisioning adds about people and groups.
"""

from collections.abc import Mapping
from typing import Any, Final

Facts = Mapping[str, Any]

# A shape is TEXT, FLAG or ANY, a dict of named parts, or a list that holds the shape of its items.
TEXT: Final = "text"
FLAG: Final = "flag"
ANY: Final = "any"

_VALUE = {"value": TEXT, "display": TEXT, "type": TEXT, "primary": FLAG, "$ref": TEXT}

# What is known of a person; `account` is that person's reference at the target (SCIM id, LDAP DN), null where not found.
PERSON: Final[dict[str, Any]] = {
    "id": TEXT,
    "userName": TEXT,
    "displayName": TEXT,
    "email": TEXT,
    "department": TEXT,
    "account": TEXT,
}

GOVERNANCE: Final[dict[str, Any]] = {
    "lifecycleState": TEXT,
    "autonomy": TEXT,
    "riskLevel": TEXT,
    "environment": TEXT,
    "purpose": TEXT,
    "validFrom": TEXT,
    "validUntil": TEXT,
    "lastSeen": TEXT,
    "nextReview": TEXT,
}

FACTS: Final[dict[str, Any]] = {
    "id": TEXT,
    "externalId": TEXT,
    "agentUserName": TEXT,
    "displayName": TEXT,
    "description": TEXT,
    "active": FLAG,
    "agentType": TEXT,
    "roles": [_VALUE],
    "entitlements": [_VALUE],
    "owners": [_VALUE],
    "governance": GOVERNANCE,
    "owner": PERSON,
    "sponsor": PERSON,
    "groups": [TEXT],
    "connector": {"baseUrl": TEXT, "domain": TEXT},
}


def shape_of(path: str) -> Any:
    """The shape of a dotted name such as `owner.account`; None where the table has no such name."""
    shape: Any = FACTS
    for part in path.split("."):
        shape = shape.get(part) if isinstance(shape, dict) else None
    return shape


def look_up(facts: Facts, path: str) -> Any:
    """The value of a dotted name; None where it, or something on the way to it, is unassigned."""
    value: Any = facts
    for part in path.split("."):
        value = value.get(part) if isinstance(value, (dict, Mapping)) else None
    return value

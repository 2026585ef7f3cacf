"""SCIM resources as accounts, and when an account matches: pure."""

from typing import Any

from connector.targets.base import Account, Value
from connector.targets.scim_paths import flatten
from connector.targets.sign_in import Json

_EXACT = ("id", "externalid")  # caseExact: true (RFC 7643 section 3.1)


def as_account(resource: Json) -> Account:
    active = resource.get("active", True)  # RFC 7643 leaves it open; a server without it has no disabled users
    is_active = active if isinstance(active, bool) else str(active).lower() == "true"
    return Account(id=str(resource["id"]), active=is_active, attributes=flatten(resource))


def holds(account: Account, attribute: str, value: str) -> bool:
    wanted = attribute.lower()
    held: Any = account.id if wanted == "id" else None
    for name, found in account.attributes.items():
        held = found if name.lower() == wanted else held
    each = [str(one) for one in (held if isinstance(held, list) else [held]) if one is not None]
    if wanted in _EXACT:
        return value in each
    return value.casefold() in (one.casefold() for one in each)


def folded(name: str, value: Value) -> Value:
    """Names and e-mail addresses in lower case: some servers keep them so (RFC 7643 section 4.1: caseExact is false)."""
    lowered = name.lower()
    if lowered in ("username", "agentusername") or (lowered.startswith("emails") and lowered.endswith(".value")):
        return [str(one).lower() for one in value] if isinstance(value, list) else str(value).lower()
    return value

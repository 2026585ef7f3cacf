"""Members of a group in requests: never a list in memory, always changes of rows (a group may have a hundred thousand)."""

from typing import Any

from connector.core.query import And, Attribute, Compare, Filter, Or
from connector.domain.groups import MemberChange
from connector.edges.scim.errors import ScimError
from connector.edges.scim.paths import Path
from connector.edges.scim.profiles import Profile
from connector.edges.scim.schema import Attribute as Described
from connector.edges.scim.values import is_unassigned, read


def member_ids(attribute: Described, value: Any, text: str, profile: Profile) -> tuple[str, ...]:
    """The ids in a list of members. ScimError where one has none."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict) and one and not any(given for name, given in one.items() if name.lower() == "value"):
            raise ScimError("invalidValue", "members.value is required", field="members.value")
    return tuple(one["value"] for one in read(attribute, value, text, profile) or [])


def member_changes(op: str, path: Path, value: Any, text: str, profile: Profile) -> list[MemberChange]:
    """What an operation on `members` does. An empty list of values means nobody, never everybody."""
    assert path.attribute is not None
    if path.sub is not None:
        raise ScimError("mutability", f"{text} cannot be changed: remove the member and add another", field=text)
    if path.filter is not None:
        if op != "remove":
            raise ScimError("mutability", f"{text}: a member cannot be changed, only added and removed", field=text)
        return [MemberChange("remove", _chosen(path.filter, text))]
    if op == "remove" and value in (None, ""):
        return [MemberChange("clear")]
    if op == "remove" and not profile.remove_by_value:
        raise ScimError("invalidValue", f"remove takes no value; use {text}[value eq …]", field="value")
    if not isinstance(value, list) and not is_unassigned(value) and op != "replace":
        value = [value]  # {"value": "id"} or "id"
    kind = "clear" if op == "replace" else op
    ids = member_ids(path.attribute, value, text, profile)
    return [MemberChange(kind, ids)] if ids or op == "replace" else []


def _chosen(filter: Filter, text: str) -> tuple[str, ...]:
    """The ids that a value filter names, as `value eq` joined by `or`."""
    match filter:
        case Compare(Attribute(path=("value",)), "eq", value):
            return (str(value),)
        case Or(terms) if terms:
            return tuple(dict.fromkeys(id for term in terms for id in _chosen(term, text)))
        case And(terms) if terms:
            chosen = [set(_chosen(term, text)) for term in terms]
            return tuple(sorted(set.intersection(*chosen)))
    detail = f'{text}: members are chosen by their ids only, as in members[value eq "a" or value eq "b"]'
    raise ScimError("invalidFilter", detail, field=text)

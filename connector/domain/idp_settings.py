"""What an operator says about one workforce IdP: who its people are here, which roles its groups give, what it may do.

In and out of storage as JSON. Knows no SAML.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import orjson

from connector.core.errors import Invalid

MATCH = ("userName", "email", "externalId")
GIVEN_ROLES = ("admin", "approver", "auditor")
COMPARISON = ("exact", "minimum")  # what is better or at most something, only the IdP could tell
OWNER = "owner"  # is given by nobody: it follows from the agents that a person owns
NAME_ID = "NameID"
DECIDED_AT_SIGN_IN = frozenset(
    {"match", "source", "suffixes", "groups_attribute", "roles", "contexts"}
)  # sessions keep the outcome

Table = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class IdpSettings:
    """As stored. A person is found by what `source` says (NameID, or the name of an attribute), compared as `match`.

    `roles` are pairs of a role and a value of the attribute `groups_attribute`, `role_groups` pairs of a role and the id of a
    group of ours. Where there are `suffixes`, it speaks only for people whose name or address ends with one of them.
    `create_people`: who is not known is made a person. `unsolicited`: it may sign people in unasked. Where there are `contexts`, it is
    asked for these context classes (`comparison` is how), and nobody is signed in by any other.
    """

    title: str = ""
    match: str = "userName"
    source: str = NAME_ID
    suffixes: tuple[str, ...] = ()
    groups_attribute: str = ""
    roles: Table = ()
    role_groups: Table = ()
    create_people: bool = False
    unsolicited: bool = False
    contexts: tuple[str, ...] = ()
    comparison: str = "exact"

    def requested(self, wished: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
        """How, and for which context classes, the IdP is asked where an agent wishes for some: never for one that will not do."""
        fitting = tuple(one for one in wished if not self.contexts or one in self.contexts)
        return ("exact", fitting) if fitting else (self.comparison, self.contexts)


def changed(settings: IdpSettings, changes: Mapping[str, Any]) -> IdpSettings:
    """The settings with these changes; Invalid names the first one that cannot be."""
    after = replace(settings, **changes)
    if after.match not in MATCH:
        raise Invalid(f"match is {after.match!r}; it must be one of {', '.join(MATCH)}", field="match")
    if not after.source.strip():
        raise Invalid("source must be NameID or the name of an attribute", field="source")
    if after.comparison not in COMPARISON:
        raise Invalid(
            f"comparison is {after.comparison!r}; it must be one of {', '.join(COMPARISON)}", field="comparison"
        )
    if any(not one.isascii() or not one.isprintable() or " " in one or not one for one in after.contexts):
        raise Invalid("a context must be the URI of an authentication context class", field="contexts")
    for role, _ in (*after.roles, *after.role_groups):
        if role not in GIVEN_ROLES:
            why = "it follows from owning agents" if role == OWNER else f"there are {', '.join(GIVEN_ROLES)}"
            raise Invalid(f"the role {role!r} cannot be given: {why}", field="role")
    if after.roles and not after.groups_attribute:
        raise Invalid("roles by the IdP's groups need the attribute that has them: groups_attribute", field="role")
    if after.create_people and after.match == "externalId":
        raise Invalid("who is found by externalId cannot be made: nobody gave it a userName", field="create_people")
    return after


def differences(before: IdpSettings, after: IdpSettings) -> dict[str, Any]:
    """What has another value now, for the event."""
    names = [one.name for one in fields(IdpSettings)]
    return {name: getattr(after, name) for name in names if getattr(before, name) != getattr(after, name)}


def to_json(settings: IdpSettings) -> str:
    """Only what differs from the defaults is kept, so that a better default reaches whoever never chose."""
    return orjson.dumps(differences(IdpSettings(), settings)).decode()


def from_json(text: str) -> IdpSettings:
    stored = orjson.loads(text)
    for name in ("roles", "role_groups"):
        if name in stored:
            stored[name] = tuple((role, value) for role, value in stored[name])
    for name in ("suffixes", "contexts"):
        stored[name] = tuple(stored.get(name, ()))
    return replace(IdpSettings(), **stored)


def given(table: Table, held: Iterable[str]) -> frozenset[str]:
    """The roles that whoever holds these groups has. Compared exactly: a group's name is whatever its directory says."""
    groups = frozenset(held)
    return frozenset(role for role, group in table if group in groups)

"""What is known beforehand about makes of SCIM servers, as tables: where each departs from RFC 7643 and RFC 7644.

In: the name that an operator chose. Out: a Profile. What a profile leaves open is asked of the server itself (scim_wire.py). The
figures are those that the makers publish; docs/targets/scim.md names them in words.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from connector.targets.scim_paths import CORE_AGENT, CORE_USER

_ENTRA: Final = "urn:ietf:params:scim:schemas:extension:Microsoft:Entra:2.0"


@dataclass(frozen=True)
class ObjectKind:
    """What agents are at the server: its endpoint where ResourceTypes says no other, its core schema, its unique attribute."""

    type: str
    endpoint: str
    schema: str
    handle: str


USER: Final = ObjectKind("User", "Users", CORE_USER, "userName")
AGENT: Final = ObjectKind("Agent", "Agents", CORE_AGENT, "agentUserName")


@dataclass(frozen=True)
class Features:
    """What a server supports (RFC 7643 section 5, RFC 9865 section 3) and where its kinds of resource are (RFC 7643 section 6).

    `endpoints` is None where the server does not list them; then all that we ask for are supposed to be there.
    """

    patch: bool = True
    filter: bool = True
    etag: bool = False
    by_cursor: bool = False
    largest_page: int | None = None
    endpoints: Mapping[str, str] | None = None

    def endpoint(self, type_: str, usual: str) -> str | None:
        """By the type's name in any case, or by the usual endpoint under whatever name; None where there is neither."""
        if self.endpoints is None:
            return usual
        by_name = {name.lower(): place for name, place in self.endpoints.items()}
        by_place = {place.lower(): place for place in self.endpoints.values()}
        return by_name.get(type_.lower()) or by_place.get(usual.lower())


@dataclass(frozen=True)
class Query:
    """A filter on a kind of resource; `{group}` and `{account}` stand for the ids as JSON strings."""

    type: str
    filter: str


@dataclass(frozen=True)
class Profile:
    """One make of server. The defaults are a server that keeps to the RFCs and says of itself what it can."""

    features: Features | None = None  # None: ask the server
    accept: str = "application/scim+json, application/json"
    write: str = "auto"
    paged: bool = True  # whether it knows count at all
    filters: frozenset[str] | None = None  # attributes that it can filter by, in lower case; None: any
    longest_sought: int | None = None  # a filter with a longer value finds nothing, whatever is there
    dates_changes: bool = False  # whether meta.lastModified moves with every change and can be filtered by
    look_before_create: bool = False
    refuses_taken: bool = (
        False  # known to refuse a user name that is taken (409), though it may have no /Schemas that say so
    )
    not_stored: tuple[str, ...] = ()
    required: tuple[str, ...] = ()  # what an account cannot be created without
    one_value: tuple[str, ...] = ()  # lists that may hold one value only
    sets_password: bool = False  # whether an account cannot be created without a password
    member_with_ref: bool = True
    group_with_members: bool = True
    group_extension: Callable[[str], Mapping[str, Any]] = field(default=lambda name: {})
    is_member: Query | None = None  # None: the group's own list of members tells
    members_by: str = ""  # filter on users that gives the members of a group; empty: the group's own list


def _entra_group(name: str) -> Mapping[str, Any]:
    """What Entra demands of a group beside its name; a mail nickname has no spaces and at most 64 characters."""
    nickname = "".join(one for one in name if one.isascii() and one.isalnum())[:64] or "group"
    return {f"{_ENTRA}:Group": {"mailEnabled": False, "mailNickname": nickname, "securityEnabled": True}}


_BOTH: Final = {"User": "Users", "Group": "Groups"}

PROFILES: Final[Mapping[str, Profile]] = MappingProxyType(
    {
        "generic": Profile(dates_changes=True),
        "keycloak": Profile(
            # SCIM API of 26.6 and later. meta.lastModified stays at the time of creation, and longer values are kept apart from
            # those that filters look at (both seen in 26.7.3).
            longest_sought=255,
            member_with_ref=False,
            group_with_members=False,
            is_member=Query("Group", "members.value eq {account}"),
            members_by="groups.value eq {group}",
        ),
        "entra": Profile(
            features=Features(by_cursor=True, largest_page=100, endpoints={"User": "users", "Group": "groups"}),
            accept="application/json",
            refuses_taken=True,
            write="patch",
            filters=frozenset({"username", "externalid", "displayname", f"{_ENTRA}:user:mailnickname".lower()}),
            required=("userName", "name.givenName", "name.familyName", "displayName", f"{_ENTRA}:User:mailNickname"),
            sets_password=True,
            member_with_ref=False,
            group_with_members=False,
            group_extension=_entra_group,
            is_member=Query("User", "id eq {account} and groups.value eq {group}"),
            members_by="groups.value eq {group}",
        ),
        "aws": Profile(
            features=Features(by_cursor=True, largest_page=100, endpoints=_BOTH),
            refuses_taken=True,
            write="put",  # of users; groups are changed by PATCH only
            filters=frozenset(
                {"username", "externalid", "displayname"}
            ),  # the last one of groups only; users are then walked
            required=("userName", "name.givenName", "name.familyName", "displayName"),
            one_value=("emails", "phoneNumbers", "addresses"),
            member_with_ref=False,
            is_member=Query("Group", "id eq {group} and members eq {account}"),
            members_by="groups.value eq {group}",
        ),
        "google": Profile(
            features=Features(endpoints=_BOTH),
            refuses_taken=True,
            write="patch",
            paged=False,
            filters=frozenset({"username", "externalid", "displayname"}),
            required=("userName", "name.givenName", "name.familyName", "emails"),
            member_with_ref=False,
        ),
        "canaille": Profile(write="put", look_before_create=True, not_stored=("externalId", "userType")),
    }
)

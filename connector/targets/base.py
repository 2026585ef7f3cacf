"""What every target promises: accounts and groups as plain values, and errors that say whether a retry helps.

Every write is safe to repeat: creating what is there tells the id, deleting or leaving what is gone succeeds. A read that
failed or came back in part raises; it is never reported as "not found".
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from connector.core.errors import ConnectorError

Value = str | bool | int | list[Any] | dict[str, Any]


class Capability(StrEnum):
    GROUPS = "groups"
    PEOPLE = "people"
    DIRECTORY = "directory"
    CHANGES = "changes"
    DISABLE = "disable"
    DELETE = "delete"


@dataclass(frozen=True)
class Account:
    """The persistent record at a target that gives an agent access there.

    `id` is the target's own anchor that survives a rename (SCIM id, entryUUID), empty before the account is created.
    `name` is its address where that differs (an LDAP DN), as wanted or as found. `attributes` are plain values under the
    target's own attribute names; an unassigned attribute is absent.
    """

    id: str = ""
    name: str = ""
    active: bool = True
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """A group at a target: its anchor and its display name."""

    id: str
    name: str


@dataclass(frozen=True)
class Changes:
    """What to change on an account: values to set, attributes to clear, and a new address where it has one (an LDAP DN)."""

    set: Mapping[str, Value] = field(default_factory=dict)
    clear: tuple[str, ...] = ()
    rename: str | None = None


@dataclass(frozen=True)
class ChangedPage:
    """Accounts that have changed, as they are now, anchors that are gone, and the cookie to go on from after this page.

    `whole` says that the walk is a full read: what no page of it names is not there.
    """

    accounts: tuple[Account, ...]
    gone: tuple[str, ...]
    cookie: str
    whole: bool = False


class TargetError(ConnectorError):
    """Base of what a target can answer. `attribute` names the attribute at fault, where the target says so."""

    retry = False

    def __init__(self, detail: str, *, attribute: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(detail, field=attribute)
        self.attribute = attribute
        self.retry_after = retry_after


class Unreachable(TargetError):
    """No answer, a broken answer, or a fault on the target's side: the same call may go through later."""

    retry = True


class Throttled(TargetError):
    """The target asks us to wait `retry_after` seconds before any further call."""

    retry = True


class Propagating(TargetError):
    """The target has taken the change and does not show it everywhere yet: no failure, look again in `retry_after` seconds."""

    retry = True


class Unsupported(TargetError):
    """This target cannot do it at all, whatever the value (no state to disable, no groups)."""


class CookieExpired(TargetError):
    """The target no longer knows where the cookie of an incremental read stood: a full read must follow."""


class Rejected(TargetError):
    """The target refuses this value or this object; a person or a mapping must change something."""


class NotAllowed(TargetError):
    """Our credentials at the target are wrong or do not permit this."""


class AlreadyExists(TargetError):
    """Another record holds the unique value. `id` is its anchor where the target told it, else empty."""

    def __init__(self, detail: str, *, id: str = "", attribute: str | None = None) -> None:
        super().__init__(detail, attribute=attribute)
        self.id = id


class Missing(TargetError):
    """The account that a change names is not there (any more)."""


@runtime_checkable
class Target(Protocol):
    """One outside directory. Instances may be used by several threads, one call at a time each."""

    name: str

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do, as far as is known without asking it."""

    def check(self) -> str:
        """Sign in and read something; one line that says what was found ("OpenLDAP at ldaps://…, 12 entries")."""

    def accounts(self) -> Iterator[Account]:
        """Every account below our base. Raises before or during iteration where the read cannot be completed."""

    def read(self, account_id: str) -> Account | None:
        """The account with that anchor; None only where the target says clearly that there is none."""

    def find(self, attribute: str, value: str) -> list[Account]:
        """Accounts whose attribute equals value; each match is checked here again, whatever the target's filter did."""

    def normalise(self, account: Account) -> Account:
        """The account as the target would give it back (spelling, dropped or fixed attributes): no phantom differences."""

    def create(self, account: Account) -> Account:
        """Create it, with its active state; AlreadyExists where the unique value is taken."""

    def update(self, account_id: str, changes: Changes) -> Account:
        """Change it; Missing where it is gone."""

    def set_active(self, account_id: str, active: bool) -> Account:
        """Enable or disable it; Missing where it is gone."""

    def delete(self, account_id: str) -> None:
        """Remove it; what is gone already is success."""


@runtime_checkable
class ManyKeys(Protocol):
    """A target that looks for several keys in one call: most accounts that are wanted are new, and none is found."""

    def has_any(self, keys: Sequence[tuple[str, str]]) -> bool:
        """Whether an account may have one of these values (attribute, value); False only where `find` would give none for each."""


@runtime_checkable
class UniqueTarget(Protocol):
    """A target at which no two accounts have the same value of one attribute, whoever made them."""

    def unique(self) -> str:
        """That attribute, whose taken values `create` refuses with AlreadyExists; "" where the target does not say so."""


@runtime_checkable
class GroupTarget(Protocol):
    """A target that keeps groups of accounts (Capability.GROUPS)."""

    def find_group(self, name: str) -> Group | None:
        """The group of that display name, compared without case; None only where there is clearly none."""

    def create_group(self, name: str, *, first_member: str) -> Group:
        """A new group that holds that account (some targets refuse an empty group); AlreadyExists where the name is taken."""

    def memberships(self, account_id: str, group_ids: Iterable[str]) -> frozenset[str]:
        """Those of group_ids that hold the account now. A group that is gone is not in the answer."""

    def join(self, group_id: str, account_id: str) -> None:
        """Add the account; one that is in already is success. Missing where the group is gone."""

    def leave(self, group_id: str, account_id: str) -> None:
        """Take the account out; one that is not in, or a group that is gone, is success."""


@runtime_checkable
class PersonTarget(Protocol):
    """A target that knows people, so that an account can refer to its owner there (Capability.PEOPLE)."""

    def find_person(self, attribute: str, value: str) -> list[str]:
        """References (SCIM id, LDAP DN) of the people whose attribute equals value, each match checked here again."""


@runtime_checkable
class Members(Protocol):
    """A target that lists who is in a group."""

    def members(self, group_id: str) -> Iterator[str]:
        """Anchors of the people and accounts directly in the group, page after page; Missing where the group is gone."""


@runtime_checkable
class DirectoryTarget(Members, Protocol):
    """A workforce IdP whose people and groups can be read as the source of owners and groups (Capability.DIRECTORY)."""

    def people(self) -> Iterator[Account]:
        """Every person there, with their state and attributes. Raises where the read cannot be completed."""

    def groups(self) -> Iterator[Group]:
        """Every group there. Raises where the read cannot be completed."""


@runtime_checkable
class ChangesTarget(Protocol):
    """A target that tells what has changed since the last look (Capability.CHANGES)."""

    def changes(self, cookie: str) -> Iterator[ChangedPage]:
        """The changes after `cookie`, or everything where it is empty; each page's cookie resumes after that page.

        CookieExpired where the target has forgotten it. An account may come twice; the later one counts.
        """

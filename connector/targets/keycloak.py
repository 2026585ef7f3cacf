"""A realm of Keycloak as a target, over its Admin REST API: agents are its users, or clients with a service account.

In and out: Account values whose attributes are named as in Keycloak's representations; custom attributes are `attributes.NAME`. A PUT
replaces an object whole there, so a change is read, merged and written.
"""

import re
import threading
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from connector.core.clock import Clock
from connector.targets.base import Account, AlreadyExists, Capability, Changes, Missing, NotAllowed, Rejected
from connector.targets.keycloak_changes import FULL_READS, KeycloakChanges
from connector.targets.keycloak_groups import KeycloakDirectory
from connector.targets.keycloak_values import account_of, changed, holds, inside_names
from connector.targets.keycloak_wire import KeycloakOptions, KeycloakWire
from connector.targets.line import NotThere
from connector.targets.sign_in import Json

_PROFILE_EVERY: Final = timedelta(hours=1)
_KEEPS_UNDECLARED: Final = ("ENABLED", "ADMIN_EDIT")
_LONGEST: Final = 255  # of a client's own texts; Keycloak answers a longer one with 500
_SERVICE: Final = "service-account-"
_CLIENT: Final[Json] = {
    "protocol": "openid-connect",
    "publicClient": False,
    "serviceAccountsEnabled": True,
    "standardFlowEnabled": False,
    "implicitFlowEnabled": False,
    "directAccessGrantsEnabled": False,
}


class KeycloakTarget(KeycloakDirectory, KeycloakChanges):
    """What both kinds of object share."""

    capabilities = frozenset(
        {
            *(Capability.GROUPS, Capability.PEOPLE, Capability.DIRECTORY),
            *(Capability.CHANGES, Capability.DISABLE, Capability.DELETE),
        }
    )
    _place: str
    _handle: str
    _lists: bool  # whether custom attributes are lists of texts

    def __init__(self, name: str, options: KeycloakOptions, clock: Clock) -> None:
        self.name = name
        self._options = options
        self._clock = clock
        self._wire = KeycloakWire(options, clock)

    @abstractmethod
    def find(self, attribute: str, value: str) -> list[Account]:
        """Accounts whose attribute equals value."""

    def read(self, account_id: str) -> Account | None:
        found = self._thing(account_id)
        return None if found is None else account_of(found)

    def normalise(self, account: Account) -> Account:
        return replace(account, name="")

    def unique(self) -> str:
        return self._handle

    def create(self, account: Account) -> Account:
        handle = str(account.attributes.get(self._handle, ""))
        if not handle:
            raise Rejected(f"{self._handle} is required: no account can be created without it", attribute=self._handle)
        self._fits(Changes(set=account.attributes))
        body = changed(self._blank(), Changes(set=account.attributes), lists=self._lists)
        try:
            made = self._wire.write("POST", self._place, body={**body, "enabled": account.active})
        except AlreadyExists as taken:
            raise self._taken(taken, account.attributes.get(taken.attribute or "", handle)) from taken
        return self._must(made.location_id)

    def update(self, account_id: str, changes: Changes) -> Account:
        self._fits(changes)
        present = self._thing(account_id)
        if present is None:
            raise _gone(account_id)
        try:
            self._put(account_id, changed(present, changes, lists=self._lists))
        except AlreadyExists as taken:
            raise self._taken(taken, changes.set.get(taken.attribute or self._handle, "")) from taken
        return self._must(account_id)

    def set_active(self, account_id: str, active: bool) -> Account:
        present = self._thing(account_id)
        if present is None:
            raise _gone(account_id)
        self._put(account_id, {**present, "enabled": active})
        return self._must(account_id)

    def delete(self, account_id: str) -> None:
        try:
            self._wire.write("DELETE", self._place, account_id)
        except NotThere:
            return

    def _fits(self, changes: Changes) -> None:
        """Refuse what Keycloak would drop without a word."""

    def _blank(self) -> Json:
        """What every new account has before the mapping says anything."""
        return {}

    def _realm(self) -> str:
        """The realm, and whether it tells changes, for `check`."""
        told = f"; {FULL_READS}" if self._remembers() is None else ""
        return f"realm {self._options.realm} of {self._options.url.rstrip('/')}{told}"

    def _thing(self, account_id: str) -> Json | None:
        if not account_id:
            return None
        try:
            return self._wire.get(self._place, account_id).object
        except NotThere:
            return None

    def _must(self, account_id: str) -> Account:
        found = self.read(account_id)
        if found is None:
            raise _gone(account_id)
        return found

    def _put(self, account_id: str, body: Json) -> None:
        try:
            self._wire.write("PUT", self._place, account_id, body=body)
        except NotThere:
            raise _gone(account_id) from None

    def _taken(self, taken: AlreadyExists, value: object) -> AlreadyExists:
        attribute = taken.attribute or self._handle
        holder = next(iter(self.find(attribute, str(value))), None) if value else None
        return AlreadyExists(taken.detail, id=holder.id if holder else "", attribute=attribute)


class KeycloakUsers(KeycloakTarget):
    """Agents as users of the realm."""

    _place, _handle, _lists = "users", "username", True
    _events = ("USER", "GROUP_MEMBERSHIP", "REALM_ROLE_MAPPING")
    _named = re.compile("(?:users|scim/v2/Users)/([^/]+)")

    def __init__(self, name: str, options: KeycloakOptions, clock: Clock) -> None:
        super().__init__(name, options, clock)
        self._lock = threading.Lock()
        self._profile: tuple[frozenset[str] | None, datetime] | None = None

    def check(self) -> str:
        count = self._wire.get("users", "count").body
        kept = self._declared()
        undeclared = "kept" if kept is None else "refused: the realm's user profile has to declare them"
        has = f"{count} users; custom attributes that are not declared are {undeclared}"
        return f"Keycloak: {has}; {self._realm()}"

    def _account_pages(self, place: str) -> Iterator[tuple[list[Account], str]]:
        attribute, _, value = self._options.accounts_where.partition("=")
        return self._user_pages(attribute, value, place)

    def find(self, attribute: str, value: str) -> list[Account]:
        if attribute == "id":
            found = self.read(value)
            return [] if found is None else [found]
        return list(self._users(attribute, value))

    def normalise(self, account: Account) -> Account:
        """Usernames and addresses in lower case, as Keycloak keeps them."""
        kept = {
            name: str(value).lower() if name in ("username", "email") else value
            for name, value in account.attributes.items()
        }
        return replace(account, name="", attributes=kept)

    def set_active(self, account_id: str, active: bool) -> Account:
        after = super().set_active(account_id, active)
        if not active:  # its sessions would go on until they expire
            try:
                self._wire.write("POST", "users", account_id, "logout")
            except NotThere:
                raise _gone(account_id) from None
        return after

    def _user_id(self, account_id: str) -> str:
        if self._thing(account_id) is None:
            raise _gone(account_id)
        return account_id

    def _fits(self, changes: Changes) -> None:
        declared = self._declared()
        for name in inside_names(changes.set):
            if declared is not None and name not in declared:
                raise Rejected(
                    f"attributes.{name} would be dropped: declare it in the realm's user profile, or let administrators "
                    "edit unmanaged attributes",
                    attribute=f"attributes.{name}",
                )

    def _declared(self) -> frozenset[str] | None:
        """The attributes that the user profile knows, read once an hour; None where others are kept, too, or nobody tells us."""
        with self._lock:
            if self._profile is None or self._profile[1] <= self._clock():
                self._profile = (self._ask_profile(), self._clock() + _PROFILE_EVERY)
            return self._profile[0]

    def _ask_profile(self) -> frozenset[str] | None:
        try:
            profile = self._wire.get("users", "profile").object
        except (NotThere, NotAllowed):
            return None
        if profile.get("unmanagedAttributePolicy") in _KEEPS_UNDECLARED:
            return None
        return frozenset(str(one.get("name")) for one in profile.get("attributes") or [])


class KeycloakClients(KeycloakTarget):
    """Agents as confidential clients with a service account, which has their groups and roles."""

    _place, _handle, _lists = "clients", "clientId", False
    _events = ("CLIENT",)
    _named = re.compile("clients/([^/]+)")

    def check(self) -> str:
        count = sum(1 for _ in self.accounts())
        return f"Keycloak: {count} clients with a service account; {self._realm()}"

    def _account_pages(self, place: str) -> Iterator[tuple[list[Account], str]]:
        """Clients with a service account, without the one that we sign in as."""
        attribute, _, value = self._options.accounts_where.partition("=")
        for page, following in self._wire.walk_pages("clients", place=place):
            able = (one for one in page if one.get("serviceAccountsEnabled") is True)
            others = map(account_of, (one for one in able if one.get("clientId") != self._options.client_id))
            yield [one for one in others if not attribute or holds(one, attribute, value, exact=True)], following

    def find(self, attribute: str, value: str) -> list[Account]:
        if not value:
            return []
        params = {"clientId": value} if attribute == "clientId" else None
        found = map(account_of, self._wire.walk("clients", params=params))
        return [one for one in found if holds(one, attribute, value, exact=True)]

    def _blank(self) -> Json:
        return dict(_CLIENT)

    def _anchor(self, user: Json) -> str:
        """The client behind a service account, whose username holds its clientId in lower case; else a person's id."""
        name = str(user.get("username", ""))
        if not name.startswith(_SERVICE):
            return str(user["id"])
        wanted = name.removeprefix(_SERVICE)
        for params in ({"clientId": wanted}, None):
            for client in self._wire.walk("clients", params=params):
                if str(client.get("clientId", "")).lower() == wanted:
                    return str(client["id"])
        return str(user["id"])

    def _fits(self, changes: Changes) -> None:
        for name in ("clientId", "name", "description"):
            length = len(str(changes.set.get(name, "")))
            if length > _LONGEST:
                raise Rejected(f"{name} has {length} characters; Keycloak keeps {_LONGEST}", attribute=name)

    def _user_id(self, account_id: str) -> str:
        try:
            return str(self._wire.get("clients", account_id, "service-account-user").object.get("id", ""))
        except NotThere:
            raise _gone(account_id) from None


def _gone(account_id: str) -> Missing:
    return Missing(f"there is no account {account_id}")

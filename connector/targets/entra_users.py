"""Agents as users of an Entra tenant.

In and out: Account values whose attributes are Graph's properties of a user; `manager` is the manager's id, and a dot leads into a
property (onPremisesExtensionAttributes.extensionAttribute15). What Graph answers right after a change may be old: what was sent counts.
"""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from connector.core.clock import Clock
from connector.targets.base import (
    Account,
    AlreadyExists,
    Capability,
    ChangedPage,
    Changes,
    Rejected,
    TargetError,
)
from connector.targets.entra_changes import EntraChanges
from connector.targets.entra_groups import EntraDirectory, user_account
from connector.targets.entra_managers import MANAGER, with_managers
from connector.targets.entra_wire import EntraOptions, equals, listed, reference
from connector.targets.line import NotThere
from connector.targets.rest_values import folded, holds, nested
from connector.targets.sign_in import Json

_NAME: Final = "userPrincipalName"
_IN_ANY_CASE: Final = (_NAME, "mailNickname", "mail")


class EntraUsers(EntraDirectory):
    """One Entra tenant whose users are our accounts."""

    capabilities = frozenset(
        {
            Capability.GROUPS,
            Capability.PEOPLE,
            Capability.DIRECTORY,
            Capability.CHANGES,
            Capability.DISABLE,
            Capability.DELETE,
        }
    )

    def __init__(self, name: str, options: EntraOptions, clock: Clock) -> None:
        super().__init__(name, options, clock)
        attribute, _, value = options.accounts_where.partition("=")
        query = {"select": self._select, "top": self._top}
        self._ours = query | ({"filter": equals(attribute, value)} if attribute else {})
        params = {f"${name}": option for name, option in self._ours.items()} | {"$count": "true"}
        self._changes = EntraChanges(self._wire, self._select, params, self._is_ours, self.read)

    def unique(self) -> str:
        return _NAME

    def check(self) -> str:
        some = next(listed(self._wire, "users", select="id", top="1"), None)
        return f"Entra ID at {self._wire.url}: users can be read" + ("" if some else ", there are none yet")

    def accounts(self) -> Iterator[Account]:
        users = listed(self._wire, "users", advanced=True, **self._ours)
        ours = (user for user in users if self._is_ours(user_account(user)))
        return map(user_account, with_managers(self._wire, ours))

    def read(self, account_id: str) -> Account | None:
        try:
            params = {"$select": self._select, "$expand": MANAGER}
            user = self._wire.get("users", account_id, params=params).object
        except NotThere:
            self._newborns.guard(account_id)
            return None
        return user_account(user) if user.get("id") == account_id else None

    def find(self, attribute: str, value: str) -> list[Account]:
        """What was created here a moment ago is found by its name even while Graph's index does not show it."""
        found = [user_account(user) for user in with_managers(self._wire, self._users_where(attribute, value))]
        newborn = self._newborns.anchor_of(value.casefold()) if attribute == _NAME and not found else ""
        account = self.read(newborn) if newborn else None
        return [account] if account is not None and holds(account.attributes.get(_NAME), value) else found

    def normalise(self, account: Account) -> Account:
        """Names in one case, as Entra compares them."""
        return replace(account, name="", attributes=folded(account.attributes, _IN_ANY_CASE))

    def create(self, account: Account) -> Account:
        name = str(account.attributes.get(_NAME, ""))
        if not name:
            raise Rejected("userPrincipalName is required, with a verified domain of the tenant", attribute=_NAME)
        manager = account.attributes.get("manager")
        # Nobody ever learns this password: Entra demands one of every user.
        password = {"forceChangePasswordNextSignIn": False, "password": f"{secrets.token_urlsafe(32)}aA1!"}
        body = {"accountEnabled": account.active, **_body(account.attributes), "passwordProfile": password}
        try:
            made = self._wire.write("POST", "users", body=body).object
        except AlreadyExists as taken:
            raise self._told(taken, name) from taken
        self._newborns.add(str(made["id"]), name.casefold())
        if manager:
            self._set_manager(str(made["id"]), str(manager))
        return replace(account, id=str(made["id"]), name="")

    def update(self, account_id: str, changes: Changes) -> Account:
        body = _body({**changes.set, **dict.fromkeys(changes.clear)})
        name = str(changes.set.get(_NAME, ""))
        if body:
            try:
                self._patch(account_id, body)
            except AlreadyExists as taken:
                raise self._told(taken, name) from taken
        if "manager" in changes.set or "manager" in changes.clear:
            self._set_manager(account_id, str(changes.set.get("manager") or ""))
        return self._as_sent(account_id, changes)

    def set_active(self, account_id: str, active: bool) -> Account:
        self._patch(account_id, {"accountEnabled": active})
        return replace(self._as_sent(account_id, Changes()), active=active)

    def delete(self, account_id: str) -> None:
        self._discard(account_id, "users")

    def changes(self, cookie: str) -> Iterator[ChangedPage]:
        """A full read first, of our accounts only, then Graph's delta query from where it stood before that read."""
        return self._changes.pages(cookie)

    def _is_ours(self, account: Account) -> bool:
        attribute, _, value = self._options.accounts_where.partition("=")
        return not attribute or holds(account.attributes.get(attribute), value)

    def _as_sent(self, account_id: str, changes: Changes) -> Account:
        user = self._newborns.there(
            lambda: self._wire.get("users", account_id, params={"$select": self._select, "$expand": MANAGER}).object,
            account_id,
        )
        found = user_account(user)
        kept = {name: value for name, value in found.attributes.items() if name not in changes.clear}
        return replace(found, attributes={**kept, **changes.set})

    def _patch(self, account_id: str, body: Json) -> None:
        self._newborns.there(lambda: self._wire.write("PATCH", "users", account_id, body=body), account_id)

    def _set_manager(self, account_id: str, manager: str) -> None:
        path = ("users", account_id, "manager", "$ref")
        if manager:
            body = reference(self._wire, manager)
            self._newborns.there(lambda: self._wire.write("PUT", *path, body=body), account_id)
            return
        try:
            self._wire.write("DELETE", *path)
        except NotThere:  # the manager, or the user
            self._exists("users", account_id)

    def _told(self, taken: AlreadyExists, name: str) -> TargetError:
        """With who holds the name; a holder that Graph does not show yet is one to look for again."""
        holders = self.find(_NAME, name) if name else []
        if not holders and taken.attribute == _NAME:
            return self._newborns.not_yet(f"{taken.detail}; Entra does not show who has it yet")
        return AlreadyExists(taken.detail, id=holders[0].id if holders else "", attribute=taken.attribute)


def _body(attributes: Mapping[str, Any]) -> Json:
    """Without the manager, which is a relation and no property."""
    return nested({name: value for name, value in attributes.items() if name != "manager"})

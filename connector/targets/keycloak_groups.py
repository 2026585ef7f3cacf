"""Groups of a realm, or its realm roles in their place: the half of a Keycloak target that knows members.

In: ids of groups (or roles), and of accounts. Out: Group values. Whose groups an account's are, its target says: a client has those
of the user behind its service account.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Final

from connector.targets.base import Account, AlreadyExists, Group, Missing
from connector.targets.keycloak_values import account_of, holds
from connector.targets.keycloak_wire import KeycloakOptions, KeycloakWire
from connector.targets.line import NotThere
from connector.targets.sign_in import Json

_FULL: Final = {"briefRepresentation": "false"}
_BRIEF: Final = {"briefRepresentation": "true"}
_EXACTLY: Final = ("username", "email", "firstName", "lastName")
_LONGEST_SOUGHT: Final = 255  # a longer value is kept apart, where a search by attribute does not look


class KeycloakDirectory(ABC):
    """People and groups of the realm."""

    _options: KeycloakOptions
    _wire: KeycloakWire

    @abstractmethod
    def _user_id(self, account_id: str) -> str:
        """The user that has the account's groups; Missing where the account is gone."""

    def people(self) -> Iterator[Account]:
        """Users that are not accounts of ours, where it is told by which attribute those are known."""
        attribute, _, value = self._options.accounts_where.partition("=")
        for person in map(account_of, self._wire.walk("users", params=_FULL)):
            if not attribute or not holds(person, attribute, value, exact=False):
                yield person

    def find_person(self, attribute: str, value: str) -> list[str]:
        return [person.id for person in self._users(attribute, value)]

    def groups(self) -> Iterator[Group]:
        for one in self._groups():
            yield _group(one)

    def members(self, group_id: str) -> Iterator[str]:
        try:
            for user in self._wire.walk(*self._of_members(group_id), params=_BRIEF):
                yield self._anchor(user)
        except NotThere:
            raise _no_group(group_id) from None

    def _anchor(self, user: Json) -> str:
        """What we call the member of a group: its own id, unless the accounts are something else than users."""
        return str(user["id"])

    def find_group(self, name: str) -> Group | None:
        for one in self._groups(search=name):
            if str(one.get("name", "")).casefold() == name.casefold():
                return _group(one)
        return None

    def create_group(self, name: str, *, first_member: str) -> Group:
        holder = self.find_group(name)  # Keycloak tells names apart by case, and we do not
        if holder is None:
            try:
                self._wire.write("POST", self._options.groups_are, body={"name": name})
            except AlreadyExists as taken:
                other = self.find_group(name)
                raise AlreadyExists(taken.detail, id=other.id if other else "", attribute="name") from taken
            made = self.find_group(name)
            if made is None:
                raise Missing(f"the group {name!r} is gone again")
            self.join(made.id, first_member)
            return made
        raise AlreadyExists(f"there is a group {holder.name!r} already", id=holder.id, attribute="name")

    def memberships(self, account_id: str, group_ids: Iterable[str]) -> frozenset[str]:
        user = self._user_id(account_id)
        if self._roles:
            held = self._wire.get("users", user, "role-mappings", "realm").body or []
            found = {str(one["id"]) for one in held}
        else:
            found = {str(one["id"]) for one in self._wire.walk("users", user, "groups", params=_BRIEF)}
        return frozenset(found.intersection(group_ids))

    def join(self, group_id: str, account_id: str) -> None:
        user = self._user_id(account_id)
        try:
            self._write_member("POST" if self._roles else "PUT", user, group_id)
        except NotThere:
            raise _no_group(group_id) from None

    def leave(self, group_id: str, account_id: str) -> None:
        try:
            self._write_member("DELETE", self._user_id(account_id), group_id)
        except (NotThere, Missing):
            return

    @property
    def _roles(self) -> bool:
        return self._options.groups_are == "roles"

    def _groups(self, *, search: str = "") -> Iterator[Json]:
        """Groups at the top of the tree, or realm roles. A search answers with what holds the text, in any case."""
        return self._wire.walk(self._options.groups_are, params={**_BRIEF, **({"search": search} if search else {})})

    def _of_members(self, group_id: str) -> tuple[str, ...]:
        return ("roles", self._role_name(group_id), "users") if self._roles else ("groups", group_id, "members")

    def _write_member(self, method: str, user: str, group_id: str) -> None:
        if not self._roles:
            self._wire.write(method, "users", user, "groups", group_id)
            return
        role = [{"id": group_id, "name": self._role_name(group_id)}]
        self._wire.write(method, "users", user, "role-mappings", "realm", body=role)

    def _role_name(self, role_id: str) -> str:
        return str(self._wire.get("roles-by-id", role_id).object.get("name", ""))

    def _users(self, attribute: str, value: str) -> Iterator[Account]:
        """Users whose attribute equals value."""
        if value:
            for users, _ in self._user_pages(attribute, value):
                yield from users

    def _user_pages(self, attribute: str, value: str, place: str = "") -> Iterator[tuple[list[Account], str]]:
        """The same page after page, or all users where no attribute is given; by a search where there is one, and each is checked here."""
        params = dict(_FULL)
        if attribute in _EXACTLY:
            params |= {attribute: value, "exact": "true"}
        elif attribute.startswith("attributes.") and not set(value) & set('"\\') and len(value) <= _LONGEST_SOUGHT:
            params["q"] = f'{attribute.removeprefix("attributes.")}:"{value}"'
        exact = attribute not in ("username", "email")
        for page, following in self._wire.walk_pages("users", params=params, place=place):
            users = map(account_of, page)
            yield [one for one in users if not attribute or holds(one, attribute, value, exact=exact)], following


def _group(one: Json) -> Group:
    return Group(str(one["id"]), str(one.get("name", "")))


def _no_group(group_id: str) -> Missing:
    return Missing(f"there is no group {group_id}")

"""An LDAP directory as a target (RFC 4511), written for OpenLDAP: agents are entries below `accounts_base`.

In and out: Account values; the anchor is entryUUID (RFC 4530), the name is the DN, the wanted name only the relative name. An
account is disabled by the lock of the password policy overlay; a lock that the directory set by itself is not "disabled".
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

import ldap3

from connector.core.clock import Clock
from connector.core.errors import Misconfigured
from connector.core.secret import Secret
from connector.targets.base import (
    Account,
    AlreadyExists,
    Capability,
    Changes,
    Missing,
    NotAllowed,
    Rejected,
    Unreachable,
    Value,
)
from connector.targets.ldap_groups import LdapGroups
from connector.targets.ldap_names import (
    DN_ATTRIBUTES,
    below,
    canonical,
    equals,
    naming_values,
    parts_of,
    relative_part,
    same_text,
    texts,
)
from connector.targets.ldap_wire import Entry, LdapWire, Modifications, NotThere, Place
from connector.targets.options import option

_LOCK: Final = "pwdAccountLockedTime"
_LOCKED_FOR_GOOD: Final = "000001010000Z"  # draft-behera-ldap-password-policy section 5.3.3
_ANCHOR: Final = "entryUUID"
_READ: Final = ["*", _ANCHOR, _LOCK]
_NOT_ATTRIBUTES: Final = frozenset((_ANCHOR.lower(), _LOCK.lower(), "userpassword"))


@dataclass(frozen=True)
class LdapOptions:
    """Options of an LDAP target."""

    url: str = option("ldaps://host[:port], or ldap:// together with start_tls")
    bind_dn: str = option("DN to sign in as")
    password: Secret = option("reference to its password", is_secret=True)  # noqa: RUF009 (a field)
    accounts_base: str = option("DN below which the agents' entries stand")
    start_tls: bool = option("switch an ldap:// connection to TLS before signing in", default=False)
    ca_file: str = option("file of the CA certificates to trust instead of the system's", default="")
    accounts_filter: str = option(
        "which entries below accounts_base are accounts", default="(objectClass=inetOrgPerson)"
    )
    groups_base: str = option("DN below which the groups stand (default: no groups)", default="")
    group_class: str = option(
        "class of a new group", default="groupOfNames", choices=("groupOfNames", "groupOfUniqueNames")
    )
    placeholder: str = option("member that keeps a group from being empty; never reported", default="cn=nobody")
    people_base: str = option("DN below which people are looked for (default: owners are not looked for)", default="")
    page_size: int = option("entries asked for at once", default=500)
    connect_timeout: int = option("seconds to wait for a connection", default=5)
    read_timeout: int = option("seconds to wait for an answer", default=20)

    def __post_init__(self) -> None:
        problems = []
        scheme = urlsplit(self.url).scheme
        if scheme not in ("ldap", "ldaps") or not urlsplit(self.url).hostname:
            problems.append("url: write it as ldaps://host or ldap://host")
        if (scheme == "ldap") != self.start_tls:
            text = "the password would travel in clear" if scheme == "ldap" else "ldaps is TLS from the start"
            problems.append(f"start_tls: needed with ldap:// and only there ({text})")
        for name in ("bind_dn", "accounts_base", "groups_base", "people_base", "placeholder"):
            try:
                parts_of(getattr(self, name) or "cn=x")
            except Rejected as problem:
                problems.append(f"{name}: {problem.detail}")
        if not self.password.reveal():
            problems.append("password: is empty; that would be an anonymous sign-in (RFC 4513 section 5.1.2)")
        if problems:
            raise Misconfigured("", problems)


class LdapTarget(LdapGroups):
    """One directory."""

    def __init__(self, name: str, options: LdapOptions, clock: Clock) -> None:
        self.name = name
        self._options = options
        place = Place(
            options.url,
            options.start_tls,
            options.ca_file,
            options.bind_dn,
            options.password,
            options.connect_timeout,
            options.read_timeout,
        )
        self._wire = LdapWire(place, page_size=options.page_size)
        self._groups_base, self._group_class, self._placeholder = (
            options.groups_base,
            options.group_class,
            options.placeholder,
        )
        optional = {Capability.GROUPS: options.groups_base, Capability.PEOPLE: options.people_base}
        present = {capability for capability, base in optional.items() if base}
        self.capabilities = frozenset({Capability.DISABLE, Capability.DELETE} | present)

    def check(self) -> str:
        bases = [base for base in (self._options.accounts_base, self._groups_base, self._options.people_base) if base]
        for base in bases:
            try:
                self._wire.search(base, "(objectClass=*)", ["1.1"], one=True)
            except NotThere:
                raise NotAllowed(f"{base} is not there, or we may not read it") from None
        return f"LDAP directory at {self._options.url}: read {'; '.join(bases)}"

    def accounts(self) -> Iterator[Account]:
        try:
            for entry in self._wire.walk(self._options.accounts_base, self._options.accounts_filter, _READ):
                yield _account(entry)
        except NotThere:
            raise self._no_base() from None

    def read(self, account_id: str) -> Account | None:
        entry = self._entry(account_id)
        return None if entry is None else _account(entry)

    def find(self, attribute: str, value: str) -> list[Account]:
        if not value:
            return []
        query = f"(&{self._options.accounts_filter}{equals(attribute, value)})"
        return [_account(entry) for entry in self._accounts(query) if _holds(entry, attribute, value)]

    def normalise(self, account: Account) -> Account:
        """The DN in full and in one spelling, as are values that are DNs; truth as LDAP writes it."""
        attributes: dict[str, Value] = {}
        for name, value in account.attributes.items():
            written = texts(name, value)
            if name.lower() in DN_ATTRIBUTES:
                written = [canonical(one) for one in written]
            elif name.lower() == "objectclass":
                written = [one.lower() for one in written]
            attributes[name] = list(written)
        full = canonical(below(account.name, self._options.accounts_base)) if account.name else ""
        return replace(account, name=full, attributes=attributes)

    def create(self, account: Account) -> Account:
        if not account.name:
            raise Rejected('an LDAP account needs a name; does the mapping have "name"?')
        dn = below(account.name, self._options.accounts_base)
        values = {name: written for name, value in account.attributes.items() if (written := texts(name, value))}
        if "objectclass" not in {name.lower() for name in values}:
            raise Rejected("an entry needs classes; does the mapping have objectClass?", attribute="objectClass")
        present = {name.lower() for name in values}
        values |= {name: [value] for name, value in naming_values(dn).items() if name not in present}
        if not account.active:  # in the same operation: an agent that is off must not have a moment in which it is on
            values[_LOCK] = [_LOCKED_FOR_GOOD]
        try:
            self._wire.add(dn, values)
        except NotThere:
            raise self._no_base() from None
        except AlreadyExists as taken:
            raise AlreadyExists(taken.detail, id=self._holder(dn), attribute=next(iter(naming_values(dn)))) from taken
        return self._at(dn)

    def update(self, account_id: str, changes: Changes) -> Account:
        entry = self._present(account_id)
        dn = entry.dn
        try:
            if changes.rename is not None:
                dn = self._rename(entry, changes.rename)
            modifications = _modifications(entry, dn, changes)
            if modifications:
                self._wire.modify(dn, modifications)
        except NotThere:
            raise Missing(f"the account {account_id} is gone") from None
        return self._read_again(account_id)

    def set_active(self, account_id: str, active: bool) -> Account:
        entry = self._present(account_id)
        lock: list[str] = [] if active else [_LOCKED_FOR_GOOD]
        try:
            self._wire.modify(entry.dn, {_LOCK: [(ldap3.MODIFY_REPLACE, lock)]})
        except NotThere:
            raise Missing(f"the account {account_id} is gone") from None
        return self._read_again(account_id)

    def delete(self, account_id: str) -> None:
        entry = self._entry(account_id)
        if entry is None:
            return
        try:
            self._wire.delete(entry.dn)
        except NotThere:
            return

    def find_person(self, attribute: str, value: str) -> list[str]:
        if not self._options.people_base or not value:
            return []
        try:
            found = self._wire.search(self._options.people_base, equals(attribute, value), [attribute])
        except NotThere:
            raise Unreachable(f"people_base {self._options.people_base} is not there, or we may not read it") from None
        return [entry.dn for entry in found if _holds(entry, attribute, value)]

    def _rename(self, entry: Entry, name: str) -> str:
        """Move the entry to the new relative name; its DN now."""
        wanted = below(name, self._options.accounts_base)
        if canonical(wanted) == canonical(entry.dn):
            return entry.dn
        relative = name if wanted != name else relative_part(name)
        try:
            self._wire.rename(entry.dn, relative)
        except AlreadyExists as taken:
            raise AlreadyExists(
                taken.detail, id=self._holder(wanted), attribute=next(iter(naming_values(wanted)))
            ) from taken
        return self._present(entry.values[_ANCHOR.lower()][0]).dn

    def _accounts(self, query: str) -> list[Entry]:
        try:
            return self._wire.search(self._options.accounts_base, query, _READ)
        except NotThere:
            raise self._no_base() from None

    def _entry(self, account_id: str) -> Entry | None:
        try:
            uuid.UUID(account_id)
        except ValueError:
            return None
        return next(iter(self._accounts(equals(_ANCHOR, account_id))), None)

    def _present(self, account_id: str) -> Entry:
        entry = self._entry(account_id)
        if entry is None:
            raise Missing(f"there is no account {account_id} below {self._options.accounts_base}")
        return entry

    def _account_dn(self, account_id: str) -> str:
        entry = self._entry(account_id)
        return "" if entry is None else entry.dn

    def _read_again(self, account_id: str) -> Account:
        return _account(self._present(account_id))

    def _at(self, dn: str) -> Account:
        try:
            return _account(self._wire.search(dn, "(objectClass=*)", _READ, one=True)[0])
        except (NotThere, IndexError):
            raise Missing(f"{dn} is gone again, or we may not read it") from None

    def _holder(self, dn: str) -> str:
        """The anchor of the entry that holds this DN or, below our base, one of its naming values; "" where it is not ours."""
        queries = [equals(attribute, value) for attribute, value in naming_values(dn).items()]
        found = self._accounts(f"(&{''.join(queries)})")
        return next((entry.values[_ANCHOR.lower()][0] for entry in found), "")

    def _no_base(self) -> Unreachable:
        return Unreachable(f"accounts_base {self._options.accounts_base} is not there, or we may not read it")


def _modifications(entry: Entry, dn: str, changes: Changes) -> Modifications:
    """One Modify for all changes. Classes are only added; what a rename has set is not set again."""
    naming = naming_values(dn)
    made: dict[str, list[tuple[str, list[str]]]] = {}
    for name, value in changes.set.items():
        written = texts(name, value)
        if name.lower() == "objectclass":
            there = {one.lower() for one in entry.values.get("objectclass", [])}
            missing = [one for one in written if one.lower() not in there]
            if missing:
                made[name] = [(ldap3.MODIFY_ADD, missing)]
        elif not (len(written) == 1 and same_text(naming.get(name.lower(), ""), written[0])):
            made[name] = [(ldap3.MODIFY_REPLACE, written)]
    made |= {name: [(ldap3.MODIFY_REPLACE, [])] for name in changes.clear if name.lower() != "objectclass"}
    return made


def _account(entry: Entry) -> Account:
    values = {name: held for name, held in entry.values.items() if name not in _NOT_ATTRIBUTES and held}
    attributes: dict[str, Value] = {
        entry.names[name]: held[0] if len(held) == 1 else list(held) for name, held in values.items()
    }
    locked = entry.values.get(_LOCK.lower(), [])
    return Account(
        id=next(iter(entry.values.get(_ANCHOR.lower(), [""]))),
        name=entry.dn,
        active=_LOCKED_FOR_GOOD not in locked,
        attributes=attributes,
    )


def _holds(entry: Entry, attribute: str, value: str) -> bool:
    return any(same_text(one, value) for one in entry.values.get(attribute.lower(), []))

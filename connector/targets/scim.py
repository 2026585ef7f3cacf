"""Any SCIM 2.0 service provider as a target (RFC 7643, RFC 7644): agents are its /Users, or its /Agents where it has them.

In and out: Account values whose attributes are SCIM attribute paths (see scim_paths.py). What the server cannot do is taken from its
profile or asked of it once a day; what it claims about a match is checked here again, because some servers ignore filters.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

from connector.core import secret
from connector.core.clock import Clock
from connector.core.http import HttpClient
from connector.targets.base import Account, AlreadyExists, Capability, Changes, Missing, Rejected
from connector.targets.line import NotThere
from connector.targets.scim_accounts import as_account, folded, holds
from connector.targets.scim_changes import ScimChanges
from connector.targets.scim_groups import ScimGroups
from connector.targets.scim_options import ScimOptions
from connector.targets.scim_paths import PATCH_OP, changed, has_item, operations, parse_path
from connector.targets.scim_profiles import USER, ObjectKind
from connector.targets.scim_wire import ScimWire
from connector.targets.sign_in import Json

_ALWAYS = frozenset({Capability.PEOPLE, Capability.DIRECTORY, Capability.DISABLE, Capability.DELETE})


class ScimTarget(ScimGroups, ScimChanges):
    """One SCIM service provider, and the kind of object that agents are there."""

    def __init__(self, name: str, options: ScimOptions, clock: Clock, kind: ObjectKind = USER) -> None:
        self.name = name
        self._options, self._profile = options, options.known
        self._kind = kind
        self._write = self._profile.write if options.write == "auto" else options.write
        self._clock = clock
        self._cases = {}
        attribute, _, value = options.accounts_where.partition("=")
        self._ours = (attribute, value)
        self._batch = options.page_size
        http = HttpClient(
            connect_timeout=options.connect_timeout,
            read_timeout=options.read_timeout,
            ca_file=options.ca_file or None,
            clock=clock,
        )
        self._wire = ScimWire(
            options.url, http, options.sign_in, clock=clock, page_size=options.page_size, profile=self._profile
        )

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Groups until the server has said that it keeps none."""
        known = self._wire.known
        no_groups = known is not None and known.endpoint("Group", "Groups") is None
        found = _ALWAYS if no_groups else _ALWAYS | {Capability.GROUPS}
        return found | {Capability.CHANGES} if self._profile.dates_changes else found

    def unique(self) -> str:
        """The user name, where the server is known to keep those unique, or says so in its schema."""
        return self._unique

    @cached_property
    def _unique(self) -> str:
        if self._options.look_before_create or self._profile.look_before_create:
            return ""
        known = self._profile.refuses_taken or self._wire.keeps_unique(self._kind.schema, self._kind.handle)
        return self._kind.handle if known else ""

    def check(self) -> str:
        features = self._wire.features()
        place = self._place()
        some = next(self._wire.pages(place), None)
        can = {"patch": features.patch, "filter": features.filter, "etag": features.etag}
        said = [f"{'has' if value else 'no'} {name}" for name, value in can.items()]
        said += [] if Capability.GROUPS in self.capabilities else ["no groups"]
        demanded = self._profile.required or self._wire.demanded(self._kind.schema)
        said += [f"demands {', '.join(demanded)}"] if demanded else []
        made = "" if self._options.profile == "generic" else f" ({self._options.profile})"
        found = f"{place.lower()} can be read" + ("" if some else ", there are none yet")
        return f"SCIM 2.0 at {self._wire.url}{made}: {', '.join(said)}; {found}"

    def accounts(self) -> Iterator[Account]:
        attribute, value = self._ours
        if not attribute:
            return map(as_account, self._wire.pages(self._place()))
        return self._matching(self._kind, attribute, value)

    def read(self, account_id: str) -> Account | None:
        found = self._resource(account_id)
        return None if found is None else as_account(found[0])

    def find(self, attribute: str, value: str) -> list[Account]:
        if attribute.lower() == "id":  # not every server filters by it, and none needs to
            found = self.read(value)
            return [] if found is None else [found]
        return list(self._matching(self._kind, attribute, value)) if value else []

    def normalise(self, account: Account) -> Account:
        """Without what the server drops; names and e-mail addresses in one case (caseExact: false)."""
        dropped = {path.lower() for path in (*self._options.not_stored, *self._profile.not_stored)}
        kept = {name: folded(name, value) for name, value in account.attributes.items() if name.lower() not in dropped}
        return replace(account, name="", attributes=kept)

    def create(self, account: Account) -> Account:
        handle = self._kind.handle
        name = str(account.attributes.get(handle, ""))
        if not name:
            raise Rejected(f"{handle} is required: no account can be created without it", attribute=handle)
        body = changed({}, Changes(set=account.attributes), self._kind.schema) | {"active": account.active}
        self._fits(account, body)
        if self._options.look_before_create or self._profile.look_before_create:
            self._guard_free(name)
        try:
            made = self._wire.write("POST", self._place(), body=body | self._password())
        except NotThere:
            raise Rejected(f"{self._wire.url} has no {self._place()}") from None
        except AlreadyExists as taken:
            raise AlreadyExists(taken.detail, id=self._id_of(name), attribute=handle) from taken
        return self._fresh(made, str(made.get("id", "")) or self._id_of(name))

    def update(self, account_id: str, changes: Changes) -> Account:
        try:
            return self._change(account_id, changes)
        except AlreadyExists as taken:
            name = str(changes.set.get(self._kind.handle, ""))
            holder = self._id_of(name) if name else ""
            raise AlreadyExists(taken.detail, id=holder, attribute=self._kind.handle if holder else None) from taken

    def set_active(self, account_id: str, active: bool) -> Account:
        return self._change(account_id, Changes(set={"active": active}))

    def delete(self, account_id: str) -> None:
        try:
            self._wire.write("DELETE", self._place(), account_id)
        except NotThere:
            return

    def find_person(self, attribute: str, value: str) -> list[str]:
        return [person.id for person in self._matching(USER, attribute, value)] if value else []

    def people(self) -> Iterator[Account]:
        """Users that are not accounts of ours, where it is told by which attribute those are known."""
        attribute, value = self._ours if self._kind is USER else ("", "")
        for person in map(as_account, self._wire.pages(self._place(USER))):
            if not attribute or not holds(person, attribute, value):
                yield person

    def _fits(self, account: Account, body: Json) -> None:
        """Refuse here what the server would refuse in fewer words."""
        given = {name.lower() for name in account.attributes} | {parse_path(n).name.lower() for n in account.attributes}
        for path in self._profile.required:
            if path.lower() not in given:
                raise Rejected(f"{path} is required by this server: let the mapping give it a value", attribute=path)
        for name in self._profile.one_value:
            if len(body.get(name) or ()) > 1:
                raise Rejected(f"{name}: this server keeps one value only, not {len(body[name])}", attribute=name)

    def _password(self) -> Json:
        """One that nobody will ever know, where the server demands one: agents do not sign in with it."""
        return {"password": secret.new_secret("Aa1")} if self._profile.sets_password else {}

    def _change(self, account_id: str, changes: Changes) -> Account:
        """PATCH or PUT; the present resource is read first where the change depends on it."""
        etag_wanted, by_patch = self._wire.features().etag, self._by_patch()
        present: tuple[Json, str] | None = ({}, "")
        if etag_wanted or not by_patch or has_item(changes) or not (changes.set or changes.clear):
            present = self._resource(account_id)
            if present is None:
                raise Missing(f"there is no account {account_id}")
        resource, etag = present or ({}, "")
        if by_patch:
            made = operations(resource, changes)
            body: Json = {"schemas": [PATCH_OP], "Operations": made}
        else:
            body = {name: value for name, value in changed(resource, changes).items() if name not in ("meta", "groups")}
        if by_patch and not body["Operations"]:
            return as_account(resource)
        try:
            after = self._wire.write(
                "PATCH" if by_patch else "PUT", self._place(), account_id, body=body, etag=etag if etag_wanted else ""
            )
        except NotThere:
            raise Missing(f"there is no account {account_id}") from None
        return self._fresh(after, account_id)

    def _fresh(self, answered: Json, account_id: str) -> Account:
        """The account from the answer to a change, or read again where the answer does not hold it (204)."""
        if answered.get("id") == account_id and self._kind.handle in answered:
            return as_account(answered)
        found = self._resource(account_id)
        if found is None:
            raise Missing(f"the account {account_id} is gone again")
        return as_account(found[0])

    def _matching(self, kind: ObjectKind, attribute: str, value: str, *, any_case: bool = False) -> Iterator[Account]:
        for resource in self._search(self._place(kind), attribute, value, any_case=any_case):
            account = as_account(resource)
            if holds(account, attribute, value):
                yield account

    def _guard_free(self, name: str) -> None:
        taken = self._id_of(name)
        if taken:
            handle = self._kind.handle
            raise AlreadyExists(f"the {handle} {name!r} is taken", id=taken, attribute=handle)

    def _id_of(self, name: str) -> str:
        found = self._matching(self._kind, self._kind.handle, name, any_case=True)
        return next((account.id for account in found), "")

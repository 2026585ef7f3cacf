"""Any SCIM 2.0 service provider as a target (RFC 7643, RFC 7644): agents are its /Users, unless another path is given.

In and out: Account values whose attributes are SCIM attribute paths (see scim_paths.py). What the server cannot do is asked of it
once a day; what it claims about a match is checked here again, because some servers ignore filters.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from connector.core.clock import Clock
from connector.core.errors import Invalid, Misconfigured
from connector.core.http import HttpClient
from connector.core.secret import Secret
from connector.targets.base import Account, AlreadyExists, Capability, Changes, Missing, Rejected, Value
from connector.targets.line import NotThere, address_problem
from connector.targets.options import ca_problem, option
from connector.targets.scim_groups import ScimGroups
from connector.targets.scim_paths import PATCH_OP, changed, flatten, has_item, operations, parse_path
from connector.targets.scim_wire import ScimWire
from connector.targets.sign_in import Json, SignIn

_EXACT = ("id", "externalid")  # caseExact: true (RFC 7643 section 3.1)


@dataclass(frozen=True)
class ScimOptions:
    """Options of a SCIM target."""

    url: str = option("SCIM base URL, https (http only to this machine)")
    token: Secret | None = option("reference to a static bearer token", default=None, is_secret=True)
    token_url: str = option("OAuth token endpoint for client credentials, instead of token", default="")
    client_id: str = option("OAuth client id", default="")
    client_secret: Secret | None = option("reference to the OAuth client secret", default=None, is_secret=True)
    ca_file: str = option("file of the CA certificates to trust instead of the system's", default="")
    accounts_where: str = option("only these are our accounts, such as userType=Agent (default: all users)", default="")
    write: str = option("how a change is sent; auto asks the server", default="auto", choices=("auto", "patch", "put"))
    look_before_create: bool = option("look for the userName before creating, for servers that do not", default=False)
    not_stored: tuple[str, ...] = option("attribute paths that the server drops, separated by commas", default=())
    page_size: int = option("accounts asked for at once", default=100)
    connect_timeout: float = option("seconds to wait for a connection", default=5.0)
    read_timeout: float = option("seconds to wait for an answer", default=20.0)

    def __post_init__(self) -> None:
        problems = [problem for name in ("url", "token_url") if (problem := address_problem(name, getattr(self, name)))]
        by_client = bool(self.token_url and self.client_id and self.client_secret)
        if by_client == (self.token is not None) or (self.token and (self.token_url or self.client_id)):
            problems.append("token: give either token, or all of token_url, client_id and client_secret")
        if self.accounts_where and not all(self.accounts_where.partition("=")):
            problems.append("accounts_where: write it as attribute=value")
        for path in self.not_stored:
            try:
                parse_path(path)
            except Invalid as problem:
                problems.append(f"not_stored: {problem.detail}")
        if untrusted := ca_problem(self.ca_file):
            problems.append(untrusted)
        if problems:
            raise Misconfigured("", problems)


class ScimTarget(ScimGroups):
    """One SCIM service provider."""

    capabilities = frozenset({Capability.GROUPS, Capability.PEOPLE, Capability.DISABLE, Capability.DELETE})

    def __init__(self, name: str, options: ScimOptions, clock: Clock) -> None:
        self.name = name
        self._options = options
        http = HttpClient(
            connect_timeout=options.connect_timeout,
            read_timeout=options.read_timeout,
            ca_file=options.ca_file or None,
            clock=clock,
        )
        sign_in = SignIn(
            token=options.token,
            token_url=options.token_url,
            client_id=options.client_id,
            client_secret=options.client_secret,
        )
        self._wire = ScimWire(options.url, http, sign_in, clock=clock, page_size=options.page_size)

    def check(self) -> str:
        features = self._wire.features()
        some = next(self._wire.pages("Users"), None)
        can = ", ".join(f"{'has' if value else 'no'} {name}" for name, value in vars(features).items())
        return f"SCIM 2.0 at {self._wire.url}: {can}; users can be read" + ("" if some else ", there are none yet")

    def accounts(self) -> Iterator[Account]:
        attribute, _, value = self._options.accounts_where.partition("=")
        if not attribute:
            return map(_account, self._wire.pages("Users"))
        return self._matching(attribute, value)

    def read(self, account_id: str) -> Account | None:
        found = self._resource(account_id)
        return None if found is None else _account(found[0])

    def find(self, attribute: str, value: str) -> list[Account]:
        return list(self._matching(attribute, value)) if value else []

    def normalise(self, account: Account) -> Account:
        """Without what the server drops; userName and e-mail addresses in one case (caseExact: false)."""
        dropped = {path.lower() for path in self._options.not_stored}
        kept = {name: _folded(name, value) for name, value in account.attributes.items() if name.lower() not in dropped}
        return replace(account, name="", attributes=kept)

    def create(self, account: Account) -> Account:
        user_name = str(account.attributes.get("userName", ""))
        if not user_name:
            raise Rejected("userName is required (RFC 7643 section 4.1.1)", attribute="userName")
        if self._options.look_before_create:
            self._guard_free(user_name)
        body = changed({}, Changes(set=account.attributes)) | {"active": account.active}
        try:
            made = self._wire.write("POST", "Users", body=body)
        except NotThere:
            raise Rejected(f"{self._wire.url} has no Users") from None
        except AlreadyExists as taken:
            raise AlreadyExists(taken.detail, id=self._id_of(user_name), attribute="userName") from taken
        return self._fresh(made, str(made.get("id", "")) or self._id_of(user_name))

    def update(self, account_id: str, changes: Changes) -> Account:
        try:
            return self._change(account_id, changes)
        except AlreadyExists as taken:
            user_name = str(changes.set.get("userName", ""))
            holder = self._id_of(user_name) if user_name else ""
            raise AlreadyExists(taken.detail, id=holder, attribute="userName" if holder else None) from taken

    def set_active(self, account_id: str, active: bool) -> Account:
        return self._change(account_id, Changes(set={"active": active}))

    def delete(self, account_id: str) -> None:
        try:
            self._wire.write("DELETE", "Users", account_id)
        except NotThere:
            return

    def find_person(self, attribute: str, value: str) -> list[str]:
        return [account.id for account in self.find(attribute, value)]

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
            return _account(resource)
        try:
            after = self._wire.write(
                "PATCH" if by_patch else "PUT", "Users", account_id, body=body, etag=etag if etag_wanted else ""
            )
        except NotThere:
            raise Missing(f"there is no account {account_id}") from None
        return self._fresh(after, account_id)

    def _by_patch(self) -> bool:
        return self._options.write == "patch" or (self._options.write == "auto" and self._wire.features().patch)

    def _fresh(self, answered: Json, account_id: str) -> Account:
        """The account from the answer to a change, or read again where the answer does not hold it (204)."""
        if answered.get("id") == account_id and "userName" in answered:
            return _account(answered)
        found = self._resource(account_id)
        if found is None:
            raise Missing(f"the account {account_id} is gone again")
        return _account(found[0])

    def _resource(self, account_id: str) -> tuple[Json, str] | None:
        if not account_id:
            return None
        try:
            resource, header = self._wire.get("Users", account_id)
        except NotThere:
            return None
        if resource.get("id") != account_id:
            raise Rejected(f"{self._wire.url} answered with another record than {account_id}")
        meta = resource.get("meta")
        return resource, str(meta.get("version", "") if isinstance(meta, dict) else "") or header

    def _matching(self, attribute: str, value: str) -> Iterator[Account]:
        for resource in self._search("Users", attribute, value):
            account = _account(resource)
            if _holds(account, attribute, value):
                yield account

    def _guard_free(self, user_name: str) -> None:
        taken = self._id_of(user_name)
        if taken:
            raise AlreadyExists(f"the userName {user_name!r} is taken", id=taken, attribute="userName")

    def _id_of(self, user_name: str) -> str:
        return next((account.id for account in self.find("userName", user_name)), "")


def _account(resource: Json) -> Account:
    active = resource.get("active", True)  # RFC 7643 leaves it open; a server without it has no disabled users
    is_active = active if isinstance(active, bool) else str(active).lower() == "true"
    return Account(id=str(resource["id"]), active=is_active, attributes=flatten(resource))


def _holds(account: Account, attribute: str, value: str) -> bool:
    wanted = attribute.lower()
    held: Any = account.id if wanted == "id" else None
    for name, found in account.attributes.items():
        held = found if name.lower() == wanted else held
    each = [str(one) for one in (held if isinstance(held, list) else [held]) if one is not None]
    if wanted in _EXACT:
        return value in each
    return value.casefold() in (one.casefold() for one in each)


def _folded(name: str, value: Value) -> Value:
    """userName and e-mail addresses in lower case: some servers keep them so (RFC 7643 section 4.1: caseExact is false)."""
    if name.lower() == "username" or (name.lower().startswith("emails") and name.lower().endswith(".value")):
        return [str(one).lower() for one in value] if isinstance(value, list) else str(value).lower()
    return value

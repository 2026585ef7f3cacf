"""Okta's Management API: its options, how it words errors and pages lists, and the users and groups that every kind of object needs.

In: an org's URL and an API token (SSWS) or a service app's key. Out: JSON of users and groups, or errors of ours.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from connector.core.clock import Clock
from connector.core.secret import Secret
from connector.targets.base import Account, AlreadyExists, Group, Missing, Rejected, Unreachable, Value
from connector.targets.line import NotThere
from connector.targets.options import option
from connector.targets.rest_options import WireOptions, key_problems
from connector.targets.rest_values import holds
from connector.targets.rest_wire import Refusal, Reply, RestWire, Said, Vendor
from connector.targets.sign_in import Json, SignIn

_NEXT: Final = re.compile(r'<([^>]+)>;\s*rel="next"')
_ABSENT: Final = ("E0000007", "E0000048")
# 403, but about the present state of this object and not about what we may do: E0000016 is active already, E0000038 not in this state
_WRONG_STATE: Final = ("E0000016", "E0000038")
_FILTERABLE: Final = ("login", "email")  # `filter` reads the directory itself; `search` reads an index that lags behind
_USABLE: Final = ("ACTIVE", "PROVISIONED", "RECOVERY", "PASSWORD_EXPIRED", "LOCKED_OUT")
_MEMBERS_AT_ONCE: Final = "1000"
_LAST_OF_PLANE: Final = 0xFFFF


@dataclass(frozen=True, kw_only=True)
class OktaOptions(WireOptions):
    """Options of an Okta org."""

    url: str = option("the org, such as https://acme.okta.com")
    token: Secret | None = option("reference to an API token (SSWS)", default=None, is_secret=True)
    client_id: str = option("client id of an API service app, instead of token", default="")
    private_key: Secret | None = option("reference to that app's private key (PEM)", default=None, is_secret=True)
    key_id: str = option("kid of that key in the app's key set", default="")
    scope: str = option("OAuth scopes, separated by spaces (default: what the kind of object needs)", default="")
    accounts_where: str = option("only these users are our accounts; empty: all users", default="userType=agent")
    provider: str = option(
        "who knows the password of a new user; FEDERATION: nobody at Okta",
        default="FEDERATION",
        choices=("FEDERATION", "OKTA"),
    )
    user_type: str = option("id of the user type for new users (default: the org's default type)", default="")
    org_id: str = option("the org's id, for owners of agents (default: asked of Okta)", default="")
    owners: str = option(
        "where owners of agents are kept: Okta's governance, or nowhere",
        default="governance",
        choices=("governance", "none"),
    )
    governance_url: str = option("where the governance API is, if not at url", default="")
    keys: bool = option("the mapping gives the agents' public keys (jwks); else keys are left alone", default=False)
    wait: float = option("seconds to wait for an operation on an agent before looking again later", default=10.0)

    def problems(self) -> list[str]:
        found = super().problems() + key_problems(self.private_key) + self.address_problems("url", "governance_url")
        by_key = bool(self.client_id and self.private_key)
        if by_key == (self.token is not None) or (self.token and (self.client_id or self.private_key)):
            found.append("token: give either token, or client_id and private_key")
        if self.accounts_where and not all(self.accounts_where.partition("=")):
            found.append("accounts_where: write it as attribute=value")
        return found

    def sign_in(self, scope: str) -> SignIn:
        return SignIn(
            token=self.token,
            scheme="SSWS" if self.token else "Bearer",
            token_url=f"{self.url.rstrip('/')}/oauth2/v1/token",
            client_id=self.client_id,
            private_key=self.private_key,
            key_header={"kid": self.key_id} if self.key_id else {},
            scope=self.scope or scope,
        )


class OktaDirectory:
    """Users and groups of an org, to be read: what owners and groups come from."""

    def __init__(self, name: str, options: OktaOptions, wire: RestWire) -> None:
        self.name = name
        self._options = options
        self._wire = wire

    def find_person(self, attribute: str, value: str) -> list[str]:
        return [str(user["id"]) for user in self._users_where(attribute, value)]

    def people(self) -> Iterator[Account]:
        attribute, _, value = self._options.accounts_where.partition("=")
        for user in self._list("api", "v1", "users"):
            if not attribute or not holds(profile_of(user).get(attribute), value):
                yield account_of(user)

    def groups(self) -> Iterator[Group]:
        for group in self._list("api", "v1", "groups"):
            yield group_of(group)

    def members(self, group_id: str) -> Iterator[str]:
        try:
            for user in self._list("api", "v1", "groups", group_id, "users", limit=_MEMBERS_AT_ONCE):
                yield str(user["id"])
        except NotThere:
            raise Missing(f"there is no group {group_id}") from None

    def _users_where(self, attribute: str, value: str) -> Iterator[Json]:
        """The users whose profile attribute equals value, as far as Okta shows it already; each is checked here again."""
        if not value or not re.fullmatch(r"\w+", attribute):
            return
        by = "filter" if attribute in _FILTERABLE else "search"
        expression = f"profile.{attribute} eq {orjson.dumps(plain(value)).decode()}"
        for user in self._list("api", "v1", "users", **{by: expression}):
            if holds(profile_of(user).get(attribute), plain(value)):
                yield user

    def _list(self, *path: str, limit: str = "", **params: str) -> Iterator[Json]:
        size = limit or str(min(200, self._options.page_size))
        for page in self._wire.pages(*path, cut=cut, params={"limit": size, **params}):
            yield from page


def open_wire(options: OktaOptions, clock: Clock, *, scope: str, url: str = "") -> RestWire:
    return RestWire(
        url or options.url,
        options.http(clock),
        options.sign_in(scope),
        VENDOR,
        clock=clock,
        reserve=options.reserve,
    )


def plain(value: Any) -> Any:
    """The value as Okta can keep it: without the characters that take four bytes in UTF-8 (emoji), which it refuses."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    return "".join(c for c in value if ord(c) <= _LAST_OF_PLANE) if isinstance(value, str) else value


def account_of(user: Json) -> Account:
    profile: dict[str, Value] = {name: value for name, value in profile_of(user).items() if value is not None}
    return Account(id=str(user["id"]), active=user.get("status") in _USABLE, attributes=profile)


def group_of(group: Json) -> Group:
    return Group(str(group["id"]), str(profile_of(group).get("name", "")))


def profile_of(thing: Json) -> Json:
    profile = thing.get("profile")
    return profile if isinstance(profile, dict) else {}


def cut(reply: Reply) -> tuple[list[Json], str]:
    following = _NEXT.search(reply.headers.get("Link", ""))
    if not isinstance(reply.body, list):
        raise Unreachable("Okta did not answer with a list")
    things = [one for one in reply.body if isinstance(one, dict) and (one.get("id") or one.get("uuid"))]
    return things, following[1] if following else ""


def _said(body: Json) -> Said | None:
    code = body.get("errorCode")
    if not isinstance(code, str):
        return None
    causes = [str(one.get("errorSummary", "")) for one in body.get("errorCauses") or [] if isinstance(one, dict)]
    attribute, colon, _ = causes[0].partition(": ") if causes else ("", "", "")
    words = "; ".join([str(body.get("errorSummary") or "no reason given"), *causes])
    return Said(code, words, attribute if colon and " " not in attribute else None)


def _classify(refusal: Refusal) -> Exception | None:
    assert refusal.said is not None
    said = refusal.said
    if said.code == "E0000001" and "already exists" in said.words:
        return AlreadyExists(refusal.detail, attribute=said.attribute)
    if said.code in _WRONG_STATE:
        return Rejected(refusal.detail)
    if refusal.status == 404 and said.code not in _ABSENT:
        return Unreachable(refusal.detail)
    return None


VENDOR: Final = Vendor("Okta", _said, _classify, request_id="X-Okta-Request-Id")

"""PingOne's platform API: its options, how it words errors and pages lists, and users as flat attributes.

In: an environment and a worker application. Out: JSON, or errors of ours. PingOne may change the status of an error: its code decides.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import orjson

from connector.core.clock import Clock
from connector.targets.base import Account, AlreadyExists, NotAllowed, Rejected, Throttled, Unreachable
from connector.targets.line import NotThere
from connector.targets.options import option
from connector.targets.rest_options import RestOptions
from connector.targets.rest_values import flat
from connector.targets.rest_wire import Refusal, Reply, RestWire, Said, Vendor
from connector.targets.sign_in import Json, SignIn

_USUAL_WAIT: Final = 10.0
# What PingOne says about a user, and what has a call of its own: not an attribute that a mapping could manage
_NOT_ATTRIBUTES: Final = (
    *(
        "id",
        "environment",
        "account",
        "createdAt",
        "updatedAt",
        "enabled",
        "identityProvider",
        "lifecycle",
        "mfaEnabled",
    ),
    *(
        "population",
        "verifyStatus",
        "password",
        "memberOfGroupIDs",
        "memberOfGroupNames",
        "emailVerified",
        "lastSignOn",
    ),
)


@dataclass(frozen=True, kw_only=True)
class PingOneOptions(RestOptions):
    """Options of a PingOne environment."""

    environment: str = option("id of the environment")
    url: str = option("the API's address; each region has its own", default="https://api.pingone.com/v1")
    auth_url: str = option("where tokens are given; each region has its own", default="https://auth.pingone.com")
    population: str = option("id of the population of new users (default: the environment's default)", default="")
    accounts_where: str = option("only these users are our accounts; empty: all users", default="type=agent")

    def problems(self) -> list[str]:
        found = super().problems() + self.client_problems() + self.address_problems("url", "auth_url")
        if self.accounts_where and not all(self.accounts_where.partition("=")):
            found.append("accounts_where: write it as attribute=value")
        return found


def open_wire(options: PingOneOptions, clock: Clock) -> RestWire:
    sign_in = SignIn(
        token_url=f"{options.auth_url.rstrip('/')}/{options.environment}/as/token",
        client_id=options.client_id,
        client_secret=options.client_secret,
        private_key=options.private_key,
        key_header=options.key_header,
    )
    url = f"{options.url.rstrip('/')}/environments/{options.environment}"
    return RestWire(url, options.http(clock), sign_in, VENDOR, clock=clock, reserve=options.reserve)


def listed(wire: RestWire, *path: str, limit: int = 100, **params: str) -> Iterator[Json]:
    for page in wire.pages(*path, cut=cut, params={"limit": str(limit), **params}):
        yield from page


def equals(attribute: str, value: str) -> str:
    """A SCIM filter (RFC 7644 section 3.4.2.2: the value is JSON)."""
    return f"{attribute} eq {orjson.dumps(value).decode()}"


def account_of(user: Json) -> Account:
    return Account(
        id=str(user["id"]), active=user.get("enabled") is not False, attributes=flat(user, without=_NOT_ATTRIBUTES)
    )


def cut(reply: Reply) -> tuple[list[Json], str]:
    embedded, links = reply.object.get("_embedded"), reply.object.get("_links")
    lists = [part for part in embedded.values() if isinstance(part, list)] if isinstance(embedded, dict) else []
    if not lists and reply.object.get("size") == 0:
        return [], ""
    if len(lists) != 1:
        raise Unreachable("PingOne did not answer with a list")
    following = links.get("next") if isinstance(links, dict) else None
    url = str(following.get("href", "")) if isinstance(following, dict) else ""
    return [one for one in lists[0] if isinstance(one, dict) and one.get("id")], url


def _said(body: Json) -> Said | None:
    code = body.get("code")
    if not isinstance(code, str) or "message" not in body:
        return None
    details = [one for one in body.get("details") or [] if isinstance(one, dict)]
    codes = [code, *(str(one["code"]) for one in details if one.get("code"))]
    words = [str(body["message"]), *(f"{one.get('target')}: {one.get('message')}" for one in details)]
    target = next((str(one["target"]) for one in details if one.get("target")), None)
    return Said("/".join(dict.fromkeys(codes)), "; ".join(words), target)


def _classify(refusal: Refusal) -> Exception | None:
    assert refusal.said is not None
    code, attribute = refusal.said.code.split("/"), refusal.said.attribute
    if "UNIQUENESS_VIOLATION" in code:
        return AlreadyExists(refusal.detail, attribute=attribute)
    if code[0] == "NOT_FOUND":
        return NotThere(refusal.detail)
    if code[0] == "ACCESS_FAILED":
        return NotAllowed(refusal.detail)
    if code[0] == "REQUEST_LIMITED":
        return Throttled(refusal.detail, retry_after=refusal.retry_after or _USUAL_WAIT)
    if code[0] == "UNEXPECTED_ERROR" or refusal.status == 404:
        return Unreachable(refusal.detail, retry_after=refusal.retry_after)
    return Rejected(refusal.detail, attribute=attribute) if code[0] in ("INVALID_DATA", "INVALID_REQUEST") else None


VENDOR: Final = Vendor("PingOne", _said, _classify, request_id="Correlation-Id")

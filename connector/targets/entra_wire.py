"""Microsoft Graph as targets in Entra ID use it: options, sign-in, how it words errors, pages lists and asks for quiet.

In: a tenant and an app registration. Out: JSON, or errors of ours. What Graph does not show yet is Propagating, not gone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from connector.core.clock import Clock
from connector.core.errors import Invalid
from connector.core.jose import certificate_thumbprint
from connector.targets.base import AlreadyExists, CookieExpired, Propagating, Rejected, Unreachable
from connector.targets.options import option
from connector.targets.rest_options import RestOptions
from connector.targets.rest_wire import Refusal, Reply, RestWire, Said, Vendor
from connector.targets.sign_in import Json, SignIn

# Filters on most properties, and counting, are answered by an index that needs this header ("advanced queries")
ADVANCED: Final = {"ConsistencyLevel": "eventual"}
_ABSENT: Final = ("Request_ResourceNotFound", "ResourceNotFound", "NotFound")
_THROTTLE_WINDOW: Final = 10.0
_LOOKS: Final = 15  # at what is not shown yet, while Entra may take to show it

_IN_PLAIN_WORDS: Final = {
    "AgentIdentity_LimitExceeded": "the blueprint holds as many agents as Entra allows (250 from one app; deleted ones count until they "
    "are purged): name another in the option blueprint, or set purge=true",
    "AgentBlueprint_LimitExceeded": "the tenant holds as many blueprints as Entra allows (250; deleted ones count until they are purged)",
    "AgentIdentity_AgentBlueprintPrincipalDoesNotExist": "the blueprint has no principal in this tenant: create it there, or leave the "
    "option blueprint empty so that the connector makes both",
    "AgentIdentity_IncompatibleParentType": "the option blueprint names an app that is not an agent identity blueprint",
    "Error_AgentIdentitiesCreatingAgentIdentitiesNotAllowed": "we are signed in as an agent identity, which may not create others: use an "
    "app registration",
    "No sponsor specified": "Entra creates no agent without a sponsor: map `sponsors`, and see that the sponsor is found there",
}


@dataclass(frozen=True, kw_only=True)
class EntraOptions(RestOptions):
    """Options of an Entra tenant."""

    tenant: str = option("id or domain of the tenant")
    url: str = option("Graph's address; other clouds have their own", default="https://graph.microsoft.com/v1.0")
    login_url: str = option("where tokens are given", default="https://login.microsoftonline.com")
    certificate: str = option("file of the certificate (PEM) that belongs to private_key", default="")
    accounts_where: str = option("only these users are our accounts; empty: all users", default="employeeType=agent")
    read_also: tuple[str, ...] = option(
        "further properties of users that the mapping sets, separated by commas", default=()
    )
    blueprint: str = option("appId of the blueprint of new agents (default: one named blueprint_name)", default="")
    blueprint_name: str = option("name of the blueprint that is made where blueprint is empty", default="AI agents")
    agent_users: bool = option("the mapping gives agents a user of their own (userPrincipalName)", default=False)
    page_size: int = option("objects asked for at once; Graph takes at most 999", default=500)
    purge: bool = option("delete for good, instead of leaving it restorable for 30 days", default=False)
    propagation: float = option("seconds that Entra may take to show what was created", default=300.0)

    def problems(self) -> list[str]:
        found = super().problems() + self.client_problems() + self.address_problems("url", "login_url")
        if self.private_key and not self.certificate:
            found.append("certificate: is needed with private_key, for Entra knows the key by its certificate")
        if self.certificate:
            try:
                certificate_thumbprint(Path(self.certificate).read_bytes())
            except (OSError, Invalid) as problem:
                found.append(f"certificate: cannot use {self.certificate}: {problem}")
        if self.accounts_where and not all(self.accounts_where.partition("=")):
            found.append("accounts_where: write it as property=value")
        return found

    def sign_in(self) -> SignIn:
        header = self.key_header
        if self.certificate:
            header = {**header, "x5t#S256": certificate_thumbprint(Path(self.certificate).read_bytes())}
        parts = urlsplit(self.url)
        return SignIn(
            token_url=f"{self.login_url.rstrip('/')}/{self.tenant}/oauth2/v2.0/token",
            client_id=self.client_id,
            client_secret=self.client_secret,
            private_key=self.private_key,
            key_header=header,
            scope=f"{parts.scheme}://{parts.netloc}/.default",
            secret_in_form=True,
        )


def open_wire(options: EntraOptions, clock: Clock) -> RestWire:
    http, sign_in = options.http(clock), options.sign_in()
    vendor = Vendor(
        "Microsoft Graph",
        _said,
        partial(_classify, options.propagation),
        request_id="request-id",
        head_room=_head_room,
    )
    return RestWire(options.url, http, sign_in, vendor, clock=clock, reserve=options.reserve)


def listed(wire: RestWire, *path: str, advanced: bool = False, **query: str) -> Iterator[Json]:
    """Every object of a list; `query` are OData options without their dollar sign."""
    params = {f"${name}": value for name, value in query.items()} | ({"$count": "true"} if advanced else {})
    for page in wire.pages(*path, cut=_cut, params=params, headers=ADVANCED if advanced else None):
        yield from page


def equals(attribute: str, value: str) -> str:
    """An OData filter; a property within another is written with a dot by us and with a slash there."""
    return f"{attribute.replace('.', '/')} eq {quoted(value)}"


def quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def reference(wire: RestWire, id: str) -> Json:
    """The body that names an object to be put into a relation."""
    return {"@odata.id": f"{wire.url}/directoryObjects/{id}"}


def _cut(reply: Reply) -> tuple[list[Json], str]:
    value = reply.object.get("value")
    if not isinstance(value, list):
        raise Unreachable("Microsoft Graph did not answer with a list")
    return [one for one in value if isinstance(one, dict) and one.get("id")], str(
        reply.object.get("@odata.nextLink", "")
    )


def _said(body: Json) -> Said | None:
    fault = body.get("error")
    if not isinstance(fault, dict) or not fault.get("code"):
        return None
    details = [one for one in fault.get("details") or [] if isinstance(one, dict)]
    codes = [str(fault["code"]), *(str(one["code"]) for one in details if one.get("code"))]
    target = next((str(one["target"]) for one in details if one.get("target")), None)
    return Said("/".join(dict.fromkeys(codes)), str(fault.get("message") or "it gave no reason"), target)


def look_again(propagation: float) -> float:
    """Seconds until another look at what is not shown yet."""
    return propagation / _LOOKS


def _classify(propagation: float, refusal: Refusal) -> Exception | None:
    assert refusal.said is not None
    code, words = refusal.said.code, refusal.said.words
    for mark, plain in _IN_PLAIN_WORDS.items():
        if mark in code or mark in words:
            return Rejected(f"{plain} ({refusal.detail})", attribute="sponsors" if "sponsor" in mark else None)
    if refusal.status == 400:
        return _classify_400(propagation, refusal, code, words)
    if refusal.status == 404 and not any(part in _ABSENT for part in code.split("/")):
        return Unreachable(refusal.detail)
    return CookieExpired(refusal.detail) if refusal.status == 410 else None


def _classify_400(propagation: float, refusal: Refusal, code: str, words: str) -> Exception | None:
    assert refusal.said is not None
    taken = "ObjectConflict" in code or "same value for property" in words or "object references already exist" in words
    if taken:
        return AlreadyExists(refusal.detail, attribute=refusal.said.attribute)
    if words.startswith("Object with id") and "not found" in words:
        return Propagating(refusal.detail, retry_after=look_again(propagation))
    return None


def _head_room(headers: Mapping[str, str], reserve: float, _now: datetime) -> float | None:
    """Graph tells how much of the limit is used once that is 80 % and more."""
    try:
        used = float(headers.get("x-ms-throttle-limit-percentage", ""))
    except ValueError:
        return None
    return _THROTTLE_WINDOW if used >= 1 - reserve else None

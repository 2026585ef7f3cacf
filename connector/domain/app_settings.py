"""What an operator says about one application: what it gets signed and encrypted, under which name, for whom, how long.

In and out of storage as JSON. Knows no SAML: the edge checks what only metadata can tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import orjson

from connector.core.errors import Invalid

SIGN = ("both", "assertion", "response")
ENCRYPT = ("off", "required")
NAME_ID = ("persistent", "transient", "emailAddress", "unspecified")
NAME_FROM = ("agentId", "agentUserName", "subjectId", "pairwiseId", "email")
DELEGATION = ("none", "condition", "attribute")
CONFIRMATION = ("bearer", "holder-of-key")
BINDING = ("post", "artifact")
SIGNATURE = ("rsa-sha256", "ecdsa-sha256")
MAX_SESSION_MINUTES = 24 * 60

_CHOICES = {
    "sign": SIGN,
    "encrypt": ENCRYPT,
    "name_id": NAME_ID,
    "name_from": NAME_FROM,
    "delegation": DELEGATION,
    "confirmation": CONFIRMATION,
    "binding": BINDING,
    "signature": SIGNATURE,
}
_FITTING = {
    "persistent": ("agentId", "pairwiseId"),
    "transient": ("agentId",),
    "emailAddress": ("email", "subjectId", "pairwiseId"),
    "unspecified": NAME_FROM,
}


@dataclass(frozen=True)
class AppSettings:
    """As stored. `groups` are ids; where there are any, only agents in one of them may sign in there.

    `name_from` chooses the value of the NameID (`agentId` is the id of whoever it is about); `relay` are the addresses that
    an agent may ask to be brought to when it comes without a request (each with everything below it). `delegation` is how an
    assertion says who acts for whom, and `none` that nobody does; `binding` is how a Response travels where the request does not say.
    """

    sign: str = "both"
    encrypt: str = "off"
    name_id: str = "persistent"
    name_from: str = "agentId"
    session_minutes: int = 60
    groups: tuple[str, ...] = ()
    attributes: str = "plain"
    relay: tuple[str, ...] = ()
    delegation: str = "none"
    confirmation: str = "bearer"
    binding: str = "post"
    signature: str = "rsa-sha256"


def changed(settings: AppSettings, changes: Mapping[str, Any]) -> AppSettings:
    """The settings with these changes; Invalid names the first one that cannot be."""
    wanted = {"name_from": _FITTING.get(changes["name_id"], NAME_FROM)[0]} if "name_id" in changes else {}
    after = replace(settings, **{**wanted, **changes})
    for name, choices in _CHOICES.items():
        if getattr(after, name) not in choices:
            raise Invalid(f"{name} is {getattr(after, name)!r}; it must be one of {', '.join(choices)}", field=name)
    if after.name_from not in _FITTING[after.name_id]:
        fitting = ", ".join(_FITTING[after.name_id])
        raise Invalid(f"a NameID of the kind {after.name_id} is made from {fitting}", field="name_from")
    if not 1 <= after.session_minutes <= MAX_SESSION_MINUTES:
        raise Invalid(f"session_minutes must be from 1 to {MAX_SESSION_MINUTES}", field="session_minutes")
    for address in after.relay:
        if not address.startswith(("https://", "http://")) or any(sign in address for sign in " \t\r\n\"'<>\\"):
            raise Invalid(f"relay {address!r} is not an http or https address", field="relay")
    return after


def differences(before: AppSettings, after: AppSettings) -> dict[str, Any]:
    """What has another value now, for the event."""
    names = [one.name for one in fields(AppSettings)]
    return {name: getattr(after, name) for name in names if getattr(before, name) != getattr(after, name)}


def to_json(settings: AppSettings) -> str:
    """Only what differs from the defaults is kept, so that a better default reaches whoever never chose."""
    return orjson.dumps(differences(AppSettings(), settings)).decode()


def from_json(text: str) -> AppSettings:
    stored: dict[str, Any] = {
        key: tuple(one) if isinstance(one, list) else one for key, one in orjson.loads(text).items()
    }
    return replace(AppSettings(), **stored)

"""The chain of those who act for a subject, as a token carries it: nested `act` claims (RFC 8693 section 4.1). Pure."""

from collections.abc import Mapping
from typing import Any


def act_claim(actors: tuple[str, ...]) -> dict[str, Any]:
    """The nested `act` of a chain whose first member acts now (RFC 8693 section 4.1)."""
    claim: dict[str, Any] = {}
    for actor in reversed(actors):
        claim = {"sub": actor, "sub_profile": "ai_agent", **({"act": claim} if claim else {})}
    return claim


def actors_of(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """The chain of an `act` claim, the one who acts now first."""
    found, act = [], claims.get("act")
    while act:
        found.append(act["sub"])
        act = act.get("act")
    return tuple(found)

"""Authorization requests that an agent has pushed before it sends a person (RFC 9126): kept for a while, answered once.

Who knows the address of one can have it answered, in a browser of their own; so only its fingerprint is kept.
"""

from collections.abc import Mapping
from datetime import timedelta

from connector.core.clock import to_text
from connector.core.errors import Invalid
from connector.core.secret import fingerprint, new_secret
from connector.domain.events import Action
from connector.domain.unit import Unit
from connector.storage import pushed_requests as store

LIFE = timedelta(
    minutes=10
)  # as long as somebody takes to sign in and to read; section 2.2 speaks of 600 seconds at most
PREFIX = "urn:ietf:params:oauth:request_uri:"


def push(unit: Unit, agent_id: str, parameters: Mapping[str, str]) -> str:
    """The request_uri for these parameters, which have been checked."""
    uri = PREFIX + new_secret("apr")
    store.insert(unit.tx, fingerprint(uri), agent_id, dict(parameters), to_text(unit.tx.moment + LIFE))
    unit.record(
        Action.REQUEST_PUSHED, "agent", agent_id, scope=parameters.get("scope"), resource=parameters.get("resource")
    )
    return uri


def recalled(unit: Unit, agent_id: str, uri: str) -> dict[str, str]:
    """The parameters of that agent's request. Invalid where there is none, or no longer."""
    found = store.find(unit.tx, fingerprint(uri), agent_id)
    if found is None:
        raise Invalid(
            "request_uri is not one of this agent, was answered already, or has expired: go back to the agent and begin again",
            field="request_uri",
        )
    return found


def use_up(unit: Unit, uri: str) -> None:
    """It is answered. Invalid where it was before."""
    if not store.delete(unit.tx, fingerprint(uri)):
        raise Invalid("this request was answered already: go back to the agent and begin again", field="request_uri")


def discard(unit: Unit, uri: str) -> None:
    """It is refused, if it is still there."""
    store.delete(unit.tx, fingerprint(uri))


def is_needed(unit: Unit, agent_id: str) -> bool:
    """Whether that agent must push its requests."""
    return store.is_push_only(unit.tx, agent_id)


def need(unit: Unit, agent_id: str, needed: bool) -> None:
    """Whether that agent must push its requests, from now on."""
    if store.is_push_only(unit.tx, agent_id) != needed:
        store.set_push_only(unit.tx, agent_id, needed)
        unit.record(Action.PUSHING_CHANGED, "agent", agent_id, needed=needed)

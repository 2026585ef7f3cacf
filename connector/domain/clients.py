"""Inbound clients (an IdP, an HR/IT workflow): create, authorise, and turn into callers."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from connector.core.clock import from_text
from connector.core.errors import Conflict, Invalid, NotFound
from connector.domain import credentials
from connector.domain.credentials import Credential
from connector.domain.events import Action
from connector.domain.scopes import AGENT_SCOPE as AGENT_SCOPE
from connector.domain.scopes import SCOPES as SCOPES
from connector.domain.scopes import granted
from connector.domain.unit import Caller, Unit
from connector.storage import clients, counters, parked, resources
from connector.storage import credentials as store
from connector.storage.clients import Client

PROFILES = ("default", "entra", "okta", "canaille", "strict")
DIALECTS = ("wzdk", "abbey", "superset", "wahl")

TOKEN_MINUTES = range(5, 6 * 60 + 1)  # Microsoft's gallery asks for 60 at least and six hours at most


def create(
    unit: Unit,
    name: str,
    scopes: frozenset[str],
    *,
    profile: str = "default",
    dialect: str = "wzdk",
    own_only: bool = False,
    if_match: bool = False,
    rate: int = 0,
    static_bearer: bool = False,
    park_members: bool = False,
    token_minutes: int = 10,
) -> Client:
    """A new client without credentials; the options as `Caller` has them.

    Conflict where the name is taken; Invalid names what is not known.
    """
    unknown = sorted(scopes - SCOPES.keys())
    if unknown or not scopes:
        known = ", ".join(SCOPES)
        raise Invalid(
            f"scope {unknown[0]!r} is not known; there are {known}" if unknown else f"name a scope: {known}",
            field="scope",
        )
    if profile not in PROFILES:
        raise Invalid(f"profile must be one of {', '.join(PROFILES)}, not {profile!r}", field="profile")
    if dialect not in DIALECTS:
        raise Invalid(f"dialect must be one of {', '.join(DIALECTS)}, not {dialect!r}", field="dialect")
    if clients.by_name(unit.tx, name):
        raise Conflict(f"there is a client named {name!r} already", field="name")
    if token_minutes not in TOKEN_MINUTES:
        bounds = f"from {TOKEN_MINUTES[0]} to {TOKEN_MINUTES[-1]}"
        raise Invalid(f"token_minutes must be {bounds}, not {token_minutes}", field="token_minutes")
    if rate < 0:
        raise Invalid(f"rate must be a number of requests per second, 0 for no limit, not {rate}", field="rate")
    made = Client(
        unit.tx.new_id("cli"),
        name,
        scopes,
        profile,
        dialect,
        True,
        unit.tx.now,
        own_only,
        if_match,
        rate,
        static_bearer,
        park_members,
        token_minutes,
    )
    clients.insert(unit.tx, made)
    unit.record(
        Action.CLIENT_CREATED, "client", made.id, name=name, scopes=sorted(scopes), profile=profile, dialect=dialect
    )
    return made


def named(unit: Unit, name: str) -> Client:
    """The client with that name; NotFound where there is none."""
    found = clients.by_name(unit.tx, name)
    if found is None:
        raise NotFound(f"there is no client named {name!r}", field="name")
    return found


def switch(unit: Unit, name: str, *, active: bool) -> None:
    """Let the client in or keep it out, at once in every process. Tokens from before it was disabled stay dead."""
    found = named(unit, name)
    if found.active == active:
        return
    clients.set_active(unit.tx, found.id, active)
    if not active:
        store.set_cutoff(unit.tx, found.id)
    counters.advance(unit.tx, counters.CLIENTS)
    unit.record(Action.CLIENT_ENABLED if active else Action.CLIENT_DISABLED, "client", found.id, name=name)


def remove(unit: Unit, name: str) -> None:
    """Forget the client; what it has created stays. Its credentials and tokens are dead at once."""
    found = named(unit, name)
    credentials.revoke_all(unit, "client", found.id)
    clients.remove(unit.tx, found.id)
    parked.forget(unit.tx, found.id)
    store.set_cutoff(unit.tx, found.id)
    counters.advance(unit.tx, counters.CLIENTS)
    unit.record(Action.CLIENT_REMOVED, "client", found.id, name=name)


def forget_cached(unit: Unit) -> None:
    """Every process looks at its cached callers again."""
    counters.advance(unit.tx, counters.CLIENTS)


def listing(unit: Unit) -> list[Client]:
    return clients.everyone(unit.tx)


def caller_of(unit: Unit, id: str, *, wanted: frozenset[str] | None = None) -> Caller | None:
    """The caller with that OAuth client id: an active inbound client, or an active agent; None for anybody else.

    `wanted` are the scopes that matter, where not all do: what every agent has need not be looked for.
    """
    if id.startswith("agt-"):
        agent = resources.by_id(unit.tx, "agent", id)
        if agent is None or not agent.active:
            return None
        own = frozenset({AGENT_SCOPE})
        more = granted(unit, id) if wanted is None or wanted - own else frozenset[str]()
        return Caller("agent", agent.id, agent.name, more | own)
    client = clients.by_id(unit.tx, id)
    return _caller(client) if client is not None and client.active else None


def kind_of(unit: Unit, id: str) -> str | None:
    """Whether that is a client or an agent, active or not; None for neither."""
    if clients.by_id(unit.tx, id):
        return "client"
    return "agent" if resources.by_id(unit.tx, "agent", id) else None


def agent_of_secret(unit: Unit, id: str, secret: str) -> tuple[Caller, Credential] | None:
    """The agent with that id and secret, suspended or not: whoever asks on its behalf must ask domain.access as well."""
    agent = resources.by_id(unit.tx, "agent", id)
    credential = credentials.with_secret(unit, id, secret) if agent is not None else None
    if agent is None or credential is None:
        return None
    return Caller("agent", agent.id, agent.name, frozenset({AGENT_SCOPE})), credential


@dataclass(frozen=True)
class Static:
    """A static bearer or API key, who holds it, and when it ends."""

    caller: Caller
    credential: Credential
    ends: datetime


def static(unit: Unit, token: str) -> Static | None:
    """The live static bearer or API key with that text. An API key allows its own scopes only."""
    found = credentials.static(unit, token)
    caller = caller_of(unit, found.holder_id) if found else None
    if found is None or caller is None:
        return None
    if found.scopes is not None:
        caller = replace(caller, scopes=caller.scopes & frozenset(found.scopes.split()))
    ends = from_text(found.not_after) if found.not_after else datetime.max.replace(tzinfo=UTC)
    return Static(caller, found, ends)


def _caller(client: Client) -> Caller:
    return Caller(
        "client",
        client.id,
        client.name,
        client.scopes,
        profile=client.profile,
        dialect=client.dialect,
        own_only=client.own_only,
        if_match=client.if_match,
        rate=client.rate,
        park_members=client.park_members,
        token_minutes=client.token_minutes,
    )

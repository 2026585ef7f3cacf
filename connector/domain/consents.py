"""A person lets an agent act for them: what may be offered, for how long, and what was answered.

Nobody gives more than they hold, and no agent gets more than it may have. What was allowed is kept as a standing delegation.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.core.clock import from_text, to_text
from connector.core.errors import Denied, NotFound
from connector.domain import access, agents, clients, delegations, exchange, resources, scopes
from connector.domain.clients import AGENT_SCOPE
from connector.domain.delegations import MAX_DAYS, Delegation
from connector.domain.events import Action
from connector.domain.exchange import Wish
from connector.domain.schema import GOVERNANCE
from connector.domain.scopes import Scope
from connector.domain.unit import Caller, Unit


@dataclass(frozen=True)
class Asked:
    """What an agent asks for. `redirect_uri` as it named it, `challenge` of PKCE (S256), `jkt` of the DPoP key that it will show."""

    agent_id: str
    redirect_uri: str | None
    scopes: frozenset[str]
    resource: str | None
    challenge: str
    jkt: str | None


@dataclass(frozen=True)
class Offer:
    """What a person may allow. `beyond` was asked for as well, and is not theirs to give; `standing` allows all of it already."""

    agent: str
    owners: tuple[str, ...]
    resource: str
    resource_name: str
    scopes: tuple[Scope, ...]
    beyond: tuple[str, ...]
    standing: Delegation | None

    @property
    def names(self) -> frozenset[str]:
        return frozenset(one.name for one in self.scopes)


@dataclass(frozen=True)
class Term:
    """For how long: `day`, `month` or `longest`."""

    name: str
    ends: datetime


def requester(unit: Unit, agent_id: str) -> Caller:
    """The agent that asks. NotFound where there is none of that id, Denied where it may not act now."""
    agent = clients.caller_of(unit, agent_id) if agent_id.startswith("agt-") else None
    if agent is None and clients.kind_of(unit, agent_id) != "agent":
        raise NotFound(f"client_id {agent_id!r} is not the id of an agent", field="client_id")
    decision = access.may_sign_on(unit, agent_id)
    if agent is None or not decision.allowed:
        raise Denied(f"the agent may not act now: {'; '.join(decision.reasons)}")
    return agent


def check(unit: Unit, asked: Asked, *, own: str) -> tuple[str, frozenset[str]]:
    """The audience and the scopes that the agent may ask for, whoever the person is. Denied names what is too much."""
    limit = requester(unit, asked.agent_id).scopes - {AGENT_SCOPE}
    return exchange.wanted_of(unit, limit, Wish(asked.scopes, asked.resource), own=own)


def offer(unit: Unit, asked: Asked, person_id: str, *, own: str) -> Offer:
    """What this person may allow. Denied (`consent`) where none of it is theirs to give."""
    audience, wanted = check(unit, asked, own=own)
    held = wanted & exchange.rights(unit, person_id)
    if not held:
        raise Denied("the person holds none of the scopes that were asked for", field="consent")
    record = resources.fetch(unit, "agent", asked.agent_id)
    owners = agents.document(unit, record).get("owners", [])
    standing = delegations.standing(unit, person_id, asked.agent_id)
    return Offer(
        agent=agents.display(record),
        owners=tuple(one["display"] for one in owners),
        resource=audience,
        resource_name=scopes.resource_name(unit, audience),
        scopes=scopes.described(unit, held),
        beyond=tuple(sorted(wanted - held)),
        standing=next((one for one in standing if held <= one.scopes), None),
    )


def terms(unit: Unit, agent_id: str) -> list[Term]:
    """For how long a person may choose: none goes on longer than the agent itself."""
    now = unit.tx.moment
    governance = agents.document(unit, resources.fetch(unit, "agent", agent_id)).get(GOVERNANCE, {})
    longest = now + timedelta(days=MAX_DAYS)
    if "validUntil" in governance:
        longest = min(longest, from_text(governance["validUntil"]))
    choices = [Term("day", now + timedelta(days=1)), Term("month", now + timedelta(days=30))]
    return [*(one for one in choices if one.ends < longest), Term("longest", longest)]


def give(unit: Unit, asked: Asked, offered: Offer, person_id: str, term: Term) -> None:
    """The person allows what was offered, until the end of the term. It takes the place of what they allowed of it before."""
    for before in delegations.standing(unit, person_id, asked.agent_id):
        if before.made_by == person_id and before.scopes <= offered.names:
            delegations.revoke(unit, before.id)
    made = delegations.add(unit, person_id, asked.agent_id, offered.names, not_after=to_text(term.ends))
    unit.record(
        Action.CONSENT_GIVEN,
        "agent",
        asked.agent_id,
        delegation=made.id,
        resource=offered.resource,
        scopes=sorted(offered.names),
        notAfter=made.not_after,
    )


def refuse(unit: Unit, asked: Asked, offered: Offer) -> None:
    unit.record(
        Action.CONSENT_REFUSED, "agent", asked.agent_id, resource=offered.resource, scopes=sorted(offered.names)
    )

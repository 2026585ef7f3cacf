"""Acting for another (RFC 8693): may this agent, for whom, with which scopes, by which chain. Decides; domain.tokens issues.

The outermost actor is the one that acts now. Nobody gets more than both sides have, than the token it came with says, and than the
delegation allows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.core.clock import from_text
from connector.core.errors import Denied
from connector.domain import access, delegations, scopes
from connector.domain.clients import AGENT_SCOPE
from connector.domain.sign_on import Behalf
from connector.domain.unit import Caller, Unit
from connector.storage import resources

_MAX_PARENTS = 16


@dataclass(frozen=True)
class Wish:
    """What a request asks for beside its grant: scopes and resource, the key to bind to (`cnf`), who may act for the holder next."""

    scopes: frozenset[str] = frozenset()
    resource: str | None = None
    confirmation: Mapping[str, str] = field(default_factory=dict)
    may_act: str | None = None


@dataclass(frozen=True)
class Subject:
    """On whose behalf: a person or an agent, as a token of ours or an issuer elsewhere tells it.

    `scopes` limit what may be had, None where the token says nothing of them; `actors` is the chain so far, the latest first;
    `parents` are the tokens and delegations whose end ends what is issued now; `named` is the agent that an ID-JAG was issued to;
    `authentication` says when and how a person has signed in here (`auth_time`, `acr`: RFC 9068 section 2.2.1), where it is known.
    """

    id: str
    scopes: frozenset[str] | None = None
    actors: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    not_after: datetime | None = None
    may_act: str | None = None
    named: str | None = None
    authentication: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Order:
    """A token to be issued, all decided."""

    subject: str
    holder: Caller
    scopes: frozenset[str]
    audience: str
    actors: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    not_after: datetime | None = None
    confirmation: Mapping[str, str] = field(default_factory=dict)
    may_act: str | None = None
    risk: str | None = None
    authentication: Mapping[str, Any] = field(default_factory=dict)


def decide(unit: Unit, caller: Caller, subject: Subject, wish: Wish, *, own: str, depth: int) -> Order:
    """The token that the agent gets. Denied names what stands in the way: the party, the chain, or the scope."""
    if caller.kind != "agent" or caller.person is not None:
        raise Denied("only an agent itself may act for others")
    check_next(unit, wish)
    decision = access.may_sign_on(unit, caller.id)
    if not decision.allowed:
        raise Denied("; ".join(decision.reasons))
    _check_subject(unit, subject)
    now_acting = subject.actors[0] if subject.actors else subject.id
    chain = subject.actors if now_acting == caller.id else (caller.id, *subject.actors)
    if len(chain) > depth:
        raise Denied(f"the chain of actors would have {len(chain)} members, {depth} are allowed", field="actor_token")
    limit = caller.scopes & rights(unit, subject.id)
    if chain:
        limit -= {AGENT_SCOPE}  # signing on as somebody else is not what a scope gives
    if subject.scopes is not None:
        limit &= subject.scopes
    parents, not_after = subject.parents, subject.not_after
    if now_acting != caller.id and caller.id not in (subject.may_act, subject.named):
        standing = _standing(unit, subject, now_acting, caller, wish, own=own)
        limit &= standing.scopes
        parents = (*parents, standing.id)
        ends = from_text(standing.not_after)
        not_after = min(not_after, ends) if not_after else ends
    if len(parents) > _MAX_PARENTS:
        raise Denied("the token was exchanged too often: start from a fresh one", field="subject_token")
    audience, wanted = wanted_of(unit, limit, wish, own=own)
    return Order(
        subject=subject.id,
        holder=caller,
        scopes=wanted,
        audience=audience,
        actors=chain,
        parents=parents,
        not_after=not_after,
        confirmation=wish.confirmation,
        may_act=wish.may_act,
        risk=decision.risk,
        authentication=subject.authentication,
    )


def behalf(unit: Unit, caller: Caller, subject: Subject, *, audience: str, own: str, depth: int) -> Behalf | None:
    """For whom else the agent may sign in to an application: by the same rules, where the application is a resource.

    None where the subject is the agent itself. Denied where it may not, as `decide` has it.
    """
    if subject.id == caller.id and not subject.actors:
        if subject.scopes is not None and AGENT_SCOPE not in subject.scopes:
            raise Denied(f"the subject token has not the scope {AGENT_SCOPE}", field="scope")
        return None
    order = decide(unit, caller, subject, Wish(resource=audience), own=own, depth=depth)
    return Behalf(order.subject, order.actors, order.parents, order.not_after)


def wanted_of(unit: Unit, limit: frozenset[str], wish: Wish, *, own: str) -> tuple[str, frozenset[str]]:
    """The audience and the scopes of a token, within the limit. Denied names the scope that is too much."""
    excess = sorted(wish.scopes - limit)
    if excess:
        raise Denied(f"the scope {excess[0]!r} is not granted", field="scope")
    audience, wanted = scopes.audience(unit, wish.scopes or limit, wish.resource, own=own)
    if wish.scopes - wanted:
        raise Denied(
            f"the scope {min(wish.scopes - wanted)!r} does not belong to the resource {audience}", field="scope"
        )
    if not wanted:
        raise Denied("there is no scope that may be had here", field="scope")
    return audience, wanted


def check_next(unit: Unit, wish: Wish) -> None:
    """Whom a token may name by may_act: another agent that is there and may act. Denied otherwise."""
    if wish.may_act is not None and not (wish.may_act.startswith("agt-") and alive(unit, wish.may_act)):
        raise Denied(f"requested_actor {wish.may_act!r} is not an agent that may act", field="actor_token")


def rights(unit: Unit, id: str) -> frozenset[str]:
    """What a person or an agent may have at most."""
    own = {AGENT_SCOPE} if id.startswith("agt-") else set()
    return scopes.granted(unit, id) | own


def alive(unit: Unit, id: str) -> bool:
    """Whether that is a person or an agent who may be acted for."""
    found = resources.by_ids(unit.tx, [id]).get(id)
    if found is None or not found.active or found.kind not in ("person", "agent"):
        return False
    return found.kind == "person" or access.may_sign_on(unit, id).allowed


def _check_subject(unit: Unit, subject: Subject) -> None:
    for id in (subject.id, *subject.actors):
        if not alive(unit, id):
            raise Denied("the subject, or one who acts for it, may not act any more", field="subject_token")


def _standing(
    unit: Unit, subject: Subject, now_acting: str, caller: Caller, wish: Wish, *, own: str
) -> delegations.Delegation:
    """The delegation to the caller, of the subject itself or of the one who acts for it now: one that has what is asked for."""
    found = delegations.standing(unit, subject.id, caller.id)
    if now_acting != subject.id:
        found += delegations.standing(unit, now_acting, caller.id)
    if not found:
        raise Denied(
            f"{caller.name} may not act for the subject: its token names nobody by may_act, and no delegation stands",
            field="subject_token",
        )

    def fits(one: delegations.Delegation) -> bool:
        there = wish.resource is None or scopes.audience(unit, one.scopes, wish.resource, own=own)[1]
        return wish.scopes <= one.scopes and bool(there)

    return next((one for one in found if fits(one)), found[0])

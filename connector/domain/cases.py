"""Correlation cases: what a person decides about an account or an agent, and what follows from it."""

from connector.core.errors import Conflict, Invalid, NotFound
from connector.domain import targets
from connector.domain import unit as work
from connector.domain.events import Action
from connector.domain.unit import Unit
from connector.storage import cases, links, resources
from connector.storage.cases import Case
from connector.storage.links import Link

STATES = ("open", "linked", "unlinked", "ignored", "settled")


def listing(unit: Unit, *, target: str = "", state: str = "open") -> list[Case]:
    """The cases in that state, oldest first; of all targets where none is named."""
    if target:
        targets.fetch(unit, target)
    return cases.listing(unit.tx, target=target, state=state)


def fetch(unit: Unit, id: str) -> Case:
    found = cases.find(unit.tx, id)
    if found is None:
        raise NotFound(f"there is no case {id!r}; `connector case list` shows them", field="case")
    return found


def link(unit: Unit, id: str, *, agent: str | None, account: str | None, reason: str) -> Case:
    """The account is the agent's: it is brought to what the mapping wants. Conflict where it is linked to another agent."""
    case = _open(unit, id)
    agent_id = agent or (case.about if resources.by_id(unit.tx, "agent", case.about) else None)
    if agent_id is None or resources.by_id(unit.tx, "agent", agent_id) is None:
        raise Invalid("name the agent that the account belongs to", field="agent")
    if account is None and len(case.accounts) != 1:
        raise Invalid(f"name one of the accounts: {', '.join(case.accounts)}", field="account")
    remote_id = account or next(iter(case.accounts))
    if remote_id not in case.accounts:
        raise Invalid(f"{remote_id!r} is none of the case's accounts: {', '.join(case.accounts)}", field="account")
    holder = links.holder(unit.tx, case.target, remote_id)
    if holder not in (None, agent_id):
        raise Conflict(f"the account {remote_id} is linked to {holder}: unlink that first", field="account")
    links.save(unit.tx, Link(agent_id, case.target, remote_id, links.UNKNOWN))
    return _decide(unit, case, "linked", reason, agent_id, account=remote_id)


def ignore(unit: Unit, id: str, *, reason: str) -> Case:
    """The accounts are not the agent's: they are left alone, and the agent gets one of its own. An account of nobody stays as it is."""
    return _decide(unit, _open(unit, id), "ignored", reason, None)


def unlink(unit: Unit, target: str, agent_id: str, *, reason: str) -> Case:
    """The account that the agent is linked to is not its own: the link goes, and is not made again. NotFound without a link."""
    found = links.find(unit.tx, agent_id, target)
    if found is None:
        raise NotFound(f"{agent_id} has no account at {target}", field="agent")
    links.delete(unit.tx, agent_id, target)
    accounts = {found.remote_id: found.remote_id}
    id, _ = cases.open_case(unit.tx, target, "disputed", agent_id, accounts, "a person has unlinked it")
    return _decide(unit, fetch(unit, id), "unlinked", reason, agent_id, account=found.remote_id)


def unlink_case(unit: Unit, id: str, *, reason: str) -> Case:
    """As `unlink`, for the agent that the case is about; an account that is missing is no longer waited for."""
    case = _open(unit, id)
    links.delete(unit.tx, case.about, case.target)
    return _decide(unit, case, "unlinked", reason, None)


def _open(unit: Unit, id: str) -> Case:
    case = fetch(unit, id)
    if case.state != "open":
        raise Conflict(f"the case {id} is {case.state} already", field="case")
    return case


def _decide(
    unit: Unit, case: Case, state: str, reason: str, agent_id: str | None, *, account: str | None = None
) -> Case:
    if not reason.strip():
        raise Invalid("a decision needs a reason", field="because")
    cases.decide(unit.tx, case.id, state, by=unit.by.name, reason=reason)
    about = agent_id or case.about
    unit.record(
        Action.CASE_DECIDED,
        "case",
        case.id,
        target=case.target,
        about=about,
        account=account,
        decision=state,
        why=reason,
    )
    if resources.by_id(unit.tx, "agent", about) is not None:
        unit.look([about], priority=work.UPDATE)
    return fetch(unit, case.id)

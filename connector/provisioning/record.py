"""What is kept of a push: an event for each step, the link with what was last applied, drift, and cases for a person."""

from collections.abc import Iterable
from typing import Any

from connector.domain.events import Action
from connector.domain.unit import Unit
from connector.provisioning import applied
from connector.provisioning.correlate import Doubt
from connector.provisioning.plan import Step, Wanted
from connector.provisioning.preview import Connected, Preview
from connector.storage import cases, links
from connector.storage.links import Link
from connector.targets.base import Account

_EVENTS = {
    "adopt": Action.ACCOUNT_ADOPTED,
    "create": Action.ACCOUNT_CREATED,
    "update": Action.ACCOUNT_UPDATED,
    "enable": Action.ACCOUNT_ENABLED,
    "disable": Action.ACCOUNT_DISABLED,
    "delete": Action.ACCOUNT_DELETED,
    "unlink": Action.ACCOUNT_UNLINKED,
    "join": Action.ACCOUNT_JOINED,
    "leave": Action.ACCOUNT_LEFT,
}


def record(
    unit: Unit, seen: Preview, at: Connected, step: Step, account: Account | None, joined: set[str], *, done: bool
) -> None:
    """A step that was taken: its event, and the link with what it left there. `done`: it was the last one."""
    detail: dict[str, Any] = {"group": step.group}
    if step.changes is not None:
        detail["changed"] = sorted([*step.changes.set, *step.changes.clear])
    if account is not None:
        detail["account"] = account.id
    if account is None or step.action == "unlink":
        links.delete(unit.tx, seen.subject.id, at.name)
    else:
        # Until every step is done, what it has is all that was wanted: what is left to do is not for drift to explain.
        wanted = seen.wanted if done else Wanted(account, frozenset(joined))
        links.save(unit.tx, _link(seen, at, wanted, account, joined))
    unit.record(_EVENTS[step.action], "agent", seen.subject.id, target=at.name, **detail)


def settle(unit: Unit, seen: Preview, at: Connected, account: Account | None, joined: set[str], *, wrote: bool) -> None:
    """What is recorded beside the steps: fresh drift, that nothing is left to link, and that no person need decide any more."""
    subject = seen.subject
    if subject.in_question:
        cases.settle(unit.tx, at.name, subject.id)
    for one in seen.decision.drift:
        if one.fresh:
            detail = {"attribute": one.attribute, "policy": one.policy, "found": one.found, "last": one.last}
            unit.record(Action.ACCOUNT_DRIFTED, "agent", subject.id, target=at.name, **detail)
    if wrote:
        return
    if account is None and subject.link is not None:
        links.delete(unit.tx, subject.id, at.name)
    kept = None if account is None else _link(seen, at, seen.wanted, account, joined)
    if kept is not None and kept != subject.link:
        links.save(unit.tx, kept)


def _link(seen: Preview, at: Connected, wanted: Wanted, account: Account, joined: Iterable[str]) -> Link:
    memory = applied.remember(
        wanted.account,
        account,
        managed=at.mapping.managed,
        groups=wanted.groups,
        mine=joined,
        mapping=at.mapping.digest,
    )
    return Link(seen.subject.id, at.name, account.id, memory.dumps())


def open_case(unit: Unit, target: str, about: str, doubt: Doubt) -> None:
    """Have a person decide, unless they have already, or know of it."""
    id, news = cases.open_case(unit.tx, target, doubt.kind, about, doubt.accounts, doubt.detail)
    if news:
        unit.record(Action.CASE_OPENED, "case", id, target=target, about=about, kind=doubt.kind, why=doubt.detail)

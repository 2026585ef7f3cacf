"""Bring one agent's account at one target to what it should be. Level-triggered: it looks at the present state, not at a message.

No transaction is open while the target is called. Each write is safe to repeat; what it did is recorded right after it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from connector.core.clock import from_text, to_text
from connector.domain.events import Action
from connector.domain.unit import SYSTEM, Domain, Unit
from connector.mapping.render import Rendered, correlators, group_names, render
from connector.mapping.schema import Mapping
from connector.provisioning import applied
from connector.provisioning.correlate import Doubt, Known, NeedsDecision, correlate, is_protected, label
from connector.provisioning.facts import People, Subject, gather
from connector.provisioning.plan import NOT_WRITTEN, Decision, Found, Rules, Step, Wanted, decide
from connector.provisioning.plans import Document, describe
from connector.provisioning.writes import take
from connector.storage import cases, links
from connector.storage.links import Link
from connector.targets.base import Account, AlreadyExists, Capability, GroupTarget, Rejected, Target

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


@dataclass(frozen=True)
class Connected:
    """A target, ready for calls, with the mapping that shapes accounts there."""

    name: str
    target: Target
    mapping: Mapping

    @property
    def rules(self) -> Rules:
        return Rules(self.mapping.policies, self.mapping.managed, self.target.capabilities, self.target.normalise)

    @property
    def keeps_groups(self) -> bool:
        return self.mapping.groups is not None and Capability.GROUPS in self.target.capabilities


@dataclass(frozen=True)
class Preview:
    """What a push would do: the account wanted, where each value comes from, the account there, and the steps."""

    subject: Subject
    rendered: Rendered | None
    wanted: Wanted
    found: Found
    decision: Decision
    again: str | None = None

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.decision.steps

    @property
    def described(self) -> list[Document]:
        """The steps as plain data, as they are in a plan."""
        return [describe(step, self.found.account) for step in self.steps]


@dataclass(frozen=True)
class Pushed:
    """The steps that were taken; and when to look again without any change of ours, if so (the end of a grace time)."""

    steps: tuple[Step, ...]
    again: str | None = None
    stale: bool = False


End = Callable[[Unit, Pushed], None]


class Push:
    """Pushes agents to targets."""

    def __init__(self, domain: Domain, base_url: str) -> None:
        self._domain = domain
        self.base_url = base_url

    def gather(self, unit: Unit, agent_id: str, target: str) -> Subject:
        """What we know of the agent there, before the target is asked."""
        return gather(unit, agent_id, target, self.base_url)

    def preview(self, subject: Subject, at: Connected) -> Preview:
        """The steps that a push would take now; reads the target, writes nothing. NeedsDecision where a person must say first."""
        return self.decide(subject, at, self._find(subject, at), People(at.mapping, at.target))

    def push(self, subject: Subject, at: Connected, end: End, *, planned: Sequence[Document] | None = None) -> Pushed:
        """Do what is needed. TargetError where a step could not be taken; NeedsDecision, with a case opened.

        `end` is called once, in the transaction that records the last step. `planned` are the steps of a plan: where others are
        needed by now, nothing is done, and the answer is `stale`.
        """
        try:
            seen = self.preview(subject, at)
        except NeedsDecision as problem:
            with self._domain.change(SYSTEM) as unit:
                open_case(unit, at.name, subject.id, problem.doubt)
            raise
        if planned is not None and list(planned) != seen.described:
            pushed = Pushed((), stale=True)
            with self._domain.change(SYSTEM) as unit:
                end(unit, pushed)
            return pushed
        pushed = Pushed(seen.steps, seen.again)
        account, joined = seen.found.account, set(seen.found.groups)
        written = [step for step in seen.steps if step.action not in NOT_WRITTEN]
        for left, step in zip(reversed(range(len(written))), written, strict=True):
            account = self._take(subject, at, step, account)
            joined = joined | {step.group} if step.action == "join" and step.group else joined - {step.group or ""}
            if left:
                with self._domain.change(SYSTEM) as unit:
                    _record(unit, seen, at, step, account, joined, done=False)
        with self._domain.change(SYSTEM) as unit:  # a commit with its fsync is most of what a push costs us
            if written:
                _record(unit, seen, at, written[-1], account, joined, done=True)
            _settle(unit, seen, at, account, joined, wrote=bool(written))
            end(unit, pushed)
        return pushed

    def decide(self, subject: Subject, at: Connected, found: Found, people: People) -> Preview:
        """What to do about an account that was found, or about there being none."""
        policies, wanted, rendered = at.mapping.policies, Wanted(None), None
        if found.account is not None and is_protected(found.account, at.mapping):
            raise Rejected(f"the account {label(found.account, at.mapping)} is protected by the mapping's guard")
        if subject.agent is not None and (subject.active or policies.on_disable == "disable"):
            facts = people.facts(subject)
            rendered = render(at.mapping, facts)
            account = Account(name=rendered.name, active=subject.active, attributes=rendered.attributes)
            wanted = Wanted(account, frozenset(group_names(at.mapping, facts)) if at.keeps_groups else frozenset())
        again = self._end_of_grace(subject, at)
        last = applied.loads(subject.link.applied) if subject.link else None
        decision = decide(wanted, found, last, at.rules, gone=subject.agent is None, final=again is None)
        return Preview(subject, rendered, wanted, found, decision, again if found.account is not None else None)

    def _end_of_grace(self, subject: Subject, at: Connected) -> str | None:
        """When the account of a deleted agent is to be deleted, where that is later than now."""
        policies = at.mapping.policies
        if subject.agent is not None or policies.on_delete != "delete_later" or subject.deleted is None:
            return None
        end = to_text(from_text(subject.deleted) + timedelta(days=policies.grace_days))
        return end if end > to_text(self._domain.database.clock()) else None

    def _find(self, subject: Subject, at: Connected) -> Found:
        """The account by its link, else by the correlation rules (to be adopted)."""
        link = subject.link
        account = at.target.read(link.remote_id) if link else None
        if account is None and link is not None and subject.agent is not None:
            self.missing(subject, at)
        adopted = False
        if account is None and subject.agent is not None:
            account = self._correlate(subject, at)
            adopted = account is not None
        if account is None:
            return Found(None)
        names = set(group_names(at.mapping, subject.facts)) if subject.agent is not None else set()
        if link is not None:
            last = applied.loads(link.applied)
            names |= last.groups | last.found_groups
        return Found(account, groups_of(account, at, names), adopted)

    @staticmethod
    def missing(subject: Subject, at: Connected) -> None:
        """The linked account is not there: by policy a new one is made, or a person is asked (NeedsDecision)."""
        assert subject.link is not None
        if at.mapping.policies.on_missing == "ask":
            gone = subject.link.remote_id
            raise NeedsDecision(Doubt("missing", {gone: gone}, f"the account {gone} is gone, and on_missing is ask"))

    def _correlate(self, subject: Subject, at: Connected) -> Account | None:
        keys = correlators(at.mapping, subject.facts)
        match = correlate(subject.id, keys, at.target.find, at.mapping, Known(self._holder(at), subject.ignored))
        if match.doubt is not None:
            raise NeedsDecision(match.doubt)
        return match.account

    def _holder(self, at: Connected) -> Any:
        def holder(account_id: str) -> str | None:
            with self._domain.view() as unit:
                return links.holder(unit.tx, at.name, account_id)

        return holder

    def _take(self, subject: Subject, at: Connected, step: Step, account: Account | None) -> Account | None:
        create_groups = at.mapping.groups is not None and at.mapping.groups.create
        try:
            return take(at.target, step, account, create_groups=create_groups)
        except AlreadyExists as taken:
            if step.action != "create":
                raise
            # An earlier attempt may have got through unanswered: then the account there carries our id and is ours.
            found = self._correlate(subject, at)
            if found is None:
                raise Rejected(f"{taken.detail}; it is not this agent's", attribute=taken.attribute) from taken
            return found


def _record(
    unit: Unit, seen: Preview, at: Connected, step: Step, account: Account | None, joined: set[str], *, done: bool
) -> None:
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


def _settle(
    unit: Unit, seen: Preview, at: Connected, account: Account | None, joined: set[str], *, wrote: bool
) -> None:
    """What is recorded beside the steps: fresh drift, that nothing is left to link, and that no person need decide any more."""
    subject = seen.subject
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


def groups_of(account: Account, at: Connected, names: Iterable[str]) -> frozenset[str]:
    """Those of the named groups that hold the account at the target."""
    if not isinstance(at.target, GroupTarget) or not at.keeps_groups:
        return frozenset()
    known = {group.id: name for name in names if (group := at.target.find_group(name)) is not None}
    return frozenset(known[id] for id in at.target.memberships(account.id, known)) if known else frozenset()


def open_case(unit: Unit, target: str, about: str, doubt: Doubt) -> None:
    """Have a person decide, unless they have already, or know of it."""
    id, news = cases.open_case(unit.tx, target, doubt.kind, about, doubt.accounts, doubt.detail)
    if news:
        unit.record(Action.CASE_OPENED, "case", id, target=target, about=about, kind=doubt.kind, why=doubt.detail)

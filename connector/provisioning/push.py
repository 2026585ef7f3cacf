"""Bring one agent's account at one target to what it should be. Level-triggered: it looks at the present state, not at a message.

No transaction is open while the target is called. Each write is safe to repeat; what it did is recorded right after it.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

from connector.core.clock import from_text, to_text
from connector.domain.unit import SYSTEM, Domain, Unit
from connector.mapping.render import correlators, group_names, render
from connector.provisioning import applied
from connector.provisioning.correlate import Doubt, Known, NeedsDecision, correlate, is_protected, label
from connector.provisioning.facts import People, Subject, gather
from connector.provisioning.plan import NOT_WRITTEN, Found, Step, Wanted, decide
from connector.provisioning.plans import Document
from connector.provisioning.preview import Connected, Preview, Pushed
from connector.provisioning.record import open_case, record, settle
from connector.provisioning.writes import take
from connector.storage import links
from connector.targets.base import (
    Account,
    AlreadyExists,
    GroupTarget,
    ManyKeys,
    Rejected,
    UniqueTarget,
)

_NEW = timedelta(minutes=10)  # so long after it was registered nobody has made an account for an agent by hand


End = Callable[[Unit, Pushed], None]


class Push:
    """Pushes agents to targets."""

    def __init__(self, domain: Domain, base_url: str) -> None:
        self._domain = domain
        self.base_url = base_url

    def gather(self, unit: Unit, agent_ids: list[str], target: str) -> list[Subject]:
        """What we know of the agents there, before the target is asked."""
        return gather(unit, agent_ids, target, self.base_url)

    def preview(self, subject: Subject, at: Connected) -> Preview:
        """The steps that a push would take now; reads the target, writes nothing. NeedsDecision where a person must say first."""
        return self.decide(subject, at, self._find(subject, at), People(at.mapping, at.target))

    def push(
        self,
        subject: Subject,
        at: Connected,
        end: End,
        *,
        planned: Sequence[Document] | None = None,
        untried: bool = False,
    ) -> Pushed:
        """Do what is needed. TargetError where a step could not be taken; NeedsDecision, with a case opened.

        `end` is called once, in the transaction that records the last step. `planned` are the steps of a plan: where others are
        needed by now, nothing is done, and the answer is `stale`. `untried`: no push of this agent to this target was ever begun.
        """
        unseen = self._unseen(subject, at) if untried and planned is None else None
        try:
            seen = unseen or self.preview(subject, at)
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
            try:
                account = self._take(subject, at, step, account, looked=unseen is None)
            except AlreadyExists:
                if unseen is None or step.action != "create":
                    raise
                return self.push(subject, at, end)  # nothing is done yet: look at what is there
            joined = joined | {step.group} if step.action == "join" and step.group else joined - {step.group or ""}
            if left:
                with self._domain.change(SYSTEM) as unit:
                    record(unit, seen, at, step, account, joined, done=False)
        with self._domain.change(SYSTEM) as unit:  # a commit with its fsync is most of what a push costs us
            if written:
                record(unit, seen, at, written[-1], account, joined, done=True)
            settle(unit, seen, at, account, joined, wrote=bool(written))
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
        at_once = [(key.attribute, key.value) for key in keys]
        if len(keys) > 1 and isinstance(at.target, ManyKeys) and not at.target.has_any(at_once):
            return None
        match = correlate(subject.id, keys, at.target.find, at.mapping, Known(self._holder(at), subject.ignored))
        if match.doubt is not None:
            raise NeedsDecision(match.doubt)
        return match.account

    def _holder(self, at: Connected) -> Any:
        def holder(account_id: str) -> str | None:
            with self._domain.view() as unit:
                return links.holder(unit.tx, at.name, account_id)

        return holder

    def _unseen(self, subject: Subject, at: Connected) -> Preview | None:
        """What to do for a new agent whose account the target itself would refuse to create twice, so that it need not be asked
        whether there is one; None where it must be. Asking is what a creation costs most targets, and their quotas, most."""
        agent, moment = subject.agent, self._domain.database.clock()
        if not isinstance(at.target, UniqueTarget) or agent is None or subject.link is not None or subject.ignored:
            return None
        if agent.created < to_text(moment - _NEW):
            return None
        # Nobody else can have given an account its id. Another key must be the name whose taking is refused.
        others = [key for key in correlators(at.mapping, subject.facts) if key.value != subject.id]
        unique = at.target.unique() if others else ""
        if any(key.attribute.casefold() != unique.casefold() for key in others):
            return None  # before the target is asked for owners, which would be asked for again
        seen = self.decide(subject, at, Found(None), People(at.mapping, at.target))
        name = str(seen.wanted.account.attributes.get(unique, "")) if seen.wanted.account else None
        fits = name is not None and all(key.value.casefold() == name.casefold() for key in others)
        return seen if fits else None

    def _take(
        self, subject: Subject, at: Connected, step: Step, account: Account | None, *, looked: bool
    ) -> Account | None:
        create_groups = at.mapping.groups is not None and at.mapping.groups.create
        try:
            return take(at.target, step, account, create_groups=create_groups)
        except AlreadyExists as taken:
            if step.action != "create" or not looked:
                raise
            # An earlier attempt may have got through unanswered: then the account there carries our id and is ours.
            found = self._correlate(subject, at)
            if found is None:
                raise Rejected(f"{taken.detail}; it is not this agent's", attribute=taken.attribute) from taken
            return found


def groups_of(account: Account, at: Connected, names: Iterable[str]) -> frozenset[str]:
    """Those of the named groups that hold the account at the target."""
    if not isinstance(at.target, GroupTarget) or not at.keeps_groups:
        return frozenset()
    known = {group.id: name for name in names if (group := at.target.find_group(name)) is not None}
    return frozenset(known[id] for id in at.target.memberships(account.id, known)) if known else frozenset()

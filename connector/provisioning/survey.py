"""All accounts of a target against all agents: in which situation each is, and what is to be done. Writes nothing anywhere.

In: a target, ready for calls. Out: a Plan, and the doubts that people must decide. An agent that has not changed since its account was
last written is compared with what its link remembers; only the others are worked out anew.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from connector.core.errors import ConnectorError
from connector.domain.unit import Domain
from connector.mapping.render import correlators, group_names
from connector.provisioning import applied
from connector.provisioning.correlate import Doubt, Known, NeedsDecision, correlate, index, is_protected, label
from connector.provisioning.facts import People, Subject, gather_many
from connector.provisioning.plan import Found, Step, Wanted, decide
from connector.provisioning.plans import RECONCILE, Document, Entry, Plan, Read, describe
from connector.provisioning.preview import Connected
from connector.provisioning.push import Push
from connector.storage import cases, links, outbox, resources
from connector.storage.links import Link
from connector.targets.base import (
    Account,
    Capability,
    ChangesTarget,
    CookieExpired,
    GroupTarget,
    Members,
    TargetError,
)

Progress = Callable[[str, int], None]
_BATCH = 500
_PAUSES = (1.0, 5.0, 25.0)  # seconds; a read that breaks off goes on so often from the page that it reached


@dataclass
class Survey:
    """What came of it: the plan, and by agent or account what a person must decide."""

    plan: Plan
    doubts: dict[str, Doubt]
    cookie: str | None


class Surveyor:
    """Looks at targets as a whole."""

    def __init__(self, domain: Domain, push: Push) -> None:
        self._domain = domain
        self._push = push

    def whole(self, at: Connected, progress: Progress) -> Survey:
        """Every account and every agent. An error of the read is an error of the survey: a part of the accounts is never taken for all."""
        accounts, cookie = _read(at, progress)
        with self._domain.view() as unit:
            agents = resources.ids_of_kind(unit.tx, "agent")
            everyones = links.of_target(unit.tx, at.name)
            held = {link.resource_id: link for link in everyones if link.is_agents}
            look = _Look(
                self._domain,
                self._push,
                at,
                accounts,
                held,
                holders={link.remote_id: link.resource_id for link in everyones},
                agents=agents,
                waiting=outbox.waiting(unit.tx, f"target:{at.name}"),
                ignored=cases.ignored(unit.tx, at.name),
            )
        missing = look.missing()
        entries = tuple(look.entries(progress))
        nobodys = look.unmatched(entries)
        plan = Plan(at.name, RECONCILE, entries, Read(len(accounts), len(held), missing, nobodys))
        return Survey(plan, look.doubts, cookie)


def _read(at: Connected, progress: Progress) -> tuple[dict[str, Account], str | None]:
    """Every account by its anchor; and the cookie from which changes can be followed, where the target tells them."""
    accounts: dict[str, Account] = {}
    if not isinstance(at.target, ChangesTarget) or Capability.CHANGES not in at.target.capabilities:
        for account in at.target.accounts():
            accounts[account.id] = account
            progress("accounts read", 1)
        return accounts, None
    cookie, may_go_on, pauses = "", False, iter(_PAUSES)
    while True:
        try:
            for page in at.target.changes(cookie):
                accounts |= {one.id: one for one in page.accounts}
                for id in page.gone:
                    accounts.pop(id, None)
                # A cookie of a page in the middle leads on from there; where the target has none, it is empty (see ChangedPage).
                cookie, may_go_on = page.cookie, page.whole and bool(page.cookie)
                progress("accounts read", len(page.accounts))
            return accounts, cookie
        except TargetError as broken:
            pause, forgotten = next(pauses, None), isinstance(broken, CookieExpired)
            if not (broken.retry or forgotten) or not may_go_on or pause is None:
                raise
            if forgotten:  # the place, that is: it begins anew
                accounts, cookie, may_go_on = {}, "", False
            else:
                time.sleep(max(pause, broken.retry_after or 0.0))


@dataclass
class _Look:
    """One survey under way: the accounts that were read, and what we know ourselves."""

    domain: Domain
    push: Push
    at: Connected
    accounts: dict[str, Account]
    links: dict[str, Link]  # of agents
    holders: dict[str, str]  # whose an account is: an agent's, or a person's who was read from there
    agents: list[str]
    waiting: set[str]
    ignored: dict[str, frozenset[str]]
    doubts: dict[str, Doubt] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._look_up = index(self.accounts.values(), self.at.mapping)
        self._members = _Memberships(self.at)
        self._people = People(self.at.mapping, self.at.target)

    def missing(self) -> int:
        """How many linked accounts are not there. A second look at each, unless they are too many to be believed."""
        living = set(self.agents)
        gone = [link for id, link in self.links.items() if id in living and link.remote_id not in self.accounts]
        if len(gone) > self.at.mapping.policies.guard.allowed(len(self.links)):
            return len(gone)
        for link in gone:  # a walk may pass over an account that is just being moved
            found = self.at.target.read(link.remote_id)
            if found is not None:
                self.accounts[found.id] = found
        return sum(link.remote_id not in self.accounts for link in gone)

    def entries(self, progress: Progress) -> Iterator[Entry]:
        """One for each agent about whom something is to be said."""
        living = set(self.agents)
        subjects = [*self.agents, *sorted(set(self.links) - living)]
        for start in range(0, len(subjects), _BATCH):
            batch = subjects[start : start + _BATCH]
            anew = [id for id in batch if not self._is_as_it_was(id, gone=id not in living)]
            with self.domain.view() as unit:
                held = {id: self.links[id] for id in anew if id in self.links}
                gathered = gather_many(unit, anew, self.at.name, held, self.push.base_url)
            for subject in gathered:
                entry = self._entry(subject)
                if entry is not None:
                    yield entry
            progress("agents compared", len(batch))

    def unmatched(self, entries: Iterable[Entry]) -> int:
        """How many accounts are nobody's; each is a doubt, unless somebody has decided to leave it."""
        taken = set(self.holders) | {entry.account for entry in entries}
        taken |= {id for doubt in self.doubts.values() for id in doubt.accounts}
        taken |= {id for about, accounts in self.ignored.items() for id in (about, *accounts)}
        found = 0
        for id, account in self.accounts.items():
            if id in taken or is_protected(account, self.at.mapping):
                continue
            found += 1
            named = label(account, self.at.mapping)
            self.doubts[id] = Doubt("unmatched", {id: named}, f"no agent fits the account {named}")
        return found

    def _is_as_it_was(self, agent_id: str, *, gone: bool) -> bool:
        """Whether nothing need be worked out: neither the agent nor the mapping has changed, and the account is as it was left."""
        link = self.links.get(agent_id)
        if link is None or agent_id in self.waiting:
            return False
        last = applied.loads(link.applied)
        if gone:
            return last.kept
        account = self.accounts.get(link.remote_id)
        if account is None or last.mapping != self.at.mapping.digest:
            return False
        found = Found(account, self._members.of(account, last.groups | last.found_groups))
        decision = decide(Wanted(last.account, last.groups), found, last, self.at.rules, gone=False, final=False)
        return not decision.steps and not any(one.fresh for one in decision.drift)

    def _entry(self, subject: Subject) -> Entry | None:
        account = self.accounts.get(subject.link.remote_id) if subject.link else None
        situation = "linked" if account else "missing" if subject.link else "new"
        situation = situation if subject.agent else "gone"
        try:
            if account is None and subject.agent is not None:
                account = self._unlinked(subject)
                situation = "unlinked" if account else situation
            found = self._found(subject, account, adopted=situation == "unlinked")
            seen = self.push.decide(subject, self.at, found, self._people)
        except NeedsDecision as needed:
            self.doubts[subject.id] = needed.doubt
            return Entry(subject.id, subject.name, needed.doubt.kind, steps=(_note("case", needed),))
        except ConnectorError as problem:  # one agent that cannot be mapped is no reason to stop the others
            id = account.id if account else ""
            return Entry(subject.id, subject.name, situation, id, (_note("unsupported", problem),))
        fresh = tuple(vars(one) for one in seen.decision.drift)
        if not seen.steps and not fresh:
            return None
        return Entry(subject.id, subject.name, situation, account.id if account else "", tuple(seen.described), fresh)

    def _unlinked(self, subject: Subject) -> Account | None:
        """The account to adopt, if there is one. NeedsDecision where a person must say."""
        if subject.link is not None:
            self.push.missing(subject, self.at)
        known = Known(self.holders.get, self.ignored.get(subject.id, frozenset()))
        keys = correlators(self.at.mapping, subject.facts)
        match = correlate(subject.id, keys, self._look_up, self.at.mapping, known)
        if match.doubt is not None:
            raise NeedsDecision(match.doubt)
        return match.account

    def _found(self, subject: Subject, account: Account | None, *, adopted: bool) -> Found:
        if account is None:
            return Found(None)
        names = set(group_names(self.at.mapping, subject.facts)) if subject.agent is not None else set()
        if subject.link is not None:
            last = applied.loads(subject.link.applied)
            names |= last.groups | last.found_groups
        return Found(account, self._members.of(account, names), adopted)


def _note(action: str, problem: ConnectorError) -> Document:
    return describe(Step(action, note=problem.detail), None)


class _Memberships:
    """Who is in which group, read a group at a time where the target can: one call for all of its members."""

    def __init__(self, at: Connected) -> None:
        # Asked once: whether a target keeps a protocol is slow to find out, and this is asked for every account.
        self._target = at.target if isinstance(at.target, GroupTarget) and at.keeps_groups else None
        self._lists = at.target if isinstance(at.target, Members) else None
        self._members: dict[str, frozenset[str]] = {}
        self._groups: dict[str, str | None] = {}

    def of(self, account: Account, names: Iterable[str]) -> frozenset[str]:
        """Those of the named groups that hold the account."""
        if self._target is None:
            return frozenset()
        target, lists = self._target, self._lists
        ids = {id: name for name in names if (id := self._group(target, name)) is not None}
        if lists is not None:
            return frozenset(name for id, name in ids.items() if account.id in self._read(lists, id))
        return frozenset(ids[id] for id in target.memberships(account.id, ids)) if ids else frozenset()

    def _group(self, target: GroupTarget, name: str) -> str | None:
        if name not in self._groups:
            found = target.find_group(name)
            self._groups[name] = found.id if found else None
        return self._groups[name]

    def _read(self, target: Members, group_id: str) -> frozenset[str]:
        if group_id not in self._members:
            self._members[group_id] = frozenset(target.members(group_id))
        return self._members[group_id]

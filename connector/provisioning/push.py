"""Bring one agent's account at one target to what it should be. Level-triggered: it looks at the present state, not at a message.

No transaction is open while the target is called. Each write is safe to repeat; what it did is recorded right after it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from connector.core.errors import Invalid
from connector.domain.events import Action
from connector.domain.unit import SYSTEM, Domain
from connector.mapping.render import Rendered, correlators, group_names, render
from connector.mapping.schema import Mapping
from connector.provisioning.facts import Situation, gather, with_people
from connector.provisioning.plan import Found, Step, Wanted, plan, remembered
from connector.storage import links
from connector.storage.links import Link
from connector.targets.base import (
    Account,
    AlreadyExists,
    Capability,
    Group,
    GroupTarget,
    Missing,
    Rejected,
    Target,
)
from connector.targets.compare import differences

_EVENTS = {
    "create": Action.ACCOUNT_CREATED,
    "update": Action.ACCOUNT_UPDATED,
    "enable": Action.ACCOUNT_ENABLED,
    "disable": Action.ACCOUNT_DISABLED,
    "delete": Action.ACCOUNT_DELETED,
    "join": Action.ACCOUNT_JOINED,
    "leave": Action.ACCOUNT_LEFT,
}


@dataclass(frozen=True)
class Connected:
    """A target, ready for calls, with the mapping that shapes accounts there."""

    name: str
    target: Target
    mapping: Mapping


@dataclass(frozen=True)
class Preview:
    """What a push would do: the account wanted, where each value comes from, and the steps."""

    rendered: Rendered | None
    wanted: Wanted
    found: Found
    steps: tuple[Step, ...]


class Push:
    """Pushes agents to targets."""

    def __init__(self, domain: Domain, base_url: str) -> None:
        self._domain = domain
        self._base_url = base_url

    def preview(self, agent_id: str, at: Connected) -> Preview:
        """The steps that a push would take now; reads the target, writes nothing."""
        with self._domain.view() as unit:
            situation = gather(unit, agent_id, at.name, self._base_url)
        found, _ = self._find(situation, at)
        return self._decide(situation, at, found)

    def push(self, agent_id: str, at: Connected) -> list[Step]:
        """Do what is needed; the steps that were taken. TargetError where one could not be."""
        with self._domain.view() as unit:
            situation = gather(unit, agent_id, at.name, self._base_url)
        found, adopted = self._find(situation, at)
        decided = self._decide(situation, at, found)
        account = found.account
        if adopted and account is not None:
            self._remember(agent_id, at, account, found.groups, Action.ACCOUNT_ADOPTED)
        joined = set(found.groups)
        for step in decided.steps:
            account = self._take(agent_id, at, step, account)
            joined = joined | {step.group} if step.action == "join" and step.group else joined - {step.group or ""}
            self._record(agent_id, at, step, account, joined)
        if situation.agent is None and (account is None or not decided.steps):
            with self._domain.change(SYSTEM) as unit:
                links.delete(unit.tx, agent_id, at.name)
        return list(decided.steps)

    def _decide(self, situation: Situation, at: Connected, found: Found) -> Preview:
        mapping, rendered, changes = at.mapping, None, None
        wanted = Wanted(None)
        if situation.agent is not None and (situation.active or mapping.on_disable == "disable"):
            facts = with_people(situation, mapping, at.target)
            rendered = render(mapping, facts)
            account = Account(name=rendered.name, active=situation.active, attributes=rendered.attributes)
            groups = frozenset(group_names(mapping, facts)) if _keeps_groups(at) else frozenset()
            wanted = Wanted(account, groups)
            if found.account is not None:
                changes = differences(account, found.account, managed=mapping.managed, normalise=at.target.normalise)
        disable_only = situation.agent is None and mapping.on_delete == "disable"
        can_disable = Capability.DISABLE in at.target.capabilities
        steps = plan(wanted, found, changes, disable_only=disable_only, can_disable=can_disable)
        return Preview(rendered, wanted, found, tuple(steps))

    def _find(self, situation: Situation, at: Connected) -> tuple[Found, bool]:
        """The account by its link, else by the correlation rules; whether it was found by the latter (to be adopted)."""
        applied = orjson.loads(situation.link.applied) if situation.link else {}
        account = at.target.read(situation.link.remote_id) if situation.link else None
        adopted = False
        if account is None and situation.agent is not None:
            account = self._correlate(situation, at)
            adopted = account is not None
        if account is None:
            return Found(None), False
        names = set(applied.get("groups", []))
        if situation.agent is not None:
            names |= set(group_names(at.mapping, situation.facts))
        return Found(account, self._groups_of(account, at, names)), adopted

    def _correlate(self, situation: Situation, at: Connected) -> Account | None:
        assert situation.agent is not None
        for attribute, value in correlators(at.mapping, situation.facts):
            matches = at.target.find(attribute, value)
            if len(matches) > 1:
                raise Rejected(
                    f"{len(matches)} accounts have the {attribute} {value!r}: a person must decide", attribute=attribute
                )
            if matches:
                self._must_be_free(situation.agent.id, matches[0], at)
                return matches[0]
        return None

    def _must_be_free(self, agent_id: str, account: Account, at: Connected) -> None:
        with self._domain.view() as unit:
            holder = links.holder(unit.tx, at.name, account.id)
        if holder not in (None, agent_id):
            raise Rejected(f"the account belongs to another agent already ({holder})")

    def _groups_of(self, account: Account, at: Connected, names: Iterable[str]) -> frozenset[str]:
        """Those of the named groups that hold the account at the target."""
        if not isinstance(at.target, GroupTarget) or not _keeps_groups(at):
            return frozenset()
        known = {group.id: name for name in names if (group := at.target.find_group(name)) is not None}
        return frozenset(known[id] for id in at.target.memberships(account.id, known)) if known else frozenset()

    def _take(self, agent_id: str, at: Connected, step: Step, account: Account | None) -> Account | None:
        if step.action == "create":
            assert step.account is not None
            return self._create(agent_id, at, step.account)
        assert account is not None
        if step.action == "update":
            assert step.changes is not None
            return at.target.update(account.id, step.changes)
        if step.action in ("enable", "disable"):
            return at.target.set_active(account.id, step.action == "enable")
        if step.action == "delete":
            at.target.delete(account.id)
            return None
        assert step.group is not None
        self._change_membership(at, step.action, step.group, account)
        return account

    def _create(self, agent_id: str, at: Connected, account: Account) -> Account:
        try:
            return at.target.create(account)
        except AlreadyExists as taken:
            # An earlier attempt may have got through unanswered: then the account there carries our id and is ours.
            with self._domain.view() as unit:
                situation = gather(unit, agent_id, at.name, self._base_url)
            found = self._correlate(situation, at)
            if found is None:
                raise Rejected(f"{taken.detail}; it is not this agent's", attribute=taken.attribute) from taken
            return found

    def _change_membership(self, at: Connected, action: str, name: str, account: Account) -> None:
        assert isinstance(at.target, GroupTarget)
        group = at.target.find_group(name)
        if action == "leave":
            if group is not None:
                at.target.leave(group.id, account.id)
            return
        if group is None:
            group = self._create_group(at, name, account)
        try:
            at.target.join(group.id, account.id)
        except Missing:
            group = self._create_group(at, name, account)
            at.target.join(group.id, account.id)

    def _create_group(self, at: Connected, name: str, account: Account) -> Group:
        assert isinstance(at.target, GroupTarget) and at.mapping.groups is not None
        if not at.mapping.groups.create:
            raise Rejected(f"there is no group {name!r} at the target, and the mapping does not create groups")
        try:
            return at.target.create_group(name, first_member=account.id)
        except AlreadyExists as taken:
            found = at.target.find_group(name)
            if found is None:
                raise Invalid(f"the group {name!r} exists at the target but cannot be found") from taken
            return found

    def _record(self, agent_id: str, at: Connected, step: Step, account: Account | None, groups: Iterable[str]) -> None:
        detail: dict[str, Any] = {"group": step.group}
        if step.changes is not None:
            detail["changed"] = sorted([*step.changes.set, *step.changes.clear])
        if account is None:
            with self._domain.change(SYSTEM) as unit:
                links.delete(unit.tx, agent_id, at.name)
                unit.record(_EVENTS[step.action], "agent", agent_id, target=at.name, **detail)
            return
        self._remember(agent_id, at, account, groups, _EVENTS[step.action], **detail)

    def _remember(
        self, agent_id: str, at: Connected, account: Account, groups: Iterable[str], action: Action, **detail: Any
    ) -> None:
        with self._domain.change(SYSTEM) as unit:
            applied = orjson.dumps(remembered(account, groups)).decode()
            links.save(unit.tx, Link(agent_id, at.name, account.id, applied))
            unit.record(action, "agent", agent_id, target=at.name, account=account.id, **detail)


def _keeps_groups(at: Connected) -> bool:
    return at.mapping.groups is not None and Capability.GROUPS in at.target.capabilities

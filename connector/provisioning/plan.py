"""What must be done at a target for one agent: decided here, carried out elsewhere. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from connector.mapping.policies import Policies
from connector.provisioning.applied import Applied
from connector.provisioning.drift import Drift, judge, judge_groups, judge_state
from connector.targets.base import Account, Capability, Changes
from connector.targets.compare import differences, is_nothing

REMOVALS = frozenset({"disable", "delete"})  # what the guard counts
NOT_WRITTEN = frozenset({"unsupported", "case"})  # steps that say what is not done


@dataclass(frozen=True)
class Step:
    """One write: `create`, `adopt`, `update`, `enable`, `disable`, `delete`, `join`, `leave` or `unlink`; or `unsupported` and
    `case`, whose note says what is not done and why."""

    action: str
    account: Account | None = None
    changes: Changes | None = None
    group: str | None = None
    note: str = ""

    def __str__(self) -> str:
        if self.changes is not None:
            names = [*self.changes.set, *(f"-{name}" for name in self.changes.clear)]
            return f"{self.action} {', '.join(names + (['name'] if self.changes.rename else []))}"
        more = self.group or self.note
        return f"{self.action} {more}" if more else self.action


@dataclass(frozen=True)
class Wanted:
    """The account as it should be; None where the agent should have none."""

    account: Account | None
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Found:
    """The account as it is at the target; None where there is none. `adopted`: it has no link yet."""

    account: Account | None
    groups: frozenset[str] = frozenset()
    adopted: bool = False


@dataclass(frozen=True)
class Rules:
    """What deciding goes by: the mapping's policies and managed attributes, what the target can do and how it gives values back."""

    policies: Policies
    managed: tuple[str, ...]
    capabilities: frozenset[Capability]
    normalise: Callable[[Account], Account]


@dataclass(frozen=True)
class Decision:
    """The steps, what takes access away first, and what somebody else has changed."""

    steps: tuple[Step, ...] = ()
    drift: tuple[Drift, ...] = field(default=())


def decide(wanted: Wanted, found: Found, last: Applied | None, rules: Rules, *, gone: bool, final: bool) -> Decision:
    """The steps from found to wanted.

    `gone` says that the agent was deleted, `final` that delete_later's time is over. An account that is neither linked nor adopted is
    never in `found`.
    """
    if wanted.account is None:
        return Decision(tuple(_removal(found, rules, gone=gone, final=final)))
    if found.account is None:
        return Decision((Step("create", account=wanted.account), *_joins(wanted.groups)))
    able = Capability.DISABLE in rules.capabilities
    changes = differences(wanted.account, found.account, managed=rules.managed, normalise=rules.normalise)
    changes, drift = judge(changes, wanted.account, found.account, last, rules.policies)
    switch, state = judge_state(wanted.account.active, found.account.active, last, rules.policies)
    join, leave, members = judge_groups(wanted.groups, found.groups, last, rules.policies)
    steps = [Step("adopt")] if found.adopted else []
    if switch and not wanted.account.active:
        steps.append(Step("disable") if able else Step("unsupported", note="disabling accounts"))
    steps += [Step("leave", group=name) for name in sorted(leave)]
    if not is_nothing(changes):
        steps.append(Step("update", changes=changes))
    if switch and wanted.account.active and able:
        steps.append(Step("enable"))
    others = tuple(one for one in (state, members) if one is not None)
    return Decision((*steps, *_joins(join)), (*drift, *others))


def _removal(found: Found, rules: Rules, *, gone: bool, final: bool) -> list[Step]:
    policy = rules.policies.on_delete if gone else rules.policies.on_disable
    if found.account is None:
        return []
    if policy == "unlink":
        return [Step("unlink")]
    leaves = [Step("leave", group=name) for name in sorted(found.groups)]
    if policy == "delete" or (policy == "delete_later" and final):
        if Capability.DELETE in rules.capabilities:
            return [*leaves, Step("delete")]
        leaves.append(Step("unsupported", note="deleting accounts"))
    if not found.account.active:
        return leaves
    if Capability.DISABLE in rules.capabilities:
        return [Step("disable"), *leaves]
    return [*leaves, Step("unsupported", note="disabling accounts")]


def _joins(names: Iterable[str]) -> list[Step]:
    return [Step("join", group=name) for name in sorted(names)]

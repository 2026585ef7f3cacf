"""What must be done at a target for one agent: decided here, carried out elsewhere. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from connector.targets.base import Account, Changes, Value
from connector.targets.compare import is_nothing


@dataclass(frozen=True)
class Step:
    """One write: `create`, `update`, `enable`, `disable`, `delete`, `join` or `leave`."""

    action: str
    account: Account | None = None
    changes: Changes | None = None
    group: str | None = None

    def __str__(self) -> str:
        if self.changes is not None:
            names = [*self.changes.set, *(f"-{name}" for name in self.changes.clear)]
            return f"{self.action} {', '.join(names + (['name'] if self.changes.rename else []))}"
        return f"{self.action} {self.group}" if self.group else self.action


@dataclass(frozen=True)
class Wanted:
    """The account as it should be; None where the agent should have none."""

    account: Account | None
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Found:
    """The account as it is at the target; None where there is none."""

    account: Account | None
    groups: frozenset[str] = frozenset()


def plan(wanted: Wanted, found: Found, changes: Changes | None, *, disable_only: bool, can_disable: bool) -> list[Step]:
    """The steps from found to wanted, what takes access away first.

    `changes` are the differences of attributes (targets/compare.py). `disable_only` keeps an account that is not wanted any more,
    disabled. An account that we made no link to is never in `found`.
    """
    if wanted.account is None:
        return _removal(found, disable_only=disable_only and can_disable)
    if found.account is None:
        return [Step("create", account=wanted.account), *_joins(wanted.groups)]
    steps = []
    if can_disable and found.account.active and not wanted.account.active:
        steps.append(Step("disable"))
    steps += [Step("leave", group=name) for name in sorted(found.groups - wanted.groups)]
    if changes is not None and not is_nothing(changes):
        steps.append(Step("update", changes=changes))
    if can_disable and wanted.account.active and not found.account.active:
        steps.append(Step("enable"))
    return steps + _joins(wanted.groups - found.groups)


def _removal(found: Found, *, disable_only: bool) -> list[Step]:
    if found.account is None:
        return []
    leaves = [Step("leave", group=name) for name in sorted(found.groups)]
    if not disable_only:
        return [*leaves, Step("delete")]
    return ([Step("disable")] if found.account.active else []) + leaves


def _joins(names: Iterable[str]) -> list[Step]:
    return [Step("join", group=name) for name in sorted(names)]


def remembered(account: Account, groups: Iterable[str]) -> dict[str, Value]:
    """What a link keeps of the account as it was last applied."""
    return {
        "name": account.name,
        "active": account.active,
        "attributes": dict(account.attributes),
        "groups": sorted(groups),
    }

"""One step at a target, carried out. Every write is safe to repeat.

In: a step of a plan and the account as it is. Out: the account as it is then, None where there is none any more.
"""

from connector.core.errors import Invalid
from connector.provisioning.plan import Step
from connector.targets.base import Account, AlreadyExists, Group, GroupTarget, Missing, Target


def take(target: Target, step: Step, account: Account | None, *, create_groups: bool) -> Account | None:
    """Carry out the step. TargetError where it cannot be; AlreadyExists where a created account's name is taken."""
    if step.action == "create":
        assert step.account is not None
        return target.create(step.account)
    assert account is not None
    if step.action == "update":
        assert step.changes is not None
        return target.update(account.id, step.changes)
    if step.action in ("enable", "disable"):
        return target.set_active(account.id, step.action == "enable")
    if step.action == "delete":
        target.delete(account.id)
        return None
    if step.group is not None:
        _change_membership(target, step.action, step.group, account, create_groups=create_groups)
    return account


def _change_membership(target: Target, action: str, name: str, account: Account, *, create_groups: bool) -> None:
    assert isinstance(target, GroupTarget)
    group = target.find_group(name)
    if action == "leave":
        if group is not None:
            target.leave(group.id, account.id)
        return
    group = group or _create_group(target, name, account, allowed=create_groups)
    try:
        target.join(group.id, account.id)
    except Missing:  # it went between the two calls
        target.join(_create_group(target, name, account, allowed=create_groups).id, account.id)


def _create_group(target: GroupTarget, name: str, account: Account, *, allowed: bool) -> Group:
    if not allowed:
        raise Invalid(f"there is no group {name!r} at the target, and the mapping does not create groups")
    try:
        return target.create_group(name, first_member=account.id)
    except AlreadyExists as taken:
        found = target.find_group(name)
        if found is None:
            raise Invalid(f"the group {name!r} exists at the target but cannot be found") from taken
        return found

"""Who changed what since we last looked: three-way, attribute by attribute, and what the mapping's policy makes of it. Pure.

In: the account as it is wanted, as it is found, and as the link remembers it. Out: the changes to write, and what has drifted.
"""

from dataclasses import dataclass, replace

from connector.mapping.policies import Policies
from connector.provisioning.applied import Applied
from connector.targets.base import Account, Changes, Value
from connector.targets.compare import same_value


@dataclass(frozen=True)
class Drift:
    """Somebody else changed this: from `last` to `found`, while `wanted` stayed. `fresh`: it was not so when we last looked."""

    attribute: str
    last: Value | None
    found: Value | None
    wanted: Value | None
    policy: str
    fresh: bool


def judge(
    changes: Changes, wanted: Account, found: Account, last: Applied | None, policies: Policies
) -> tuple[Changes, tuple[Drift, ...]]:
    """Of the differences between wanted and found, those to write; and what somebody else changed.

    What we want otherwise than before is always written. Without a memory of the account everything is.
    """
    if last is None or not (changes.set or changes.clear):
        return changes, ()
    drifted: dict[str, Drift] = {}
    for name in (*changes.set, *changes.clear):
        one = Drift(
            name,
            _get(last.found, name),
            _get(found.attributes, name),
            _get(wanted.attributes, name),
            policies.on_drift(name),
            fresh=not same_value(_get(found.attributes, name), _get(last.found, name)),
        )
        if same_value(one.wanted, _get(last.wanted, name)) and (one.fresh or one.policy != "correct"):
            drifted[name] = one
    stands = {name for name, one in drifted.items() if one.policy != "correct"}
    kept = replace(
        changes,
        set={name: value for name, value in changes.set.items() if name not in stands},
        clear=tuple(name for name in changes.clear if name not in stands),
    )
    return kept, tuple(drifted.values())


def judge_state(wanted: bool, found: bool, last: Applied | None, policies: Policies) -> tuple[bool, Drift | None]:
    """Whether to enable or disable it; and the drift, where somebody else did. A suspended agent's account is always disabled."""
    if wanted == found:
        return False, None
    if last is None or last.active != wanted:
        return True, None
    one = Drift(
        "active", last.found_active, found, wanted, policies.on_drift("active"), fresh=found != last.found_active
    )
    stands = wanted and one.policy != "correct"
    return not stands, one if one.fresh or stands else None


def judge_groups(
    wanted: frozenset[str], found: frozenset[str], last: Applied | None, policies: Policies
) -> tuple[frozenset[str], frozenset[str], Drift | None]:
    """The groups to join, those to leave, and the drift where somebody else changed a membership of ours."""
    join, leave = wanted - found, found - wanted
    if last is None:
        return join, leave, None
    theirs = frozenset(name for name in join if name in last.groups) | frozenset(
        name for name in leave if name not in last.groups and name not in last.found_groups
    )
    policy = policies.on_drift("groups")
    if not theirs:
        return join, leave, None
    fresh = found != last.found_groups
    one = Drift("groups", sorted(last.found_groups), sorted(found), sorted(wanted), policy, fresh)
    if policy == "correct":
        return join, leave, one if fresh else None
    return join - theirs, leave - theirs, one


def _get(attributes: object, name: str) -> Value | None:
    assert hasattr(attributes, "items")
    wanted = name.lower()
    return next((value for held, value in attributes.items() if held.lower() == wanted), None)

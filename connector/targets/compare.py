"""What must change on a found account so that it is as wanted: pure, and only about what is ours.

In: the wanted and the found account, the names that the mapping manages, and the target's own `normalise`. Out: Changes that hold
the wanted values as they were written. An attribute that nobody manages is never in the answer.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from connector.targets.base import Account, Changes, Value

# What an entry has beyond what we want is no difference: the classes that others gave an LDAP entry stay (RFC 4512 section 2.4).
_ONLY_ADDED = frozenset({"objectclass"})


def _as_it_is(account: Account) -> Account:
    return account


def differences(
    wanted: Account,
    found: Account,
    *,
    managed: Iterable[str] = (),
    normalise: Callable[[Account], Account] = _as_it_is,
) -> Changes:
    """The changes from found to wanted.

    Compared are wanted's attributes and `managed`: one that is managed, unassigned in wanted and present in found is cleared.
    What `normalise` leaves out of wanted (the target does not store it) is not compared. `active` is not compared: see set_active.
    """
    plain, there = _by_name(normalise(wanted).attributes), _by_name(normalise(found).attributes)
    asked = {name.lower() for name in wanted.attributes}
    different = {
        name: value
        for name, value in wanted.attributes.items()
        if name.lower() in plain and not _is_as_wanted(name.lower(), plain[name.lower()], there.get(name.lower()))
    }
    gone = [name for name in managed if name.lower() not in asked and name.lower() in there]
    renamed = bool(wanted.name) and normalise(wanted).name != normalise(found).name
    return Changes(set=different, clear=tuple(gone), rename=wanted.name if renamed else None)


def is_nothing(changes: Changes) -> bool:
    return not changes.set and not changes.clear and changes.rename is None


def same_value(one: Value | None, other: Value | None) -> bool:
    """Equality of attribute values: a list is a set (RFC 7643 section 2.4, RFC 4512 section 2.2), one value is a list of one."""
    return bool(_comparable(one) == _comparable(other))


def _is_as_wanted(name: str, wanted: Value, found: Value | None) -> bool:
    if name in _ONLY_ADDED:
        return set(_comparable(wanted)) <= set(_comparable(found))
    return same_value(wanted, found)


def _by_name(attributes: Mapping[str, Value]) -> dict[str, Value]:
    """By lower-cased name: attribute names are the same in any case, in SCIM and in LDAP."""
    return {name.lower(): value for name, value in attributes.items()}


def _comparable(value: Any) -> Any:
    if value is None or value in ([], ""):
        return ()
    return tuple(sorted({_text(one) for one in value})) if isinstance(value, list) else (_text(value),)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return repr(sorted((str(name).lower(), _comparable(part)) for name, part in value.items()))
    return str(value)

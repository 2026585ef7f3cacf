"""Which account belongs to an agent that has no link: strong keys first, and whatever is in doubt is a person's to decide. Pure.

In: the agent's keys, a way to look accounts up by one, and what is known about who holds them. Out: a Match.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from connector.core.errors import ConnectorError
from connector.mapping.render import Key
from connector.mapping.schema import Mapping as AgentMapping
from connector.targets.base import Account

Lookup = Callable[[str, str], list[Account]]


@dataclass(frozen=True)
class Doubt:
    """What a person must decide. `kind`: unlinked (one account suggests itself), disputed (several, or one that is another's)."""

    kind: str
    accounts: Mapping[str, str]
    detail: str


@dataclass(frozen=True)
class Match:
    """An account to adopt, or a doubt, or neither: nobody is there yet."""

    account: Account | None = None
    doubt: Doubt | None = None


@dataclass(frozen=True)
class Known:
    """What we know of the accounts at a target: who is linked to each, and which were decided not to be this agent's."""

    holders: Callable[[str], str | None]
    ignored: Collection[str] = field(default_factory=frozenset)


class NeedsDecision(ConnectorError):
    """A person must say whose account it is."""

    def __init__(self, doubt: Doubt) -> None:
        super().__init__(doubt.detail)
        self.doubt = doubt


def correlate(agent_id: str, keys: Iterable[Key], look_up: Lookup, mapping: AgentMapping, known: Known) -> Match:
    """The account of the first key that finds any. Every match was checked by the target's own code against the key again."""
    for key in keys:
        found = [one for one in look_up(key.attribute, key.value) if one.id not in known.ignored]
        if not found:
            continue
        named = {one.id: label(one, mapping) for one in found}
        what = f"{key.attribute} {key.value!r}"
        if len(found) > 1:
            return Match(doubt=Doubt("disputed", named, f"{len(found)} accounts have the {what}"))
        account = found[0]
        holder = known.holders(account.id)
        if holder not in (None, agent_id):
            return Match(doubt=Doubt("disputed", named, f"the account with the {what} is linked to {holder}"))
        if is_protected(account, mapping):
            return Match(doubt=Doubt("disputed", named, f"the account with the {what} is protected"))
        if mapping.policies.adopt == "never":
            return Match(doubt=Doubt("disputed", named, f"there is an account with the {what}, and adopt is never"))
        if not key.strong or mapping.policies.adopt == "ask":
            why = "adopt is ask" if key.strong else "that is a weak key"
            return Match(doubt=Doubt("unlinked", named, f"the {what} fits one account, but {why}"))
        return Match(account=account)
    return Match()


def is_protected(account: Account, mapping: AgentMapping) -> bool:
    """Whether the mapping's guard names the account: by its anchor, its address, or a value that accounts are recognised by."""
    names = mapping.policies.guard.protected
    if not names:
        return False
    by = {rule.account.lower() for rule in mapping.correlate}
    values = [value for name, value in account.attributes.items() if name.lower() in by]
    said = {account.id, account.name, *(str(one) for value in values for one in _each(value))}
    return not names.isdisjoint(one.casefold() for one in said)


def label(account: Account, mapping: AgentMapping) -> str:
    """What a person may recognise the account by."""
    by = {rule.account.lower() for rule in mapping.correlate}
    shown = [
        str(value) for name, value in account.attributes.items() if name.lower() in by and not isinstance(value, dict)
    ]
    return ", ".join([*([account.name] if account.name else []), *shown]) or account.id


def index(accounts: Iterable[Account], mapping: AgentMapping) -> Lookup:
    """A look-up over accounts that were all read, by the attributes of the mapping's rules; texts compare without case."""
    by = {rule.account.lower() for rule in mapping.correlate}
    found: dict[tuple[str, str], list[Account]] = {}
    for account in accounts:
        for name, value in (*account.attributes.items(), ("id", account.id)):
            if name.lower() in by:
                for one in {str(part).casefold() for part in _each(value)}:
                    found.setdefault((name.lower(), one), []).append(account)
    return lambda attribute, value: found.get((attribute.lower(), value.casefold()), [])


def _each(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]

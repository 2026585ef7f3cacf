"""What a link remembers of an account: how we last wanted it, and how it was when we last saw it.

The two differ where somebody else's change was let stand. From them follows who changed an attribute since: we or they.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import orjson

from connector.targets.base import Account, Value


@dataclass(frozen=True)
class Applied:
    """`wanted` and `found` are attributes by name; `mapping` is the digest of the mapping that gave `wanted`.

    `groups` are the names of those that we want it in, `found_groups` of those that it was in. `kept` says that the agent is gone
    and the account stays, disabled.
    """

    name: str = ""
    active: bool = True
    found_active: bool = True
    wanted: Mapping[str, Value] = field(default_factory=dict)
    found: Mapping[str, Value] = field(default_factory=dict)
    groups: frozenset[str] = frozenset()
    found_groups: frozenset[str] = frozenset()
    mapping: str = ""
    kept: bool = False

    @property
    def account(self) -> Account:
        """The account as it was wanted."""
        return Account(name=self.name, active=self.active, attributes=self.wanted)

    def dumps(self) -> str:
        return orjson.dumps(
            {**vars(self), "groups": sorted(self.groups), "found_groups": sorted(self.found_groups)},
        ).decode()


def loads(text: str) -> Applied:
    """From the text of a link."""
    values = orjson.loads(text)
    sets = {name: frozenset(values[name]) for name in ("groups", "found_groups") if name in values}
    return Applied(**{**values, **sets})


def remember(
    wanted: Account | None,
    found: Account,
    *,
    managed: Iterable[str],
    groups: Iterable[str],
    mine: Iterable[str],
    mapping: str,
) -> Applied:
    """What to keep of an account as it is now (`found`, in the groups `mine` of ours) and as it is wanted.

    Where nothing is wanted any more, it is kept as it is.
    """
    names = {name.lower() for name in managed}
    seen = {name: value for name, value in found.attributes.items() if name.lower() in names}
    return Applied(
        name=found.name if wanted is None else wanted.name,
        active=found.active if wanted is None else wanted.active,
        found_active=found.active,
        wanted=seen if wanted is None else wanted.attributes,
        found=seen,
        groups=frozenset(groups),
        found_groups=frozenset(mine),
        mapping=mapping,
        kept=wanted is None,
    )

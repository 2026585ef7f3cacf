"""What a mapping decides beside values: adoption, drift, deprovisioning, and the guard that stops a run that takes too much away.

In: nothing. Out: Policies, and the table of their keys, which feeds the loader and the JSON schema.
"""

from collections import abc
from dataclasses import dataclass, field
from typing import Any, Final

ADOPT: Final = ("always", "ask", "never")
ON_DISABLE: Final = ("disable", "delete")
ON_DELETE: Final = ("delete", "delete_later", "disable", "unlink")
ON_MISSING: Final = ("create", "ask")
DRIFT: Final = ("correct", "report", "accept")
EVERYTHING_ELSE: Final = "default"  # the drift policy of attributes that are not named
GRACE_DAYS = 30


@dataclass(frozen=True)
class Guard:
    """A run that would disable or delete more accounts than this waits for a person. `share` is in percent of the linked accounts.

    Up to `free` are never stopped. `protected` accounts, by anchor or by any value that they are recognised by, are never touched.
    """

    removals: int = 500
    share: int = 10
    free: int = 10
    protected: frozenset[str] = frozenset()

    def allowed(self, linked: int) -> int:
        """How many removals may happen in one run where so many accounts are linked."""
        return max(self.free, min(self.removals, linked * self.share // 100))


@dataclass(frozen=True)
class Policies:
    """`drift` goes from attribute name in lower case, `active`, `groups` or `default` to a word of DRIFT."""

    adopt: str = ADOPT[0]
    on_disable: str = ON_DISABLE[0]
    on_delete: str = ON_DELETE[0]
    grace_days: int = GRACE_DAYS
    on_missing: str = ON_MISSING[0]
    drift: abc.Mapping[str, str] = field(default_factory=dict)
    guard: Guard = Guard()

    def on_drift(self, attribute: str) -> str:
        """What to do where somebody else changed this attribute of an account."""
        return self.drift.get(attribute.lower(), self.drift.get(EVERYTHING_ELSE, DRIFT[0]))


_COUNT = {"type": "integer", "minimum": 1}

GUARD_KEYS: Final[dict[str, dict[str, Any]]] = {
    "removals": {
        **_COUNT,
        "description": "more accounts than this are not disabled or deleted in one run (default 500)",
    },
    "share": {**_COUNT, "description": "nor more than this percentage of the linked accounts (default 10)"},
    "free": {**_COUNT, "description": "so many may always be disabled or deleted (default 10)"},
    "protected": {
        "type": "array",
        "items": {"type": "string", "minLength": 1},
        "description": "accounts that are never adopted, changed or deleted: anchors, or values that correlate finds them by",
    },
}

POLICY_KEYS: Final[dict[str, dict[str, Any]]] = {
    "adopt": {
        "enum": list(ADOPT),
        "description": "an account that is there already and matches by a strong rule: take it over, ask a person, or never",
    },
    "on_disable": {"enum": list(ON_DISABLE), "description": "what happens to the account of a disabled agent"},
    "on_delete": {"enum": list(ON_DELETE), "description": "what happens to the account of a deleted agent"},
    "grace_days": {**_COUNT, "description": "days from delete_later's disabling to its deletion (default 30)"},
    "on_missing": {
        "enum": list(ON_MISSING),
        "description": "an account that somebody else has deleted: create it again, or ask a person",
    },
    "drift": {
        "type": "object",
        "additionalProperties": {"enum": list(DRIFT)},
        "description": "what to do where somebody else changed an attribute, active or groups; default is for all others",
    },
    "guard": {"$ref": "#/$defs/guard", "description": "when a run that takes accounts away waits for a person"},
}

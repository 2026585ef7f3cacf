"""The plan of a whole run at one target: what is to be done for whom. It is stored, and an approval is of its digest. Pure.

In: entries. Out: a canonical document (RFC 8785), its SHA-256, the brakes that it trips, and how it reads for people.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from connector.domain.unit import canonical
from connector.mapping.policies import Guard
from connector.provisioning.plan import NOT_WRITTEN, REMOVALS, Step
from connector.targets.base import Account

Document = dict[str, Any]
QUEUE, RECONCILE = "queue", "reconcile"


@dataclass(frozen=True)
class Entry:
    """What is to be done for one agent. `situation`: linked, missing, unlinked, disputed, new, or gone where the agent was deleted."""

    agent: str
    name: str
    situation: str
    account: str = ""
    steps: tuple[Document, ...] = ()
    drift: tuple[Document, ...] = ()

    @property
    def writes(self) -> bool:
        return any(step["action"] not in NOT_WRITTEN for step in self.steps)


@dataclass(frozen=True)
class Read:
    """What was seen at the target: accounts found, accounts linked to agents, links without an account, accounts of nobody."""

    found: int = 0
    linked: int = 0
    missing: int = 0
    unmatched: int = 0


@dataclass(frozen=True)
class Plan:
    """`kind` is reconcile, or queue where changes of ours would take too many accounts away at once."""

    target: str
    kind: str
    entries: tuple[Entry, ...]
    read: Read = Read()

    @property
    def text(self) -> str:
        """Canonical JSON of everything in it."""
        told = {
            "target": self.target,
            "kind": self.kind,
            "read": vars(self.read),
            "entries": [vars(entry) for entry in self.entries],
        }
        return canonical(told).decode()

    @property
    def counts(self) -> dict[str, int]:
        """How often each action is in it, and how many attributes have drifted."""
        counted = Counter(step["action"] for entry in self.entries for step in entry.steps)
        drifted = sum(len(entry.drift) for entry in self.entries)
        return dict(sorted(counted.items())) | ({"drift": drifted} if drifted else {})


def loads(text: str) -> Plan:
    """From the stored text."""
    told = orjson.loads(text)
    entries = tuple(
        Entry(**{**one, "steps": tuple(one["steps"]), "drift": tuple(one["drift"])}) for one in told["entries"]
    )
    return Plan(told["target"], told["kind"], entries, Read(**told["read"]))


def describe(step: Step, found: Account | None) -> Document:
    """A step as plain data: its action, its group or note, and of each attribute what it is and what it becomes."""
    told: Document = {"action": step.action}
    if step.group:
        told["group"] = step.group
    if step.note:
        told["note"] = step.note
    if step.account is not None:
        told |= {"active": step.account.active, "attributes": dict(step.account.attributes)}
        told |= {"name": step.account.name} if step.account.name else {}
    if step.changes is not None:
        held = {} if found is None else {name.lower(): value for name, value in found.attributes.items()}
        told["attributes"] = {
            name: {"from": held.get(name.lower()), "to": step.changes.set.get(name)}
            for name in (*step.changes.set, *step.changes.clear)
        }
        if step.changes.rename is not None:
            told["name"] = {"from": found.name if found else "", "to": step.changes.rename}
    return told


def brakes(plan: Plan, guard: Guard, answerable: frozenset[str]) -> list[str]:
    """Why a person must look before the plan is applied: one sentence each, none where it may run by itself.

    `answerable` are the attributes, in lower case, that name who answers for an agent.
    """
    linked, found, missing = plan.read.linked, plan.read.found, plan.read.missing
    allowed = guard.allowed(linked)
    removals = sum(step["action"] in REMOVALS for entry in plan.entries for step in entry.steps)
    tripped = []
    if linked and plan.kind == RECONCILE and found == 0:
        tripped.append(
            f"the target showed no account at all, though {linked} are linked: an empty read is not believed"
        )
    elif missing > allowed:
        tripped.append(f"{missing} of {linked} linked accounts were not among those that the target showed")
    if removals > allowed:
        tripped.append(
            f"{removals} accounts would be disabled or deleted; {allowed} of {linked} linked ones may be in one run"
        )
    ownerless = sorted(_ownerless(plan, answerable))
    if ownerless:
        shown = ", ".join(ownerless[:5]) + (f" and {len(ownerless) - 5} more" if len(ownerless) > 5 else "")
        tripped.append(f"the last owner would be taken from {shown}")
    return tripped


def _ownerless(plan: Plan, answerable: frozenset[str]) -> Iterator[str]:
    for entry in plan.entries:
        for step in entry.steps:
            if step["action"] == "update" and any(
                name.lower() in answerable and value["to"] is None for name, value in step["attributes"].items()
            ):
                yield entry.name

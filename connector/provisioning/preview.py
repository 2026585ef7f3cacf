"""What a push sees, and what it says that it did: a target ready for calls, the account wanted and found there, and the steps between."""

from dataclasses import dataclass

from connector.mapping.render import Rendered
from connector.mapping.schema import Mapping
from connector.provisioning.facts import Subject
from connector.provisioning.plan import Decision, Found, Rules, Step, Wanted
from connector.provisioning.plans import Document, describe
from connector.targets.base import Capability, Target


@dataclass(frozen=True)
class Connected:
    """A target, ready for calls, with the mapping that shapes accounts there."""

    name: str
    target: Target
    mapping: Mapping

    @property
    def rules(self) -> Rules:
        return Rules(self.mapping.policies, self.mapping.managed, self.target.capabilities, self.target.normalise)

    @property
    def keeps_groups(self) -> bool:
        return self.mapping.groups is not None and Capability.GROUPS in self.target.capabilities


@dataclass(frozen=True)
class Preview:
    """What a push would do: the account wanted, where each value comes from, the account there, and the steps."""

    subject: Subject
    rendered: Rendered | None
    wanted: Wanted
    found: Found
    decision: Decision
    again: str | None = None

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.decision.steps

    @property
    def described(self) -> list[Document]:
        """The steps as plain data, as they are in a plan."""
        return [describe(step, self.found.account) for step in self.steps]


@dataclass(frozen=True)
class Pushed:
    """The steps that were taken; and when to look again without any change of ours, if so (the end of a grace time)."""

    steps: tuple[Step, ...]
    again: str | None = None
    stale: bool = False

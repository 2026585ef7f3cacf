"""The facts about an agent that attributes and NameIDs are made from, by the names that bundles call them. One table."""

from collections.abc import Callable
from dataclasses import dataclass

from connector.domain.sign_on import Facts


@dataclass(frozen=True)
class Subject:
    """An agent, or whom it acts for, as seen by an application. `scope` ends identifiers of the form id@scope; `issuer` is our

    entity id; `pairwise` makes the identifier that only this application knows it by.
    """

    facts: Facts
    scope: str
    issuer: str
    pairwise: Callable[[], str]

    def values(self, source: str) -> tuple[str, ...]:
        """The values of a fact; none where it has none."""
        return tuple(filter(None, SOURCES[source](self)))


def _email(subject: Subject) -> str:
    """Not a mailbox, but of that form: for applications that know their users by e-mail address only."""
    name = subject.facts.user_name
    return name if "@" in name else f"{name}@{subject.scope}"


SOURCES: dict[str, Callable[[Subject], tuple[str | None, ...]]] = {
    "id": lambda subject: (subject.facts.id,),
    "agentId": lambda subject: (subject.facts.agent_id,),
    "agentUserName": lambda subject: (subject.facts.user_name,),
    "displayName": lambda subject: (subject.facts.display_name,),
    "agentType": lambda subject: (subject.facts.agent_type,),
    "owners": lambda subject: subject.facts.owners,
    "sponsors": lambda subject: subject.facts.sponsors,
    "groups": lambda subject: subject.facts.groups,
    "roles": lambda subject: subject.facts.roles,
    "entitlements": lambda subject: subject.facts.entitlements,
    "subjectId": lambda subject: (f"{subject.facts.id}@{subject.scope}",),
    "pairwiseId": lambda subject: (f"{subject.pairwise()}@{subject.scope}",),
    "email": lambda subject: (_email(subject),),
    "issuer": lambda subject: (subject.issuer,),
}

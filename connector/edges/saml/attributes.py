"""Which fact about an agent goes out under which attribute name. One table."""

from collections.abc import Callable, Iterator

from connector.domain.sign_on import Facts

_TABLE: tuple[tuple[str, str, Callable[[Facts], tuple[str | None, ...]]], ...] = (
    ("urn:oid:0.9.2342.19200300.100.1.1", "uid", lambda facts: (facts.user_name,)),
    ("urn:oid:2.16.840.1.113730.3.1.241", "displayName", lambda facts: (facts.display_name,)),
    ("urn:oid:2.5.4.32", "owner", lambda facts: facts.owners),
    ("urn:oid:1.3.6.1.4.1.5923.1.5.1.1", "isMemberOf", lambda facts: facts.groups),
    ("urn:agentidp:attributes:agentId", "agentId", lambda facts: (facts.agent_id,)),
    ("urn:agentidp:attributes:agentType", "agentType", lambda facts: (facts.agent_type,)),
    ("urn:agentidp:attributes:sponsor", "sponsor", lambda facts: facts.sponsors),
)
_SUBJECT_ID = "urn:oasis:names:tc:SAML:attribute:subject-id"

NAMES = (*((name, friendly) for name, friendly, _ in _TABLE), (_SUBJECT_ID, "subject-id"))


def released(facts: Facts, *, scope: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """(name, friendly name, values) of each attribute with a value. `scope` ends the subject-id."""
    for name, friendly, values in _TABLE:
        present = tuple(value for value in values(facts) if value)
        if present:
            yield name, friendly, present
    yield _SUBJECT_ID, "subject-id", (f"{facts.agent_id}@{scope}",)

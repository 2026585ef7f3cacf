"""An agent acts for somebody: how an assertion says so, and who the agent is. The subject is the person, the delegates are the agents.

In: who acts, the latest first, as RFC 8693 nests them. Out: the condition of the SAML V2.0 Condition for Delegation Restriction, whose
delegates are in the order of delegation (section 2.3), or an attribute with the same ids in the same order.
"""

from collections.abc import Sequence

from connector.edges.saml import names
from connector.edges.saml.assertion import NameId
from connector.edges.saml.bundles import Attribute
from connector.edges.saml.names import DEL, XSI

ATTRIBUTE = Attribute("urn:agentidp:attributes:delegate", "", names.ATTRIBUTE_URI, "delegate")


def condition(delegates: Sequence[NameId], *, instant: str, method: str) -> str:
    """The Condition, canonical with its prefix kept: the first that was delegated to first; the last acts, at `instant`, by `method`."""
    before = "".join(f"<del:Delegate>{one.inside()}</del:Delegate>" for one in delegates[:-1])
    acting = f'ConfirmationMethod="{method}" DelegationInstant="{instant}"'
    return (
        f'<saml:Condition xmlns:del="{DEL}" xmlns:xsi="{XSI}" xsi:type="del:DelegationRestrictionType">{before}'
        f"<del:Delegate {acting}>{delegates[-1].inside()}</del:Delegate></saml:Condition>"
    )


def prefixes(message: str) -> tuple[str, ...]:
    """The prefixes that a signature over the message must keep: of the condition, whose type names one in a value."""
    return ("del",) if "<del:Delegate" in message else ()  # in canonical form no value holds a "<"


def in_order(actors: tuple[str, ...]) -> tuple[str, ...]:
    """The chain, the first that was delegated to first."""
    return tuple(reversed(actors))

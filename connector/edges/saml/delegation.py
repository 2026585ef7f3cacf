"""An agent acts for somebody: how an assertion says so, and who the agent is. The subject is the person, the delegates are the agents.

In: who acts, the latest first, as RFC 8693 nests them. Out: the condition of the SAML V2.0 Condition for Delegation Restriction, whose
delegates are in the order of delegation (section 2.3), or an attribute with the same ids in the same order.
"""

from lxml import etree

from connector.edges.saml import names, xml
from connector.edges.saml.bundles import Attribute
from connector.edges.saml.names import DEL, SAML, XSI
from connector.edges.saml.xml import Element

ATTRIBUTE = Attribute("urn:agentidp:attributes:delegate", "", names.ATTRIBUTE_URI, "delegate")


def condition(name_ids: list[Element], *, instant: str, method: str) -> Element:
    """The Condition. `name_ids` are the delegates', the first that was delegated to first; the last acts, at `instant`, by `method`."""
    root = etree.Element(xml.name(SAML, "Condition"), nsmap={"saml": SAML, "del": DEL, "xsi": XSI})
    root.set(xml.name(XSI, "type"), "del:DelegationRestrictionType")
    for name_id in name_ids:
        delegate = xml.add(root, DEL, "Delegate")
        if name_id is name_ids[-1]:
            delegate.set("DelegationInstant", instant)
            delegate.set("ConfirmationMethod", method)
        delegate.append(name_id)
    return root


def prefixes(element: Element) -> tuple[str, ...]:
    """The prefixes that a signature over the element must keep: of the condition, whose type names one in a value."""
    return ("del",) if next(element.iter(xml.name(DEL, "Delegate")), None) is not None else ()


def in_order(actors: tuple[str, ...]) -> tuple[str, ...]:
    """The chain, the first that was delegated to first."""
    return tuple(reversed(actors))

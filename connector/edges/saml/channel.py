"""Channel bindings (SAML channel binding extensions 1.0): agent and application must see one and the same TLS connection.

The application puts what it sees into its signed request, the agent sends what it sees as a header block. Somebody
between the two has a connection with each, and cannot make the two values equal.
"""

import hmac
from collections.abc import Sequence

from connector.core.errors import Invalid
from connector.edges.saml import names, xml
from connector.edges.saml.errors import Declined
from connector.edges.saml.names import CB, SAMLP
from connector.edges.saml.signature import octets_of
from connector.edges.saml.xml import Element

BLOCK = xml.name(CB, "ChannelBindings")

Bindings = dict[str, bytes]  # by type, such as tls-server-end-point (RFC 5929) or tls-exporter (RFC 9266)


def bindings(elements: Sequence[Element]) -> Bindings:
    """What those ChannelBindings elements say; Invalid where one has no type, nothing in it, or a type comes twice."""
    found: Bindings = {}
    for one in elements:
        kind, value = one.get("Type", ""), octets_of(xml.text_of(one), "ChannelBindings")
        if not kind or not value or kind in found:
            raise Invalid("ChannelBindings must have a Type, each another one, and a value", field="ChannelBindings")
        found[kind] = value
    return found


def of_request(element: Element) -> Bindings:
    """The application's, from the Extensions of its request."""
    extensions = xml.only(element, SAMLP, "Extensions")
    return bindings(extensions.findall(BLOCK)) if extensions is not None else {}


def compare(application: Bindings, agent: Bindings, *, signed: bool) -> str | None:
    """The type by which both see the same connection; None where the application does not ask for that.

    Declined where it asks and the agent sees another connection or none, or where the request is not signed: whoever
    sits between the two could have written the value.
    """
    if not application:
        return None
    common = sorted(set(application) & set(agent))
    equal = common and all(hmac.compare_digest(application[kind], agent[kind]) for kind in common)
    if not signed or not equal:
        raise Declined(
            "the channel bindings of agent and application do not match", status=(names.REQUESTER, names.REQUEST_DENIED)
        )
    return common[0]

"""Enhanced Client or Proxy profile 2.0, the identity provider's part (section 2.3): no browser is needed."""

import base64

from connector.edges.saml import channel, soap
from connector.edges.saml.canonical import attribute
from connector.edges.saml.idp import IdentityProvider
from connector.edges.saml.issue import Issued, issue
from connector.edges.saml.names import BINDING_PAOS, CB, ECP, SOAP_NEXT
from connector.edges.saml.request import Message
from connector.edges.saml.visitor import Visitor

_DECLARED = f' xmlns:ecp="{ECP}" S:actor="{SOAP_NEXT}"'


def answer(idp: IdentityProvider, visitor: Visitor, content: bytes) -> bytes:
    """The SOAP answer to a SOAP-wrapped AuthnRequest. A refusal by status is an answer too."""
    element, blocks = soap.parts_of(content, channel.BLOCK)
    sent = channel.bindings(blocks)
    message = Message(
        element=element,
        way="ecp",
        endpoint=idp.location("ecp"),
        consumer_bindings=(BINDING_PAOS,),
        context=visitor.context,
        channel=sent,
    )
    issued = issue(idp, visitor, message)
    return soap.envelope(issued.response, *_header(issued), *_compared(issued, sent))


def _header(issued: Issued) -> list[str]:
    """ecp:Response tells the agent where the application lives by its metadata; it must compare (ECP 2.0 2.3.7)."""
    place = f'<ecp:Response{_DECLARED} AssertionConsumerServiceURL="{attribute(issued.consumer_url)}" S:mustUnderstand="1"/>'
    return [place, f"<ecp:RequestAuthenticated{_DECLARED}/>"] if issued.signed else [place]


def _compared(issued: Issued, sent: channel.Bindings) -> list[str]:
    """The binding that was compared, which an agent that wants one must look for."""
    if issued.channel is None:
        return []
    value = base64.b64encode(sent[issued.channel]).decode()
    start = f'<cb:ChannelBindings xmlns:cb="{CB}" Type="{attribute(issued.channel)}" S:actor="{SOAP_NEXT}">'
    return [f"{start}{value}</cb:ChannelBindings>"]

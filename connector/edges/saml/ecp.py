"""Enhanced Client or Proxy profile 2.0, the identity provider's part (section 2.3): no browser is needed."""

import base64

from lxml import etree

from connector.edges.saml import channel, soap, xml
from connector.edges.saml.idp import IdentityProvider
from connector.edges.saml.issue import Issued, issue
from connector.edges.saml.names import BINDING_PAOS, CB, ECP, SOAP, SOAP_NEXT
from connector.edges.saml.request import Message
from connector.edges.saml.visitor import Visitor
from connector.edges.saml.xml import Element


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


def _header(issued: Issued) -> list[Element]:
    """ecp:Response tells the agent where the application lives by its metadata; it must compare (ECP 2.0 2.3.7)."""
    place = _block("Response", must_understand=True)
    place.set("AssertionConsumerServiceURL", issued.consumer_url)
    return [place, _block("RequestAuthenticated", must_understand=False)] if issued.signed else [place]


def _compared(issued: Issued, sent: channel.Bindings) -> list[Element]:
    """The binding that was compared, which an agent that wants one must look for."""
    if issued.channel is None:
        return []
    block = etree.Element(channel.BLOCK, nsmap={"cb": CB, "S": SOAP})
    block.set("Type", issued.channel)
    block.set(xml.name(SOAP, "actor"), SOAP_NEXT)
    block.text = base64.b64encode(sent[issued.channel]).decode()
    return [block]


def _block(local: str, *, must_understand: bool) -> Element:
    block = etree.Element(xml.name(ECP, local), nsmap={"ecp": ECP, "S": SOAP})
    block.set(xml.name(SOAP, "actor"), SOAP_NEXT)
    if must_understand:
        block.set(xml.name(SOAP, "mustUnderstand"), "1")
    return block

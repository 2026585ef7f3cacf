"""SOAP 1.1 envelopes, as far as the SAML SOAP and PAOS bindings use them (bindings sections 3.2 and 3.3)."""

from lxml import etree

from connector.core.errors import Invalid
from connector.edges.saml import xml
from connector.edges.saml.names import SOAP, SOAP_NEXT
from connector.edges.saml.xml import Element

CONTENT_TYPE = "text/xml; charset=utf-8"


class NotUnderstood(Invalid):
    """The sender insists on a header block that we do not know (SOAP 1.1 section 4.2.3)."""


def body_of(content: bytes) -> Element:
    """The one element in the Body. Header blocks are ignored, or refused where their sender insists on them."""
    return parts_of(content)[0]


def parts_of(content: bytes, *understood: str) -> tuple[Element, list[Element]]:
    """The same, and those header blocks whose names the reader understands."""
    envelope = xml.parse(content, what="SOAP message")
    if envelope.tag != xml.name(SOAP, "Envelope"):
        raise Invalid(f"a SOAP 1.1 Envelope is expected, not {xml.local_name(envelope)}")
    header = xml.only(envelope, SOAP, "Header")
    known: list[Element] = []
    for block in header if header is not None else ():
        if block.tag in understood:
            known.append(block)
            continue
        insists = block.get(xml.name(SOAP, "mustUnderstand"), "0").strip() in ("1", "true")
        if insists and block.get(xml.name(SOAP, "actor")) in (None, "", SOAP_NEXT):
            raise NotUnderstood(f"the header block {xml.local_name(block)} is not understood here")
    body = xml.only(envelope, SOAP, "Body")
    if body is None or len(body) != 1:
        raise Invalid("the SOAP Body must hold exactly one element")
    return body[0], known


def envelope(content: Element, *header_blocks: Element) -> bytes:
    """An envelope around content, as it is sent."""
    root = etree.Element(xml.name(SOAP, "Envelope"), nsmap={"S": SOAP})
    if header_blocks:
        header = xml.add(root, SOAP, "Header")
        header.extend(header_blocks)
    xml.add(root, SOAP, "Body").append(content)
    return xml.serialise(root)


def fault(code: str, detail: str) -> bytes:
    """A Fault (SOAP 1.1 section 4.4): code is Client, Server or MustUnderstand."""
    root = etree.Element(xml.name(SOAP, "Fault"), nsmap={"S": SOAP})
    etree.SubElement(root, "faultcode").text = "S:" + code
    etree.SubElement(root, "faultstring").text = detail
    return envelope(root)

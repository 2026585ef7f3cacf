"""SOAP 1.1 envelopes, as far as the SAML SOAP and PAOS bindings use them (bindings sections 3.2 and 3.3)."""

from connector.core.errors import Invalid
from connector.edges.saml import xml
from connector.edges.saml.canonical import text
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


def envelope(content: str, *header_blocks: str) -> bytes:
    """An envelope around content, as it is sent."""
    header = f"<S:Header>{''.join(header_blocks)}</S:Header>" if header_blocks else ""
    return f'<S:Envelope xmlns:S="{SOAP}">{header}<S:Body>{content}</S:Body></S:Envelope>'.encode()


def fault(code: str, detail: str) -> bytes:
    """A Fault (SOAP 1.1 section 4.4): code is Client, Server or MustUnderstand."""
    told = f"<faultcode>S:{code}</faultcode><faultstring>{text(detail)}</faultstring>"
    return envelope(f'<S:Fault xmlns:S="{SOAP}">{told}</S:Fault>')

"""Our metadata as a service provider for people, as workforce IdPs read them (metadata section 2.4.4). Signed."""

from datetime import timedelta

from lxml import etree

from connector.edges.saml import names, xml
from connector.edges.saml.names import DS, MD, SAMLP, XENC
from connector.edges.saml.signature import certificate_text
from connector.edges.saml.sp.provider import Sp
from connector.edges.saml.xml import Element

_VALID = timedelta(days=14)
_CACHED = "PT6H"
_ENCRYPTION = ("http://www.w3.org/2009/xmlenc11#aes256-gcm", "http://www.w3.org/2009/xmlenc11#aes128-gcm")


def render(sp: Sp) -> bytes:
    """The signed EntityDescriptor. The order of the children is the schema's."""
    root = etree.Element(xml.name(MD, "EntityDescriptor"), nsmap={"md": MD, "ds": DS})
    until = xml.instant(sp.domain.database.clock() + _VALID)
    for key, value in (
        ("entityID", sp.entity_id),
        ("ID", sp.new_id()),
        ("validUntil", until),
        ("cacheDuration", _CACHED),
    ):
        root.set(key, value)
    role = xml.add(root, MD, "SPSSODescriptor", protocolSupportEnumeration=SAMLP)
    role.set("AuthnRequestsSigned", "true")
    role.set("WantAssertionsSigned", "true")
    _keys(role, sp)
    logout = ((names.BINDING_REDIRECT, sp.slo), (names.BINDING_POST, sp.slo), (names.BINDING_SOAP, f"{sp.slo}/soap"))
    for binding, place in logout:
        xml.add(role, MD, "SingleLogoutService", Binding=binding, Location=place)
    consumer = {"Binding": names.BINDING_POST, "Location": sp.acs, "index": "0", "isDefault": "true"}
    xml.add(role, MD, "AssertionConsumerService", **consumer)
    return sp.signer.sign(xml.canonical(root).decode()).encode()


def _keys(role: Element, sp: Sp) -> None:
    """Every key may come to sign; what is encrypted to us is encrypted to the one that signs now, and any opens it."""
    active = sp.domain.keys.active("sp")
    for key in [active, *(one for one in sp.keys if one.id != active.id)]:
        _key(role, "signing", certificate_text(key))
    descriptor = _key(role, "encryption", certificate_text(active))
    for algorithm in (*_ENCRYPTION, XENC + "rsa-oaep-mgf1p"):
        xml.add(descriptor, MD, "EncryptionMethod", Algorithm=algorithm)


def _key(role: Element, use: str, certificate: str) -> Element:
    descriptor = xml.add(role, MD, "KeyDescriptor", use=use)
    data = xml.add(xml.add(descriptor, DS, "KeyInfo"), DS, "X509Data")
    xml.add(data, DS, "X509Certificate", certificate)
    return descriptor

"""SAML metadata of a service provider, written from its key and its endpoints.

Written here rather than asked from the running program, because an identity provider under test must know its
service providers before they are started with its own metadata.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from tests.servers.pki import KeyPair

_MD = "urn:oasis:names:tc:SAML:2.0:metadata"
_DS = "http://www.w3.org/2000/09/xmldsig#"
_PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
PAOS = "urn:oasis:names:tc:SAML:2.0:bindings:PAOS"
ARTIFACT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact"
SOAP = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP"


@dataclass(frozen=True)
class Endpoint:
    binding: str
    location: str


def service_provider_metadata(
    entity_id: str,
    keys: KeyPair,
    *,
    consumers: Sequence[Endpoint],
    logouts: Sequence[Endpoint],
    wants_signed_assertions: bool = True,
) -> bytes:
    """An EntityDescriptor of a service provider that signs its requests and, unless told otherwise, wants signed assertions.

    The first consumer is the default one.
    """
    root = etree.Element(f"{{{_MD}}}EntityDescriptor", {"entityID": entity_id}, {"md": _MD, "ds": _DS})
    role = etree.SubElement(
        root,
        f"{{{_MD}}}SPSSODescriptor",
        {
            "protocolSupportEnumeration": _PROTOCOL,
            "AuthnRequestsSigned": "true",
            "WantAssertionsSigned": str(wants_signed_assertions).lower(),
        },
    )
    for use in ("signing", "encryption"):
        _add_key(role, use, keys)
    for logout in logouts:
        etree.SubElement(role, f"{{{_MD}}}SingleLogoutService", Binding=logout.binding, Location=logout.location)
    for index, consumer in enumerate(consumers, start=1):
        attributes = {"Binding": consumer.binding, "Location": consumer.location, "index": str(index)}
        if index == 1:
            attributes["isDefault"] = "true"
        etree.SubElement(role, f"{{{_MD}}}AssertionConsumerService", attributes)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _add_key(role: etree._Element, use: str, keys: KeyPair) -> None:
    descriptor = etree.SubElement(role, f"{{{_MD}}}KeyDescriptor", use=use)
    info = etree.SubElement(descriptor, f"{{{_DS}}}KeyInfo")
    data = etree.SubElement(info, f"{{{_DS}}}X509Data")
    certificate = etree.SubElement(data, f"{{{_DS}}}X509Certificate")
    certificate.text = base64.b64encode(keys.certificate_der).decode("ascii")

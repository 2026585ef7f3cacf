"""Encrypting an assertion for one application: AES-256-GCM under a fresh key, which RSA-OAEP wraps (xmlenc-core1 4.4, 5.5.2).

In: the assertion as it was signed, as a document of its own (a part of another one would lose its namespace
declarations), and the application's key. Out: an EncryptedAssertion (core section 2.3.4).
"""

import base64
import os

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

from connector.edges.saml import xml
from connector.edges.saml.names import DS, SAML, XENC
from connector.edges.saml.xml import Element

AES_256_GCM = "http://www.w3.org/2009/xmlenc11#aes256-gcm"
RSA_OAEP = XENC + "rsa-oaep-mgf1p"
_SHA1 = DS + "sha1"
_OAEP = padding.OAEP(  # SHA-1 has no weakness that matters here, and no other hash is read by every peer
    padding.MGF1(hashes.SHA1()),  # noqa: S303  # as above
    hashes.SHA1(),  # noqa: S303  # as above
    None,
)
_NONCE = 12


def encrypted(assertion: Element, key: rsa.RSAPublicKey) -> Element:
    """The assertion, readable only for the owner of that key."""
    secret, nonce = AESGCM.generate_key(256), os.urandom(_NONCE)
    content = nonce + AESGCM(secret).encrypt(nonce, xml.serialise(assertion), None)  # the tag of 16 bytes is at the end
    wrapped = key.encrypt(secret, _OAEP)
    root = etree.Element(xml.name(SAML, "EncryptedAssertion"), nsmap={"saml": SAML, "xenc": XENC, "ds": DS})
    data = xml.add(root, XENC, "EncryptedData", Type=XENC + "Element")
    xml.add(data, XENC, "EncryptionMethod", Algorithm=AES_256_GCM)
    wrapping = xml.add(xml.add(data, DS, "KeyInfo"), XENC, "EncryptedKey")
    method = xml.add(wrapping, XENC, "EncryptionMethod", Algorithm=RSA_OAEP)
    xml.add(method, DS, "DigestMethod", Algorithm=_SHA1)
    _value(wrapping, wrapped)
    _value(data, content)
    return root


def _value(parent: Element, octets: bytes) -> None:
    xml.add(xml.add(parent, XENC, "CipherData"), XENC, "CipherValue", base64.b64encode(octets).decode())

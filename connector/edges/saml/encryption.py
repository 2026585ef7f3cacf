"""Encrypting an assertion for one application: AES-256-GCM under a fresh key, which RSA-OAEP wraps (xmlenc-core1 4.4, 5.5.2).

In: the assertion as it was signed, as a document of its own (a part of another one would lose its namespace
declarations), and the application's key. Out: an EncryptedAssertion (core section 2.3.4).
"""

import base64
import os

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connector.edges.saml.names import DS, SAML, XENC

AES_256_GCM = "http://www.w3.org/2009/xmlenc11#aes256-gcm"
RSA_OAEP = XENC + "rsa-oaep-mgf1p"
_SHA1 = DS + "sha1"
_OAEP = padding.OAEP(  # SHA-1 has no weakness that matters here, and no other hash is read by every peer
    padding.MGF1(hashes.SHA1()),  # noqa: S303  # as above
    hashes.SHA1(),  # noqa: S303  # as above
    None,
)
_NONCE = 12


def encrypted(assertion: str, key: rsa.RSAPublicKey) -> str:
    """The assertion, readable only for the owner of that key; in canonical form."""
    secret, nonce = AESGCM.generate_key(256), os.urandom(_NONCE)
    content = nonce + AESGCM(secret).encrypt(nonce, assertion.encode(), None)  # the tag of 16 bytes is at the end
    wrapping = (
        f'<ds:KeyInfo xmlns:ds="{DS}"><xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="{RSA_OAEP}">'
        f'<ds:DigestMethod Algorithm="{_SHA1}"></ds:DigestMethod></xenc:EncryptionMethod>'
        f"{_value(key.encrypt(secret, _OAEP))}</xenc:EncryptedKey></ds:KeyInfo>"
    )
    return (
        f'<saml:EncryptedAssertion xmlns:saml="{SAML}"><xenc:EncryptedData xmlns:xenc="{XENC}" Type="{XENC}Element">'
        f'<xenc:EncryptionMethod Algorithm="{AES_256_GCM}"></xenc:EncryptionMethod>{wrapping}{_value(content)}'
        "</xenc:EncryptedData></saml:EncryptedAssertion>"
    )


def _value(octets: bytes) -> str:
    value = base64.b64encode(octets).decode()
    return f"<xenc:CipherData><xenc:CipherValue>{value}</xenc:CipherValue></xenc:CipherData>"

"""Encrypted assertions of every kind, for our key or another: also of such as nobody should take."""

import base64
import os
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.unit.edges.saml.verifier import forge
from tests.unit.edges.saml.verifier.believed import our_pair

XENC = forge.XENC
XENC11 = "http://www.w3.org/2009/xmlenc11#"
GCM, CBC = XENC11 + "aes256-gcm", XENC + "aes256-cbc"
MGF1P, OAEP = XENC + "rsa-oaep-mgf1p", XENC11 + "rsa-oaep"
PLAIN = b"<a>what is inside</a>"
SHA: dict[str, Any] = {"1": hashes.SHA1, "256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
SECRET = bytes(range(32))


def method(algorithm: str, inside: str = "") -> str:
    return f'<e:EncryptionMethod Algorithm="{algorithm}">{inside}</e:EncryptionMethod>'


def value(octets: bytes) -> str:
    return f"<e:CipherData><e:CipherValue>{base64.b64encode(octets).decode()}</e:CipherValue></e:CipherData>"


def by_gcm(secret: bytes, plain: bytes = PLAIN) -> bytes:
    nonce = os.urandom(12)
    return nonce + AESGCM(secret).encrypt(nonce, plain, None)


def padded(plain: bytes) -> bytes:
    more = 16 - len(plain) % 16
    return plain + bytes(more - 1) + bytes([more])


def by_cbc(secret: bytes, padded: bytes = padded(PLAIN)) -> bytes:
    vector = os.urandom(16)
    encryptor = Cipher(algorithms.AES(secret), modes.CBC(vector)).encryptor()
    return vector + encryptor.update(padded) + encryptor.finalize()


def wrapped(secret: bytes, *, to: Any = None, scheme: str = "", hash: str = "1", mask: str = "1") -> str:
    key = (to or our_pair().key).public_key()
    octets = key.encrypt(secret, padding.OAEP(padding.MGF1(SHA[mask]()), SHA[hash](), None))
    return f"<e:EncryptedKey>{scheme or method(MGF1P)}{value(octets)}</e:EncryptedKey>"


def sealed(content: str, *keys: str) -> str:
    """An EncryptedAssertion of that content, whose key is in each of those keys."""
    return (
        f'<a:EncryptedAssertion xmlns:a="{forge.SAML}" xmlns:e="{XENC}" xmlns:d="{forge.DS}" xmlns:n="{XENC11}">'
        f"<e:EncryptedData>{content}<d:KeyInfo>{''.join(keys)}</d:KeyInfo></e:EncryptedData></a:EncryptedAssertion>"
    )

"""Encrypted assertions (xmlenc-core1): AES-GCM under a key that RSA-OAEP wraps for one of our keys. Nothing else.

CBC and RSA 1.5 tell whoever can send us messages what is inside them (padding oracles), so they are refused, and every failure
is one and the same.
"""

from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connector.core.errors import Invalid
from connector.core.keys import SigningKey
from connector.edges.saml import xml
from connector.edges.saml.encryption import RSA_OAEP
from connector.edges.saml.names import DS, XENC
from connector.edges.saml.signature import octets_of
from connector.edges.saml.xml import Element

_XENC11 = "http://www.w3.org/2009/xmlenc11#"
_KEY_BYTES = {f"{_XENC11}aes128-gcm": 16, f"{_XENC11}aes192-gcm": 24, f"{_XENC11}aes256-gcm": 32}
_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    DS + "sha1": hashes.SHA1,  # the default of xmlenc; no weakness of it matters in OAEP
    XENC + "sha256": hashes.SHA256,
    "http://www.w3.org/2001/04/xmldsig-more#sha384": hashes.SHA384,
    XENC + "sha512": hashes.SHA512,
}
_MASKS: dict[str, type[hashes.HashAlgorithm]] = {
    _XENC11 + "mgf1sha1": hashes.SHA1,
    _XENC11 + "mgf1sha256": hashes.SHA256,
    _XENC11 + "mgf1sha384": hashes.SHA384,
    _XENC11 + "mgf1sha512": hashes.SHA512,
}
_NONCE, _TAG = 12, 16
_MOST_KEYS = 5  # an assertion may be encrypted to several recipients; each costs us a private-key operation


def decrypted(encrypted: Element, keys: Sequence[SigningKey]) -> bytes:
    """What is inside an EncryptedAssertion, for one of our keys. Invalid says that it cannot be opened, not why."""
    data = xml.only(encrypted, XENC, "EncryptedData")
    wrapped = list(encrypted.iter(xml.name(XENC, "EncryptedKey")))
    size = _KEY_BYTES.get(_algorithm(data)) if data is not None else None
    if data is None or size is None or not 1 <= len(wrapped) <= _MOST_KEYS:
        raise Invalid("the assertion is not encrypted with AES-GCM and at least one EncryptedKey")
    content = _value(data)
    for one in wrapped:
        scheme = _oaep(one)
        for key in keys:
            plain = _open(key, scheme, _value(one), content, size)
            if plain is not None:
                return plain
    raise Invalid("the assertion cannot be decrypted with any of our keys")


def _open(key: SigningKey, scheme: padding.OAEP, wrapped: bytes, content: bytes, size: int) -> bytes | None:
    if not isinstance(key.private, rsa.RSAPrivateKey) or len(content) < _NONCE + _TAG:
        return None
    try:
        secret = key.private.decrypt(wrapped, scheme)
        return AESGCM(secret).decrypt(content[:_NONCE], content[_NONCE:], None) if len(secret) == size else None
    except (ValueError, InvalidTag):
        return None


def _oaep(wrapped: Element) -> padding.OAEP:
    method = xml.only(wrapped, XENC, "EncryptionMethod")
    if method is None or _algorithm(wrapped) not in (RSA_OAEP, _XENC11 + "rsa-oaep"):
        raise Invalid("the assertion's key is not encrypted with RSA-OAEP")
    digest, mask = xml.only(method, DS, "DigestMethod"), xml.only(method, _XENC11, "MGF")
    hash = _HASHES.get(digest.get("Algorithm", "") if digest is not None else DS + "sha1")
    mask_hash = _MASKS.get(mask.get("Algorithm", "") if mask is not None else _XENC11 + "mgf1sha1")
    if hash is None or mask_hash is None:
        raise Invalid("the assertion's key is encrypted with RSA-OAEP of a kind that is not known")
    return padding.OAEP(padding.MGF1(mask_hash()), hash(), None)


def _algorithm(element: Element) -> str:
    method = xml.only(element, XENC, "EncryptionMethod")
    return method.get("Algorithm", "") if method is not None else ""


def _value(element: Element) -> bytes:
    cipher = xml.only(element, XENC, "CipherData")
    value = xml.only(cipher, XENC, "CipherValue") if cipher is not None else None
    if value is None:
        raise Invalid("the assertion's CipherValue is missing")
    return octets_of(xml.text_of(value), "CipherValue")

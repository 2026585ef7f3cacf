"""Encrypted assertions (xmlenc-core1): AES-GCM under a key that RSA-OAEP wraps for one of our keys.

CBC tells whoever can make up messages what is inside them (a padding oracle), and many IdPs know nothing else: so it is taken only
where the signature of the Response, which was verified, is over what is encrypted. RSA 1.5 is refused. Every failure is one and the same.
"""

from collections.abc import Mapping, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connector.core.errors import Invalid
from connector.core.keys import SigningKey
from connector.edges.saml import xml
from connector.edges.saml.encryption import RSA_OAEP
from connector.edges.saml.names import DS, XENC
from connector.edges.saml.signature import octets_of
from connector.edges.saml.xml import Element

_XENC11 = "http://www.w3.org/2009/xmlenc11#"
_GCM = {f"{_XENC11}aes128-gcm": 16, f"{_XENC11}aes192-gcm": 24, f"{_XENC11}aes256-gcm": 32}  # bytes of the key
_CBC = {f"{XENC}aes128-cbc": 16, f"{XENC}aes192-cbc": 24, f"{XENC}aes256-cbc": 32}
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
_NONCE, _BLOCK = 12, 16
_MOST_KEYS = 5  # an assertion may be encrypted to several recipients; each costs us a private-key operation


def decrypted(encrypted: Element, keys: Sequence[SigningKey], *, authentic: bool) -> bytes:
    """What is inside an EncryptedAssertion, for one of our keys. Invalid says that it cannot be opened, not why.

    `authentic`: it was signed as it is, so nobody has tried what we say to other octets.
    """
    data = xml.only(encrypted, XENC, "EncryptedData")
    wrapped = list(encrypted.iter(xml.name(XENC, "EncryptedKey")))
    algorithm = _algorithm(data) if data is not None else None
    if data is None or algorithm is None or algorithm not in (*_GCM, *_CBC) or not 1 <= len(wrapped) <= _MOST_KEYS:
        raise Invalid("the assertion is not encrypted with AES and at least one EncryptedKey")
    if algorithm in _CBC and not authentic:
        raise Invalid("the assertion is encrypted with CBC: use GCM, or sign the Response as well")
    content = _value(data)
    for one in wrapped:
        scheme = _oaep(one)
        for key in keys:
            plain = _open(key, scheme, _value(one), content, algorithm)
            if plain is not None:
                return plain
    raise Invalid("the assertion cannot be decrypted with any of our keys")


def _open(key: SigningKey, scheme: padding.OAEP, wrapped: bytes, content: bytes, algorithm: str) -> bytes | None:
    if not isinstance(key.private, rsa.RSAPrivateKey):
        return None
    try:
        secret = key.private.decrypt(wrapped, scheme)
        if len(secret) != {**_GCM, **_CBC}[algorithm]:
            return None
        return _by_cbc(secret, content) if algorithm in _CBC else _by_gcm(secret, content)
    except (ValueError, InvalidTag):
        return None


def _by_gcm(secret: bytes, content: bytes) -> bytes:
    """The library takes tags of 16 bytes only."""
    return AESGCM(secret).decrypt(content[:_NONCE], content[_NONCE:], None)


def _by_cbc(secret: bytes, content: bytes) -> bytes:
    """xmlenc-core1 section 5.2: the vector first, the last byte tells how many bytes at the end are padding."""
    decryptor = Cipher(algorithms.AES(secret), modes.CBC(content[:_BLOCK])).decryptor()
    plain = decryptor.update(content[_BLOCK:]) + decryptor.finalize()
    if not plain or not 1 <= plain[-1] <= _BLOCK:
        raise ValueError("no padding")
    return plain[: -plain[-1]]


def _oaep(wrapped: Element) -> padding.OAEP:
    method = xml.only(wrapped, XENC, "EncryptionMethod")
    if method is None or _algorithm(wrapped) not in (RSA_OAEP, _XENC11 + "rsa-oaep"):
        raise Invalid("the assertion's key is not encrypted with RSA-OAEP")
    digest, mask = xml.only(method, DS, "DigestMethod"), xml.only(method, _XENC11, "MGF")
    hash, mask_hash = _named(digest, _HASHES, DS + "sha1"), _named(mask, _MASKS, _XENC11 + "mgf1sha1")
    if hash is None or mask_hash is None:
        raise Invalid("the assertion's key is encrypted with RSA-OAEP of a kind that is not known")
    return padding.OAEP(padding.MGF1(mask_hash()), hash(), None)


def _named(
    method: Element | None, known: Mapping[str, type[hashes.HashAlgorithm]], default: str
) -> type[hashes.HashAlgorithm] | None:
    """What of these the method names; the default where there is no method."""
    return known.get(default if method is None else str(method.get("Algorithm")))


def _algorithm(element: Element) -> str | None:
    method = xml.only(element, XENC, "EncryptionMethod")
    return method.get("Algorithm") if method is not None else None


def _value(element: Element) -> bytes:
    cipher = xml.only(element, XENC, "CipherData")
    value = xml.only(cipher, XENC, "CipherValue") if cipher is not None else None
    if value is None:
        raise Invalid("the assertion's CipherValue is missing")
    return octets_of(xml.text_of(value), "CipherValue")

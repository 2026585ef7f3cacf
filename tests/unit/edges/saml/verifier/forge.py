"""Signatures of every shape, also of such as no honest signer makes: SignedInfo is put together by hand, and then really signed.

So what a test shows is the check of the shape, not that a spoiled value does not verify.
"""

import base64
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree

DS = "http://www.w3.org/2000/09/xmldsig#"
EC = "http://www.w3.org/2001/10/xml-exc-c14n#"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
XENC = "http://www.w3.org/2001/04/xmlenc#"
ENVELOPED = DS + "enveloped-signature"
NS = {"ds": DS, "saml": SAML, "samlp": SAMLP}

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
PIECES = {
    "signature": "{signed_info}{value}{key_info}",
    "signed_info": "<ds:SignedInfo>{canonicalization}{method}{reference}</ds:SignedInfo>",
    "canonicalization": f'<ds:CanonicalizationMethod Algorithm="{EC}"/>',
    "method": '<ds:SignatureMethod Algorithm="{algorithm}"/>',
    "reference": '<ds:Reference URI="{uri}">{transforms}{digest_method}{digest_value}</ds:Reference>',
    "transforms": "<ds:Transforms>{enveloped}{exclusive}</ds:Transforms>",
    "enveloped": f'<ds:Transform Algorithm="{ENVELOPED}"/>',
    "exclusive": f'<ds:Transform Algorithm="{EC}"/>',
    "digest_method": '<ds:DigestMethod Algorithm="{digest}"/>',
    "digest_value": "<ds:DigestValue>{hashed}</ds:DigestValue>",
    "value": "<ds:SignatureValue/>",
    "key_info": "",
}


@cache
def rsa_key(name: str = "idp", bits: int = 2048) -> rsa.RSAPrivateKey:
    """One for each name: made once, since that takes long."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@cache
def ec_key(curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())


def message(inside: str = "", *, id: str = "_1", issuer: bool = True, **attributes: str) -> str:
    """A small message: a Response with an Issuer, and whatever shall be in it."""
    more = "".join(f' {name}="{value}"' for name, value in attributes.items())
    who = "<saml:Issuer>https://idp.example/</saml:Issuer>" if issuer else ""
    return f'<samlp:Response xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{id}"{more}>{who}{inside}</samlp:Response>'


def signed(
    text: str,
    key: Any = None,
    *,
    algorithm: str = MORE + "rsa-sha256",
    digest: str = XENC + "sha256",
    uri: str | None = None,
    at: int | None = None,
    prefixes: str = "",
    info_prefixes: str = "",
    sign_with: str | None = None,
    **pieces: str,
) -> str:
    """The message with a signature over it, behind its Issuer or `at` that place. `pieces` replaces parts of PIECES.

    The hash is that of the algorithm's name, or `sign_with`.
    """
    root = etree.fromstring(text)
    values = {
        "algorithm": algorithm,
        "digest": digest,
        "uri": f"#{root.get('ID', '')}" if uri is None else uri,
        "hashed": base64.b64encode(hashed(canonical(root, prefixes), digest)).decode(),
    }
    written = _filled(f'<ds:Signature xmlns:ds="{DS}">{{signature}}</ds:Signature>', PIECES | pieces, values)
    signature = etree.fromstring(written)
    place = at if at is not None else int(len(root) > 0 and root[0].tag == f"{{{SAML}}}Issuer")
    root.insert(place, signature)
    info = next((one for one in signature.iter() if etree.QName(one).localname == "SignedInfo"), None)
    octets = canonical(info, info_prefixes) if info is not None else b""
    made = base64.b64encode(signature_over(octets, key or rsa_key(), sign_with or algorithm)).decode()
    for one in signature.iterfind("ds:SignatureValue", NS):
        one.text = (one.text or "") + made
    return etree.tostring(root).decode()


def canonical(element: Any, prefixes: str = "") -> bytes:
    made: bytes = etree.tostring(
        element, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=prefixes.split() or None
    )
    return made


def hashed(octets: bytes, algorithm: str) -> bytes:
    made = hashes.Hash(_hash(algorithm))
    made.update(octets)
    return made.finalize()


def signature_over(octets: bytes, key: Any, algorithm: str) -> bytes:
    """As RFC 6931 writes it: for ECDSA r and s side by side."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(octets, padding.PKCS1v15(), _hash(algorithm))
    r, s = decode_dss_signature(key.sign(octets, ec.ECDSA(_hash(algorithm))))
    half = -(-key.curve.key_size // 8)
    made: bytes = r.to_bytes(half, "big") + s.to_bytes(half, "big")
    return made


def _hash(algorithm: str) -> hashes.HashAlgorithm:
    return next(one for name, one in _HASHES.items() if name in algorithm)


def _filled(text: str, pieces: dict[str, str], values: dict[str, str]) -> str:
    while any("{" + name + "}" in text for name in pieces):
        for name, piece in pieces.items():
            text = text.replace("{" + name + "}", piece)
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text

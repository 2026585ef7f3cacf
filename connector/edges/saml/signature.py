"""XML signatures: made over messages that are in canonical form already; verified strictly, returning what was signed.

The profile is SAML core section 5.4: one enveloped signature, one reference to the ID of the signature's parent.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from lxml import etree

from connector.core.errors import Invalid, Misconfigured
from connector.core.keys import KeyRing, SigningKey
from connector.edges.saml import xml
from connector.edges.saml.names import DS, EC, SAML
from connector.edges.saml.xml import Element

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

_ENVELOPED = DS + "enveloped-signature"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA256 = _MORE + "rsa-sha256"
ECDSA_SHA256 = _MORE + "ecdsa-sha256"
MIN_RSA_BITS = 2048

# What we accept (RFC 6931): nothing on SHA-1, nothing symmetric. Key type and hash of each signature algorithm.
_SIGNATURES: dict[str, tuple[type[PublicKey], hashes.HashAlgorithm]] = {
    RSA_SHA256: (rsa.RSAPublicKey, hashes.SHA256()),
    _MORE + "rsa-sha384": (rsa.RSAPublicKey, hashes.SHA384()),
    _MORE + "rsa-sha512": (rsa.RSAPublicKey, hashes.SHA512()),
    ECDSA_SHA256: (ec.EllipticCurvePublicKey, hashes.SHA256()),
    _MORE + "ecdsa-sha384": (ec.EllipticCurvePublicKey, hashes.SHA384()),
}
_DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    SHA256: lambda data: hashlib.sha256(data).digest(),
    _MORE + "sha384": lambda data: hashlib.sha384(data).digest(),
    "http://www.w3.org/2001/04/xmlenc#sha512": lambda data: hashlib.sha512(data).digest(),
}


# The start tag of a message in canonical form: a quoted value there holds no quote, but may hold ">".
_START = re.compile(r'<[^ >]+(?: (?:ID="(?P<id>[^"]*)"|[^ =]+="[^"]*"))+>')
_ISSUER_ENDS = "</saml:Issuer>"


class Signer:
    """Signs with one of our keys, which is loaded once."""

    def __init__(self, key: SigningKey) -> None:
        if key.certificate is None or not isinstance(key.private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise Misconfigured("SAML cannot sign.", [f"key {key.id} is not RSA or EC with a certificate"])
        self._private = key.private
        self.algorithm = RSA_SHA256 if isinstance(key.private, rsa.RSAPrivateKey) else ECDSA_SHA256
        self._certificate = certificate_text(key)

    def sign(self, message: str, prefixes: tuple[str, ...] = ()) -> str:
        """A message in canonical form with a signature over it: behind its Issuer, or first where there is none (metadata).

        `prefixes` are those that stand in values, such as of xsi:type, where exclusive C14N does not look for them.
        """
        start = _START.match(message)
        assert start is not None
        place = start.end()
        if message.startswith("<saml:Issuer", place):
            place = message.index(_ISSUER_ENDS, place) + len(_ISSUER_ENDS)
        info = self._signed_info(start["id"], hashlib.sha256(message.encode()).digest(), prefixes)
        value = base64.b64encode(self.over(f'<ds:SignedInfo xmlns:ds="{DS}">{info}'.encode())).decode()
        signature = (
            f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo>{info}<ds:SignatureValue>{value}</ds:SignatureValue>'
            f"{key_info(self._certificate)}</ds:Signature>"
        )
        return message[:place] + signature + message[place:]

    def _signed_info(self, id: str, digest: bytes, prefixes: tuple[str, ...]) -> str:
        """What stands in it, and its end tag."""
        inclusive = (
            f'<ec:InclusiveNamespaces xmlns:ec="{EC}" PrefixList="{" ".join(prefixes)}"></ec:InclusiveNamespaces>'
        )
        return (
            f'<ds:CanonicalizationMethod Algorithm="{EC}"></ds:CanonicalizationMethod>'
            f'<ds:SignatureMethod Algorithm="{self.algorithm}"></ds:SignatureMethod>'
            f'<ds:Reference URI="#{id}"><ds:Transforms><ds:Transform Algorithm="{_ENVELOPED}"></ds:Transform>'
            f'<ds:Transform Algorithm="{EC}">{inclusive if prefixes else ""}</ds:Transform></ds:Transforms>'
            f'<ds:DigestMethod Algorithm="{SHA256}"></ds:DigestMethod>'
            f"<ds:DigestValue>{base64.b64encode(digest).decode()}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
        )

    def over(self, octets: bytes) -> bytes:
        """The signature value over octets, in the form of RFC 6931 (r and s side by side for ECDSA)."""
        if isinstance(self._private, rsa.RSAPrivateKey):
            return self._private.sign(octets, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self._private.sign(octets, ec.ECDSA(hashes.SHA256())))
        size = (self._private.curve.key_size + 7) // 8
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")


class Signers:
    """The signers of the keys that sign now: another process may make a key, and a key may come to sign, while we run."""

    def __init__(self, ring: KeyRing, purpose: str = "saml") -> None:
        self._ring = ring
        self._purpose = purpose
        self._signers = {purpose: (ring.active(purpose), Signer(ring.active(purpose)))}

    def current(self, purpose: str | None = None) -> Signer:
        """The signer of that purpose of the key ring, or of its own; Misconfigured where there is no such key."""
        self._ring.refresh()
        purpose = purpose or self._purpose
        if not self._ring.all(purpose):
            raise Misconfigured(
                "SAML cannot sign.", [f"there is no key for {purpose}: connector keys rotate {purpose}"]
            )
        key, signer = self._ring.active(purpose), self._signers.get(purpose)
        if signer is None or signer[0] != key:
            signer = self._signers[purpose] = (key, Signer(key))
        return signer[1]


def certificate_text(key: SigningKey) -> str:
    """The certificate of a key as it stands in an X509Certificate element."""
    if key.certificate is None:
        raise Misconfigured("SAML needs a certificate.", [f"key {key.id} has none"])
    return base64.b64encode(key.certificate.public_bytes(serialization.Encoding.DER)).decode()


def key_info(certificate: str, declaration: str = "") -> str:
    """A KeyInfo with a certificate, in canonical form. `declaration` is that of its prefix, where nothing around it has one."""
    data = f"<ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data>"
    return f"<ds:KeyInfo{declaration}>{data}</ds:KeyInfo>"


def same_key(certificate: x509.Certificate, key: PublicKey) -> bool:
    """Whether that is the certificate's key."""
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return hmac.compare_digest(certificate.public_key().public_bytes(*form), key.public_bytes(*form))


def _position(element: Element) -> int:
    return 1 if len(element) and element[0].tag == xml.name(SAML, "Issuer") else 0


def usable_key(key: PublicKey) -> bool:
    """Whether a signature by that key could be accepted."""
    return isinstance(key, ec.EllipticCurvePublicKey) or key.key_size >= MIN_RSA_BITS


def present(element: Element) -> bool:
    """Whether a signature is anywhere in the element."""
    return next(element.iter(xml.name(DS, "Signature")), None) is not None


def verified(element: Element, keys: Sequence[PublicKey], *, nested: bool = False) -> Element:
    """The signed content of an element, re-parsed from the very bytes that one of keys signed; else Invalid.

    The signature must be the element's own, and where the schema puts it. There is none beside it, or with `nested` none but
    deeper in the content, where it is content like any other. Its KeyInfo is not looked at: keys come from what was
    registered.
    """
    if not keys:
        raise Invalid("the message is signed, and no key is registered for its issuer")
    _refuse_twins(element)
    kept = [prefix for one in element.iter(xml.name(EC, "InclusiveNamespaces")) for prefix in _prefix_list(one)]
    whole = xml.parse(xml.canonical(element, tuple(kept)), what="message")  # the original is not looked at again
    signature = _own_signature(whole, nested)
    info, value = _signature_parts(signature)
    algorithm, prefixes, digest_method, digest = _signed_info(info, whole.get("ID", ""))
    _check(algorithm, keys, xml.canonical(info, _info_prefixes(info)), value)
    _take_out(signature)
    content = xml.canonical(whole, prefixes)
    if not hmac.compare_digest(_DIGESTS[digest_method](content), digest):
        raise Invalid("the message was changed after it was signed")
    return xml.parse(content, what="message")


def check_octets(algorithm: str, keys: Sequence[PublicKey], octets: bytes, value: str) -> None:
    """A detached signature, as the Redirect binding has it (bindings section 3.4.4.1)."""
    _check(algorithm, keys, octets, octets_of(value, "Signature"))


def octets_of(text: str, field: str) -> bytes:
    """Base64, strictly: nothing but the alphabet, and line breaks as XML tools write them."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as problem:
        raise Invalid(f"{field} is not base64", field=field) from problem


def _refuse_twins(element: Element) -> None:
    seen: set[str] = set()
    for one in element.getroottree().getroot().iter():
        for key, value in one.attrib.items():
            if etree.QName(str(key)).localname.lower() == "id":
                if value in seen:
                    raise Invalid("the message has the same ID twice")
                seen.add(str(value))


def _own_signature(whole: Element, nested: bool) -> Element:
    name = xml.name(DS, "Signature")
    found = whole.findall(name) if nested else list(whole.iter(name))
    position = _position(whole)
    if len(found) != 1 or len(whole) <= position or whole[position] is not found[0]:
        raise Invalid("the message must have exactly one signature, its own, behind its Issuer")
    return found[0]


def _children(parent: Element, *wanted: str) -> list[Element]:
    """The children, which must be exactly these, in this order."""
    if [one.tag for one in parent] != [xml.name(DS, local) for local in wanted]:
        raise Invalid(f"the signature's {xml.local_name(parent)} is not {', '.join(wanted)}")
    return list(parent)


def _signature_parts(signature: Element) -> tuple[Element, bytes]:
    parts = [one for one in signature if one.tag != xml.name(DS, "KeyInfo")]
    if len(signature) - len(parts) > 1 or [xml.local_name(one) for one in parts] != ["SignedInfo", "SignatureValue"]:
        raise Invalid("the signature must hold one SignedInfo, one SignatureValue and at most one KeyInfo")
    return parts[0], octets_of(xml.text_of(parts[1]), "SignatureValue")


def _signed_info(info: Element, id: str) -> tuple[str, tuple[str, ...], str, bytes]:
    """(signature algorithm, inclusive prefixes, digest algorithm, digest) of the one shape that we accept."""
    canonicalization, method, reference = _children(info, "CanonicalizationMethod", "SignatureMethod", "Reference")
    if canonicalization.get("Algorithm") != EC or len(method):
        raise Invalid("the signature's canonicalization is not exclusive C14N")
    if not id or reference.get("URI") != "#" + id:
        raise Invalid("the signature does not refer to the message that it is in")
    transforms, digest_method, digest = _children(reference, "Transforms", "DigestMethod", "DigestValue")
    enveloped, exclusive = _children(transforms, "Transform", "Transform")
    if (enveloped.get("Algorithm"), exclusive.get("Algorithm")) != (_ENVELOPED, EC) or len(enveloped):
        raise Invalid("the signature's transforms are not enveloped-signature and exclusive C14N")
    if digest_method.get("Algorithm") not in _DIGESTS:
        raise Invalid("the signature's digest algorithm is not accepted")
    value = octets_of(xml.text_of(digest), "DigestValue")
    return str(method.get("Algorithm")), _prefixes(exclusive), str(digest_method.get("Algorithm")), value


def _info_prefixes(info: Element) -> tuple[str, ...]:
    return _prefixes(info[0])


def _prefixes(method: Element) -> tuple[str, ...]:
    """The PrefixList of InclusiveNamespaces, the only parameter that exclusive C14N knows."""
    if not len(method):
        return ()
    if len(method) > 1 or method[0].tag != xml.name(EC, "InclusiveNamespaces"):
        raise Invalid("the signature's canonicalization has parameters that are not known")
    return _prefix_list(method[0])


def _prefix_list(inclusive: Element) -> tuple[str, ...]:
    return tuple(inclusive.get("PrefixList", "").split())


def _check(algorithm: str, keys: Sequence[PublicKey], octets: bytes, value: bytes) -> None:
    if algorithm not in _SIGNATURES:
        raise Invalid("the signature algorithm is not accepted: use RSA or ECDSA with SHA-256 or better")
    kind, hash_algorithm = _SIGNATURES[algorithm]
    if not any(isinstance(key, kind) and _fits(key, octets, value, hash_algorithm) for key in keys):
        raise Invalid("the signature does not verify with any key that is registered for the issuer")


def _fits(key: PublicKey, octets: bytes, value: bytes, hash_algorithm: hashes.HashAlgorithm) -> bool:
    try:
        if isinstance(key, rsa.RSAPublicKey):
            if key.key_size < MIN_RSA_BITS:
                return False
            key.verify(value, octets, padding.PKCS1v15(), hash_algorithm)
        else:
            half = (key.curve.key_size + 7) // 8
            if len(value) != 2 * half:
                return False
            numbers = int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big")
            key.verify(encode_dss_signature(*numbers), octets, ec.ECDSA(hash_algorithm))
    except InvalidSignature:
        return False
    return True


def _take_out(signature: Element) -> None:
    """The enveloped-signature transform: the element goes, the text behind it stays (lxml would take that along)."""
    parent, before, tail = signature.getparent(), signature.getprevious(), signature.tail or ""
    assert parent is not None
    if before is not None:
        before.tail = (before.tail or "") + tail
    else:
        parent.text = (parent.text or "") + tail
    signature.tail = None
    parent.remove(signature)

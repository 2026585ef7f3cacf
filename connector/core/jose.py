"""Signed tokens (RFC 7515, RFC 7519) with everything stated and nothing defaulted: algorithm, type, key."""

import base64
from collections.abc import Iterable
from typing import Any

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc import jwk, jws
from joserfc.errors import JoseError

from connector.core.errors import Invalid, Unauthenticated
from connector.core.keys import KeyRing, SigningKey

ASSERTION_ALGORITHMS = ("ES256", "ES384", "RS256", "PS256", "EdDSA", "Ed25519")
_TOKEN_ALGORITHM = "ES256"
_ALGORITHM_OF = {"RSA": "RS256", "P-256": "ES256", "P-384": "ES384", "Ed25519": "EdDSA"}
_MAX_TOKEN = 16 * 1024
_MIN_RSA_BITS = 2048
_MAX_KEYS = 100


class Signer:
    """Signs and checks our own tokens with the `oauth` keys; each is imported once. Keys that others make are noticed."""

    def __init__(self, keys: KeyRing) -> None:
        self._ring = keys
        self._imported: dict[str, jwk.Key] = {}
        self._version = -1
        self.version()

    def version(self) -> int:
        """Counts up with each change of our keys, which it looks for: what was verified before may not be any more."""
        version = self._ring.refresh()
        if version != self._version:
            self._imported = {key.id: _import(key) for key in self._ring.all("oauth")}
            self._version = version
        return version

    def sign(self, claims: dict[str, Any], *, type: str) -> str:
        """A compact JWS (RFC 7515 section 3.1). Put together here: joserfc would take longer to do so than the signature takes."""
        self.version()
        key = self._ring.active("oauth")
        assert isinstance(key.private, ec.EllipticCurvePrivateKey)
        header = {"alg": _TOKEN_ALGORITHM, "kid": key.id, "typ": type}
        signed = f"{_encoded(orjson.dumps(header))}.{_encoded(orjson.dumps(claims))}"
        r, s = decode_dss_signature(key.private.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"  # RFC 7518 section 3.4

    def open(self, token: str, *, type: str) -> dict[str, Any]:
        """The claims of a token that we signed and whose `typ` is that one. Unauthenticated for anything else."""
        header = unverified_header(token)
        self.version()
        key = self._imported.get(str(header.get("kid")))
        if key is None or str(header.get("typ", "")).lower() != type:
            raise Unauthenticated("the token is not one of ours")
        return verify(token, [key], algorithms=[_TOKEN_ALGORITHM])

    def public_set(self) -> dict[str, Any]:
        """The JWK Set (RFC 7517) that others verify our tokens with."""
        self.version()
        keys = [
            {**key.as_dict(private=False), "use": "sig", "alg": _TOKEN_ALGORITHM, "kid": id}
            for id, key in self._imported.items()
        ]
        return {"keys": keys}


def _encoded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def sign_with(private_pem: str, claims: dict[str, Any], *, header: dict[str, str]) -> str:
    """A JWT signed with somebody's private key (PEM: RSA, EC P-256 or P-384, Ed25519). Invalid where the key is unfit."""
    try:
        key = _from_pem(private_pem.encode())
        algorithm = _ALGORITHM_OF[str(key.as_dict(private=False).get("crv", "RSA"))]
        signed = {"alg": algorithm, "typ": "JWT", **header}
        return jws.serialize_compact(signed, orjson.dumps(claims), key, algorithms=[algorithm])
    except (JoseError, ValueError, KeyError, TypeError):  # without its cause, which may hold the key
        raise Invalid("the private key cannot sign: it must be RSA, EC P-256 or P-384, or Ed25519, in PEM") from None


def certificate_thumbprint(pem: bytes) -> str:
    """`x5t#S256` of a certificate (RFC 7515 section 4.1.8). Invalid where it is none."""
    try:
        digest = x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256())
    except ValueError as problem:
        raise Invalid("it is not a certificate in PEM") from problem
    return _encoded(digest)


def unverified_header(token: str) -> dict[str, Any]:
    """The protected header, to choose a key by. Unauthenticated where the token is not a compact JWS."""
    try:
        if len(token) > _MAX_TOKEN or token.count(".") != 2:
            raise ValueError
        encoded = token.split(".", maxsplit=1)[0]
        header = orjson.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
        if not isinstance(header, dict):
            raise ValueError
    except ValueError as problem:
        raise Unauthenticated("the token is not a signed JWT") from problem
    return header


def verify(token: str, keys: Iterable[jwk.Key], *, algorithms: Iterable[str]) -> dict[str, Any]:
    """The claims of a token that one of keys signed. Keys come from us, never from the token's header."""
    header = unverified_header(token)
    if header.get("alg") not in set(algorithms) or "crit" in header:
        raise Unauthenticated("the token's algorithm is not accepted")
    for key in keys:
        try:
            opened = jws.deserialize_compact(token, key, algorithms=list(algorithms))
            claims = orjson.loads(opened.payload)
        except (JoseError, ValueError):
            continue  # not this key; the next one may fit
        if isinstance(claims, dict):
            return claims
    raise Unauthenticated("the token's signature does not verify")


def key_set(document: Any) -> dict[str, jwk.Key]:
    """The usable signing keys of a JWK Set (RFC 7517 section 5), by `kid` or thumbprint; others are passed over.

    ValueError where it is no JWK Set or holds no key that we can use.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    found: dict[str, jwk.Key] = {}
    for one in (listed if isinstance(listed, list) else [])[:_MAX_KEYS]:
        if not isinstance(one, dict) or one.get("use", "sig") != "sig":
            continue
        try:
            key = import_public(one, field="key")
        except Invalid:
            continue
        found[str(one.get("kid") or key.thumbprint())] = key
    if not found:
        raise ValueError("it must be an object whose `keys` holds an EC, RSA or OKP key for signatures")
    return found


def unverified_claims(token: str) -> dict[str, Any]:
    """What the token says of itself, to choose a key by. Unauthenticated where it is not a compact JWS of an object."""
    return unverified(token)[1]


def unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, both."""
    header = unverified_header(token)
    payload = token.split(".")[1]
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        if not isinstance(claims, dict):
            raise ValueError
    except ValueError as problem:
        raise Unauthenticated("the token is not a signed JWT") from problem
    return header, claims


def import_public(key: dict[str, Any] | bytes, *, field: str) -> jwk.Key:
    """A public key for verifying client assertions, from a JWK or a DER SubjectPublicKeyInfo. Invalid where it is unfit."""
    try:
        if isinstance(key, bytes):
            public = serialization.load_der_public_key(key)
            pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            found: jwk.Key = _from_pem(pem)
        else:
            found = jwk.import_key({name: value for name, value in key.items() if name not in _PRIVATE_PARTS})
    except (JoseError, ValueError, TypeError, KeyError) as problem:
        raise Invalid(
            f"{field} is not a public key that we can use: EC P-256 or P-384, RSA or Ed25519 as a JWK", field=field
        ) from problem
    public_part = found.as_dict(private=False)
    if public_part["kty"] == "RSA" and _rsa_bits(public_part) < _MIN_RSA_BITS:
        raise Invalid(f"{field} is an RSA key of fewer than {_MIN_RSA_BITS} bits", field=field)
    if public_part["kty"] not in ("RSA", "EC", "OKP"):
        raise Invalid(f"{field} must be a public key (EC, RSA or OKP), not {public_part['kty']}", field=field)
    return found


# a caller may hand over its private JWK by mistake: not kept; `k` is a symmetric key, which is all private
_PRIVATE_PARTS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})


def embedded_key(header: dict[str, Any]) -> jwk.Key:
    """The public key in a token's own header: only for tokens that prove nothing but possession of it (RFC 9449 section 4.2)."""
    key = header.get("jwk")
    if not isinstance(key, dict) or not _PRIVATE_PARTS.union("k").isdisjoint(key):
        raise Unauthenticated("the header must hold a public key as jwk, without private parts")
    try:
        return import_public(key, field="jwk")
    except Invalid as problem:
        raise Unauthenticated(problem.detail) from problem


def _rsa_bits(public: dict[str, Any]) -> int:
    modulus = public["n"]
    return len(base64.urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4))) * 8


def _from_pem(pem: bytes) -> jwk.Key:
    for kind in ("EC", "RSA", "OKP"):
        try:
            return jwk.import_key(pem, kind)
        except (JoseError, ValueError, TypeError):
            continue
    raise ValueError("no kind of key fits")


def _import(key: SigningKey) -> jwk.Key:
    pem = key.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return jwk.import_key(pem, "EC", {"kid": key.id})

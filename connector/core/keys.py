"""The key ring: our own keys, one file each in a folder that only we can read. Made on first start, loaded once.

Purposes: `oauth` (P-256, access tokens), `saml` (RSA-2048 with its certificate, assertions), `sp` (the same, of the service provider
for people: its requests, and what is encrypted to it), `audit` (Ed25519, checkpoints), and
`seal` (32 random bytes, from which keys for authentication codes are derived), and where somebody asked for it `ca` (P-256 with its
certificate, client certificates of agents) and `samlec` (the same, assertions for applications that chose ECDSA). The newest key of a
purpose signs; all verify. A further `oauth`, `saml`, `samlec` or `sp` key is published for a while before it signs, so that whoever
keeps our key set or our metadata has it by then.
"""

import datetime
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509.oid import NameOID

from connector.core.clock import Clock, utc_now
from connector.core.errors import Invalid, Misconfigured

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
PURPOSES = ("oauth", "saml", "sp", "audit")
OPTIONAL = ("ca", "samlec")
PUBLISHED_FIRST = {
    "oauth": datetime.timedelta(minutes=10),  # twice as long as others may keep our key set
    "saml": datetime.timedelta(days=14),  # as long as others may keep our metadata: its validUntil
    "samlec": datetime.timedelta(days=14),
    "sp": datetime.timedelta(days=14),
}
_CERTIFICATE_LIFE = datetime.timedelta(
    days=3650
)  # SAML peers pin the key: its certificate's dates say nothing (IIP-MD12)


@dataclass(frozen=True)
class SigningKey:
    """A private key with its id (made of its public key, RFC 7638-like), and the certificate where it has one."""

    purpose: str
    id: str
    created: str
    private: PrivateKey
    certificate: x509.Certificate | None = None

    def __repr__(self) -> str:
        return f"SigningKey({self.purpose}, {self.id})"


class KeyRing:
    """Loads the keys of a folder, and makes those that are missing."""

    def __init__(self, folder: Path, *, clock: Clock = utc_now) -> None:
        self._folder = folder
        self._clock = clock
        with self._locked():
            for purpose in PURPOSES:
                if not self._files(purpose):
                    self._make(purpose)
            if not self._seal_file.exists():
                _write(self._seal_file, os.urandom(32))
        self._seen = -1
        self._version = 0
        self._keys: dict[str, list[SigningKey]] = {}
        self.refresh()

    def refresh(self) -> int:
        """Read the folder again where it has changed, as when another process made a key. Counts up each time that it had."""
        seen = self._folder.stat().st_mtime_ns
        if seen != self._seen:
            self._keys = {one: [_load(one, file) for file in self._files(one)] for one in (*PURPOSES, *OPTIONAL)}
            self._seen = seen
            self._version += 1
        return self._version

    def make(self, purpose: str) -> SigningKey:
        """One more key of that purpose."""
        with self._locked():
            self._make(purpose)
        self.refresh()
        return self._keys[purpose][-1]

    def retire(self, purpose: str, id: str) -> None:
        """Forget a key that does not sign: what it has signed is not accepted any more. Invalid where it still signs, or will."""
        found = [file for file in self._files(purpose) if file.stem.endswith(f"-{id}")]
        newer = [key for key in self.all(purpose) if key.id != id and self._published(key)]
        if not found or not newer or self.active(purpose).id == id:
            raise Invalid(f"{purpose} has no key {id!r} that another one signs for", field="id")
        found[0].unlink()
        self.refresh()

    def _published(self, key: SigningKey) -> bool:
        created = datetime.datetime.strptime(key.created, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
        return self._clock() - created >= PUBLISHED_FIRST[key.purpose]

    def __repr__(self) -> str:
        return f"KeyRing({self._folder})"

    def active(self, purpose: str) -> SigningKey:
        """The key that signs now."""
        keys = self._keys[purpose]
        if purpose in PUBLISHED_FIRST and len(keys) > 1:
            return next((key for key in reversed(keys) if self._published(key)), keys[0])
        return keys[-1]

    def all(self, purpose: str) -> list[SigningKey]:
        """Every key that may verify, the active one last."""
        return list(self._keys[purpose])

    def derive(self, use: str) -> bytes:
        """32 bytes for one use, from the sealing key (HKDF, RFC 5869)."""
        return HKDF(hashes.SHA256(), 32, salt=None, info=use.encode()).derive(self._seal)

    @property
    def _seal_file(self) -> Path:
        return self._folder / "seal.key"

    @cached_property
    def _seal(self) -> bytes:
        return self._seal_file.read_bytes()

    def _files(self, purpose: str) -> list[Path]:
        return sorted(self._folder.glob(f"{purpose}-*.pem"))

    def _make(self, purpose: str) -> None:
        private: PrivateKey
        if purpose in ("saml", "sp"):
            private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        elif purpose in ("oauth", "ca", "samlec"):
            private = ec.generate_private_key(ec.SECP256R1())
        else:
            private = ed25519.Ed25519PrivateKey.generate()
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        if isinstance(private, rsa.RSAPrivateKey) or purpose == "samlec":
            pem += _certificate(private, self._clock()).public_bytes(serialization.Encoding.PEM)
        if purpose == "ca":
            pem += _authority(private, self._clock()).public_bytes(serialization.Encoding.PEM)
        created = self._clock().strftime("%Y%m%dT%H%M%SZ")
        _write(self._folder / f"{purpose}-{created}-{_key_id(private)}.pem", pem)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._folder / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as problem:
            raise Misconfigured("The keys cannot be read.", [f"{self._folder}: {problem.strerror}"]) from problem
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two processes that start together must not both make the first keys
            yield
        finally:
            os.close(lock)


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all, since others read the folder meanwhile; made beside it, so that its time changes once."""
    making = file.parent / ".making"
    making.mkdir(mode=0o700, exist_ok=True)
    with open(os.open(making / file.name, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as out:
        out.write(content)
    os.rename(making / file.name, file)


def _load(purpose: str, file: Path) -> SigningKey:
    try:
        content = file.read_bytes()
        # made by ourselves, in a folder closed to others: proving its primes anew takes 20 ms at each start
        private = serialization.load_pem_private_key(content, None, unsafe_skip_rsa_key_validation=True)
        certificate = x509.load_pem_x509_certificate(content) if b"BEGIN CERTIFICATE" in content else None
    except (OSError, ValueError) as problem:
        raise Misconfigured("A key cannot be read.", [f"{file}: {type(problem).__name__}"]) from problem
    if not isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise Misconfigured("A key cannot be used.", [f"{file}: not an EC, RSA or Ed25519 key"])
    _, created, key_id = file.stem.split("-", 2)
    return SigningKey(purpose, key_id, created, private, certificate)


def _key_id(private: PrivateKey) -> str:
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    digest = hashes.Hash(hashes.SHA256())
    digest.update(public)
    return digest.finalize().hex()[:16]


def _certificate(private: PrivateKey, now: datetime.datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Agent IdP Connector")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + _CERTIFICATE_LIFE)
    )
    return builder.sign(private, hashes.SHA256())


def _authority(private: PrivateKey, now: datetime.datetime) -> x509.Certificate:
    """The certificate of our own CA, which may issue certificates of agents and no further CA."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Agent IdP Connector CA")])
    signs = dict.fromkeys(
        ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
    )
    usage = x509.KeyUsage(key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False, **signs)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + _CERTIFICATE_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
    )
    return builder.sign(private, hashes.SHA256())

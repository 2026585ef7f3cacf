"""A certificate authority for one test session, and the certificates servers, clients and agents need.

Certificates carry key identifiers and key usages because Python 3.13 and later verify chains strictly.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_LIFETIME = timedelta(days=30)
# Leaf certificates start in the past, so that a test with a slightly earlier frozen clock still finds them valid.
_BACKDATED = timedelta(days=1)


@dataclass(frozen=True)
class KeyPair:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def certificate_der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def write(self, directory: Path, name: str) -> tuple[Path, Path]:
        """Write `name.crt` and `name.key` (readable by us only) and return both paths."""
        certificate_file, key_file = directory / f"{name}.crt", directory / f"{name}.key"
        certificate_file.write_bytes(self.certificate_pem)
        key_file.touch(mode=0o600)
        key_file.write_bytes(self.key_pem)
        return certificate_file, key_file


@dataclass(frozen=True)
class Pki:
    """The test CA, and a server certificate for `localhost` and 127.0.0.1 written to files."""

    directory: Path
    ca: KeyPair
    ca_file: Path
    server_certificate_file: Path
    server_key_file: Path

    def server(self, address: str) -> tuple[Path, Path]:
        """Files of a server certificate and its key for one more IP address."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = _server_names(address)
        made = KeyPair(_issue(_name("localhost"), key, self.ca, ExtendedKeyUsageOID.SERVER_AUTH, names), key)
        return made.write(self.directory, f"server-{address}")

    def client(self, common_name: str, *, organization: str = "Example") -> KeyPair:
        """A client certificate the test CA vouches for (`O=Example,CN=...`), for mutual TLS and SASL EXTERNAL."""
        key = ec.generate_private_key(ec.SECP256R1())
        return KeyPair(_issue(_name(common_name, organization), key, self.ca, ExtendedKeyUsageOID.CLIENT_AUTH), key)


def make_pki(directory: Path) -> Pki:
    directory.mkdir(parents=True, exist_ok=True)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = KeyPair(_self_signed(_name("Test CA"), ca_key, is_ca=True), ca_key)
    server_key = ec.generate_private_key(ec.SECP256R1())
    names = _server_names("127.0.0.1")
    server = KeyPair(_issue(_name("localhost"), server_key, ca, ExtendedKeyUsageOID.SERVER_AUTH, names), server_key)
    ca_file, _ = ca.write(directory, "ca")
    certificate_file, key_file = server.write(directory, "server")
    return Pki(directory, ca, ca_file, certificate_file, key_file)


def self_signed(common_name: str, *, organization: str | None = None) -> KeyPair:
    """A certificate nobody vouches for, as an agent brings it for self-signed mutual TLS (RFC 8705 section 2.2)."""
    key = ec.generate_private_key(ec.SECP256R1())
    return KeyPair(_self_signed(_name(common_name, organization), key), key)


def self_signed_rsa(common_name: str) -> KeyPair:
    """The same with RSA, the only kind of key every SAML peer can verify."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return KeyPair(_self_signed(_name(common_name), key), key)


def _name(common_name: str, organization: str | None = None) -> x509.Name:
    parts = [] if organization is None else [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(subject: x509.Name, issuer: x509.Name, key: PrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _self_signed(subject: x509.Name, key: PrivateKey, *, is_ca: bool = False) -> x509.Certificate:
    builder = _builder(subject, subject, key).add_extension(
        x509.BasicConstraints(ca=is_ca, path_length=None), critical=True
    )
    if is_ca:  # a leaf goes without: OpenSSL accepts no self-signed anchor whose key usage forbids signing certificates
        builder = builder.add_extension(_key_usage(signs_certificates=True), critical=True)
    return builder.sign(key, hashes.SHA256())


def _server_names(address: str) -> list[x509.GeneralName]:
    return [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(address))]


def _issue(
    subject: x509.Name,
    key: PrivateKey,
    ca: KeyPair,
    usage: x509.ObjectIdentifier,
    names: Sequence[x509.GeneralName] = (),
) -> x509.Certificate:
    builder = (
        _builder(subject, ca.certificate.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(ca.key, hashes.SHA256())


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )

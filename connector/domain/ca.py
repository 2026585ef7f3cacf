"""A small certification authority for agents: short-lived client certificates from a CSR, named by a SPIFFE id. Optional.

The CSR gives the key and nothing else: names, usages and dates are ours to say. Each certificate is a credential of the agent, so
that revoking it, or all after a leak, keeps it out of our endpoints at once; elsewhere its short life does.
"""

from datetime import timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from connector.core import jose
from connector.core.errors import Denied, Invalid, NotFound
from connector.core.keys import KeyRing
from connector.domain import access, credentials
from connector.domain.unit import Unit

_BACKDATED = timedelta(minutes=1)


def issue(unit: Unit, ring: KeyRing, agent_id: str, csr: bytes, *, trust_domain: str, life: timedelta) -> str:
    """The certificate and the CA's, in PEM. NotFound where there is no CA here; Invalid where the CSR cannot be used.

    Denied where the agent may not sign on.
    """
    authorities = ring.all("ca")
    if not authorities:
        raise NotFound("this connector has no certification authority; make one with connector ca init")
    decision = access.may_sign_on(unit, agent_id)
    if not decision.allowed:
        raise Denied("; ".join(decision.reasons))
    key = _key_of(csr)
    authority = ring.active("ca")
    assert authority.certificate is not None and isinstance(authority.private, ec.EllipticCurvePrivateKey)
    now = unit.tx.moment
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, agent_id)]))
        .issuer_name(authority.certificate.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(min(now + life, authority.certificate.not_valid_after_utc))
    )
    certificate = _extended(builder, spiffe_id(trust_domain, agent_id), authority.certificate, key).sign(
        authority.private, hashes.SHA256()
    )
    pem = certificate.public_bytes(Encoding.PEM)
    credentials.register_certificate(unit, "agent", agent_id, pem, origin="ca")
    return (pem + authority.certificate.public_bytes(Encoding.PEM)).decode()


def spiffe_id(trust_domain: str, agent_id: str) -> str:
    """SPIFFE-ID section 2: scheme, trust domain, path."""
    return f"spiffe://{trust_domain}/agent/{agent_id}"


def _key_of(csr: bytes) -> ec.EllipticCurvePublicKey:
    try:
        request = x509.load_pem_x509_csr(csr)
        sound = request.is_signature_valid
        key = request.public_key()
        jose.import_public(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), field="csr")
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise Invalid("csr must be a certificate signing request (PKCS #10) in PEM", field="csr") from problem
    if not sound:
        raise Invalid("csr is not signed with the key that it holds", field="csr")
    return key  # type: ignore[return-value]  # one of those that import_public takes, which the builder takes, too


def _extended(
    builder: x509.CertificateBuilder, uri: str, authority: x509.Certificate, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    """What an X.509-SVID holds (SPIFFE X509-SVID section 4): one URI, no CA, digital signatures for TLS on both sides."""
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    own = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        builder.add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), critical=False)
    )


def _usage() -> x509.KeyUsage:
    others = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign"),
        False,
    )
    return x509.KeyUsage(digital_signature=True, encipher_only=False, decipher_only=False, **others)

"""The TLS client certificate of a request: from the TLS layer, or from the proxy in front of us (RFC 9440).

A server that ends TLS itself puts the certificate into the WSGI environment, where no request can. A header counts only where it
comes from the address of a proxy that we trust; from elsewhere it is forged, and the request is refused.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any
from urllib.parse import unquote

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from connector.core.errors import Unauthenticated
from connector.domain import credentials

_MAX_HEADER = 16 * 1024
_MAX_CHAIN = 5


@dataclass(frozen=True)
class Shown:
    """A certificate and those that came with it; `trusted` where a CA of ours, or one that we were told to trust, issued it."""

    certificate: x509.Certificate
    trusted: bool

    @property
    def thumbprint(self) -> str:
        return credentials.thumbprint(self.certificate)


class Certificates:
    """Reads certificates of requests. `anchors` are the CAs whose certificates count as trusted, asked for each time."""

    def __init__(
        self,
        proxies: tuple[IPv4Network | IPv6Network, ...],
        anchors: Callable[[], list[x509.Certificate]],
        clock: Callable[[], datetime],
    ) -> None:
        self._proxies = proxies
        self._anchors = anchors
        self._clock = clock

    def shown(self, environ: Mapping[str, Any]) -> Shown | None:
        """None where the request came without one. Unauthenticated where a stranger sent the header, or it cannot be read."""
        header, chain = environ.get("HTTP_CLIENT_CERT", ""), environ.get("HTTP_CLIENT_CERT_CHAIN", "")
        if not header and not chain:
            own = _from_tls(environ)
            return self._judged(own, []) if own is not None else None
        if not self.is_proxy(environ.get("REMOTE_ADDR", "")):
            raise Unauthenticated("Client-Cert is taken from a trusted proxy only, see the setting trusted_proxies")
        if not header:
            return None
        return self._judged(
            _from_header(header), [_from_header(one) for one in chain.split(",")[:_MAX_CHAIN] if one.strip()]
        )

    def is_proxy(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._proxies)

    def _judged(self, certificate: x509.Certificate, chain: list[x509.Certificate]) -> Shown:
        anchors = self._anchors()
        return Shown(certificate, bool(anchors) and _chains_up(certificate, chain, anchors, self._clock()))


def is_current(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc


def names_of(certificate: x509.Certificate) -> set[str]:
    """Everything that a certificate can be registered by (RFC 8705 section 2.1.2), as `form:value`."""
    found = {f"subject_dn:{certificate.subject.rfc4514_string()}"}
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return found
    found |= {f"san_dns:{name}" for name in alternatives.get_values_for_type(x509.DNSName)}
    found |= {f"san_uri:{name}" for name in alternatives.get_values_for_type(x509.UniformResourceIdentifier)}
    found |= {f"san_email:{name}" for name in alternatives.get_values_for_type(x509.RFC822Name)}
    return found | {f"san_ip:{name}" for name in alternatives.get_values_for_type(x509.IPAddress)}


def _chains_up(
    certificate: x509.Certificate, chain: list[x509.Certificate], anchors: list[x509.Certificate], now: datetime
) -> bool:
    policy = verification.ExtensionPolicy.permit_all().may_be_present(
        x509.ExtendedKeyUsage, verification.Criticality.AGNOSTIC, _for_clients
    )
    builder = verification.PolicyBuilder().store(verification.Store(anchors)).time(now)
    builder = builder.extension_policies(ca_policy=verification.ExtensionPolicy.webpki_defaults_ca(), ee_policy=policy)
    try:
        builder.build_client_verifier().verify(certificate, chain)
    except (verification.VerificationError, ValueError, UnsupportedAlgorithm):
        return False
    return True


def _for_clients(_policy: object, _certificate: object, usage: x509.ExtendedKeyUsage | None) -> None:
    if usage is not None and ExtendedKeyUsageOID.CLIENT_AUTH not in usage:
        raise ValueError("the certificate is not for clients")


def _from_tls(environ: Mapping[str, Any]) -> x509.Certificate | None:
    """What a server that ends TLS itself tells: PEM in `SSL_CLIENT_CERT`, or, of gunicorn, the socket to ask."""
    if pem := environ.get("SSL_CLIENT_CERT", ""):
        return _from_pem(pem)
    peer = getattr(environ.get("gunicorn.socket"), "getpeercert", None)
    der = peer(binary_form=True) if peer is not None else None
    return x509.load_der_x509_certificate(der) if der else None


def _from_header(value: str) -> x509.Certificate:
    """RFC 9440 section 2.1: DER in base64 between colons; or the percent-encoded PEM that nginx can send."""
    value = value.strip()
    if len(value) > _MAX_HEADER:
        raise Unauthenticated("Client-Cert is too long")
    if value.startswith("-----BEGIN"):
        return _from_pem(unquote(value))
    try:
        if not (value.startswith(":") and value.endswith(":")):
            raise ValueError(value)
        return x509.load_der_x509_certificate(base64.b64decode(value[1:-1], validate=True))
    except (ValueError, binascii.Error) as problem:
        raise Unauthenticated("Client-Cert holds no certificate in base64 between colons") from problem


def _from_pem(text: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(text.encode())
    except ValueError as problem:
        raise Unauthenticated("the client certificate cannot be read") from problem

"""Where `connector serve` listens, looked at before anything is made: the server itself would only panic."""

import socket
import ssl

from connector.core.errors import Misconfigured
from connector.settings import Settings


def address(settings: Settings) -> str:
    """The IP address that `host` means, IPv4 where it has both. Misconfigured where it cannot be listened on."""
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
        family, kind, number, _, place = min(found, key=lambda one: one[0] != socket.AF_INET)
        with socket.socket(family, kind, number) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(place)
    except OSError as problem:
        raise Misconfigured(
            f"Cannot listen on {settings.host} port {settings.port}.",
            [f"{problem.strerror}; --host and --port, or CONNECTOR_HOST and CONNECTOR_PORT, name another"],
        ) from problem
    return str(place[0])


def check_tls(settings: Settings) -> None:
    """Misconfigured where certificate and key are no PEM, or do not belong together."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_certificate, settings.tls_key, password="")
    except (OSError, ValueError) as problem:
        raise Misconfigured(
            "tls_certificate and tls_key cannot be used.",
            [
                f"{settings.tls_certificate}, {settings.tls_key}: must be PEM, the key unencrypted, and belong together: {problem}"
            ],
        ) from problem

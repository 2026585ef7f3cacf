"""How an agent proves itself: one class for each method. Each puts its proof into a token request; none shows itself in a repr."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from joserfc import jwk, jwt

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SECONDS = 60


@dataclass
class Outgoing:
    """A token request to be: its form, HTTP Basic credentials, and the client certificate for the connection."""

    form: dict[str, str] = field(repr=False)
    auth: tuple[str, str] | None = field(default=None, repr=False)
    certificate: tuple[str, str] | None = None


class Credential(Protocol):
    """Puts its proof into the request, afresh each time. `issuer` is the server's, by its metadata."""

    def prove(self, outgoing: Outgoing, issuer: str) -> None: ...


@dataclass(frozen=True)
class Secret:
    """client_secret_basic (RFC 6749 section 2.3.1)."""

    client_id: str
    secret: str = field(repr=False)

    def prove(self, outgoing: Outgoing, issuer: str) -> None:
        outgoing.auth = self.client_id, self.secret


@dataclass(frozen=True)
class PrivateKey:
    """private_key_jwt (RFC 7523, RFC 10070): an EC P-256 key as a JWK, or as PEM; nothing secret leaves the agent."""

    client_id: str
    key: Any = field(repr=False)
    now: Callable[[], float] = field(default=time.time, repr=False)

    @classmethod
    def from_pem(cls, client_id: str, file: str) -> "PrivateKey":
        return cls(client_id, jwk.import_key(Path(file).read_bytes(), "EC"))

    def prove(self, outgoing: Outgoing, issuer: str) -> None:
        moment = int(self.now())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": issuer,
            "iat": moment,
            "exp": moment + _SECONDS,
            "jti": secrets.token_urlsafe(16),
        }
        header = {"alg": "ES256", "typ": "client-authentication+jwt"}
        token = jwt.encode(header, claims, self.key, algorithms=["ES256"])
        outgoing.form |= {"client_assertion_type": _ASSERTION, "client_assertion": token}


@dataclass(frozen=True)
class Certificate:
    """tls_client_auth and self_signed_tls_client_auth (RFC 8705): files with the certificate and its key."""

    client_id: str
    certificate: str
    key: str

    def prove(self, outgoing: Outgoing, issuer: str) -> None:
        outgoing.form["client_id"] = self.client_id
        outgoing.certificate = self.certificate, self.key


@dataclass(frozen=True)
class Federated:
    """Workload identity (RFC 7523): a token of another issuer, such as the file that Kubernetes keeps fresh. Read each time."""

    token: Callable[[], str] = field(repr=False)

    @classmethod
    def from_file(cls, file: str) -> "Federated":
        return cls(lambda: Path(file).read_text().strip())

    def prove(self, outgoing: Outgoing, issuer: str) -> None:
        outgoing.form |= {"client_assertion_type": _ASSERTION, "client_assertion": self.token()}

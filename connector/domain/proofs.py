"""Proof that the sender of a token holds its key: DPoP (RFC 9449), or the TLS client certificate (RFC 8705 section 3).

A proof is made for one request: method, address, and, with a token, that token. Its jti is good once. Nonces are made from the clock
and a key of ours, so that every process knows them without asking another.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from connector.core import jose
from connector.core.clock import to_text
from connector.core.errors import BadProof, Unauthenticated
from connector.domain import credentials
from connector.domain.unit import SYSTEM, Domain

_NONCE_SECONDS = 150  # good for this long at least, and twice as long at most
_MAX_AGE = timedelta(seconds=300)
_SKEW = timedelta(seconds=30)
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Shown:
    """What a request shows beside its token: where it goes, its DPoP headers, its certificate's x5t#S256."""

    method: str
    url: str
    dpop: tuple[str, ...] = ()
    certificate: str | None = None


class Proofs:
    """Checks proofs. `nonces`: only proofs with a nonce of ours are taken (section 8)."""

    def __init__(self, domain: Domain, *, nonces: bool) -> None:
        self._domain = domain
        self._nonces = nonces
        self._key = domain.keys.derive("dpop nonce")

    @property
    def nonce(self) -> str:
        """The nonce to use now."""
        return self._nonce(0)

    def confirmation(self, shown: Shown) -> dict[str, str]:
        """The `cnf` of a token for who shows this: by DPoP, by certificate, by both, or empty."""
        found: dict[str, str] = {}
        if shown.dpop:
            found["jkt"] = self._thumbprint(shown, token=None)
        if shown.certificate:
            found["x5t#S256"] = shown.certificate
        return found

    def check(self, confirmation: Mapping[str, str], shown: Shown, *, scheme: str, token: str) -> None:
        """BadProof where the request does not show the key that the token is bound to."""
        bound = confirmation.get("jkt")
        if (bound is None) == (
            scheme == "dpop"
        ):  # section 7.2: such a token may not be used as a plain bearer, nor the reverse
            wanted = "Bearer" if bound is None else "DPoP"
            raise BadProof(f"this token needs the scheme {wanted}", code="invalid_token")
        if bound is not None and not hmac.compare_digest(self._thumbprint(shown, token=token), bound):
            raise BadProof("the proof is not made with the key that the token is bound to", code="invalid_token")
        certificate = confirmation.get("x5t#S256")
        if certificate is not None and not hmac.compare_digest(shown.certificate or "", certificate):
            raise BadProof("the token is bound to another client certificate", code="invalid_token")

    def _thumbprint(self, shown: Shown, *, token: str | None) -> str:
        if len(shown.dpop) != 1:
            raise BadProof("send exactly one DPoP header")
        proof = shown.dpop[0]
        try:
            header = jose.unverified_header(proof)
            if header.get("typ") != "dpop+jwt":
                raise Unauthenticated("its typ must be dpop+jwt")
            key = jose.embedded_key(header)
            claims = jose.verify(proof, [key], algorithms=jose.ASSERTION_ALGORITHMS)
        except Unauthenticated as problem:
            raise BadProof(f"the DPoP proof is not accepted: {problem.detail}") from problem
        self._check_claims(claims, shown, token)
        thumbprint = key.thumbprint()
        self._once(thumbprint, claims)
        return thumbprint

    def _check_claims(self, claims: dict[str, Any], shown: Shown, token: str | None) -> None:
        now = self._domain.database.clock()
        hashed = base64.urlsafe_b64encode(hashlib.sha256((token or "").encode()).digest()).rstrip(b"=").decode()
        checks = {
            "htm": claims.get("htm") == shown.method,
            "htu": isinstance(claims.get("htu"), str) and _place(claims["htu"]) == _place(shown.url),
            "iat": now - _MAX_AGE <= _moment(claims.get("iat")) <= now + _SKEW,
            "jti": isinstance(claims.get("jti"), str) and 0 < len(claims["jti"]) <= 256,
            "ath": token is None or claims.get("ath") == hashed,
        }
        wrong = [name for name, fits in checks.items() if not fits]
        if wrong:
            raise BadProof(f"the DPoP proof does not fit this request: {', '.join(wrong)}")
        given = str(claims.get("nonce", ""))
        if self._nonces and not any(hmac.compare_digest(given.encode(), self._nonce(-n).encode()) for n in (0, 1)):
            raise BadProof("make the proof with the nonce in DPoP-Nonce", code="use_dpop_nonce", nonce=self.nonce)

    def _once(self, thumbprint: str, claims: dict[str, Any]) -> None:
        until = to_text(self._domain.database.clock() + _MAX_AGE + 2 * _SKEW)
        with self._domain.change(SYSTEM) as unit:
            if credentials.used_before(unit, f"dpop {thumbprint}", claims["jti"], until):
                raise BadProof("the DPoP proof was used before")

    def _nonce(self, offset: int) -> str:
        number = int(self._domain.database.clock().timestamp()) // _NONCE_SECONDS + offset
        return hmac.digest(self._key, str(number).encode(), "sha256").hex()[:32]


def _moment(value: Any) -> datetime:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e11:
        return datetime.fromtimestamp(value, UTC)
    return datetime.min.replace(tzinfo=UTC)


def _place(url: str) -> tuple[str, str, int | None, str] | None:
    """Scheme, host, port and path: what htu is compared by (section 4.3), without query and fragment."""
    try:
        parts = urlsplit(url)
        return parts.scheme, (parts.hostname or ""), parts.port or _PORTS.get(parts.scheme), parts.path or "/"
    except ValueError:
        return None

"""The agent's side of DPoP (RFC 9449): a key, and the proofs that are made with it."""

import base64
import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from joserfc import jwk, jwt


class DPoPKey:
    """A key that tokens are bound to. Keep it as long as the tokens; a new one is made where none is given."""

    def __init__(self, key: jwk.Key | None = None, *, now: Callable[[], float] = time.time) -> None:
        self._key: Any = key or jwk.generate_key("EC", "P-256")
        self._now = now
        self._nonces: dict[str, str] = {}  # by origin: each server has its own (section 8.2)

    def __repr__(self) -> str:
        return f"DPoPKey({self.thumbprint})"

    @property
    def thumbprint(self) -> str:
        """What a server knows the key by (RFC 7638)."""
        return str(self._key.thumbprint())

    def remember(self, url: str, nonce: str | None) -> None:
        """The nonce that this server wants from now on."""
        if nonce:
            self._nonces[_origin(url)] = nonce

    def proof(self, method: str, url: str, *, token: str | None = None) -> str:
        """A proof for one request; with a token, for that token (section 4.2)."""
        parts = urlsplit(url)
        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method.upper(),
            "htu": urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")),
            "iat": int(self._now()),
        }
        if nonce := self._nonces.get(_origin(url)):
            claims["nonce"] = nonce
        if token is not None:
            claims["ath"] = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
        header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": self._key.as_dict(private=False)}
        return jwt.encode(header, claims, self._key, algorithms=["ES256"])


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"

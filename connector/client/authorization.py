"""Asking a person: the address that their browser is sent to, and what is believed of the answer (RFC 6749 section 4.1, RFC 7636)."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from connector.client.errors import TokenRefused


@dataclass(frozen=True)
class Authorization:
    """One question to one person. `state` and `verifier` stay with the agent, in that person's session, until the answer."""

    url: str
    issuer: str
    redirect_uri: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)

    @classmethod
    def begin(
        cls,
        endpoint: str,
        issuer: str,
        asked: Mapping[str, str],
        push: Callable[[dict[str, str]], dict[str, str]] = lambda request: request,
    ) -> "Authorization":
        """With a state and a verifier of its own. `push` makes of the request what the address says of it (RFC 9126)."""
        state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        fixed = {"response_type": "code", "state": state, "code_challenge": challenge, "code_challenge_method": "S256"}
        query = urlencode(push({**asked, **fixed}), quote_via=quote)
        return cls(f"{endpoint}?{query}", issuer, asked["redirect_uri"], state, verifier)

    def redemption(self, answer: str) -> dict[str, str]:
        """The token request for the answer. TokenRefused where it is an error, another question's, or another server's (RFC 9207)."""
        told = {name: values[0] for name, values in parse_qs(urlsplit(answer).query).items()}
        if not hmac.compare_digest(told.get("state", "").encode(), self.state.encode()):
            raise TokenRefused("invalid_request", "the answer does not belong to this question (state)", 400)
        if told.get("iss") != self.issuer:
            raise TokenRefused("invalid_request", f"the answer is not one of {self.issuer} (iss)", 400)
        if "code" not in told:
            raise TokenRefused(told.get("error", "server_error"), told.get("error_description", ""), 400)
        return {
            "grant_type": "authorization_code",
            "code": told["code"],
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
        }

"""How we prove who we are to a target over HTTP: a static token, or OAuth client credentials (RFC 6749 section 4.4).

In: a SignIn, which holds references already resolved. Out: the Authorization header, and texts with our secrets blotted out. A token
is kept until shortly before its end; the client proves itself by its secret or by a signed assertion (RFC 7523).
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

from connector.core import ids, jose
from connector.core.clock import Clock
from connector.core.http import Answer, HttpClient, HttpFailure
from connector.core.secret import Secret
from connector.targets.base import NotAllowed, Unreachable

_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_LIFETIME: Final = 300
_EARLY: Final = 30  # seconds before its end that a token is no longer used
_BLOT: Final = "********"
_MAX_REASON: Final = 200

Json = dict[str, Any]


@dataclass(frozen=True)
class SignIn:
    """A static token under a scheme (Bearer, SSWS), or what it takes to be given one.

    `private_key` (PEM) signs an assertion instead of sending `client_secret`; `key_header` is what the assertion's header says of
    the key (kid, x5t#S256). `secret_in_form` sends the secret in the form, for servers that know no Basic here.
    """

    token: Secret | None = None
    scheme: str = "Bearer"
    token_url: str = ""
    client_id: str = ""
    client_secret: Secret | None = None
    private_key: Secret | None = None
    key_header: Mapping[str, str] = field(default_factory=dict)
    scope: str = ""
    secret_in_form: bool = False


class Tokens:
    """The present token. Threads may share it: at worst two of them ask for one at the same time."""

    def __init__(self, sign_in: SignIn, http: HttpClient, clock: Clock) -> None:
        self._sign_in = sign_in
        self._http = http
        self._clock = clock
        self._held: tuple[Secret, datetime] | None = None
        self._assertion = Secret("")

    def authorization(self) -> str:
        """The header's value. NotAllowed where we are given no token, Unreachable where nobody says so."""
        token = self._sign_in.token or self._current()
        return f"{self._sign_in.scheme} {token.reveal()}"

    def renew(self) -> bool:
        """Forget the token, which was refused; whether another one can be had."""
        held, self._held = self._held, None
        return held is not None

    def blot(self, text: str) -> str:
        """The text without our secrets, should the other side repeat them."""
        held = self._held[0] if self._held else None
        known = (self._sign_in.token, held, self._sign_in.client_secret, self._assertion)
        # The longest first: a short one may happen to be a part of it, and would leave the rest.
        for secret in sorted(
            (one.reveal() for one in known if one is not None and one.reveal()), key=len, reverse=True
        ):
            text = text.replace(secret, _BLOT)
        return text

    def _current(self) -> Secret:
        held = self._held
        if held is not None and held[1] > self._clock():
            return held[0]
        form, headers = self._proof()
        url = self._sign_in.token_url
        try:
            answer = self._http.send("POST", url, body=urlencode(form).encode(), headers=headers)
        except HttpFailure as problem:
            raise Unreachable(problem.detail) from problem
        given = json_object(answer)
        if answer.status in (400, 401, 403):
            raise NotAllowed(f"{url} gives us no token ({answer.status}): {self._reason(given)}")
        if answer.status != 200 or not isinstance(given.get("access_token"), str):
            raise Unreachable(f"{url} gave no token ({answer.status})", retry_after=answer.retry_after)
        lifetime = max(0, (number(given.get("expires_in")) or 300) - _EARLY)
        token = Secret(given["access_token"])
        self._held = (token, self._clock() + timedelta(seconds=lifetime))
        return token

    def _proof(self) -> tuple[dict[str, str], dict[str, str]]:
        """The form and the headers of a token request."""
        sign_in = self._sign_in
        form = {"grant_type": "client_credentials"} | ({"scope": sign_in.scope} if sign_in.scope else {})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if sign_in.private_key is not None:
            self._assertion = Secret(self._signed(sign_in.private_key))
            proof = {"client_assertion_type": _ASSERTION_TYPE, "client_assertion": self._assertion.reveal()}
            return form | {"client_id": sign_in.client_id} | proof, headers
        secret = (sign_in.client_secret or Secret("")).reveal()
        if sign_in.secret_in_form:
            return form | {"client_id": sign_in.client_id, "client_secret": secret}, headers
        pair = f"{quote(sign_in.client_id, safe='')}:{quote(secret, safe='')}"  # RFC 6749 section 2.3.1
        return form, headers | {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}

    def _signed(self, key: Secret) -> str:
        now = int(self._clock().timestamp())
        claims = {
            "iss": self._sign_in.client_id,
            "sub": self._sign_in.client_id,
            "aud": self._sign_in.token_url,
            "iat": now,
            "nbf": now,
            "exp": now + _ASSERTION_LIFETIME,
            "jti": ids.new_id("jti"),
        }
        return jose.sign_with(key.reveal(), claims, header=dict(self._sign_in.key_header))

    def _reason(self, given: Json) -> str:
        """`error` and `error_description` (RFC 6749 section 5.2) on one line."""
        parts = [str(given[name]) for name in ("error", "error_description") if given.get(name)]
        return " ".join(self.blot(": ".join(parts) or "it gave no reason").split())[:_MAX_REASON]


def json_object(answer: Answer) -> Json:
    """The body where it is a JSON object, else {}."""
    try:
        parsed = answer.json()
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def number(value: Any) -> int | None:
    """A number that may have come as text; None for anything else."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None

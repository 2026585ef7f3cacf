"""Client authentication at the token endpoint: one table of methods (RFC 6749 section 2.3, RFC 7523 section 2.2).

Every failure is the same `invalid_client`: who asks learns nothing of which part was wrong.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus

import orjson
from joserfc import jwk
from joserfc.errors import JoseError

from connector.core import jose
from connector.core.clock import to_text
from connector.core.errors import Unauthenticated
from connector.domain import clients, credentials
from connector.domain.unit import Caller, Unit

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_REFUSED = "client authentication failed"
_MAX_LIFE = timedelta(minutes=60)
_SKEW = timedelta(seconds=60)


@dataclass(frozen=True)
class Presented:
    """What a request presents: its form and its Authorization header. Never logged."""

    form: Mapping[str, str]
    authorization: str | None

    def __repr__(self) -> str:
        return "Presented(********)"


@dataclass(frozen=True)
class Audiences:
    """What an assertion may be addressed to: the issuer (RFC 10070), or the token endpoint (RFC 7523 as many clients do it)."""

    issuer: str
    token_endpoint: str


def decode_basic(header: str | None) -> tuple[str, str] | None:
    """(id, secret) of an HTTP Basic header, form-decoded as RFC 6749 section 2.3.1 says; None for another header."""
    kind, _, encoded = (header or "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        id, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (ValueError, binascii.Error) as problem:
        raise Unauthenticated(_REFUSED) from problem
    if not colon:
        raise Unauthenticated(_REFUSED)
    return unquote_plus(id), unquote_plus(secret)


def authenticate(unit: Unit, presented: Presented, audiences: Audiences) -> Caller:
    """The client or agent that proved itself by exactly one method. Unauthenticated, in one wording, for anything else."""
    used = [method for method, (is_used, _) in METHODS.items() if is_used(presented)]
    if len(used) != 1:
        raise Unauthenticated("authenticate by exactly one of " + ", ".join(METHODS))
    id = METHODS[used[0]][1](unit, presented, audiences)
    caller = clients.caller_of(unit, id)
    if caller is None:
        raise Unauthenticated(_REFUSED)
    return caller


def _by_basic(unit: Unit, presented: Presented, _audiences: Audiences) -> str:
    pair = decode_basic(presented.authorization)
    assert pair is not None
    return _check_secret(unit, *pair)


def _by_post(unit: Unit, presented: Presented, _audiences: Audiences) -> str:
    return _check_secret(unit, presented.form.get("client_id", ""), presented.form["client_secret"])


def _check_secret(unit: Unit, id: str, secret: str) -> str:
    if not credentials.secret_matches(unit, id, secret):
        raise Unauthenticated(_REFUSED)
    return id


def _by_assertion(unit: Unit, presented: Presented, audiences: Audiences) -> str:
    """private_key_jwt: the keys are those that we hold for the claimed issuer, never those in the token's header."""
    token = presented.form["client_assertion"]
    if presented.form.get("client_assertion_type") != ASSERTION_TYPE:
        raise Unauthenticated(_REFUSED)
    claimed = _unverified_issuer(token)
    try:
        keys = [jwk.import_key(key) for key in credentials.public_keys(unit, claimed)]
    except JoseError as problem:
        raise Unauthenticated(_REFUSED) from problem
    if str(jose.unverified_header(token).get("typ", "jwt")).lower() not in ("jwt", "client-authentication+jwt"):
        raise Unauthenticated(_REFUSED)
    claims = jose.verify(token, keys, algorithms=jose.ASSERTION_ALGORITHMS)
    _check_claims(unit, claims, claimed, presented.form.get("client_id", claimed), audiences)
    return claimed


def _check_claims(unit: Unit, claims: dict[str, Any], claimed: str, client_id: str, audiences: Audiences) -> None:
    """RFC 7523 section 3: who, for whom, how long, and only once."""
    now = unit.tx.moment
    audience = claims.get("aud")
    accepted = (audiences.issuer, audiences.token_endpoint)
    try:
        expires = datetime.fromtimestamp(float(claims["exp"]), UTC)
        not_before = datetime.fromtimestamp(float(claims.get("nbf", claims.get("iat", 0))), UTC)
        jti = str(claims["jti"])
    except (KeyError, TypeError, ValueError, OverflowError) as problem:
        raise Unauthenticated(_REFUSED) from problem
    single = audience[0] if isinstance(audience, list) and len(audience) == 1 else audience
    checks = (
        claims.get("iss") == claims.get("sub") == claimed == client_id,
        single in accepted,  # one audience, ours: an assertion for another server is not for us as well
        now - _SKEW < expires < now + _MAX_LIFE,
        not_before <= now + _SKEW,
        0 < len(jti) <= 256,
    )
    if not all(checks):
        raise Unauthenticated(_REFUSED)
    # Remembered until after the last moment at which the assertion could still be accepted.
    if credentials.used_before(unit, f"client-assertion {claimed}", jti, to_text(expires + 2 * _SKEW)):
        raise Unauthenticated(_REFUSED)


def _unverified_issuer(token: str) -> str:
    jose.unverified_header(token)
    payload = token.split(".")[1]
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(claims["iss"])
    except (ValueError, KeyError, TypeError) as problem:
        raise Unauthenticated(_REFUSED) from problem


Method = Callable[[Unit, Presented, Audiences], str]
METHODS: dict[str, tuple[Callable[[Presented], bool], Method]] = {
    "client_secret_basic": (lambda p: (p.authorization or "").lower().startswith("basic "), _by_basic),
    "client_secret_post": (lambda p: "client_secret" in p.form, _by_post),
    "private_key_jwt": (lambda p: "client_assertion" in p.form, _by_assertion),
}

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

from joserfc import jwk
from joserfc.errors import JoseError

from connector.core import jose
from connector.core.clock import to_text
from connector.core.errors import Unauthenticated
from connector.domain import clients, credentials
from connector.domain.unit import Caller, Unit
from connector.edges.oauth.errors import Refused
from connector.edges.oauth.federation import Claimed

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_MAX_LIFE = timedelta(minutes=70)  # Entra's assertions live an hour and a little
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
        raise Refused("the Basic header cannot be read") from problem
    if not colon:
        raise Refused("the Basic header holds no colon")
    return unquote_plus(id), unquote_plus(secret)


def claimed_id(presented: Presented) -> str:
    """Who the request says it is, unverified and cut short: to count failures by."""
    try:
        pair = decode_basic(presented.authorization)
        if pair is not None:
            return pair[0][:100]
        if "client_assertion" in presented.form:
            claims = jose.unverified_claims(presented.form["client_assertion"])
            return f"{claims.get('iss')} {claims.get('sub')}"[:200]
    except Unauthenticated:
        return ""
    return presented.form.get("client_id", "")[:100]


def authenticate(unit: Unit, presented: Presented, audiences: Audiences, claimed: Claimed | None = None) -> Caller:
    """The client or agent that proved itself by exactly one method. Refused, in one wording, for anything else.

    `claimed` is the trust that the assertion names, where there is one (Federation.claimed).
    """
    used = [method for method, (is_used, _) in METHODS.items() if is_used(presented)]
    if len(used) != 1:
        raise Unauthenticated("authenticate by exactly one of " + ", ".join(METHODS))
    try:
        method = METHODS[used[0]][1]
        id = _by_trust(unit, presented, claimed) if claimed else method(unit, presented, audiences)
    except Refused:
        raise
    except Unauthenticated as problem:  # such as a signature that does not verify
        raise Refused(problem.detail, holder=claimed.trust.client_id if claimed else None) from problem
    caller = clients.caller_of(unit, id)
    if caller is None:
        raise Refused("it is not known or not active", holder=id)
    return caller


def _by_basic(unit: Unit, presented: Presented, _audiences: Audiences) -> str:
    pair = decode_basic(presented.authorization)
    assert pair is not None
    return _check_secret(unit, *pair)


def _by_post(unit: Unit, presented: Presented, _audiences: Audiences) -> str:
    return _check_secret(unit, presented.form.get("client_id", ""), presented.form["client_secret"])


def _check_secret(unit: Unit, id: str, secret: str) -> str:
    if not credentials.secret_matches(unit, id, secret):
        raise Refused("the secret is not one of its live ones", holder=id)
    return id


def _by_assertion(unit: Unit, presented: Presented, audiences: Audiences) -> str:
    """private_key_jwt: the keys are those that we hold for the claimed issuer, never those in the token's header."""
    token = _assertion(presented)
    holder = str(jose.unverified_claims(token).get("iss"))
    try:
        keys = [jwk.import_key(key) for key in credentials.public_keys(unit, holder)]
        claims = jose.verify(token, keys, algorithms=jose.ASSERTION_ALGORITHMS)
    except (JoseError, Unauthenticated) as problem:
        raise Refused("the assertion is not signed with one of its keys", holder=holder) from problem
    named = presented.form.get("client_id", holder)
    wrong = [] if claims.get("iss") == claims.get("sub") == holder == named else ["iss, sub and client_id"]
    _check_claims(unit, claims, holder, wrong, (audiences.issuer, audiences.token_endpoint))
    return holder


def _by_trust(unit: Unit, presented: Presented, claimed: Claimed) -> str:
    """An assertion of an issuer elsewhere, about the subject that stands for the client (RFC 7523 section 3)."""
    token, trust = _assertion(presented), claimed.trust
    claims = jose.verify(token, claimed.keys, algorithms=jose.ASSERTION_ALGORITHMS)
    wrong = []
    if (claims.get("iss"), claims.get("sub")) != (trust.issuer, trust.subject):
        wrong.append("iss and sub")
    if presented.form.get("client_id", trust.client_id) not in (trust.client_id, trust.subject):
        wrong.append("client_id")
    _check_claims(unit, claims, trust.client_id, wrong, (trust.audience,))
    return trust.client_id


def _assertion(presented: Presented) -> str:
    token = presented.form["client_assertion"]
    if presented.form.get("client_assertion_type") != ASSERTION_TYPE:
        raise Refused(f"client_assertion_type must be {ASSERTION_TYPE}")
    if str(jose.unverified_header(token).get("typ", "jwt")).lower() not in ("jwt", "client-authentication+jwt"):
        raise Refused("the assertion's typ must be JWT")
    return token


def _check_claims(unit: Unit, claims: dict[str, Any], holder: str, wrong: list[str], accepted: tuple[str, ...]) -> None:
    """RFC 7523 section 3: for whom, how long, and only once. `wrong` names the claims that do not fit already."""
    now = unit.tx.moment
    audience = claims.get("aud")
    try:
        expires = datetime.fromtimestamp(float(claims["exp"]), UTC)
        starts = [datetime.fromtimestamp(float(claims[name]), UTC) for name in ("nbf", "iat") if name in claims]
        jti = str(claims["jti"])
    except (KeyError, TypeError, ValueError, OverflowError) as problem:
        raise Refused("exp and jti must be there, and exp, nbf and iat be numbers", holder=holder) from problem
    single = audience[0] if isinstance(audience, list) and len(audience) == 1 else audience
    checks = {
        "aud": single in accepted,  # one audience, ours: an assertion for another server is not for us as well
        "exp": now - _SKEW < expires < now + _MAX_LIFE,
        "nbf or iat": all(start <= now + _SKEW for start in starts),
        "jti": 0 < len(jti) <= 256,
    }
    wrong = wrong + [name for name, fits in checks.items() if not fits]
    if wrong:
        raise Refused(f"the assertion's claims do not fit: {', '.join(wrong)}", holder=holder)
    # Remembered until after the last moment at which the assertion could still be accepted.
    if credentials.used_before(unit, f"client-assertion {holder}", jti, to_text(expires + 2 * _SKEW)):
        raise Refused("the assertion was used before", holder=holder)


Method = Callable[[Unit, Presented, Audiences], str]
METHODS: dict[str, tuple[Callable[[Presented], bool], Method]] = {
    "client_secret_basic": (lambda p: (p.authorization or "").lower().startswith("basic "), _by_basic),
    "client_secret_post": (lambda p: "client_secret" in p.form, _by_post),
    "private_key_jwt": (lambda p: "client_assertion" in p.form, _by_assertion),
}

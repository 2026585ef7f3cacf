"""Client authentication at the token endpoint: one table of methods (RFC 6749 section 2.3, RFC 7523 section 2.2, RFC 8705).

Every failure is the same `invalid_client`: who asks learns nothing of which part was wrong.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwk
from joserfc.errors import JoseError

from connector.core import jose
from connector.core.clock import to_text
from connector.core.errors import Invalid, Unauthenticated
from connector.domain import clients, credentials
from connector.domain.arrival import Method
from connector.domain.credentials import Credential
from connector.domain.unit import Caller, Unit
from connector.edges.oauth.certificates import Shown, is_current, names_of
from connector.edges.oauth.errors import Refused
from connector.edges.oauth.federation import Claimed

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_MAX_LIFE = timedelta(minutes=70)  # Entra's assertions live an hour and a little
_SKEW = timedelta(seconds=60)


@dataclass(frozen=True)
class Presented:
    """What a request presents: its form, its Authorization header, its TLS client certificate. Never logged."""

    form: Mapping[str, str]
    authorization: str | None
    certificate: Shown | None = None

    def __repr__(self) -> str:
        return "Presented(********)"


@dataclass(frozen=True)
class Audiences:
    """What an assertion may be addressed to: the issuer (RFC 10070), or the token endpoint (RFC 7523 as many clients do it), or that
    for pushed requests (RFC 9126 section 2).

    One that says by its typ that it follows RFC 10070 is for the issuer, and nobody else.
    """

    issuer: str
    endpoints: tuple[str, ...]


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


def method_of(presented: Presented) -> Method:
    """How the request proves who it is from, where it does so at all."""
    if "client_assertion" in presented.form:
        return "private_key_jwt"
    return "basic" if presented.authorization or "client_secret" in presented.form else "tls"


def writes(presented: Presented) -> bool:
    """Whether authenticating it needs a transaction that may write: an assertion is remembered, so that it is used once."""
    return "client_assertion" in presented.form


def authenticate(
    unit: Unit, presented: Presented, audiences: Audiences, claimed: Claimed | None = None
) -> tuple[Caller, Credential | None]:
    """The client or agent that proved itself by exactly one method, and by what. Refused, in one wording, for anything else.

    `claimed` is the trust that the assertion names, where there is one (Federation.claimed).
    """
    used = [method for method, (is_used, _) in _METHODS.items() if is_used(presented)]
    if not used and presented.certificate is not None and "client_id" in presented.form:
        used = ["tls_client_auth"]
    if len(used) != 1:
        raise Unauthenticated("authenticate by exactly one of " + ", ".join(METHODS))
    try:
        if claimed:
            id, credential = _by_trust(unit, presented, claimed), None
        else:
            prove = _METHODS[used[0]][1] if used[0] in _METHODS else _by_certificate
            id, credential = prove(unit, presented, audiences)
    except Refused:
        raise
    except Unauthenticated as problem:  # such as a signature that does not verify
        raise Refused(problem.detail, holder=claimed.trust.client_id if claimed else None) from problem
    caller = clients.caller_of(unit, id)
    if caller is None:
        raise Refused("it is not known or not active", holder=id)
    return caller, credential


Proved = tuple[str, Credential]  # who, and by what


def _by_basic(unit: Unit, presented: Presented, _audiences: Audiences) -> Proved:
    pair = decode_basic(presented.authorization)
    assert pair is not None
    return _check_secret(unit, *pair)


def _by_post(unit: Unit, presented: Presented, _audiences: Audiences) -> Proved:
    return _check_secret(unit, presented.form.get("client_id", ""), presented.form["client_secret"])


def _check_secret(unit: Unit, id: str, secret: str) -> Proved:
    found = credentials.with_secret(unit, id, secret)
    if found is None:
        raise Refused("the secret is not one of its live ones", holder=id)
    return id, found


def _by_assertion(unit: Unit, presented: Presented, audiences: Audiences) -> Proved:
    """private_key_jwt: the keys are those that we hold for the claimed issuer, never those in the token's header."""
    token = _assertion(presented)
    holder = str(jose.unverified_claims(token).get("iss"))
    signed = None
    for one in credentials.usable(unit, holder, "public_key"):
        try:
            claims, signed = jose.verify(token, [_key(one.public_key)], algorithms=jose.ASSERTION_ALGORITHMS), one
        except (JoseError, Unauthenticated):
            continue  # not this key; the next one may fit
        break
    if signed is None:
        raise Refused("the assertion is not signed with one of its keys", holder=holder)
    named = presented.form.get("client_id", holder)
    wrong = [] if claims.get("iss") == claims.get("sub") == holder == named else ["iss, sub and client_id"]
    newest = (
        _type_of(token) == "client-authentication+jwt"
    )  # RFC 10070 section 4: the issuer as the only value, not a list
    accepted = (audiences.issuer,) if newest else (audiences.issuer, *audiences.endpoints)
    if newest and not isinstance(claims.get("aud"), str):
        wrong.append("aud")
    _check_claims(unit, claims, holder, wrong, accepted)
    return holder, signed


@lru_cache(maxsize=1024)
def _key(text: str | None) -> jwk.Key:
    """A public key by the JWK that we hold. Remembered, as importing it takes as long as a signature."""
    return jwk.import_key(orjson.loads(text or "{}"))


def _by_certificate(unit: Unit, presented: Presented, _audiences: Audiences) -> Proved:
    """tls_client_auth by a name in a certificate of a trusted CA, self_signed_tls_client_auth by the certificate or its key."""
    shown, holder = presented.certificate, presented.form["client_id"]
    assert shown is not None
    if not is_current(shown.certificate, unit.tx.moment):
        raise Refused("the client certificate is not valid now", holder=holder)
    for one in credentials.usable(unit, holder, "certificate"):
        if hmac.compare_digest(one.thumbprint or "", shown.thumbprint):
            return holder, one
    if shown.trusted:
        names = names_of(shown.certificate)
        for one in credentials.usable(unit, holder, "tls_name"):
            if one.name in names:
                return holder, one
    try:
        spki = shown.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        key = jose.import_public(spki, field="certificate").thumbprint()
    except (Invalid, ValueError, UnsupportedAlgorithm) as problem:
        raise Refused("the client certificate has a key that we cannot use", holder=holder) from problem
    for one in credentials.usable(unit, holder, "public_key"):
        if hmac.compare_digest(one.thumbprint or "", key):
            return holder, one
    raise Refused("the client certificate is not one of its own, and no trusted CA vouches for its name", holder=holder)


def _by_trust(unit: Unit, presented: Presented, claimed: Claimed) -> str:
    """An assertion of an issuer elsewhere, about the subject that stands for the client (RFC 7523 section 3)."""
    token, trust = _assertion(presented), claimed.trust
    claims = jose.verify(token, claimed.keys, algorithms=jose.ASSERTION_ALGORITHMS)
    wrong = []
    if trust.direct:
        raise Refused("its tokens are for SCIM, and no assertions", holder=trust.client_id)
    if (claims.get("iss"), claims.get("sub")) != (trust.issuer, trust.subject):
        wrong.append("iss and sub")
    if presented.form.get("client_id", trust.client_id) not in (trust.client_id, trust.subject):
        wrong.append("client_id")
    _check_claims(unit, claims, trust.client_id, wrong, (trust.audience,), once=not trust.reusable)
    return trust.client_id


def _type_of(token: str) -> str:
    return str(jose.unverified_header(token).get("typ", "jwt")).lower()


def _assertion(presented: Presented) -> str:
    token = presented.form["client_assertion"]
    if presented.form.get("client_assertion_type") != ASSERTION_TYPE:
        raise Refused(f"client_assertion_type must be {ASSERTION_TYPE}")
    if _type_of(token) not in ("jwt", "client-authentication+jwt"):
        raise Refused("the assertion's typ must be JWT")
    return token


def _check_claims(
    unit: Unit, claims: dict[str, Any], holder: str, wrong: list[str], accepted: tuple[str, ...], *, once: bool = True
) -> None:
    """RFC 7523 section 3: for whom, how long, and only once. `wrong` names the claims that do not fit already."""
    now = unit.tx.moment
    audience = claims.get("aud")
    try:
        expires = datetime.fromtimestamp(float(claims["exp"]), UTC)
        starts = [datetime.fromtimestamp(float(claims[name]), UTC) for name in ("nbf", "iat") if name in claims]
        jti = str(claims["jti"] if once else claims.get("jti", "-"))
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
    if not once:
        return
    # Remembered until after the last moment at which the assertion could still be accepted.
    if credentials.used_before(unit, f"client-assertion {holder}", jti, to_text(expires + 2 * _SKEW)):
        raise Refused("the assertion was used before", holder=holder)


_METHODS: dict[str, tuple[Callable[[Presented], bool], Callable[[Unit, Presented, Audiences], Proved]]] = {
    "client_secret_basic": (lambda p: (p.authorization or "").lower().startswith("basic "), _by_basic),
    "client_secret_post": (lambda p: "client_secret" in p.form, _by_post),
    "private_key_jwt": (lambda p: "client_assertion" in p.form, _by_assertion),
}
# A certificate may also be there only to bind the token to: it is how a client proves itself where nothing else is shown.
METHODS = (*_METHODS, "tls_client_auth", "self_signed_tls_client_auth")

"""JWTs that say on whose behalf: of an issuer that vouches for people, and identity assertion grants (ID-JAG), issued and accepted.

An ID-JAG is an assertion of one authorization server for another: this agent may get a token of yours, for this person, with these
scopes. It is no access token.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jwk

from connector.core import jose
from connector.core.clock import to_text
from connector.core.errors import Denied, Unauthenticated
from connector.core.jose import Signer
from connector.domain import credentials
from connector.domain.chains import act_claim
from connector.domain.delegations import Vouching
from connector.domain.events import Action
from connector.domain.exchange import Order, Subject
from connector.domain.unit import Caller, Unit
from connector.storage import resources

JAG_TYPE = "oauth-id-jag+jwt"
_JAG_LIFE = timedelta(minutes=5)
_SKEW = timedelta(seconds=60)
_MAX_LIFE = timedelta(hours=25)  # an ID token may live a working day


@dataclass(frozen=True)
class OwnAssertion:
    """A SAML assertion of ours about an agent, verified and for us, until then."""

    id: str
    agent_id: str
    until: datetime


def take(unit: Unit, assertion: OwnAssertion, *, field: str) -> Subject:
    """The agent that it is about. Denied where it came before (RFC 7522 section 3, point 10)."""
    if credentials.used_before(unit, "saml bearer", assertion.id, to_text(assertion.until + _SKEW)):
        raise Denied(f"{field}: it was used before", field=field)
    return Subject(assertion.agent_id, not_after=assertion.until)


def issue(signer: Signer, unit: Unit, order: Order, *, issuer: str, resource: str | None) -> tuple[str, int]:
    """An ID-JAG of what was decided; order.audience is the other authorization server. Text and life in seconds."""
    now = unit.tx.moment
    ends = min(now + _JAG_LIFE, order.not_after or now + _JAG_LIFE)
    claims: dict[str, Any] = {
        "iss": issuer,
        "sub": order.subject,
        "aud": order.audience,
        "client_id": order.holder.id,
        "iat": int(now.timestamp()),
        "exp": int(ends.timestamp()),
        "jti": unit.tx.new_id("jag"),
        "scope": " ".join(sorted(order.scopes)),
        "sub_profile": "ai_agent" if order.subject.startswith("agt-") else "user",
    }
    if resource:
        claims["resource"] = resource
    if order.actors:
        claims["act"] = act_claim(order.actors)
    unit.record(
        Action.TOKEN_ISSUED,
        order.holder.kind,
        order.holder.id,
        token=claims["jti"],
        kind="id-jag",
        scopes=sorted(order.scopes),
        audience=order.audience,
        onBehalfOf=order.subject,
        actors=list(order.actors) or None,
    )
    return signer.sign(claims, type=JAG_TYPE), claims["exp"] - claims["iat"]


def accept(
    unit: Unit,
    token: str,
    vouching: Vouching,
    keys: Iterable[jwk.Key],
    *,
    own: str,
    caller: Caller,
    field: str,
    jag: bool,
    once: bool,
) -> Subject:
    """The person that a JWT of a vouching issuer is about. Denied, naming the parameter `field`, where anything does not fit.

    `jag`: ID-JAGs are accepted; they name the agent, and are for us. `once`: the same one may not come again.
    """
    try:
        claims = jose.verify(token, keys, algorithms=jose.ASSERTION_ALGORITHMS)
    except Unauthenticated as problem:
        raise Denied(f"{field}: {problem.detail}", field=field) from problem
    kind = str(jose.unverified_header(token).get("typ", "jwt")).lower()
    is_jag = kind == JAG_TYPE
    expires = _instant(claims.get("exp"))
    now = unit.tx.moment
    checks = {
        "typ": (is_jag and jag) or kind in ("jwt", "at+jwt"),
        "iss": claims.get("iss") == vouching.issuer,
        "aud": claims.get("aud") in ((own, [own]) if is_jag else (vouching.audience, [vouching.audience])),
        "exp": expires is not None and now - _SKEW < expires < now + _MAX_LIFE,
        "nbf": "nbf" not in claims or (_instant(claims["nbf"]) or now + _MAX_LIFE) <= now + _SKEW,
        "client_id": not is_jag or claims.get("client_id") == caller.id,
        "jti": not (once or is_jag) or (isinstance(claims.get("jti"), str) and 0 < len(claims["jti"]) <= 256),
    }
    wrong = [name for name, fits in checks.items() if not fits]
    if wrong or expires is None:
        raise Denied(f"{field}: these claims do not fit: {', '.join(wrong)}", field=field)
    until = to_text(expires + 2 * _SKEW)
    if (once or is_jag) and credentials.used_before(unit, f"assertion {vouching.issuer}", claims["jti"], until):
        raise Denied(f"{field}: it was used before", field=field)
    name = claims.get(vouching.claim)
    person = resources.by_name(unit.tx, "person", name) if isinstance(name, str) and name else None
    if person is None:
        raise Denied(f"{field}: its {vouching.claim} is not the userName of a person known here", field=field)
    limit = frozenset(str(claims.get("scope", "")).split()) if is_jag else None
    return Subject(person.id, limit, not_after=expires, named=caller.id if is_jag else None)


def _instant(value: Any) -> datetime | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e11:
        return datetime.fromtimestamp(value, UTC)
    return None

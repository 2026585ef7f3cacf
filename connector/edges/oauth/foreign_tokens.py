"""Access tokens of an issuer elsewhere that are shown to SCIM as they are: what Entra sends where its *Secret Token* is left empty.

Only where the trust of an inbound client says so (`direct`). Nothing of them is kept: each is verified whenever it comes, so that a trust
that is revoked, or a client that is disabled, is so at once.
"""

from collections.abc import Callable
from typing import Any

from connector.core import jose
from connector.core.errors import Unauthenticated, Unavailable
from connector.domain import clients
from connector.domain.proofs import Shown
from connector.domain.tokens import Tokens
from connector.domain.unit import Caller, Domain
from connector.edges.oauth.errors import Refused
from connector.edges.oauth.federation import Claimed, Federation

_SKEW = 60  # seconds that another server's clock may be wrong


class ForeignTokens:
    """Our own tokens first; where that fails, those of trusted issuers."""

    def __init__(self, domain: Domain, tokens: Tokens, federation: Federation) -> None:
        self._domain = domain
        self._tokens = tokens
        self._federation = federation

    def caller(self, header: str | None, shown: Callable[[], Shown]) -> Caller:
        """Whose `Authorization` this is. Unauthenticated otherwise; Unavailable where the issuer's keys cannot be had."""
        try:
            return self._tokens.caller(header, shown)
        except Unauthenticated:
            kind, _, token = (header or "").partition(" ")
            claimed = self._claimed(token.strip()) if kind.lower() == "bearer" else None
            if claimed is None or not claimed.trust.direct:
                raise
        return self._holder(claimed, jose.verify(token.strip(), claimed.keys, algorithms=jose.ASSERTION_ALGORITHMS))

    def _claimed(self, token: str) -> Claimed | None:
        try:
            return self._federation.claimed(token)
        except Refused as problem:
            if problem.retry_after:
                raise Unavailable(problem.why, retry_after=problem.retry_after) from problem
            raise Unauthenticated(problem.why) from problem

    def _holder(self, claimed: Claimed, claims: dict[str, Any]) -> Caller:
        trust = claimed.trust
        with self._domain.view() as unit:
            wrong = _wrong(claims, trust.audience, unit.tx.moment.timestamp())
            if wrong:
                raise Unauthenticated(f"the access token of {trust.issuer} does not fit: {wrong}")
            caller = clients.caller_of(unit, trust.client_id)
        if caller is None:
            raise Unauthenticated("the client that this token stands for is not active")
        return caller


def _wrong(claims: dict[str, Any], audience: str, now: float) -> str | None:
    """The first claim that is not as it must be. Which issuer and subject it names has chosen the trust already."""
    given = claims.get("aud")
    if given not in (audience, [audience]):
        return "aud is somebody else"
    times = {name: claims.get(name, now) for name in ("nbf", "iat")} | {"exp": claims.get("exp")}
    for name, value in times.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{name} is not a number"
    if times["exp"] <= now:
        return "it has expired"
    return "it is not valid yet" if max(times["nbf"], times["iat"]) > now + _SKEW else None

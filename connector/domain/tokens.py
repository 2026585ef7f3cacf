"""Access tokens (RFC 9068): issue, recognise, revoke. What a token says is checked against the present state each time."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.core.clock import from_text, to_text
from connector.core.errors import Denied, Unauthenticated
from connector.core.jose import Signer
from connector.core.secret import fingerprint
from connector.domain import access, clients
from connector.domain.events import Action
from connector.domain.unit import Caller, Domain, Unit
from connector.storage import activity, counters
from connector.storage import credentials as store

TYPE = "at+jwt"
LIFETIME = timedelta(minutes=10)
_STATIC_BEARER = "acb_"
_REMEMBERED = 4096


@dataclass(frozen=True)
class Token:
    """An access token with what it allows; `seconds` is its life."""

    text: str
    scopes: frozenset[str]
    seconds: int

    def __repr__(self) -> str:
        return f"Token({' '.join(sorted(self.scopes))})"


@dataclass(frozen=True)
class _Known:
    """A client behind a token, as it was when the epoch of clients was this one."""

    caller: Caller
    epoch: int
    until: datetime


class DeadToken(Unauthenticated):
    """A token of ours, not expired, of an agent that may not sign on: we know who that was, and why it is refused."""

    def __init__(self, detail: str, agent_id: str, reasons: tuple[str, ...]) -> None:
        super().__init__(detail)
        self.agent_id = agent_id
        self.reasons = reasons


class Tokens:
    """Issues and recognises the access tokens of one issuer."""

    def __init__(self, domain: Domain, signer: Signer, *, issuer: str) -> None:
        self._domain = domain
        self._signer = signer
        self._issuer = issuer
        self._known: dict[str, _Known] = {}  # by the token's SHA-256

    def issue(self, unit: Unit, caller: Caller, asked: frozenset[str]) -> Token:
        """A token for the caller itself. Denied where it asks for more than it has, or is an agent that may not sign on."""
        excess = asked - caller.scopes
        if excess:
            raise Denied(f"the scope {sorted(excess)[0]!r} is not granted to {caller.name}", field="scope")
        if caller.kind == "agent":
            decision = access.may_sign_on(unit, caller.id)
            if not decision.allowed:
                raise Denied("; ".join(decision.reasons))
        scopes = asked or caller.scopes
        now = unit.tx.moment
        claims = {
            "iss": self._issuer,
            "sub": caller.id,
            "aud": self._issuer,
            "client_id": caller.id,
            "iat": now.timestamp(),
            "exp": int((now + LIFETIME).timestamp()),
            "jti": unit.tx.new_id("tok"),
            "scope": " ".join(sorted(scopes)),
        }
        if caller.kind == "agent":
            activity.seen(unit.tx, caller.id)
        unit.record(Action.TOKEN_ISSUED, caller.kind, caller.id, token=claims["jti"], scopes=sorted(scopes))
        return Token(self._signer.sign(claims, type=TYPE), scopes, int(LIFETIME.total_seconds()))

    def caller(self, header: str | None) -> Caller:
        """Whose `Authorization: Bearer …` this is: an access token of ours or a static bearer. Unauthenticated otherwise.

        A client's answer is kept until the token ends, or until anything about any client changes: then it is looked at again.
        """
        kind, _, token = (header or "").partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise Unauthenticated("send an access token: Authorization: Bearer …")
        token = token.strip()
        key = fingerprint(token)
        with self._domain.glance() as unit:
            epoch, moment = counters.value(unit.tx, counters.CLIENTS), unit.tx.moment
        known = self._known.get(key)
        if known is not None and known.epoch == epoch and moment < known.until:
            return known.caller
        with self._domain.view() as unit:
            found, until = self._bearer(unit, token) if token.startswith(_STATIC_BEARER) else self._token(unit, token)
        if found.kind == "client":
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = _Known(found, epoch, until)
        return found

    def _bearer(self, unit: Unit, token: str) -> tuple[Caller, datetime]:
        found = clients.caller_of_bearer(unit, token)
        if found is None:
            raise Unauthenticated("the bearer token is not known, or it was revoked")
        caller, not_after = found
        return caller, from_text(not_after) if not_after else datetime.max.replace(tzinfo=UTC)

    def _token(self, unit: Unit, token: str) -> tuple[Caller, datetime]:
        caller, claims = self._live(unit, token)
        return caller, datetime.fromtimestamp(claims["exp"], UTC)

    def agent(self, header: str | None, decode: Callable[[str | None], tuple[str, str] | None]) -> Caller:
        """The agent behind HTTP Basic (id and secret) or an access token; `decode` reads a Basic header, None for another.

        With Basic a suspended agent is told apart from a stranger: the sign-on itself refuses it, and records why. Its token
        is dead; that it was its own is told by DeadToken.
        """
        pair = decode(header)
        if pair is None:
            try:
                return self.caller(header)
            except Unauthenticated as refusal:
                raise self._whose(header, refusal) from refusal
        with self._domain.view() as unit:
            found = clients.agent_of_secret(unit, *pair)
        if found is None:
            raise Unauthenticated("the id or the secret is wrong")
        return found

    def _whose(self, header: str | None, refusal: Unauthenticated) -> Unauthenticated:
        token = (header or "").partition(" ")[2].strip()
        try:
            with self._domain.view() as unit:
                agent_id = self._opened(unit, token)["sub"]
                decision = access.may_sign_on(unit, agent_id)
        except Unauthenticated:
            return refusal
        if decision.allowed or not agent_id.startswith("agt-"):
            return refusal
        return DeadToken(refusal.detail, agent_id, decision.reasons)

    def introspect(self, token: str) -> dict[str, Any]:
        """What RFC 7662 section 2.2 tells of a token; only `active: false` for one that is not live."""
        try:
            with self._domain.view() as unit:
                caller, claims = self._live(unit, token)
                if caller.kind == "agent" and not access.may_sign_on(unit, caller.id).allowed:
                    return {"active": False}
        except Unauthenticated:
            return {"active": False}
        told = {name: claims[name] for name in ("iss", "sub", "aud", "client_id", "exp", "jti", "scope")}
        return {"active": True, "token_type": "Bearer", "username": caller.name, "iat": int(claims["iat"]), **told}

    def revoke(self, unit: Unit, token: str) -> None:
        """End a token of the caller's own; one that is dead or foreign is left alone (RFC 7009 section 2.2)."""
        try:
            caller, claims = self._live(unit, token)
        except Unauthenticated:
            return
        if caller.id == unit.by.id:
            store.revoke_token(unit.tx, claims["jti"], to_text(datetime.fromtimestamp(claims["exp"], UTC)))
            counters.advance(unit.tx, counters.CLIENTS)
            unit.record(Action.TOKEN_REVOKED, caller.kind, caller.id, token=claims["jti"])

    def _opened(self, unit: Unit, token: str) -> dict[str, Any]:
        """The claims of a token of ours that has not expired."""
        claims: dict[str, Any] = self._signer.open(token, type=TYPE)
        now = unit.tx.moment.timestamp()
        if claims["iss"] != self._issuer or claims["aud"] != self._issuer or claims["exp"] <= now:
            raise Unauthenticated("the access token has expired or is not for this service")
        return claims

    def _live(self, unit: Unit, token: str) -> tuple[Caller, dict[str, Any]]:
        claims = self._opened(unit, token)
        cutoff = store.cutoff(unit.tx, claims["sub"])
        issued = to_text(datetime.fromtimestamp(claims["iat"], UTC))
        if (cutoff is not None and issued <= cutoff) or store.token_revoked(unit.tx, claims["jti"]):
            raise Unauthenticated("the access token was revoked")
        found = clients.caller_of(unit, claims["sub"])
        if found is None:
            raise Unauthenticated("the access token's subject may not act any more")
        allowed = found.scopes & frozenset(claims["scope"].split())
        return replace(found, scopes=allowed), claims

"""Access tokens (RFC 9068): issue, recognise, revoke. What a token says is checked against the present state each time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from connector.core.clock import to_text
from connector.core.errors import Denied, Unauthenticated
from connector.core.jose import Signer
from connector.core.secret import fingerprint
from connector.domain import access, clients, credentials, exchange, scopes
from connector.domain.chains import act_claim, actors_of
from connector.domain.events import Action
from connector.domain.exchange import Order, Subject, Wish
from connector.domain.proofs import Proofs, Shown
from connector.domain.sign_on import Behalf
from connector.domain.unit import SYSTEM, Caller, Domain, Unit
from connector.storage import activity, counters
from connector.storage import credentials as store

TYPE = "at+jwt"
_STATIC = ("acb_", "ack_")
_REMEMBERED = 4096
_AUTHENTICATION = ("auth_time", "acr")
_TOLD = (
    "iss",
    "sub",
    "aud",
    "client_id",
    "exp",
    "jti",
    "scope",
    "cnf",
    "act",
    "may_act",
    "sub_profile",
    *_AUTHENTICATION,
)


@dataclass(frozen=True)
class Token:
    """An access token with what it allows; `seconds` is its life, `scheme` how it must be sent."""

    text: str
    scopes: frozenset[str]
    seconds: int
    scheme: str = "Bearer"

    def __repr__(self) -> str:
        return f"Token({' '.join(sorted(self.scopes))})"


@dataclass(frozen=True)
class _Known:
    """A client behind a token, as it was when the epoch of clients was this one."""

    caller: Caller
    epoch: int
    until: datetime
    confirmation: Mapping[str, str]


class DeadToken(Unauthenticated):
    """A token of ours, not expired, of an agent that may not sign on: we know who that was, and why it is refused."""

    def __init__(self, detail: str, agent_id: str, reasons: tuple[str, ...]) -> None:
        super().__init__(detail)
        self.agent_id = agent_id
        self.reasons = reasons


class Tokens:
    """Issues and recognises the access tokens of one issuer."""

    def __init__(self, domain: Domain, signer: Signer, *, issuer: str, proofs: Proofs, depth: int = 3) -> None:
        self._domain = domain
        self._signer = signer
        self._issuer = issuer
        self._proofs = proofs
        self._depth = depth
        self._known: dict[str, _Known] = {}  # by the token's SHA-256
        self._verified: dict[str, dict[str, Any]] = {}  # claims whose signature was verified, by the same
        self._verified_by = 0

    def issue(self, unit: Unit, caller: Caller, wish: Wish) -> Token:
        """A token for the caller itself. Denied where it asks for more than it has, or is an agent that may not sign on."""
        excess = wish.scopes - caller.scopes
        if excess:
            raise Denied(f"the scope {sorted(excess)[0]!r} is not granted to {caller.name}", field="scope")
        limit, risk = caller.scopes, None
        if caller.kind == "agent":
            decision = access.may_sign_on(unit, caller.id)
            if not decision.allowed:
                raise Denied("; ".join(decision.reasons))
            risk = decision.risk
            if not wish.scopes and wish.resource is None:
                limit &= {clients.AGENT_SCOPE}  # what is for somebody else's service is asked for by name
            exchange.check_next(unit, wish)
        elif wish.may_act is not None:
            raise Denied("requested_actor: nobody acts for an inbound client", field="actor_token")
        audience, wanted = exchange.wanted_of(unit, limit, wish, own=self._issuer)
        order = Order(
            caller.id, caller, wanted, audience, confirmation=wish.confirmation, may_act=wish.may_act, risk=risk
        )
        return self.mint(unit, order)

    def exchange(self, unit: Unit, caller: Caller, subject: Subject, wish: Wish) -> Token:
        """A token with which the agent acts for the subject. Denied where exchange.decide refuses."""
        return self.mint(unit, self.decide(unit, caller, subject, wish))

    def decide(self, unit: Unit, caller: Caller, subject: Subject, wish: Wish) -> Order:
        """What `exchange` would issue."""
        return exchange.decide(unit, caller, subject, wish, own=self._issuer, depth=self._depth)

    def behalf(self, unit: Unit, caller: Caller, subject: Subject, audience: str) -> Behalf | None:
        """For whom else the agent may sign in there; see exchange.behalf."""
        return exchange.behalf(unit, caller, subject, audience=audience, own=self._issuer, depth=self._depth)

    def sign_on_for(self, unit: Unit, caller: Caller, subject: Subject, audience: str) -> Behalf | None:
        """The same at a door of sign-on: what the subject lacks of a proof, a standing delegation must give.

        The agent's grants are the limit: a token that it signs in with is good for any application.
        """
        agent = clients.caller_of(unit, caller.id)
        if agent is None:
            raise Denied("the agent may not act any more")
        return self.behalf(unit, agent, subject, audience)

    def mint(self, unit: Unit, order: Order) -> Token:
        """Sign what was decided, and record it."""
        now, caller = unit.tx.moment, order.holder
        ends = now + scopes.lifetime(unit, order.scopes, holder=caller, risk=order.risk)
        if order.not_after is not None:
            ends = min(ends, order.not_after)
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": order.subject,
            "aud": order.audience,
            "client_id": caller.id,
            "iat": now.timestamp(),
            "exp": int(ends.timestamp()),
            "jti": unit.tx.new_id("tok"),
            "scope": " ".join(sorted(order.scopes)),
            **order.authentication,
        }
        if order.confirmation:
            claims["cnf"] = dict(order.confirmation)
        if order.actors:
            claims["act"] = act_claim(order.actors)
        if order.may_act:
            claims["may_act"] = {"sub": order.may_act}
        if order.parents:
            claims["parents"] = list(order.parents)
        if caller.kind == "agent":
            activity.seen(unit.tx, caller.id)
        unit.record(
            Action.TOKEN_ISSUED,
            caller.kind,
            caller.id,
            token=claims["jti"],
            scopes=sorted(order.scopes),
            audience=order.audience if order.audience != self._issuer else None,
            onBehalfOf=order.subject if order.actors else None,
            actors=list(order.actors) or None,
        )
        seconds = claims["exp"] - int(now.timestamp())
        scheme = "DPoP" if "jkt" in order.confirmation else "Bearer"
        return Token(self._signer.sign(claims, type=TYPE), order.scopes, seconds, scheme)

    def caller(self, header: str | None, shown: Callable[[], Shown]) -> Caller:
        """Whose `Authorization` this is: an access token for us, a static bearer, an API key. Unauthenticated otherwise.

        A client's answer is kept until the token ends, or until anything about any client changes: then it is looked at again.
        `shown` is asked for only where the token is bound to a key.
        """
        kind, _, token = (header or "").partition(" ")
        scheme, token = kind.lower(), token.strip()
        if scheme not in ("bearer", "dpop") or not token:
            raise Unauthenticated("send an access token: Authorization: Bearer …")
        key = fingerprint(token)
        known = self._known.get(key)
        if known is None or not self._current(known):
            known = self._look(key, token)
        if known.confirmation or scheme == "dpop":
            self._proofs.check(known.confirmation, shown(), scheme=scheme, token=token)
        return known.caller

    def _current(self, known: _Known) -> bool:
        with self._domain.glance() as unit:
            return known.epoch == counters.value(unit.tx, counters.CLIENTS) and unit.tx.moment < known.until

    def _look(self, key: str, token: str) -> _Known:
        if token.startswith(_STATIC):
            with self._domain.glance() as unit:  # before the client is read: a change between the two counts as one
                epoch = counters.value(unit.tx, counters.CLIENTS)
            held = self._static(token)
            found = _Known(held.caller, epoch, held.ends, {})
        else:
            with self._domain.view() as unit:
                caller, claims = self._live(unit, token)
                epoch = counters.value(unit.tx, counters.CLIENTS) if caller.kind == "client" else 0
            if claims["aud"] != self._issuer:
                raise Unauthenticated("the access token is for another service")
            found = _Known(caller, epoch, datetime.fromtimestamp(claims["exp"], UTC), claims.get("cnf", {}))
        if found.caller.kind == "client":
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = found
        return found

    def _static(self, token: str) -> clients.Static:
        """Who holds a static bearer or an API key; that it was used is noted, once in a minute."""
        with self._domain.view() as unit:
            found = clients.static(unit, token)
        if found is None:
            raise Unauthenticated("the bearer token is not known, or it was revoked")
        if credentials.unnoted(found.credential, self._domain.database.clock()):
            with self._domain.change(SYSTEM) as unit:
                credentials.used(unit, found.caller.kind, found.credential)
        return found

    def acting(self, header: str, shown: Callable[[], Shown]) -> tuple[Caller, Subject] | None:
        """The agent that a token lets act for somebody, with its own rights, and for whom; None where it is a token of another kind.

        What it is good for, `behalf` says: the audience of such a token is not looked at here, its scopes belong to one.
        """
        kind, _, token = header.partition(" ")
        scheme, token = kind.lower(), token.strip()
        try:
            with self._domain.view() as unit:
                claims = self._opened(unit, token)
                if scheme not in ("bearer", "dpop") or "act" not in claims:
                    return None
                self._live(unit, token)
                subject = self._about(claims)
                agent = clients.caller_of(unit, subject.actors[0])
        except Unauthenticated as refusal:
            raise self._whose(header, refusal) from refusal
        if agent is None:
            raise Unauthenticated("the access token's subject may not act any more")
        self._proofs.check(claims.get("cnf", {}), shown(), scheme=scheme, token=token)
        return agent, subject

    def agent(self, header: str | None, shown: Callable[[], Shown]) -> Caller:
        """The agent behind an access token. DeadToken where the token was an agent's own that may not sign on any more."""
        try:
            found = self.caller(header, shown)
        except Unauthenticated as refusal:
            raise self._whose(header, refusal) from refusal
        if found.kind == "agent" and (clients.AGENT_SCOPE not in found.scopes or found.person):
            raise Denied("a token with the scope sign-on is needed", scope=clients.AGENT_SCOPE)
        return found

    def _whose(self, header: str | None, refusal: Unauthenticated) -> Unauthenticated:
        token = (header or "").partition(" ")[2].strip()
        try:
            with self._domain.view() as unit:
                claims = self._opened(unit, token)
                agent_id = next(iter(actors_of(claims)), claims["sub"])
                decision = access.may_sign_on(unit, agent_id)
        except Unauthenticated:
            return refusal
        if decision.allowed or not agent_id.startswith("agt-"):
            return refusal
        return DeadToken(refusal.detail, agent_id, decision.reasons)

    def introspect(self, token: str) -> dict[str, Any]:
        """What RFC 7662 section 2.2 tells of a token; only `active: false` for one that is not live."""
        try:
            if token.startswith(_STATIC):
                return self._introspect_static(token)
            with self._domain.view() as unit:
                caller, claims = self._live(unit, token)
                if caller.kind == "agent" and not access.may_sign_on(unit, caller.id).allowed:
                    return {"active": False}
        except Unauthenticated:
            return {"active": False}
        told = {name: claims[name] for name in _TOLD if name in claims}
        scheme = "DPoP" if "jkt" in claims.get("cnf", {}) else "Bearer"
        scope = " ".join(sorted(caller.scopes))
        answer = {"active": True, "token_type": scheme, "username": caller.name, "iat": int(claims["iat"])}
        return {**answer, **told, "scope": scope}

    def _introspect_static(self, token: str) -> dict[str, Any]:
        held = self._static(token)
        caller = held.caller
        with self._domain.view() as unit:
            if caller.kind == "agent" and not access.may_sign_on(unit, caller.id).allowed:
                return {"active": False}
        answer = {"active": True, "token_type": "Bearer", "username": caller.name, "iss": self._issuer}
        told = {"sub": caller.id, "client_id": caller.id, "scope": " ".join(sorted(caller.scopes))}
        return {**answer, **told, "exp": int(held.ends.timestamp())}

    def revoke(self, unit: Unit, token: str) -> None:
        """End a token of the caller's own, and all that were exchanged for it; one that is dead or foreign is left alone

        (RFC 7009 section 2.2).
        """
        try:
            caller, claims = self._live(unit, token)
        except Unauthenticated:
            return
        if unit.by.id == claims["client_id"]:
            store.revoke_token(unit.tx, claims["jti"], to_text(datetime.fromtimestamp(claims["exp"], UTC)))
            counters.advance(unit.tx, counters.CLIENTS)
            unit.record(Action.TOKEN_REVOKED, caller.kind, caller.id, token=claims["jti"])

    def subject(self, unit: Unit, token: str, *, field: str) -> Subject:
        """Whom a token of ours is about, for an exchange. Denied, naming the parameter, where it is dead or a client's."""
        try:
            _, claims = self._live(unit, token)
        except Unauthenticated as problem:
            raise Denied(f"{field}: {problem.detail}", field=field) from problem
        if not claims["sub"].startswith(("agt-", "usr-")):
            raise Denied(f"{field} belongs to an inbound client; nobody acts for these", field=field)
        return self._about(claims)

    @staticmethod
    def _about(claims: Mapping[str, Any]) -> Subject:
        return Subject(
            claims["sub"],
            frozenset(claims["scope"].split()),
            actors_of(claims),
            (*claims.get("parents", ()), claims["jti"]),
            datetime.fromtimestamp(claims["exp"], UTC),
            may_act=(claims.get("may_act") or {}).get("sub"),
            authentication={name: claims[name] for name in _AUTHENTICATION if name in claims},
        )

    def _opened(self, unit: Unit, token: str) -> dict[str, Any]:
        """The claims of a token of ours that has not expired. A signature is verified once: it does not change."""
        key, version = fingerprint(token), self._signer.version()
        if version != self._verified_by:
            self._verified, self._verified_by = {}, version
        claims = self._verified.get(key)
        if claims is None:
            claims = self._signer.open(token, type=TYPE)
            if len(self._verified) >= _REMEMBERED:
                self._verified.clear()
            self._verified[key] = claims
        if claims["iss"] != self._issuer or claims["exp"] <= unit.tx.moment.timestamp():
            raise Unauthenticated("the access token has expired or is not for this service")
        return claims

    def _live(self, unit: Unit, token: str) -> tuple[Caller, dict[str, Any]]:
        claims = self._opened(unit, token)
        actors = actors_of(claims)
        cutoff = store.cutoff(unit.tx, [claims["sub"], *actors])
        issued = to_text(datetime.fromtimestamp(claims["iat"], UTC))
        revoked = store.any_revoked(unit.tx, [claims["jti"], *claims.get("parents", ())])
        if (cutoff is not None and issued <= cutoff) or revoked:
            raise Unauthenticated("the access token was revoked")
        named = frozenset(claims["scope"].split())
        found = clients.caller_of(unit, actors[0] if actors else claims["sub"], wanted=named)
        if found is None or not all(exchange.alive(unit, id) for id in (claims["sub"], *actors) if id != found.id):
            raise Unauthenticated("the access token's subject may not act any more")
        allowed = found.scopes & named
        if actors:
            return replace(found, scopes=allowed & exchange.rights(unit, claims["sub"]), person=claims["sub"]), claims
        return (found if allowed == found.scopes else replace(found, scopes=allowed)), claims

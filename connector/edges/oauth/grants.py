"""The grants of the token endpoint, in one table: what each reads from the form, and what it answers. All is checked in the domain."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from connector.core.errors import Denied, Invalid
from connector.core.jose import Signer
from connector.domain import identity_assertions, person_grants
from connector.domain.arrival import Arrival
from connector.domain.exchange import Subject, Wish
from connector.domain.identity_assertions import OwnAssertion
from connector.domain.person_grants import PersonGrant
from connector.domain.sign_on import Behalf
from connector.domain.tokens import Token, Tokens
from connector.domain.unit import Caller, Unit
from connector.edges.oauth.errors import OAuthError
from connector.edges.oauth.federation import Vouched

_TYPE = "urn:ietf:params:oauth:token-type:"
ACCESS_TOKEN, JWT, ID_TOKEN, ID_JAG, SAML2 = (
    _TYPE + name for name in ("access_token", "jwt", "id_token", "id-jag", "saml2")
)
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SAML_BEARER = "urn:ietf:params:oauth:grant-type:saml2-bearer"


@dataclass(frozen=True)
class Request:
    """One token request, its client authenticated. `vouched` belongs to the assertion or subject token of an issuer elsewhere."""

    unit: Unit
    arrival: Arrival
    form: Mapping[str, str]
    wish: Wish
    vouched: Vouched | None = None

    @property
    def caller(self) -> Caller:
        return self.arrival.caller


class Assertions(Protocol):
    """Issues SAML assertions: the text and the end of one. Denied where there is none for that audience, or that recipient of it."""

    def __call__(
        self, unit: Unit, arrival: Arrival, *, audience: str, recipient: str | None, behalf: Behalf | None
    ) -> tuple[str, datetime]: ...


class Grants:
    """`id_jag`: identity assertion grants are issued and accepted. `saml` verifies a SAML assertion of our own, or raises Invalid;

    `assertions` issues one.
    """

    def __init__(
        self,
        tokens: Tokens,
        signer: Signer,
        *,
        issuer: str,
        id_jag: bool,
        saml: Callable[[str], OwnAssertion],
        assertions: Assertions,
    ) -> None:
        self._saml = saml
        self._assertions = assertions
        self._tokens = tokens
        self._signer = signer
        self._issuer = issuer
        self._id_jag = id_jag
        self.table: dict[str, Callable[[Request], dict[str, Any]]] = {
            "client_credentials": self._client_credentials,
            "authorization_code": self._authorization_code,
            "refresh_token": self._refresh_token,
            EXCHANGE: self._exchange,
            JWT_BEARER: self._jwt_bearer,
            SAML_BEARER: self._saml_bearer,
        }
        # What an exchange can end in; another kind of answer is a line here.
        self._issued: dict[str, Callable[[Request, Subject], dict[str, Any]]] = {
            ACCESS_TOKEN: self._access_token,
            JWT: self._access_token,
            SAML2: self._saml_assertion,
            **({ID_JAG: self._identity_assertion} if id_jag else {}),
        }

    def answer(self, request: Request) -> dict[str, Any]:
        """The body of the answer; OAuthError or Denied where there is none."""
        grant = self.table.get(request.form.get("grant_type", ""))
        if grant is None:
            raise OAuthError("unsupported_grant_type", f"grant_type must be one of {', '.join(self.table)}")
        return grant(request)

    def _client_credentials(self, request: Request) -> dict[str, Any]:
        return _told(self._tokens.issue(request.unit, request.caller, request.wish))

    def _authorization_code(self, request: Request) -> dict[str, Any]:
        """RFC 6749 section 4.1.3 with RFC 7636 section 4.5: a person has let the agent act for them."""
        code, verifier = (_needed(request.form, name) for name in ("code", "code_verifier"))
        redirect_uri = request.form.get("redirect_uri")
        wish = replace(request.wish, scopes=frozenset())  # what was consented to, neither more nor less
        grant = person_grants.redeem(
            request.unit, request.caller, code, wish, verifier=verifier, redirect_uri=redirect_uri
        )
        return self._for_person(request, grant, grant.scopes)

    def _refresh_token(self, request: Request) -> dict[str, Any]:
        """RFC 6749 section 6. The token is another each time (RFC 9700 section 4.14.2)."""
        grant = person_grants.renew(request.unit, request.caller, _needed(request.form, "refresh_token"), request.wish)
        return self._for_person(request, grant, request.wish.scopes or grant.scopes)

    def _for_person(self, request: Request, grant: PersonGrant, scopes: frozenset[str]) -> dict[str, Any]:
        """By the delegation that stands now: one that the person has revoked since gives nothing."""
        wish = replace(request.wish, scopes=scopes, resource=grant.resource)
        try:
            order = self._tokens.decide(request.unit, request.caller, person_grants.subject(grant), wish)
        except Denied as problem:
            raise Denied(problem.detail, field="code") from problem
        assert order.not_after is not None  # a delegation has an end
        token = self._tokens.mint(request.unit, order)
        return {**_told(token), "refresh_token": person_grants.refresh_token(request.unit, grant, order.not_after)}

    def _jwt_bearer(self, request: Request) -> dict[str, Any]:
        """RFC 7523 section 2.1: the assertion says on whose behalf; that the agent may is for us to know."""
        subject = self._vouched(request, _needed(request.form, "assertion"), "assertion", once=True)
        return _told(self._tokens.exchange(request.unit, request.caller, subject, request.wish))

    def _saml_bearer(self, request: Request) -> dict[str, Any]:
        """RFC 7522 section 2.1: an assertion that we issued, about the agent itself or one that it may act for."""
        subject = self._own_assertion(request, _needed(request.form, "assertion"), "assertion")
        return _told(self._tokens.exchange(request.unit, request.caller, subject, request.wish))

    def _own_assertion(self, request: Request, text: str, field: str) -> Subject:
        try:
            found = self._saml(text)
        except Invalid as problem:
            raise Denied(f"{field}: {problem.detail}", field=field) from problem
        return identity_assertions.take(request.unit, found, field=field)

    def _exchange(self, request: Request) -> dict[str, Any]:
        wanted = request.form.get("requested_token_type", ACCESS_TOKEN)
        if wanted not in self._issued:
            raise OAuthError("invalid_request", f"requested_token_type must be one of {', '.join(self._issued)}")
        subject = self._subject(request)
        self._check_actor(request)
        return {**self._issued[wanted](request, subject), "issued_token_type": wanted}

    def _subject(self, request: Request) -> Subject:
        token, kind = _needed(request.form, "subject_token"), _needed(request.form, "subject_token_type")
        if kind in (ID_TOKEN, JWT) and request.vouched is not None:
            return self._vouched(request, token, "subject_token", once=False)
        if kind in (ACCESS_TOKEN, JWT):
            return self._tokens.subject(request.unit, token, field="subject_token")
        if kind == SAML2:
            return self._own_assertion(request, token, "subject_token")
        raise OAuthError("invalid_request", f"subject_token_type must be {ACCESS_TOKEN}, {JWT}, {ID_TOKEN} or {SAML2}")

    def _vouched(self, request: Request, token: str, field: str, *, once: bool) -> Subject:
        if request.vouched is None:
            raise Denied(f"{field}: its issuer does not vouch for people here", field=field)
        return identity_assertions.accept(
            request.unit,
            token,
            request.vouched.vouching,
            request.vouched.keys,
            own=self._issuer,
            caller=request.caller,
            field=field,
            jag=self._id_jag and once,
            once=once,
        )

    def _check_actor(self, request: Request) -> None:
        """An actor token (RFC 8693 section 2.1) must be the client's own: who acts is who has authenticated."""
        token, kind = request.form.get("actor_token"), request.form.get("actor_token_type")
        if (token is None) != (kind is None):
            raise OAuthError("invalid_request", "actor_token and actor_token_type are given together or not at all")
        if token is None:
            return
        if kind not in (ACCESS_TOKEN, JWT):
            raise OAuthError("invalid_request", f"actor_token_type must be {ACCESS_TOKEN} or {JWT}")
        actor = self._tokens.subject(request.unit, token, field="actor_token")
        if actor.id != request.caller.id or actor.actors:
            raise Denied("actor_token: it is not the client's own", field="actor_token")

    def _access_token(self, request: Request, subject: Subject) -> dict[str, Any]:
        return _told(self._tokens.exchange(request.unit, request.caller, subject, request.wish))

    def _identity_assertion(self, request: Request, subject: Subject) -> dict[str, Any]:
        """For another authorization server, which `audience` names and which is registered as a resource here."""
        audience = _needed(request.form, "audience")
        wish = replace(request.wish, resource=audience, confirmation={})
        order = self._tokens.decide(request.unit, request.caller, subject, wish)
        resource = request.form.get("resource")
        text, seconds = identity_assertions.issue(
            self._signer, request.unit, order, issuer=self._issuer, resource=resource
        )
        scope = " ".join(sorted(order.scopes))
        return {"access_token": text, "token_type": "N_A", "expires_in": seconds, "scope": scope}

    def _saml_assertion(self, request: Request, subject: Subject) -> dict[str, Any]:
        """RFC 8693 section 3: for the application whose entityID `audience` is, or `resource`; with both, at the address `resource`."""
        audience, resource = request.form.get("audience"), request.form.get("resource")
        if not (audience or resource):
            raise OAuthError("invalid_request", "audience is required: the entityID of the application")
        target = audience or resource or ""
        behalf = self._tokens.behalf(request.unit, request.caller, subject, target)
        text, ends = self._assertions(
            request.unit,
            request.arrival,
            audience=target,
            recipient=resource if audience else None,
            behalf=behalf,
        )
        seconds = int((ends - request.unit.tx.moment).total_seconds())
        return {"access_token": text, "token_type": "N_A", "expires_in": seconds}


def _told(token: Token) -> dict[str, Any]:
    answer = {"access_token": token.text, "token_type": token.scheme, "expires_in": token.seconds}
    return {**answer, "scope": " ".join(sorted(token.scopes))}


def _needed(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise OAuthError("invalid_request", f"{name} is required")
    return form[name]

"""Who knocks at the OAuth endpoints: one place where each request's client is authenticated, and its failures are counted."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl

import flask
from werkzeug import Request

from connector.core.errors import Unauthenticated
from connector.domain import clients, credentials, failed_attempts
from connector.domain.arrival import Arrival
from connector.domain.credentials import Credential
from connector.domain.events import Action
from connector.domain.proofs import Shown
from connector.domain.unit import SYSTEM, Caller, Domain
from connector.edges.oauth import client_auth
from connector.edges.oauth.attempts import Attempts
from connector.edges.oauth.certificates import Certificates
from connector.edges.oauth.certificates import Shown as Certificate
from connector.edges.oauth.client_auth import Audiences, Presented
from connector.edges.oauth.errors import OAuthError, Refused
from connector.edges.oauth.federation import Federation

PREFIX = "/oauth"
_MAX_FORM = 500_000
_REPEATABLE = frozenset({"audience", "resource"})  # by RFC 8693 and RFC 8707; we take one of each, and say so


class Door:
    """Client authentication of a request, as the token, introspection and revocation endpoints need it."""

    def __init__(
        self, domain: Domain, *, base_url: str, federation: Federation, attempts: Attempts, certificates: Certificates
    ) -> None:
        self._domain = domain
        self._base_url = base_url
        self._audiences = Audiences(base_url, (f"{base_url}{PREFIX}/token", f"{base_url}{PREFIX}/par"))
        self._federation = federation
        self._attempts = attempts
        self._certificates = certificates

    def shown(self, request: Request) -> Shown:
        """What a request shows beside its token."""
        return self._shown(request, self._certificates.shown(request.environ))

    def _shown(self, request: Request, certificate: Certificate | None) -> Shown:
        thumbprint = certificate.thumbprint if certificate else None
        return Shown(request.method, self._base_url + request.path, tuple(request.headers.getlist("DPoP")), thumbprint)

    def enter(self, request: flask.Request) -> tuple[Arrival, Shown, dict[str, str]]:
        """The client, what it shows, and the parameters of its form. Refused or TooManyRequests where it is not let in."""
        form, certificate = _form(request), self._certificates.shown(request.environ)
        presented = Presented(form, request.headers.get("Authorization"), certificate)
        return self.prove(presented, request.remote_addr or ""), self._shown(request, certificate), form

    def shown_certificate(self, request: flask.Request) -> Certificate | None:
        """That of the connection; nothing says yet whose it is."""
        return self._certificates.shown(request.environ)

    def prove(self, presented: Presented, address: str) -> Arrival:
        """Who that is; failures are counted, and what was used is noted."""
        with self._counting(presented, address):
            claimed = self._federation.claimed(presented.form.get("client_assertion", ""))
            # who asks about tokens must not queue behind those who write
            with self._domain.change(SYSTEM) if client_auth.writes(presented) else self._domain.view() as unit:
                caller, credential = client_auth.authenticate(unit, presented, self._audiences, claimed)
        self._note(caller, credential)
        method, shown = client_auth.method_of(presented), presented.certificate
        return Arrival(caller, method, shown.certificate if shown and method == "tls" else None)

    def agent_by_secret(self, header: str, address: str) -> Arrival:
        """The agent of a Basic header, suspended or not: the sign-on itself refuses that one, and records why."""
        with self._counting(Presented({}, header), address):
            id, secret = client_auth.decode_basic(header) or ("", "")
            with self._domain.view() as unit:
                found = clients.agent_of_secret(unit, id, secret)
            if found is None:
                raise Refused("the secret is not one of its live ones", holder=id)
        self._note(*found)
        return Arrival(found[0], "basic")

    @contextmanager
    def _counting(self, presented: Presented, address: str) -> Iterator[None]:
        who = client_auth.claimed_id(presented)
        self._attempts.check(who, address)
        try:
            yield
        except Unauthenticated as refusal:
            if not isinstance(refusal, Refused) or not self._remembered(refusal, who, address):
                self._attempts.failed(who, address)
            raise
        if self._attempts.succeeded(who, address):
            with self._domain.change(SYSTEM) as unit:
                failed_attempts.forget(unit, who, address)

    def _note(self, caller: Caller, credential: Credential | None) -> None:
        if credential is not None and credentials.unnoted(credential, self._domain.database.clock()):
            with self._domain.change(SYSTEM) as unit:
                credentials.used(unit, caller.kind, credential)

    def _remembered(self, refusal: Refused, who: str, address: str) -> bool:
        """An event of the failure, and a count that all processes share, for clients and agents that there are: a stranger's guesses
        shall not fill the database. Whether it is one of them.
        """
        if refusal.holder is None:
            return False
        with self._domain.change(SYSTEM) as unit:
            kind = clients.kind_of(unit, refusal.holder)
            if kind is None:
                return False
            unit.record(Action.CLIENT_REFUSED, kind, refusal.holder, why=refusal.why, address=address)
            if not self._attempts.limit:
                return True
            count, age = failed_attempts.count(unit, who, address, window=self._attempts.window)
        self._attempts.learn(who, address, count, age)
        return True


def _form(request: flask.Request) -> dict[str, str]:
    """The parameters of the body (RFC 6749 appendix B), which must not be given more than once (section 3.2)."""
    if request.mimetype != "application/x-www-form-urlencoded":
        return {}
    request.max_content_length = _MAX_FORM  # werkzeug answers 413 where it is larger
    found: dict[str, str] = {}
    for name, value in parse_qsl(request.get_data().decode(errors="replace"), keep_blank_values=True):
        if name in found:
            code = "invalid_target" if name in _REPEATABLE else "invalid_request"
            raise OAuthError(code, f"{name} is given more than once: ask for one token for each")
        found[name] = value
    return found

"""The authorization endpoint: a person who is signed in is asked whether an agent may act for them, and the agent gets a code.

The whole request, or the name of one that was pushed, is in the address, of the question and of the answer alike, and is read anew each
time. What the page has shown is sealed into its form: allowed is what was read by that person in that session, and nothing else.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import flask
from werkzeug.datastructures import MultiDict

from connector.core.clock import from_text
from connector.core.errors import Denied, Invalid
from connector.domain import consents, person_grants, person_sessions, pushed_requests
from connector.domain.consents import Offer
from connector.domain.person_sessions import SignedIn
from connector.domain.sign_in import UNMET
from connector.domain.unit import Domain, Unit
from connector.edges.oauth import authorization_request
from connector.edges.oauth.authorization_request import LONGEST, AuthorizationRequest, ReturnAddress
from connector.edges.oauth.door import PREFIX
from connector.edges.oauth.errors import OAuthError, told_as

_PAGE_LIFE = timedelta(minutes=15)
_USUAL = "month"


class Sessions(Protocol):
    """Who is signed in."""

    def current(self) -> SignedIn | None: ...
    def required(self, *, since: datetime | None = None, contexts: tuple[str, ...] = ()) -> SignedIn: ...
    def checked(self) -> SignedIn: ...


class Pages(Protocol):
    """What people see."""

    def page(
        self, template: str, status: int = 200, *, leads_to: str | None = None, **values: object
    ) -> flask.Response: ...


@dataclass(frozen=True)
class _Question:
    """What an agent asks, where the answer goes, and the request_uri by which it was pushed, if it was."""

    to: ReturnAddress
    parameters: MultiDict[str, str]
    pushed: str | None

    def use_up(self, unit: Unit) -> None:
        """One answer to each that was pushed."""
        if self.pushed is not None:
            pushed_requests.use_up(unit, self.pushed)


def blueprint(domain: Domain, *, base_url: str, sessions: Sessions, pages: Pages, only_pushed: bool) -> flask.Blueprint:
    """`/oauth/authorize`; its errors before the client is known are pages (connector/app.py). `only_pushed`: of whatever agent."""
    routes = _Routes(domain, base_url, sessions, pages, only_pushed)
    found = flask.Blueprint("authorize", __name__)
    found.add_url_rule(f"{PREFIX}/authorize", view_func=routes.ask, methods=["GET"])
    found.add_url_rule(f"{PREFIX}/authorize", view_func=routes.answer, methods=["POST"])
    return found


class _Routes:
    def __init__(self, domain: Domain, issuer: str, sessions: Sessions, pages: Pages, only_pushed: bool) -> None:
        self._domain = domain
        self._issuer = issuer
        self._sessions = sessions
        self._pages = pages
        self._only_pushed = only_pushed
        self._key = domain.keys.derive("consent page")

    def ask(self) -> flask.Response:
        """Ask the person, or answer at once where nothing is to be asked or nothing may be."""
        question = self._question()
        to = question.to
        try:
            request = self._read(question)
            with self._domain.view() as unit:
                consents.check(unit, request.asked, own=self._issuer)
            person = self._person(request)
            with self._domain.view(person.caller) as unit:
                offer = consents.offer(unit, request.asked, person.person_id, own=self._issuer)
                terms = consents.terms(unit, request.asked.agent_id)
                moment = unit.tx.now
            if offer.standing is not None and "consent" not in request.prompts:
                with self._domain.change(person.caller) as unit:
                    question.use_up(unit)
                    code = person_grants.code(unit, request.asked, offer, person)
                return _sent(to.answer(code=code))
            if "none" in request.prompts:
                raise OAuthError("consent_required", "the person has not allowed this, or no longer")
        except (OAuthError, Denied) as problem:
            return self._refused(question, problem)
        return self._pages.page(
            "consent.html",
            leads_to=to.uri,
            person=person,
            offer=offer,
            agent_id=to.agent_id,
            destination=to.site,
            terms=terms,
            chosen=_USUAL if any(term.name == _USUAL for term in terms) else terms[-1].name,
            shown=self._seal(person, offer, moment),
        )

    def answer(self) -> flask.Response:
        """What the person has decided."""
        person = self._sessions.checked()
        question = self._question()
        to = question.to
        try:
            asked = self._read(question).asked
            with self._domain.change(person.caller) as unit:
                offer = consents.offer(unit, asked, person.person_id, own=self._issuer)
                self._check_shown(person, offer, unit.tx.moment)
                question.use_up(unit)
                if not self._allowed():
                    consents.refuse(unit, asked, offer)
                    return _sent(to.answer(error="access_denied", error_description="the person has refused"))
                chosen = flask.request.form.get("term")
                term = next((one for one in consents.terms(unit, asked.agent_id) if one.name == chosen), None)
                if term is None:
                    raise Invalid("choose until when the agent may act for you", field="term")
                consents.give(unit, asked, offer, person.person_id, term)
                code = person_grants.code(unit, asked, offer, person)
        except (OAuthError, Denied) as problem:
            return self._refused(question, problem)
        return _sent(to.answer(code=code))

    def _question(self) -> _Question:
        """Of what was pushed nothing else in the address counts (RFC 9101 section 6.3)."""
        if not flask.request.query_string.isascii():
            raise Invalid("the address has characters that must be percent-encoded")
        parameters, uri = flask.request.args, flask.request.args.get("request_uri", "")
        with self._domain.view() as unit:
            if uri.startswith(pushed_requests.PREFIX):
                parameters = MultiDict(pushed_requests.recalled(unit, parameters.get("client_id", ""), uri))
            to = authorization_request.return_address(unit, parameters, issuer=self._issuer)
        return _Question(to, parameters, uri if parameters is not flask.request.args else None)

    def _read(self, question: _Question) -> AuthorizationRequest:
        if len(flask.request.query_string) > LONGEST:
            raise OAuthError("invalid_request", f"the query must have {LONGEST} characters at most: push the request")
        if question.pushed is None:
            with self._domain.view() as unit:
                if self._only_pushed or pushed_requests.is_needed(unit, question.to.agent_id):
                    raise OAuthError("invalid_request", "the request must be pushed (RFC 9126)")
        return authorization_request.read(question.parameters, question.to)

    def _refused(self, question: _Question, problem: OAuthError | Denied) -> flask.Response:
        if question.pushed is not None:
            with self._domain.change(person_sessions.BROWSER) as unit:
                pushed_requests.discard(unit, question.pushed)
        told = question.to.answer(error=told_as(problem)[1], error_description=_quotable(problem.detail))
        return _sent(told)

    def _person(self, request: AuthorizationRequest) -> SignedIn:
        """Who is there, fresh enough; others sign in first, unless nothing may be asked (OIDC core section 3.1.2.1)."""
        since = None
        if request.max_age is not None:
            since = self._domain.database.clock() - timedelta(seconds=request.max_age)
        found = self._sessions.current()
        quiet, tried = "none" in request.prompts, UNMET in flask.request.query_string.decode().split("&")
        if quiet and (found is None or not found.has_proved(since)):
            raise OAuthError("login_required", "the person must sign in first")
        unmet = bool(request.contexts) and (found is None or found.context not in request.contexts)
        if unmet and (quiet or tried):
            raise OAuthError(
                "unmet_authentication_requirements", "the person's IdP signed them in by none of acr_values"
            )
        return self._sessions.required(since=since, contexts=request.contexts)

    def _allowed(self) -> bool:
        decision = flask.request.form.get("decision")
        if decision not in ("allow", "deny"):
            raise Invalid("decision must be allow or deny", field="decision")
        return decision == "allow"

    def _seal(self, person: SignedIn, offer: Offer, moment: str) -> str:
        query = flask.request.query_string.decode()
        text = "\n".join([moment, person.session_id, query, offer.resource, *sorted(offer.names)])
        return f"{moment} {hmac.digest(self._key, text.encode(), 'sha256').hex()}"

    def _check_shown(self, person: SignedIn, offer: Offer, now: datetime) -> None:
        """Invalid where the form is not of a page that has asked exactly this, a short while ago."""
        shown = flask.request.form.get("shown", "")
        moment = shown.partition(" ")[0]
        genuine = hmac.compare_digest(shown.encode(), self._seal(person, offer, moment).encode())
        if not genuine or now - from_text(moment) > _PAGE_LIFE:
            raise Invalid("the page is out of date: go back, reload it, and read it again", field="shown")


def _quotable(sentence: str) -> str:
    """As RFC 6749 section 4.1.2.1 allows it."""
    return "".join(sign if sign.isascii() and sign.isprintable() and sign not in '"\\' else "?" for sign in sentence)


def _sent(address: str) -> flask.Response:
    """See Other, also after a form: what the person has sent to us does not go on (RFC 9700 section 4.12)."""
    headers = {"Location": address, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return flask.Response(status=303, headers=headers)

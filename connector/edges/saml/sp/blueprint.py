"""The HTTP face of the service provider for people: sign-in, the ACS, logout both ways, our metadata.

Pages and cookies of sessions are the console's: `Door` and `Pages` are what this edge needs of them.
"""

import base64
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

import flask

from connector.core.errors import Denied, Invalid, NotFound, TooManyRequests, Unauthenticated
from connector.core.logs import logger
from connector.domain import person_sessions, workforce
from connector.domain.person_sessions import SignedIn
from connector.domain.sign_in import REQUEST_LIFE, Begun, Browser, Purpose, Unmet
from connector.domain.unit import Domain
from connector.domain.vouched import Code
from connector.edges.saml import names, post_form, redirect, signature, soap, xml
from connector.edges.saml.signature import Signers
from connector.edges.saml.sp import logout, metadata, sign_in
from connector.edges.saml.sp.logout import Answer, Arrived
from connector.edges.saml.sp.provider import Sp
from connector.edges.saml.sp.refusal import NotAccepted
from connector.edges.saml.sp.sentences import SENTENCES
from connector.edges.saml.sp.sign_in import Departure

_MAX_BODY = 384 * 1024  # base64 of the largest message that the parser takes
_MAX_CONTEXTS = 1000  # characters of their URIs: more do not come through the authorization endpoint
_METADATA_TYPE = "application/samlmetadata+xml"
_METADATA_FRESH = timedelta(hours=1)
_UNCACHED = {"Cache-Control": "no-cache, no-store", "Pragma": "no-cache"}

log = logger()


class Door(Protocol):
    """Sessions as cookies."""

    life: timedelta
    secure: bool

    def token(self) -> str | None: ...
    def checked(self) -> SignedIn: ...
    def begin(self, response: flask.Response, token: str, expires: datetime) -> None: ...
    def end(self, response: flask.Response) -> None: ...


class Pages(Protocol):
    """What people see."""

    def refusal(self, sentence: str, code: str, status: int) -> flask.Response: ...
    def onward(self, address: str) -> flask.Response: ...
    def signed_out(self, everywhere: bool) -> flask.Response: ...


def blueprint(
    domain: Domain,
    *,
    base_url: str,
    door: Door,
    pages: Pages,
    new_id: Callable[[], str],
    limit: Callable[[], None],
    limit_forged: Callable[[], None],
) -> flask.Blueprint:
    """`/saml/acs` and what is below `/saml/sp/`. `limit` counts one sign-in that is begun, or raises TooManyRequests;
    `limit_forged` the same of an answer that no IdP can be held to: beyond it they are refused all the same, and not recorded.
    """
    routes = _Routes(Sp(domain, base_url, Signers(domain.keys, "sp"), new_id), door, pages, limit, limit_forged)
    found = flask.Blueprint("saml_sp", __name__, url_prefix="/saml")
    found.add_url_rule("/acs", view_func=routes.acs, methods=["POST"])
    found.add_url_rule("/sp/metadata", view_func=routes.metadata, methods=["GET"])
    found.add_url_rule("/sp/login", view_func=routes.login, methods=["GET"])
    found.add_url_rule("/sp/logout", view_func=routes.logout, methods=["POST"])
    found.add_url_rule("/sp/slo", view_func=routes.slo, methods=["GET", "POST"])
    found.add_url_rule("/sp/slo/soap", view_func=routes.slo_soap, methods=["POST"])
    return found


class _Routes:
    def __init__(
        self, sp: Sp, door: Door, pages: Pages, limit: Callable[[], None], limit_forged: Callable[[], None]
    ) -> None:
        self._sp = sp
        self._door = door
        self._pages = pages
        self._limit_starts = limit
        self._limit_forged = limit_forged
        self._metadata: tuple[datetime, int, bytes] | None = None
        self._cookie = "__Host-connector_login" if door.secure else "connector_login"

    def metadata(self) -> flask.Response:
        now, keys = self._sp.domain.database.clock(), self._sp.domain.keys.refresh()
        kept = self._metadata
        if kept is None or kept[1] != keys or now - kept[0] > _METADATA_FRESH:
            kept = self._metadata = (now, keys, metadata.render(self._sp))  # anybody may ask: not one signature each
        response = flask.Response(kept[2], content_type=_METADATA_TYPE)
        response.add_etag()
        response.make_conditional(flask.request)
        return response

    def login(self) -> flask.Response:
        self._limit_starts()  # anybody may ask: each is a signature, and a row that waits for the answer
        asked = flask.request.args
        contexts = tuple(
            one for one in asked.get("acr", "")[:_MAX_CONTEXTS].split() if one.isascii() and one.isprintable()
        )
        purpose = Purpose(asked.get("next", "/"), forced="fresh" in asked, contexts=contexts)
        try:
            departure = sign_in.request(self._sp, asked.get("idp", ""), purpose, cookie=self._browser().cookie)
        except NotFound:
            return self._refused(Code.UNKNOWN_IDP, 404)
        except NotAccepted as problem:
            return self._not_accepted(problem)
        return self._sent(_redirect(departure.address), departure)

    def acs(self) -> flask.Response:
        self._limit()
        form = flask.request.form
        browser = Browser(self._browser().cookie, form.get("RelayState"))
        try:
            outcome = sign_in.answer(
                self._sp, form.get("SAMLResponse"), browser, life=self._door.life, recorded=self._recorded
            )
        except NotAccepted as problem:  # of a stranger: the log is told, the audit log is not filled
            return self._not_accepted(problem)
        if isinstance(outcome, Unmet):
            return _redirect(outcome.next)
        if not isinstance(outcome, Begun):
            log.warning("sign-in refused", action="sign in", code=outcome.code.value, problem=outcome.reason)
            return self._refused(outcome.code)
        response = _redirect(outcome.next)
        self._end_former()
        self._door.begin(response, outcome.token, outcome.expires)
        return response

    def logout(self) -> flask.Response:
        """The person's own wish: our session ends at once, whatever becomes of the IdP's."""
        try:
            self._door.checked()
        except Unauthenticated:
            return self._pages.signed_out(True)
        except Denied as problem:
            return self._pages.refusal(problem.detail, "other-page", 403)
        token = self._door.token()
        assert token is not None
        with self._sp.domain.change(person_sessions.BROWSER) as unit:
            ended = person_sessions.sign_out(unit, token)
            idp = workforce.fetch(unit, ended.idp) if ended else None
        response, departure = self._pages.signed_out(False), None
        if ended and idp:
            departure = logout.request(self._sp, idp, ended, cookie=self._browser().cookie)
        if departure:  # a page, not a redirect: form-action of our pages lets no form lead elsewhere
            response = self._sent(self._pages.onward(departure.address), departure)
        self._door.end(response)
        return response

    def slo(self) -> flask.Response:
        self._limit()
        try:
            if "SAMLResponse" in (flask.request.form if flask.request.method == "POST" else flask.request.args):
                return self._pages.signed_out(self._confirmed())
            return self._answered(logout.asked(self._sp, self._arrived("SAMLRequest")))
        except NotAccepted as problem:
            return self._not_accepted(problem)
        except Invalid as problem:
            return self._not_accepted(NotAccepted(Code.MALFORMED, problem.detail))

    def _confirmed(self) -> bool:
        """Whether the IdP has signed out as we asked it to. Our own session has ended anyway: what cannot be believed is a no."""
        try:
            arrived = self._arrived("SAMLResponse")
            browser = Browser(self._browser().cookie, arrived.relay_state)
            return logout.confirmed(self._sp, arrived, browser)
        except (NotAccepted, Invalid) as problem:
            log.warning("logout not confirmed", action="logout", problem=problem.detail)
            return False

    def slo_soap(self) -> flask.Response:
        self._limit()
        try:
            answer = logout.asked(self._sp, Arrived(soap.body_of(flask.request.get_data())))
        except (NotAccepted, Invalid) as problem:
            log.warning("logout refused", action="logout", problem=problem.detail)
            return flask.Response(soap.fault("Client", problem.detail), 500, content_type=soap.CONTENT_TYPE)
        content = soap.envelope(self._sp.signer.sign(answer.message))
        return flask.Response(content, 200, _UNCACHED, content_type=soap.CONTENT_TYPE)

    # -- messages in and out ------------------------------------------------------------------------------------------

    def _arrived(self, field: str) -> Arrived:
        if flask.request.method == "GET":
            query = redirect.read(flask.request.query_string, field)
            element = xml.parse(query.message, what=field)
            if query.signature is None:
                raise NotAccepted(Code.SIGNATURE, f"the {field} is not signed")
            return Arrived(element, query.signature, query.relay_state)
        form = flask.request.form
        content = signature.octets_of(form.get(field, ""), field)
        return Arrived(xml.parse(content, what=field), None, form.get("RelayState"))

    def _answered(self, answer: Answer) -> flask.Response:
        endpoint = answer.endpoint
        if endpoint is None:
            return self._pages.signed_out(True)
        place = endpoint.response or endpoint.location
        if endpoint.binding == names.BINDING_REDIRECT:
            content = answer.message.encode()
            address = redirect.address(place, "SAMLResponse", content, answer.relay_state, self._sp.signer)
            return _redirect(address)
        signed = self._sp.signer.sign(answer.message)
        fields = {"SAMLResponse": base64.b64encode(signed.encode()).decode()}
        if answer.relay_state is not None:
            fields["RelayState"] = answer.relay_state
        page = post_form.page(place, fields, title="Signing out")
        return flask.Response(page, 200, post_form.FRAMED, content_type="text/html; charset=utf-8")

    def _sent(self, response: flask.Response, departure: Departure) -> flask.Response:
        """With the cookie that must come back. It travels in a form of the IdP's: browsers leave out all that is not None."""
        response.headers.update(_UNCACHED)
        response.set_cookie(
            self._cookie,
            departure.cookie,
            max_age=round(REQUEST_LIFE.total_seconds()),
            secure=self._door.secure,
            httponly=True,
            samesite="None" if self._door.secure else None,
            path="/",
        )
        return response

    def _browser(self) -> Browser:
        return Browser(flask.request.cookies.get(self._cookie), None)

    def _end_former(self) -> None:
        """Whoever signs in again has one session, not two."""
        former = self._door.token()
        if former:
            with self._sp.domain.change(person_sessions.BROWSER) as unit:
                person_sessions.sign_out(unit, former)

    def _not_accepted(self, problem: NotAccepted) -> flask.Response:
        log.warning("message of an IdP refused", action="sign in", code=problem.code.value, problem=problem.detail)
        return self._refused(problem.code)

    def _refused(self, code: Code, status: int = 403) -> flask.Response:
        return self._pages.refusal(SENTENCES[code], code.value, status)

    def _recorded(self) -> bool:
        try:
            self._limit_forged()
        except TooManyRequests:
            return False
        return True

    def _limit(self) -> None:
        flask.request.max_content_length = _MAX_BODY  # werkzeug answers 413 where it is larger


def _redirect(address: str) -> flask.Response:
    return flask.Response(status=303, headers={"Location": address, **_UNCACHED})

"""Sessions of people as cookies, and the form fields that show that a form is ours.

`Sessions.current` is what every edge asks that must know which person is there; `required` sends the others to sign in.
"""

import hmac
from datetime import datetime, timedelta
from urllib.parse import quote

import flask

from connector.core.errors import Denied, Unauthenticated
from connector.domain import person_sessions
from connector.domain.person_sessions import SignedIn
from connector.domain.unit import Domain

_KEPT = "signed_in"  # in flask.g: asked for once per request


class SignInFirst(Unauthenticated):
    """Nobody is signed in; `address` is the page that changes that."""

    def __init__(self, address: str) -> None:
        super().__init__("sign in first")
        self.address = address


class Sessions:
    """Finds, begins and ends them. `secure` where we are reached over https; `life` and `idle` bound each session."""

    def __init__(self, domain: Domain, *, secure: bool, life: timedelta, idle: timedelta) -> None:
        self._domain = domain
        self.secure = secure
        self.life = life
        self._idle = idle
        self._cookie = "__Host-connector_session" if secure else "connector_session"

    def token(self) -> str | None:
        """The secret of the cookie, as sent."""
        return flask.request.cookies.get(self._cookie)

    def current(self) -> SignedIn | None:
        """The person who sends this request; None where nobody is signed in. Roles are those of this moment."""
        if _KEPT not in flask.g:
            setattr(flask.g, _KEPT, self._found())
        kept: SignedIn | None = getattr(flask.g, _KEPT)
        return kept

    def required(self, *, since: datetime | None = None, contexts: tuple[str, ...] = ()) -> SignedIn:
        """The same; SignInFirst where nobody is, which brings them back to this page after they have signed in.

        Who is not known to have proved themselves to the IdP after `since` does so again, and who has done so by none of the
        `contexts`, if there are any.
        """
        found = self.current()
        if found is None or not found.has_proved(since) or (contexts and found.context not in contexts):
            here = flask.request.full_path.rstrip("?") if flask.request.method == "GET" else "/"
            fresh = "" if since is None else "&fresh=1"
            wish = f"&acr={quote(' '.join(contexts))}" if contexts else ""
            raise SignInFirst(f"/signin?next={quote(here, safe='/')}{fresh}{wish}")
        return found

    def checked(self) -> SignedIn:
        """The person who sends this form. Denied where the form is not one of ours (its field `csrf`)."""
        found = self.required()
        if not hmac.compare_digest(flask.request.form.get("csrf", "").encode(), found.csrf.encode()):
            raise Denied("this form is not from our page, or from an older one: go back, reload the page, try again")
        return found

    def begin(self, response: flask.Response, token: str, expires: datetime) -> None:
        """Give the browser the session. No script can read it, and other sites' forms do not carry it."""
        response.set_cookie(
            self._cookie, token, expires=expires, secure=self.secure, httponly=True, samesite="Lax", path="/"
        )

    def end(self, response: flask.Response) -> None:
        response.delete_cookie(self._cookie, secure=self.secure, httponly=True, samesite="Lax", path="/")

    def _found(self) -> SignedIn | None:
        token = self.token()
        if not token:
            return None
        with self._domain.view() as unit:
            found = person_sessions.current(unit, token, idle=self._idle)
            mark = found is not None and person_sessions.is_to_be_marked(unit, token)
        if found is not None and mark:
            with self._domain.change(found.caller) as unit:
                person_sessions.mark(unit, found.session_id)
        return found

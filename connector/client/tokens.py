"""The client itself: asks for tokens, keeps them while they live, and makes sessions that send them."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.auth import AuthBase

from connector.client.authorization import Authorization
from connector.client.credentials import Credential, Outgoing
from connector.client.errors import TokenRefused
from connector.client.proof import DPoPKey

_TYPE = "urn:ietf:params:oauth:token-type:"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_EARLY = 30.0  # seconds: a token that ends so soon is renewed before it is sent
_TIMEOUT = (5.0, 20.0)


@dataclass(frozen=True)
class Token:
    """An access token; `ends` is a moment of the client's own clock. `refresh` gets the next one, where a person has consented."""

    text: str = field(repr=False)
    scheme: str
    scopes: frozenset[str]
    ends: float
    refresh: str | None = field(default=None, repr=False)


class AgentClient:
    """One agent at one authorization server. Safe to share between threads."""

    def __init__(
        self,
        issuer: str,
        credential: Credential,
        *,
        dpop: DPoPKey | None = None,
        verify: str | bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`verify` is a file of CAs to trust, or True for the system's. With `dpop` every token is bound to that key."""
        self._issuer = issuer.rstrip("/")
        self._credential = credential
        self._dpop = dpop
        self._verify = verify
        self._now = now
        self._described: dict[str, Any] | None = None
        self._kept: dict[tuple[str, ...], Token] = {}
        self._lock = threading.Lock()

    def token(self, scope: str = "", *, resource: str | None = None) -> Token:
        """A token for the agent itself; the one that is kept, while it lives."""
        form = {"grant_type": "client_credentials", "scope": scope, "resource": resource or ""}
        return self._current(("own", scope, resource or ""), form)

    def exchange(
        self, subject_token: str, *, kind: str = "access_token", scope: str = "", resource: str | None = None
    ) -> Token:
        """A token with which the agent acts for the subject (RFC 8693). `kind` is access_token, jwt or id_token."""
        form = {
            "grant_type": _EXCHANGE,
            "subject_token": subject_token,
            "subject_token_type": _TYPE + kind,
            "scope": scope,
            "resource": resource or "",
        }
        return self._current(("exchange", subject_token, kind, scope, resource or ""), form)

    def authorize(
        self, agent_id: str, redirect_uri: str, scope: str, *, pushed: bool = False, **more: str
    ) -> Authorization:
        """What to ask a person for: send their browser to its `url`, and keep it until they come back to `redirect_uri`.

        `more` are other parameters of the request, such as `resource`, `prompt` or `max_age`. `pushed`: tell the server beforehand
        (RFC 9126), so that the address says nothing of it; that is done in any case where the server wants all requests so.
        TokenRefused where it does not take it.
        """
        asked = {"client_id": agent_id, "redirect_uri": redirect_uri, "scope": scope, **more}
        if self._dpop:
            asked["dpop_jkt"] = self._dpop.thumbprint
        endpoint = self._metadata("authorization_endpoint")
        if not pushed and self._metadata("require_pushed_authorization_requests") != "True":
            return Authorization.begin(endpoint, self._issuer, asked)
        return Authorization.begin(endpoint, self._issuer, asked, self._push)

    def code(self, authorization: Authorization, answer: str) -> Token:
        """The person is back: the token for whom they allowed it. `answer` is the whole address that their browser has asked for.

        TokenRefused where they refused, or where the answer is not one to that question by that server.
        """
        return self._ask(authorization.redemption(answer))

    def refresh(self, token: Token) -> Token:
        """The next token for the same person. Keep what comes: the one before is used up, and must not be sent again."""
        return self._ask({"grant_type": "refresh_token", "refresh_token": token.refresh or ""})

    def session(self, scope: str = "", *, resource: str | None = None) -> requests.Session:
        """A requests session that sends the agent's token, renewed in time, with a proof where it is bound."""
        session = requests.Session()
        session.verify = self._verify
        session.trust_env = self._verify is True  # requests would prefer a CA file of the environment to the one given
        session.auth = _Auth(lambda: self.token(scope, resource=resource), self._dpop)
        return session

    def forget(self) -> None:
        """Ask for fresh tokens from now on, as after a 401."""
        with self._lock:
            self._kept.clear()

    def _current(self, key: tuple[str, ...], form: dict[str, str]) -> Token:
        with self._lock:  # one request at a time: who waits finds the token that the other got
            kept = self._kept.get(key)
            if kept is None or kept.ends - self._now() < _EARLY:
                kept = self._kept[key] = self._ask({name: value for name, value in form.items() if value})
            return kept

    def _push(self, request: dict[str, str]) -> dict[str, str]:
        answer = self._sent("pushed_authorization_request_endpoint", request, 201)
        return {"client_id": request["client_id"], "request_uri": _field(answer, "request_uri")}

    def _ask(self, form: dict[str, str]) -> Token:
        asked = self._now()
        answer = self._sent("token_endpoint", form, 200)
        text, scheme = _field(answer, "access_token"), _field(answer, "token_type")
        life = (
            _field(answer, "expires_in") or "0"
        )  # where it is not said, the token is used once (RFC 6749 section 5.1)
        if not text or not scheme or not life.isdecimal():
            raise TokenRefused(
                "server_error",
                "the answer is not a token: it must have access_token and token_type",
                answer.status_code,
            )
        scopes = frozenset(_field(answer, "scope").split())
        return Token(text, scheme, scopes, asked + int(life), _field(answer, "refresh_token") or None)

    def _sent(self, endpoint: str, form: dict[str, str], wanted: int) -> requests.Response:
        """The answer, which has the status that is wanted; TokenRefused otherwise."""
        answer = self._send(endpoint, form)
        if answer.status_code == 400 and _field(answer, "error") == "use_dpop_nonce":
            answer = self._send(endpoint, form)  # with the nonce that came with the refusal (RFC 9449 section 8)
        if answer.status_code != wanted:
            raise TokenRefused(
                _field(answer, "error") or "server_error", _field(answer, "error_description"), answer.status_code
            )
        return answer

    def _send(self, endpoint: str, form: dict[str, str]) -> requests.Response:
        url = self._metadata(endpoint)
        outgoing = Outgoing(dict(form))
        self._credential.prove(outgoing, self._issuer)
        headers = {"DPoP": self._dpop.proof("POST", url)} if self._dpop else {}
        answer = requests.post(
            url,
            data=outgoing.form,
            auth=outgoing.auth,
            cert=outgoing.certificate,
            headers=headers,
            verify=self._verify,
            timeout=_TIMEOUT,
            allow_redirects=False,
        )
        if self._dpop:
            self._dpop.remember(url, answer.headers.get("DPoP-Nonce"))
        return answer

    def _metadata(self, name: str) -> str:
        """From the server's metadata, whose issuer must be the one that we were told (RFC 8414 section 3.3)."""
        if self._described is None:
            url = f"{self._issuer}/.well-known/oauth-authorization-server"
            answer = requests.get(url, verify=self._verify, timeout=_TIMEOUT, allow_redirects=False)
            if answer.status_code != 200 or _field(answer, "issuer") != self._issuer:
                raise TokenRefused("server_error", f"{url} does not describe {self._issuer}", answer.status_code)
            self._described = answer.json()
        return str(self._described.get(name, ""))


class _Auth(AuthBase):
    """Puts the token into each request; a resource that wants a nonce gets the request again, once."""

    def __init__(self, token: Callable[[], Token], dpop: DPoPKey | None) -> None:
        self._token = token
        self._dpop = dpop

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        self._sign(request)
        if self._dpop is not None:
            request.register_hook("response", self._again)  # type: ignore[no-untyped-call]
        return request

    def _sign(self, request: requests.PreparedRequest) -> None:
        token = self._token()
        request.headers["Authorization"] = f"{token.scheme} {token.text}"
        if self._dpop is not None:
            proof = self._dpop.proof(request.method or "GET", request.url or "", token=token.text)
            request.headers["DPoP"] = proof

    def _again(self, response: requests.Response, **options: Any) -> requests.Response:
        assert self._dpop is not None
        nonce = response.headers.get("DPoP-Nonce")
        self._dpop.remember(response.url, nonce)
        wanted = "use_dpop_nonce" in response.headers.get("WWW-Authenticate", "")
        if response.status_code != 401 or not nonce or not wanted or response.history:
            return response
        response.content  # noqa: B018  # read to its end, so that the connection can be used again
        request = response.request.copy()
        request.hooks["response"] = []
        self._sign(request)
        again: requests.Response = response.connection.send(request, **options)
        again.history.append(response)
        return again


def _field(answer: requests.Response, name: str) -> str:
    try:
        body = answer.json()
    except ValueError:
        return ""
    value = body.get(name) if isinstance(body, dict) else None
    return "" if value is None else str(value)

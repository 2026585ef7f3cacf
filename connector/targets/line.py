"""The line to one target over HTTP, whatever it speaks: signed in, left in peace when it asks for that, secrets kept out of texts.

In: a whole request. Out: the answer, whatever its status. What an answer means is for the wire of the protocol to say.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from connector.core.clock import Clock
from connector.core.http import Answer, HttpClient, HttpFailure
from connector.targets.base import Missing, Throttled, Unreachable
from connector.targets.sign_in import SignIn, Tokens

_MAX_WORDS: Final = 300
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class NotThere(Missing):
    """404 from the target itself: the object that the call names is not there.

    Who calls says which one, or that it need not be there. Where nobody expected it (a list that every server has), the target's own
    words are passed on.
    """

    def __init__(self, detail: str = "the target says that there is no such thing") -> None:
        super().__init__(detail)


class Line:
    """Requests to one target. Threads may share it."""

    def __init__(self, http: HttpClient, sign_in: SignIn, clock: Clock) -> None:
        self._http = http
        self._tokens = Tokens(sign_in, http, clock)
        self._clock = clock
        self._quiet: tuple[datetime, str] | None = None  # until when nothing may be sent, and why

    def send(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        """One call, and a second one with a new token where the first was answered 401. Throttled during quiet time."""
        self._keep_quiet()
        answer = self._once(method, url, body, headers, params)
        if answer.status == 401 and self._tokens.renew():  # expired or revoked before its time
            answer = self._once(method, url, body, headers, params)
        return answer

    def hush(self, seconds: float, why: str) -> None:
        """Send nothing for so long (RFC 9110 section 10.2.3, or a quota that others need)."""
        until = self._clock() + timedelta(seconds=seconds)
        if self._quiet is None or self._quiet[0] < until:
            self._quiet = (until, why)

    def words(self, text: str) -> str:
        """The other side's words on one line, bounded, without our secrets."""
        plain = self._tokens.blot(re.sub(r"[\s\x00-\x1f\x7f]+", " ", text))
        return plain if len(plain) <= _MAX_WORDS else plain[: _MAX_WORDS - 1] + "…"

    def _keep_quiet(self) -> None:
        if self._quiet is None:
            return
        until, why = self._quiet
        left = (until - self._clock()).total_seconds()
        if left > 0:
            raise Throttled(why, retry_after=left)

    def _once(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str] | None,
        params: Mapping[str, str] | None,
    ) -> Answer:
        signed = {**(headers or {}), "Authorization": self._tokens.authorization()}
        try:
            return self._http.send(method, url, body=body, headers=signed, params=params)
        except HttpFailure as problem:
            raise Unreachable(problem.detail) from problem


def address_problem(name: str, url: str) -> str:
    """What is wrong with the option `name` that holds a base URL; "" for nothing, and for an empty one."""
    if not url:
        return ""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return "" if parts.hostname and not parts.username and not parts.query else f"{name}: not a plain base URL"
    return f"{name}: must be https (plain http only to this machine: the credentials would travel in clear)"

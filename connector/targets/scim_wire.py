"""Requests to a SCIM service provider, and its answers as values or as our errors. Knows HTTP and no accounts."""

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import orjson

from connector.core.clock import Clock
from connector.core.errors import Invalid
from connector.core.http import Answer, HttpClient, HttpFailure
from connector.targets.base import AlreadyExists, Missing, NotAllowed, Rejected, TargetError, Throttled, Unreachable

_PAGE = 100
_PAGES = 100_000
_MEDIA_TYPE = "application/scim+json"
_CONFIG_LIFE = 24 * 3600.0
Authorize = Callable[[], str]


class ScimWire:
    """One service provider. `authorize` gives the Authorization header's value; it never appears in an error."""

    def __init__(self, url: str, http: HttpClient, authorize: Authorize, clock: Clock) -> None:
        self.url = url.rstrip("/")
        self._http = http
        self._authorize = authorize
        self._clock = clock
        self._config: tuple[float, dict[str, Any]] | None = None

    def config(self) -> dict[str, Any]:
        """The ServiceProviderConfig, read once a day; {} where the provider has none."""
        now = self._clock().timestamp()
        if self._config is None or now - self._config[0] > _CONFIG_LIFE:
            found = self.get("/ServiceProviderConfig")
            self._config = (now, found or {})
        return self._config[1]

    def supports(self, feature: str, *, default: bool) -> bool:
        described = self.config().get(feature)
        return bool(described.get("supported", default)) if isinstance(described, dict) else default

    def get(self, path: str, **parameters: str) -> dict[str, Any] | None:
        """A resource, or None where the provider says that there is none."""
        answer = self._send("GET", path, params=parameters or None)
        if answer.status == 404:
            self._must_be_scim_or_plain_404(answer)
            return None
        return self._object(answer)

    def write(
        self, method: str, path: str, body: dict[str, Any] | None, *, etag: str | None = None
    ) -> dict[str, Any] | None:
        """POST, PUT, PATCH or DELETE; the resource in the answer, if any. Missing for 404."""
        headers = {"If-Match": etag} if etag else {}
        answer = self._send(method, path, body=orjson.dumps(body) if body is not None else None, headers=headers)
        if answer.status == 404:
            raise Missing(f"{path} is not at the target (any more)")
        if answer.status == 204 or not answer.body:
            return None
        return self._object(answer)

    def listing(self, endpoint: str, filter: str | None = None) -> Iterator[dict[str, Any]]:
        """Every resource of an endpoint (that matches). Unreachable where the walk over the pages does not add up."""
        paged = self.supports("filter", default=True)  # a server that cannot filter was seen to fail on count, too
        start, seen = 1, 0
        for _ in range(_PAGES):
            parameters = {"filter": filter} if filter else {}
            if paged:
                parameters |= {"startIndex": str(start), "count": str(_PAGE)}
            page = self.get(endpoint, **parameters)
            if page is None:
                raise Unreachable(f"{endpoint} is not served by the target")
            keys = {key.lower(): value for key, value in page.items()}
            resources, total = keys.get("resources") or [], keys.get("totalresults")
            if not isinstance(resources, list) or not isinstance(total, int):
                raise Unreachable(f"{endpoint} did not answer with a list")
            yield from resources
            seen += len(resources)
            if seen >= total:
                return
            if not resources or not paged:
                raise Unreachable(f"{endpoint} told of {total} resources but gave {seen}")
            start += len(resources)
        raise Unreachable(f"{endpoint} never came to an end")

    def _send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        params: dict[str, str] | None = None,
    ) -> Answer:
        sent = {"Authorization": self._authorize(), "Accept": f"{_MEDIA_TYPE}, application/json", **(headers or {})}
        if body is not None:
            sent["Content-Type"] = _MEDIA_TYPE
        try:
            answer = self._http.send(method, self.url + path, body=body, headers=sent, params=params)
        except HttpFailure as problem:
            raise Unreachable(problem.detail) from problem
        if answer.status >= 400 and answer.status != 404:
            raise _error(answer, method, path)
        if 300 <= answer.status < 400:
            raise Rejected(f"{method} {path} answered with a redirect ({answer.status}): is the url right?")
        return answer

    def _object(self, answer: Answer) -> dict[str, Any]:
        try:
            found = answer.json()
        except ValueError as problem:
            raise Unreachable("the target's answer is not JSON: cut off, or not from a SCIM server") from problem
        if not isinstance(found, dict):
            raise Unreachable("the target's answer is not a JSON object")
        return found

    def _must_be_scim_or_plain_404(self, answer: Answer) -> None:
        """A 404 in HTML comes from a proxy or a wrong url as easily as from the provider: it does not say "no such account"."""
        if "html" in answer.headers.get("Content-Type", "").lower():
            raise Unreachable("the target answered 404 with a web page: is the url right?")


def _error(answer: Answer, method: str, path: str) -> TargetError:
    detail, scim_type = _told(answer)
    said = f"{method} {path} answered {answer.status}" + (f": {detail}" if detail else "")
    if answer.status == 429:
        return Throttled(said, retry_after=answer.retry_after if answer.retry_after is not None else 5.0)
    if answer.status in (401, 403):
        return NotAllowed(said)
    if answer.status == 409 and scim_type in ("uniqueness", ""):
        return AlreadyExists(said)
    if answer.status in (408, 412, 425) or answer.status >= 500:
        return Unreachable(said, retry_after=answer.retry_after)
    return Rejected(f"{said} ({scim_type})" if scim_type else said)


def _told(answer: Answer) -> tuple[str, str]:
    """(detail, scimType) of an Error message; a web page or anything else tells nothing."""
    try:
        body = answer.json()
    except ValueError:
        return "", ""
    if not isinstance(body, dict):
        return "", ""
    return str(body.get("detail") or "")[:300], str(body.get("scimType") or "")


class ClientCredentials:
    """An access token from the target's own authorization server (RFC 6749 section 4.4), renewed before it ends."""

    def __init__(self, token_url: str, client_id: str, client_secret: str, http: HttpClient) -> None:
        self._token_url = token_url
        self._basic = (client_id, client_secret)
        self._http = http
        self._held: tuple[str, float] | None = None

    def __call__(self) -> str:
        if self._held is None or self._held[1] < time.monotonic():
            id, secret = (quote(part, safe="") for part in self._basic)
            body = f"grant_type=client_credentials&client_id={id}&client_secret={secret}".encode()
            headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
            try:
                answer = self._http.send("POST", self._token_url, body=body, headers=headers)
                told = answer.json() if answer.status == 200 else {}
            except (HttpFailure, ValueError) as problem:
                raise Unreachable("the token endpoint of the target gives no answer that can be read") from problem
            if "access_token" not in told:
                raise NotAllowed(f"the token endpoint of the target answered {answer.status}")
            self._held = (str(told["access_token"]), time.monotonic() + float(told.get("expires_in", 60)) * 0.8)
        return f"Bearer {self._held[0]}"


def quoted(value: str) -> str:
    """A text as a filter literal (RFC 7644 section 3.4.2.2: a JSON string)."""
    if "\0" in value:
        raise Invalid("a NUL character cannot be searched for")
    return orjson.dumps(value).decode()

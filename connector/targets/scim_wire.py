"""The HTTP side of a SCIM target: sign-in, what the server supports, and every answer as data or as an error of ours.

In: method, path and body. Out: parsed JSON. A page of a proxy is never taken for an answer of the directory: what is not SCIM is
Unreachable, whatever its status says, and a 404 counts only where the server itself is seen to be there.
"""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import orjson

from connector.core.clock import Clock
from connector.core.http import Answer, HttpClient
from connector.targets.base import AlreadyExists, NotAllowed, Rejected, TargetError, Throttled, Unreachable
from connector.targets.line import Line, NotThere
from connector.targets.sign_in import Json, SignIn, json_object, number

_PROBE_EVERY: Final = timedelta(hours=24)
_MAX_PAGES: Final = 100_000
_ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


@dataclass(frozen=True)
class Features:
    """What the server says that it supports (RFC 7643 section 5)."""

    patch: bool = True
    filter: bool = True
    etag: bool = False


class ScimWire:
    """Calls to one SCIM base URL."""

    def __init__(self, url: str, http: HttpClient, sign_in: SignIn, *, clock: Clock, page_size: int) -> None:
        self.url = url.rstrip("/")
        self._line = Line(http, sign_in, clock)
        self._clock = clock
        self._page_size = page_size
        self._lock = threading.Lock()
        self._features: tuple[Features, datetime] | None = None

    def features(self) -> Features:
        """Read once a day. A server without the page gets the defaults of RFC 7644; one that does not answer raises."""
        with self._lock:
            if self._features is None or self._features[1] <= self._clock():
                self._features = (self._probe(), self._clock() + _PROBE_EVERY)
            return self._features[0]

    def get(self, *path: str, params: Mapping[str, str] | None = None) -> tuple[Json, str]:
        """A resource or a list, and its ETag. NotThere where the server says that there is none."""
        answer = self._send("GET", path, params=params)
        if answer.status == 404:
            self._believe_404(answer, path)
            raise NotThere
        return self._body(answer), answer.headers.get("ETag", "")

    def write(self, method: str, *path: str, body: Json | None = None, etag: str = "") -> Json:
        """A change; the resource where the server gives it back, else {}. NotThere where it says that there is none."""
        answer = self._send(method, path, body=body, etag=etag)
        if answer.status == 404:
            self._believe_404(answer, path)
            raise NotThere
        if answer.status == 204 or not answer.body.strip():
            return {"id": answer.headers["Location"].rpartition("/")[2]} if "Location" in answer.headers else {}
        return self._body(answer)

    def pages(self, kind: str, *, query: str = "", params: Mapping[str, str] | None = None) -> Iterator[Json]:
        """Every resource of a list, page after page (RFC 7644 section 3.4.2.4); Unreachable where the walk has a gap."""
        seen: set[str] = set()
        position = 1
        for _ in range(_MAX_PAGES):
            body, _etag = self._page(kind, position, {**(params or {}), **({"filter": query} if query else {})})
            lowered = {name.lower(): value for name, value in body.items()}
            items, total = lowered.get("resources") or [], number(lowered.get("totalresults"))
            if not isinstance(items, list) or total is None:
                raise Unreachable(f"{self.url} did not answer with a SCIM list of {kind}")
            for item in items:
                if isinstance(item, dict) and item.get("id") and item["id"] not in seen:
                    seen.add(item["id"])
                    yield item
            position += len(items)
            if position > total:
                return
            if not items:
                raise Unreachable(f"{self.url} gave {position - 1} of {total} {kind} and then an empty page")
        raise Unreachable(f"{self.url}: the list of {kind} does not end")

    def _page(self, kind: str, position: int, params: dict[str, str]) -> tuple[Json, str]:
        # Servers that cannot filter are the ones that fail over `count`, too: they give everything at once without it.
        if self.features().filter:
            params["count"] = str(self._page_size)
        if position > 1:
            params["startIndex"] = str(position)
        try:
            return self.get(kind, params=params)
        except NotThere:
            raise Unreachable(f"{self.url}/{kind} is not there; is this the SCIM base URL?") from None

    def _believe_404(self, answer: Answer, path: tuple[str, ...]) -> None:
        """Return where the 404 is the SCIM server's. A proxy's page for a server that is down must not read as "gone"."""
        if _ERROR in (json_object(answer).get("schemas") or ()):
            return
        if len(path) > 1:
            listed = self._send("GET", path[:1], params={"count": "1"} if self.features().filter else None)
            if "totalresults" in {name.lower() for name in json_object(listed)}:
                return
        raise Unreachable(f"{self.url}/{path[0]} answers 404 without a SCIM error; is this the SCIM base URL?")

    def _probe(self) -> Features:
        answer = self._send("GET", ("ServiceProviderConfig",), refused=(400, 404, 405, 501))
        if answer.status >= 400:
            return Features()
        said = {name.lower(): value for name, value in self._body(answer).items()}
        return Features(
            _supported(said, "patch", True), _supported(said, "filter", True), _supported(said, "etag", False)
        )

    def _send(
        self,
        method: str,
        path: tuple[str, ...],
        *,
        body: Json | None = None,
        params: Mapping[str, str] | None = None,
        etag: str = "",
        refused: tuple[int, ...] = (404,),
    ) -> Answer:
        """One call; an answer below 300, or one of the `refused` statuses that the caller understands."""
        url = "/".join([self.url, *(quote(part, safe="") for part in path)])
        data = None if body is None else orjson.dumps(body)
        headers = {"Accept": "application/scim+json, application/json"}
        headers |= {"Content-Type": "application/scim+json"} if body is not None else {}
        headers |= {"If-Match": etag} if etag else {}
        answer = self._line.send(method, url, body=data, headers=headers, params=params)
        if answer.status < 300 or answer.status in refused:
            return answer
        refusal = self._error(answer)
        if refusal.retry_after is not None:
            self._line.hush(refusal.retry_after, refusal.detail)
        raise refusal

    def _error(self, answer: Answer) -> TargetError:
        status, detail = answer.status, self._detail(answer)
        if status in (401, 403):
            return NotAllowed(f"{self.url} does not let us do this ({status}): {detail}")
        if status == 429:
            return Throttled(f"{self.url} asks us to wait (429)", retry_after=answer.retry_after or 10.0)
        if status == 409:
            return AlreadyExists(f"the value is taken: {detail}")
        if status == 412:
            return Unreachable("the record was changed by somebody else meanwhile (412)")
        if status < 400:
            return Unreachable(f"{self.url} answers with a redirect ({status}); is this the SCIM base URL?")
        if status >= 500 or status == 408:
            return Unreachable(f"{self.url} failed ({status}): {detail}", retry_after=answer.retry_after)
        return Rejected(f"{self.url} refused it ({status}): {detail}")

    def _detail(self, answer: Answer) -> str:
        """The server's own words, on one line and bounded, without our token; a page is not shown."""
        said = json_object(answer)
        kind, text = said.get("scimType"), said.get("detail")
        if not said:
            return "it sent a page and not a SCIM error" if answer.body.strip() else "it gave no reason"
        return self._line.words(f"{kind}: {text}" if kind else str(text or "it gave no reason"))

    def _body(self, answer: Answer) -> Json:
        body = json_object(answer)
        if not body:
            raise Unreachable(f"{self.url} answered {answer.status} with something that is not SCIM")
        return body


def _supported(said: Mapping[str, Any], name: str, default: bool) -> bool:
    part = said.get(name)
    value = part.get("supported", default) if isinstance(part, Mapping) else default
    return value if isinstance(value, bool) else str(value).lower() == "true"

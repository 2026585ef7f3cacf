"""The HTTP side of a SCIM target: sign-in, what the server supports, and every answer as data or as an error of ours.

In: method, path and body. Out: parsed JSON. A page of a proxy is never taken for an answer of the directory: what is not SCIM is
Unreachable, whatever its status says, and a 404 counts only where the server itself is seen to be there.
"""

import threading
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import orjson

from connector.core.clock import Clock
from connector.core.http import Answer, HttpClient
from connector.targets.base import AlreadyExists, NotAllowed, Rejected, TargetError, Throttled, Unreachable, Unsupported
from connector.targets.line import Line, NotThere
from connector.targets.scim_profiles import Features, Profile
from connector.targets.sign_in import Json, SignIn, json_object, number

_PROBE_EVERY: Final = timedelta(hours=24)
_MAX_PAGES: Final = 100_000
_ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


class ScimWire:
    """Calls to one SCIM base URL."""

    def __init__(
        self, url: str, http: HttpClient, sign_in: SignIn, *, clock: Clock, page_size: int, profile: Profile
    ) -> None:
        self.url = url.rstrip("/")
        self.profile = profile
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
            self._believe_404(answer, path, method)
            raise NotThere
        if answer.status == 204 or not answer.body.strip():
            return {"id": answer.headers["Location"].rpartition("/")[2]} if "Location" in answer.headers else {}
        return self._body(answer)

    @property
    def known(self) -> Features | None:
        """What features() said last; None before it was ever asked."""
        return self.profile.features or (self._features[0] if self._features else None)

    def endpoint(self, type_: str, usual: str) -> str | None:
        """Where the server keeps that type of resource; None where it says that it has none."""
        return self.features().endpoint(type_, usual)

    def pages(self, kind: str, *, query: str = "", params: Mapping[str, str] | None = None) -> Iterator[Json]:
        """Every resource of a list, page after page; Unreachable where the walk has a gap."""
        given = {**(params or {}), **({"filter": query} if query else {})}
        seen: set[str] = set()
        for items in self._by_cursor(kind, given) if self.features().by_cursor else self._by_index(kind, given):
            for item in items:
                if isinstance(item, dict) and item.get("id") and item["id"] not in seen:
                    seen.add(item["id"])
                    yield item

    def _by_index(self, kind: str, given: Mapping[str, str]) -> Iterator[list[Any]]:
        """RFC 7644 section 3.4.2.4."""
        position = 1
        for _ in range(_MAX_PAGES):
            start = {"startIndex": str(position)} if position > 1 else {}
            items, body = self._page(kind, {**given, **self._count(), **start})
            total = number(body.get("totalresults"))
            if total is None:
                raise Unreachable(f"{self.url} did not answer with a SCIM list of {kind}")
            yield items
            position += len(items)
            if position > total:
                return
            if not items or not self.profile.paged:
                raise Unreachable(f"{self.url} gave {position - 1} of {total} {kind} and then an empty page")
        raise Unreachable(f"{self.url}: the list of {kind} does not end")

    def _by_cursor(self, kind: str, given: Mapping[str, str]) -> Iterator[list[Any]]:
        """RFC 9865 section 2: an empty cursor begins, and the last page has none."""
        cursor, met = "", {""}
        for _ in range(_MAX_PAGES):
            items, body = self._page(kind, {**given, **self._count(), "cursor": cursor})
            yield items
            following = body.get("nextcursor")
            if not following:
                return
            if following in met:
                raise Unreachable(f"{self.url}: the list of {kind} comes back to a page that it has given already")
            cursor = str(following)
            met.add(cursor)
        raise Unreachable(f"{self.url}: the list of {kind} does not end")

    def _page(self, kind: str, params: Mapping[str, str]) -> tuple[list[Any], Json]:
        """The resources of one page, and the whole answer with its names in lower case."""
        try:
            body = {name.lower(): value for name, value in self.get(kind, params=params)[0].items()}
        except NotThere:
            raise Unreachable(f"{self.url}/{kind} is not there; is this the SCIM base URL?") from None
        items = body.get("resources") or []
        if not isinstance(items, list) or ("resources" not in body and "totalresults" not in body):
            raise Unreachable(f"{self.url} did not answer with a SCIM list of {kind}")
        return items, body

    def _count(self) -> dict[str, str]:
        # Servers that cannot filter are the ones that fail over `count`, too: they give everything at once without it.
        features = self.features()
        if not features.filter or not self.profile.paged:
            return {}
        return {"count": str(min(self._page_size, features.largest_page or self._page_size))}

    def _believe_404(self, answer: Answer, path: tuple[str, ...], method: str = "GET") -> None:
        """Return where the 404 is the SCIM server's. A proxy's page for a server that is down must not read as "gone"."""
        if _ERROR in (json_object(answer).get("schemas") or ()):
            return
        if len(path) > 1:
            listed = self._send("GET", path[:1], params=self._count() and {"count": "1"})
            if {"totalresults", "resources"} & {name.lower() for name in json_object(listed)}:
                self._believe_method(method, path)
                return
        raise Unreachable(f"{self.url}/{path[0]} answers 404 without a SCIM error; is this the SCIM base URL?")

    def _believe_method(self, method: str, path: tuple[str, ...]) -> None:
        """Some servers answer 404 to a method that they do not have, for an object that is there all the same."""
        if method != "GET" and self._send("GET", path).status < 300:
            raise Unsupported(
                f"{self.url}/{path[0]} answers 404 to {method}, and the object is there: it has no {method}"
            )

    def _probe(self) -> Features:
        if self.profile.features is not None:
            return self.profile.features
        said = self._discover("ServiceProviderConfig")
        if said is None:
            return Features(endpoints=self._endpoints())
        pagination = _named(said.get("pagination"))
        return Features(
            patch=_supported(said, "patch", True),
            filter=_supported(said, "filter", True),
            etag=_supported(said, "etag", False),
            by_cursor=pagination.get("cursor") is True and pagination.get("index") is False,
            largest_page=number(_named(said.get("filter")).get("maxresults")) or None,
            endpoints=self._endpoints(),
        )

    def _endpoints(self) -> Mapping[str, str] | None:
        listed = (self._discover("ResourceTypes") or {}).get("resources")
        types = [_named(one) for one in listed] if isinstance(listed, list) else []
        # Some servers give a whole URL there, and the base may be seen under another name from where they are.
        return {str(one.get("name")): str(one.get("endpoint")).rstrip("/").rpartition("/")[2] for one in types} or None

    def demanded(self, schema: str) -> list[str]:
        """The attributes that the server says nothing of this schema can be without (RFC 7643 section 7)."""
        return [str(part.get("name")) for part in self._attributes(schema) if part.get("required") is True]

    def keeps_unique(self, schema: str, attribute: str) -> bool:
        """Whether the server says that it lets no value of this attribute be there twice (RFC 7643 section 7, uniqueness)."""
        said = {str(part.get("name")).lower(): part.get("uniqueness") for part in self._attributes(schema)}
        return said.get(attribute.lower()) in ("server", "global")

    def _attributes(self, schema: str) -> list[Json]:
        listed = (self._discover("Schemas") or {}).get("resources")
        for one in [_named(one) for one in listed] if isinstance(listed, list) else []:
            if str(one.get("id", "")).lower() == schema.lower():
                return [_named(part) for part in one.get("attributes") or []]
        return []

    def _discover(self, page: str) -> Json | None:
        """A page about the server itself, its names in lower case; None where the server has no such page."""
        answer = self._send("GET", (page,), refused=(400, 403, 404, 405, 501))
        return None if answer.status >= 400 else _named(self._body(answer))

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
        headers = {"Accept": self.profile.accept}
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
        if status == 409 or (status == 400 and json_object(answer).get("scimType") == "uniqueness"):
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


def _named(value: Any) -> Json:
    """A JSON object with its names in lower case; {} for anything else."""
    return {name.lower(): part for name, part in value.items()} if isinstance(value, Mapping) else {}


def _supported(said: Mapping[str, Any], name: str, default: bool) -> bool:
    value = _named(said.get(name)).get("supported", default)
    return value if isinstance(value, bool) else str(value).lower() == "true"

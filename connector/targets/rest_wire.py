"""JSON over HTTP as the vendors' own APIs speak it: every answer as data, or as an error of ours in plain words.

In: method, path parts and body, and a Vendor that says how that API words its errors. Out: a Reply. A page of a proxy is never taken
for an answer: what is not JSON, or a 404 that is not the vendor's own, is Unreachable. The quota that a target shares with people's
sign-ins is not used up: below `reserve` of it nothing is sent until it is filled again.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit

import orjson

from connector.core.clock import Clock
from connector.core.http import Answer, HttpClient
from connector.targets.base import AlreadyExists, NotAllowed, Rejected, Throttled, Unreachable
from connector.targets.line import Line, NotThere
from connector.targets.sign_in import Json, SignIn, json_object, number

_MAX_PAGES: Final = 100_000
_MAX_PAUSES: Final = 20  # pauses for one page of a walk
_LONGEST_PAUSE: Final = 120.0
_USUAL_WAIT: Final = 10.0
_CONCURRENT_WAIT: Final = 5.0
_LONGEST_RESET: Final = 600.0  # windows are minutes; a clock that is wrong must not stop us for days


T = TypeVar("T")


@dataclass(frozen=True)
class Said:
    """What an error body says: the vendor's code, its words, and the attribute at fault where it names one."""

    code: str
    words: str
    attribute: str | None = None


@dataclass(frozen=True)
class Refusal:
    """An answer that is no success. `said` is None where the body is not one of the vendor's own errors (a page, nothing).

    `detail` is one sentence for people, with the vendor's code and request id in it and without our secrets.
    """

    status: int
    body: Json
    said: Said | None
    detail: str
    retry_after: float | None


@dataclass(frozen=True)
class Reply:
    """An answer that is a success; `body` is parsed JSON, None where there was none."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def object(self) -> Json:
        """The body where it is an object, else {}."""
        return self.body if isinstance(self.body, dict) else {}

    @property
    def location_id(self) -> str:
        """The last part of the Location header, by which some APIs name what they have created; else ""."""
        return urlsplit(self.headers.get("Location", "")).path.rstrip("/").rpartition("/")[2]


def head_room(headers: Mapping[str, str], reserve: float, now: datetime) -> float | None:
    """Seconds to send nothing for, from X-Rate-Limit-Limit, -Remaining and -Reset (epoch seconds); None for go on."""
    limit, remaining = number(headers.get("X-Rate-Limit-Limit")), number(headers.get("X-Rate-Limit-Remaining"))
    if not limit or remaining is None or remaining >= limit * reserve:
        return None
    return _until_reset(headers, now) or _USUAL_WAIT


@dataclass(frozen=True)
class Vendor:
    """How one API words things.

    `said` reads an error body (None: not an error of this vendor). `classify` turns a refusal into an error of ours, or NotThere;
    None leaves it to the status. `request_id` is the header by which the vendor's support finds the call.
    """

    name: str
    said: Callable[[Json], Said | None]
    classify: Callable[[Refusal], Exception | None] = lambda _: None
    request_id: str = ""
    head_room: Callable[[Mapping[str, str], float, datetime], float | None] = head_room
    headers: Mapping[str, str] = field(default_factory=dict)


class RestWire:
    """Calls below one base URL. Threads may share it."""

    def __init__(
        self,
        url: str,
        http: HttpClient,
        sign_in: SignIn,
        vendor: Vendor,
        *,
        clock: Clock,
        reserve: float = 0.0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        self._vendor = vendor
        self._line = Line(http, sign_in, clock)
        self._clock = clock
        self._reserve = reserve
        self.pause = pause

    def get(
        self, *path: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """What is there. NotThere where the vendor says that there is nothing."""
        return self._read(self._address(path), params, headers)

    def follow(self, url: str, *, headers: Mapping[str, str] | None = None) -> Reply:
        """What is at an address that the target itself has given. Rejected where it leads to another host."""
        if not url.startswith(self.url + "/"):
            raise Rejected(f"{self._vendor.name} gave an address that is not below {self.url}")
        return self._read(url, None, headers)

    def write(
        self,
        method: str,
        *path: str,
        body: Json | list[Any] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """A change; its Reply may have no body (201 with a Location, 202, 204). NotThere as for get."""
        answer = self._send(method, self._address(path), body=body, params=params, headers=headers)
        return Reply(answer.status, self._parsed(answer) if answer.body.strip() else None, answer.headers)

    def pages(
        self,
        *path: str,
        cut: Callable[[Reply], tuple[list[Json], str]],
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[list[Json]]:
        """A list, page after page; `cut` gives a page's items and the URL of the next page ("" for the end).

        A walk that has begun waits where the quota asks for it: begun anew each time, a long one would never end. What cannot be read
        raises.
        """
        url, seen = self._address(path), set[str]()
        for place in range(_MAX_PAGES):
            read = partial(self._read, url, params, headers)
            items, following = cut(self.patiently(read) if place else read())
            yield items
            if not following:
                return
            if following in seen or not following.startswith(self.url + "/"):
                raise Unreachable(f"{self._vendor.name} at {self.url} gave a next page that does not lead on")
            seen.add(following)
            url, params = following, None
        raise Unreachable(f"{self._vendor.name} at {self.url}: the list {'/'.join(path)} does not end")

    def patiently(self, call: Callable[[], T]) -> T:
        """The call's result; waits where the quota asks for it, for calls inside a walk that would have to begin anew."""
        for _ in range(_MAX_PAUSES):
            try:
                return call()
            except Throttled as busy:
                if busy.retry_after is None or busy.retry_after > _LONGEST_PAUSE:
                    raise
                self.pause(busy.retry_after)
        return call()

    def _read(self, url: str, params: Mapping[str, str] | None, headers: Mapping[str, str] | None) -> Reply:
        answer = self._send("GET", url, params=params, headers=headers)
        return Reply(answer.status, self._parsed(answer), answer.headers)

    def _address(self, path: tuple[str, ...]) -> str:
        if "" in path:  # without its last part, the address would be that of all objects
            raise Rejected(f"an id is empty in {'/'.join(path)}: nothing is sent to {self._vendor.name}")
        return "/".join([self.url, *(quote(part, safe="$@") for part in path)])

    def _send(
        self,
        method: str,
        url: str,
        *,
        body: Json | list[Any] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One call; an answer below 300. Everything else raises what it means."""
        sent = {"Accept": "application/json", **self._vendor.headers}
        sent |= {"Content-Type": "application/json"} if body is not None else {}
        data = None if body is None else orjson.dumps(body)
        answer = self._line.send(method, url, body=data, headers={**sent, **(headers or {})}, params=params)
        self._keep_reserve(answer)
        if answer.status < 300:
            return answer
        problem = self._problem(answer)
        if isinstance(problem, Throttled | Unreachable) and problem.retry_after is not None:
            self._line.hush(problem.retry_after, problem.detail)
        raise problem

    def _keep_reserve(self, answer: Answer) -> None:
        room = self._vendor.head_room(answer.headers, self._reserve, self._clock()) if self._reserve else None
        if room is not None and answer.status != 429:
            self._line.hush(room, f"{self._vendor.name}: the rest of the quota is left to others until it is filled")

    def _problem(self, answer: Answer) -> Exception:
        body = json_object(answer)
        said = self._vendor.said(body)
        wait = answer.retry_after
        if answer.status == 429 and wait is None:
            wait = _wait_of(answer.headers, self._clock())
        refusal = Refusal(answer.status, body, said, self._detail(answer, said), wait)
        if said is not None:
            own = self._vendor.classify(refusal)
            if own is not None:
                return own
        return _by_status(refusal, is_page=said is None and bool(answer.body.strip()) and not _is_json(answer))

    def _detail(self, answer: Answer, said: Said | None) -> str:
        """`Okta refused it (400 E0000001, request abc): its words`."""
        name, status = self._vendor.name, answer.status
        doing = "failed" if status >= 500 or status == 408 else "refused it"
        marks = [f"{status} {self._line.words(said.code)}" if said and said.code else str(status)]
        if request := answer.headers.get(self._vendor.request_id, "") if self._vendor.request_id else "":
            marks.append(f"request {self._line.words(request)}")
        words = said.words if said else ("it sent no error of its own" if answer.body.strip() else "it gave no reason")
        return f"{name} {doing} ({', '.join(marks)}): {self._line.words(words)}"

    def _parsed(self, answer: Answer) -> Any:
        try:
            return answer.json()
        except ValueError:
            name = self._vendor.name
            raise Unreachable(
                f"{name} at {self.url} answered {answer.status} with something that is not JSON"
            ) from None


def _by_status(refusal: Refusal, *, is_page: bool) -> Exception:
    status, detail = refusal.status, refusal.detail
    if status == 429:
        return Throttled(detail, retry_after=refusal.retry_after)
    if status in (401, 403):
        return NotAllowed(detail)
    if status == 404 and refusal.said is not None:
        return NotThere(detail)
    if status < 400 or status in (404, 408, 412, 423) or status >= 500 or is_page:
        return Unreachable(detail, retry_after=refusal.retry_after)
    attribute = refusal.said.attribute if refusal.said else None
    return AlreadyExists(detail, attribute=attribute) if status == 409 else Rejected(detail, attribute=attribute)


def _wait_of(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds to wait after a 429 without Retry-After. A limit of 0 is one of concurrent calls, whose reset means nothing."""
    if number(headers.get("X-Rate-Limit-Limit")) == 0:
        return _CONCURRENT_WAIT
    return _until_reset(headers, now) or _USUAL_WAIT


def _until_reset(headers: Mapping[str, str], now: datetime) -> float | None:
    """By the target's own clock where it says what time it has."""
    reset = number(headers.get("X-Rate-Limit-Reset"))
    if reset is None:
        return None
    with suppress(ValueError, TypeError):
        now = parsedate_to_datetime(headers.get("Date", ""))
    return min(_LONGEST_RESET, max(1.0, reset - now.timestamp()))


def _is_json(answer: Answer) -> bool:
    try:
        answer.json()
    except ValueError:
        return False
    return True

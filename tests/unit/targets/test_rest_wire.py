"""A vendor's API that is down, busy, broken or worded in its own way: each answer as what it means, and no secret gets out."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from connector.core.http import HttpClient
from connector.core.secret import Secret
from connector.targets.base import (
    AlreadyExists,
    NotAllowed,
    Propagating,
    Rejected,
    TargetError,
    Throttled,
    Unreachable,
)
from connector.targets.line import NotThere
from connector.targets.rest_wire import Refusal, Reply, RestWire, Said, Vendor
from connector.targets.sign_in import Json, SignIn
from tests.conftest import Clock
from tests.unit.targets import small_server
from tests.unit.targets.small_server import SmallServer, serve

PAGE = "<html><body>502 Bad Gateway</body></html>"
SECRET = "a-very-secret-token"
Open = Callable[..., tuple[SmallServer, RestWire]]


def _said(body: Json) -> Said | None:
    return Said(str(body["code"]), str(body.get("text", "")), body.get("at")) if "code" in body else None


def _classify(refusal: Refusal) -> Exception | None:
    assert refusal.said is not None
    if refusal.said.code == "DUP":
        return AlreadyExists(refusal.detail, attribute=refusal.said.attribute)
    if refusal.said.code == "SLOW":
        return Propagating(refusal.detail, retry_after=20.0)
    return Unreachable(refusal.detail) if refusal.said.code == "NO_REALM" else None


VENDOR = Vendor("Acme", _said, _classify, request_id="X-Acme-Request")


def answer(status: int, body: Any = None, **more: Any) -> small_server.Reply:
    return small_server.Reply(status, body, **more)


@pytest.fixture
def acme(clock: Clock) -> Iterator[Open]:
    with ExitStack() as stack:

        def make(routes: dict[str, Any], **more: Any) -> tuple[SmallServer, RestWire]:
            server = stack.enter_context(serve(routes))
            sign_in = more.pop("sign_in", SignIn(token=Secret(SECRET), scheme="SSWS"))
            http = HttpClient(read_timeout=0.4, clock=clock)
            return server, RestWire(more.pop("url", server.url), http, sign_in, VENDOR, clock=clock, **more)

        yield make


REFUSALS: list[tuple[small_server.Reply, type[Exception]]] = [
    (answer(404, {"code": "NONE"}), NotThere),
    (answer(404, {"code": "NO_REALM"}), Unreachable),
    (answer(404, PAGE), Unreachable),
    (answer(404, {"other": "json"}), Unreachable),
    (answer(404), Unreachable),
    (answer(400, {"code": "DUP"}), AlreadyExists),
    (answer(409, {"code": "X"}), AlreadyExists),
    (answer(400, {"code": "BAD"}), Rejected),
    (answer(422), Rejected),
    (answer(400, PAGE), Unreachable),
    (answer(401, {"code": "X"}), NotAllowed),
    (answer(403, PAGE), NotAllowed),
    (answer(412, {"code": "X"}), Unreachable),
    (answer(423, {"code": "X"}), Unreachable),
    (answer(500, {"code": "X"}), Unreachable),
    (answer(503, PAGE), Unreachable),
    (answer(429, {"code": "X"}), Throttled),
    (answer(302, headers={"Location": "https://login.example/"}), Unreachable),
    (answer(200, PAGE), Unreachable),
    (answer(200, {"id": 1}, cut=True), Unreachable),
    (answer(hang=1.0, status=200), Unreachable),
    (answer(drop=True, status=200), Unreachable),
]


@pytest.mark.parametrize(("reply", "kind"), REFUSALS, ids=range(len(REFUSALS)))
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_each_answer_is_what_it_means_and_a_page_is_nothing(
    acme: Open, reply: small_server.Reply, kind: type[Exception], method: str
) -> None:
    _, wire = acme({"GET /things/1": reply, "PATCH /things/1": reply})

    with pytest.raises(kind) as problem:
        if method == "GET":
            wire.get("things", "1")
        else:
            wire.write("PATCH", "things", "1", body={"a": 1})

    assert type(problem.value) is kind
    assert SECRET not in str(problem.value)


def test_the_detail_names_the_vendor_its_code_its_request_and_its_words_without_our_token(acme: Open) -> None:
    body = {"code": "BAD", "text": f"bad \n\x1b[31m token {SECRET}" + "x" * 1000, "at": "login"}
    _, wire = acme({"POST /things": answer(400, body, headers={"X-Acme-Request": "req-7"})})

    with pytest.raises(Rejected) as problem:
        wire.write("POST", "things", body={})

    assert str(problem.value).startswith("Acme refused it (400 BAD, request req-7): bad [31m token ********x")
    assert len(str(problem.value)) < 400
    assert problem.value.attribute == "login"


def test_an_address_with_an_empty_id_is_never_sent(acme: Open) -> None:
    server, wire = acme({"DELETE /things": answer(204)})

    with pytest.raises(Rejected, match="an id is empty"):
        wire.write("DELETE", "things", "")

    assert server.requests == []


def test_an_answer_without_a_body_is_known_by_its_location(acme: Open) -> None:
    _, wire = acme({"POST /things": answer(201, headers={"Location": "https://x.invalid/api/things/t-1"})})

    reply = wire.write("POST", "things", body={})

    assert reply == Reply(201, None, reply.headers)
    assert reply.location_id == "t-1"
    assert reply.object == {}


def test_ids_are_quoted_and_a_dollar_stays(acme: Open) -> None:
    server, wire = acme({"DELETE /groups/a%2Fb/members/1/$ref": answer(204)})

    wire.write("DELETE", "groups", "a/b", "members", "1", "$ref")

    assert server.requests[0].path == "/groups/a%2Fb/members/1/$ref"
    assert server.requests[0].headers["Authorization"] == f"SSWS {SECRET}"


LIMITS = [
    ({"Retry-After": "7", "X-Rate-Limit-Limit": "600", "X-Rate-Limit-Remaining": "0"}, 7.0),
    ({"X-Rate-Limit-Limit": "600", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "1803902433"}, 33.0),
    ({"X-Rate-Limit-Limit": "0", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "1803902460"}, 5.0),
    ({}, 10.0),
]
SERVER_TIME = {"Date": "Mon, 01 Mar 2027 12:00:00 GMT"}  # 1803902400


@pytest.mark.parametrize(("headers", "seconds"), LIMITS, ids=["retry-after", "reset", "concurrent", "nothing"])
def test_after_429_nothing_is_sent_until_the_time_is_over(
    acme: Open, clock: Clock, headers: dict[str, str], seconds: float
) -> None:
    busy = answer(429, {"code": "X"}, headers=SERVER_TIME | headers)
    server, wire = acme({"GET /things/1": [busy, answer(200, {"id": "1"})]})

    with pytest.raises(Throttled) as problem:
        wire.get("things", "1")
    clock.move(seconds=seconds - 1)
    with pytest.raises(Throttled):
        wire.write("DELETE", "things", "2")
    sent = len(server.requests)
    clock.move(seconds=2)

    assert problem.value.retry_after == seconds
    assert sent == 1
    assert wire.get("things", "1").body == {"id": "1"}


def test_one_object_that_is_not_shown_yet_does_not_stop_all_others(acme: Open) -> None:
    slow = answer(400, {"code": "SLOW"})
    _, wire = acme({"GET /things/1": slow, "GET /things/2": answer(200, {"id": "2"})})

    with pytest.raises(Propagating):
        wire.get("things", "1")

    assert wire.get("things", "2").body == {"id": "2"}


def test_the_reset_is_told_by_the_targets_own_clock(acme: Open, clock: Clock) -> None:
    headers = {"X-Rate-Limit-Limit": "600", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "1803902433"}
    clock.move(hours=5)
    _, wire = acme({"GET /things/1": answer(429, {"code": "X"}, headers=SERVER_TIME | headers)})

    with pytest.raises(Throttled) as problem:
        wire.get("things", "1")

    assert problem.value.retry_after == 33


@pytest.mark.parametrize(("reserve", "remaining", "waits"), [(0.5, 299, True), (0.5, 300, False), (0.1, 299, False)])
def test_the_share_of_the_quota_that_others_need_is_left_to_them(
    acme: Open, clock: Clock, reserve: float, remaining: int, waits: bool
) -> None:
    headers = SERVER_TIME | {
        "X-Rate-Limit-Limit": "600",
        "X-Rate-Limit-Remaining": str(remaining),
        "X-Rate-Limit-Reset": "1803902440",
    }
    replies = [answer(404, {"code": "NONE"}, headers=headers), answer(200, {"id": "1"}, headers=headers)]
    server, wire = acme({"GET /things/1": replies}, reserve=reserve)

    with pytest.raises(NotThere):
        wire.get("things", "1")
    if waits:
        with pytest.raises(Throttled, match="left to others") as problem:
            wire.get("things", "1")
        assert problem.value.retry_after == 40
        clock.move(seconds=41)

    assert wire.get("things", "1").body == {"id": "1"}
    assert len(server.requests) == 2


def _cut(reply: Reply) -> tuple[list[Json], str]:
    return reply.object["items"], str(reply.object.get("next", ""))


def test_a_walk_goes_from_page_to_page_and_waits_where_the_quota_asks_for_it(acme: Open, clock: Clock) -> None:
    waited: list[float] = []

    def pause(seconds: float) -> None:
        waited.append(seconds)
        clock.move(seconds=seconds)

    server, wire = acme({}, pause=pause)
    pages = [answer(429, {"code": "X"}, headers={"Retry-After": "9"}), answer(200, {"items": [{"id": 2}]})]
    first = answer(200, {"items": [{"id": 1}], "next": f"{server.url}/things/more?after=1"})
    server.routes.update({"GET /things": first, "GET /things/more": pages})

    met = [one["id"] for page in wire.pages("things", cut=_cut, params={"limit": "1"}) for one in page]

    assert met == [1, 2]
    assert waited == [9.0]
    assert [request.path for request in server.requests][:2] == ["/things?limit=1", "/things/more?after=1"]


def test_a_walk_that_has_not_begun_does_not_wait(acme: Open) -> None:
    waited: list[float] = []
    _, wire = acme({"GET /things": answer(429, {"code": "X"}, headers={"Retry-After": "9"})}, pause=waited.append)

    with pytest.raises(Throttled):
        list(wire.pages("things", cut=_cut))

    assert waited == []


def test_a_walk_that_fails_on_its_second_page_raises(acme: Open) -> None:
    server, wire = acme({})
    first = answer(200, {"items": [{"id": 1}], "next": f"{server.url}/things/more"})
    server.routes.update({"GET /things": first, "GET /things/more": answer(500, {"code": "X"})})

    with pytest.raises(Unreachable):
        list(wire.pages("things", cut=_cut))


@pytest.mark.parametrize("following", ["{url}/things", "https://elsewhere.example/things", "{url}.evil.example/x"])
def test_a_next_page_that_leads_in_a_circle_or_elsewhere_is_not_followed(acme: Open, following: str) -> None:
    server, wire = acme({})
    server.routes["GET /things"] = answer(200, {"items": [], "next": following.format(url=server.url)})

    with pytest.raises(Unreachable, match="does not lead on"):
        list(wire.pages("things", cut=_cut))

    assert len(server.requests) <= 2


def test_a_token_is_kept_renewed_once_after_401_and_never_shown(acme: Open, clock: Clock) -> None:
    tokens = [answer(200, {"access_token": f"token-{number}", "expires_in": 3600}) for number in range(3)]
    things = [
        answer(200, {"a": 1}),
        answer(401, {"code": "X"}),
        answer(200, {"a": 2}),
        answer(401, {"code": "token-1"}),
    ]
    server, _ = acme({"POST /token": tokens, "GET /things": things})
    sign_in = SignIn(
        token_url=f"{server.url}/token",
        client_id="me",
        client_secret=Secret("shh-secret"),
        scope="a b",
        secret_in_form=True,
    )
    _, wire = acme({}, sign_in=sign_in, url=server.url)

    bodies = [wire.get("things").body for _ in range(2)]
    with pytest.raises(TargetError) as problem:
        wire.get("things")

    asked = [request.body for request in server.requests if request.path == "/token"]
    assert bodies == [{"a": 1}, {"a": 2}]
    assert asked[0] == "grant_type=client_credentials&scope=a+b&client_id=me&client_secret=shh-secret"
    assert "token-2" not in str(problem.value)
    assert "shh-secret" not in str(problem.value)
    assert len(asked) == 3

"""A SCIM service that is down, busy, broken or lies: nothing of it may read as "not found", and no secret gets out."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.core.errors import Misconfigured
from connector.targets.base import (
    Account,
    AlreadyExists,
    Changes,
    Missing,
    NotAllowed,
    Rejected,
    Target,
    TargetError,
    Throttled,
    Unreachable,
)
from connector.targets.registry import open_target
from tests.unit.targets.small_server import Reply, Request, SmallServer, error, listed, serve

CONFIG = {"patch": {"supported": True}, "filter": {"supported": True}, "etag": {"supported": False}}
USER = {"id": "u1", "userName": "bot", "active": True}
PAGE = "<html><body>502 Bad Gateway</body></html>"

Serve = Callable[..., tuple[SmallServer, Target]]


@pytest.fixture
def scim(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    monkeypatch.setenv("SCIM_TOKEN", "very-secret-token")
    with ExitStack() as stack:

        def make(routes: dict[str, Any], **options: str) -> tuple[SmallServer, Target]:
            server = stack.enter_context(serve({"GET /ServiceProviderConfig": Reply(body=CONFIG)} | routes))
            given = {"url": server.url, "token": "env:SCIM_TOKEN", "read_timeout": "0.4"} | options
            return server, open_target("scim", "small", given)

        yield make


FAILURES: list[tuple[Reply, type[TargetError]]] = [
    (Reply(500, error(500, "boom")), Unreachable),
    (Reply(502, PAGE), Unreachable),
    (Reply(503, PAGE, {"Retry-After": "7"}), Unreachable),
    (Reply(200, PAGE), Unreachable),
    (Reply(200, USER, cut=True), Unreachable),
    (Reply(200, []), Unreachable),
    (Reply(302, headers={"Location": "https://login.example/"}), Unreachable),
    (Reply(hang=1.0), Unreachable),
    (Reply(drop=True), Unreachable),
    (Reply(429, error(429), {"Retry-After": "42"}), Throttled),
    (Reply(401, error(401)), NotAllowed),
    (Reply(403, PAGE), NotAllowed),
    (Reply(400, error(400, "bad", "invalidValue")), Rejected),
]
NAMES = ["500", "502-page", "503", "page", "cut", "list", "redirect", "hang", "drop", "429", "401", "403", "400"]


@pytest.mark.parametrize(("reply", "kind"), FAILURES, ids=NAMES)
def test_a_failed_read_is_never_not_found(scim: Serve, reply: Reply, kind: type[TargetError]) -> None:
    _, target = scim({"GET /Users/u1": reply})

    with pytest.raises(kind) as problem:
        target.read("u1")

    assert problem.value.retry is (kind in (Unreachable, Throttled))
    assert "very-secret-token" not in str(problem.value)


@pytest.mark.parametrize(("reply", "kind"), FAILURES, ids=NAMES)
@pytest.mark.parametrize("call", ["find", "accounts", "update", "delete", "check"])
def test_every_call_reports_a_failure_as_what_it_is(
    scim: Serve, reply: Reply, kind: type[TargetError], call: str
) -> None:
    routes = {"GET /Users": reply, "PATCH /Users/u1": reply, "DELETE /Users/u1": reply}
    calls: dict[str, Callable[[Target], Any]] = {
        "find": lambda target: target.find("userName", "bot"),
        "accounts": lambda target: list(target.accounts()),
        "update": lambda target: target.update("u1", Changes(set={"title": "x"})),
        "delete": lambda target: target.delete("u1"),
        "check": lambda target: target.check(),
    }
    if call == "delete" and reply.status == 200 and not (reply.hang or reply.drop or reply.cut or reply.body == PAGE):
        pytest.skip("an answer to a delete has no form")
    _, target = scim(routes)

    with pytest.raises(kind):
        calls[call](target)


def test_a_404_of_the_service_is_none_and_a_404_page_of_a_proxy_is_not(scim: Serve) -> None:
    _, honest = scim({"GET /Users/u1": Reply(404, error(404))})
    _, plain = scim({"GET /Users/u1": Reply(404, "gone"), "GET /Users": Reply(body=listed([]))})
    calls = ("GET /Users", "GET /Users/u1", "PATCH /Users/u1", "DELETE /Users/u1")
    _, proxy = scim(dict.fromkeys(calls, Reply(404, PAGE)))

    assert honest.read("u1") is None
    assert plain.read("u1") is None
    with pytest.raises(Unreachable, match="is this the SCIM base URL"):
        proxy.read("u1")
    with pytest.raises(Unreachable):
        proxy.update("u1", Changes(set={"title": "x"}))
    with pytest.raises(Unreachable):
        proxy.delete("u1")


def test_a_filter_that_is_ignored_adopts_nobody(scim: Serve) -> None:
    others = [{"id": f"u{number}", "userName": f"person-{number}"} for number in range(3)]
    _, target = scim({"GET /Users": Reply(body=listed(others))})

    assert target.find("userName", "bot") == []
    assert [account.id for account in target.find("userName", "PERSON-1")] == ["u1"]


def test_a_filter_that_is_refused_leads_to_a_look_at_everything(scim: Serve) -> None:
    def users(request: Request) -> Reply:
        refused = "filter=" in request.path
        return Reply(400, error(400, "no", "invalidFilter")) if refused else Reply(body=listed([USER]))

    _, target = scim({"GET /Users": users})

    assert [account.id for account in target.find("userName", "bot")] == ["u1"]


def test_a_walk_with_a_gap_raises_and_is_no_short_list(scim: Serve) -> None:
    _, target = scim({"GET /Users": [Reply(body=listed([USER], total=3)), Reply(body=listed([], total=3))]})

    with pytest.raises(Unreachable, match="gave 1 of 3 Users"):
        list(target.accounts())


def test_a_walk_that_fails_on_its_second_page_raises(scim: Serve) -> None:
    server, target = scim({"GET /Users": [Reply(body=listed([USER], total=2)), Reply(500, PAGE)]})

    with pytest.raises(Unreachable):
        target.find("userName", "nobody")

    assert "startIndex=2" in server.requests[-1].path


def test_the_keys_of_a_list_are_read_in_any_case(scim: Serve) -> None:
    _, target = scim({"GET /Users": Reply(body={"totalresults": "1", "resources": [USER]})})

    assert [account.id for account in target.accounts()] == ["u1"]


def test_without_filter_support_neither_filter_nor_count_is_sent(scim: Serve) -> None:
    config = CONFIG | {"filter": {"supported": False}}
    server, target = scim({"GET /ServiceProviderConfig": Reply(body=config), "GET /Users": Reply(body=listed([USER]))})

    assert target.find("userName", "bot")[0].id == "u1"
    assert server.requests[-1].path == "/Users"


def test_what_the_service_supports_is_asked_once_a_day(scim: Serve) -> None:
    server, _ = scim({"GET /Users/u1": Reply(body=USER)})
    now = datetime(2027, 1, 1, tzinfo=UTC)
    target = open_target("scim", "t", {"url": server.url, "token": "env:SCIM_TOKEN"}, clock=lambda: now)

    for _ in range(3):
        target._wire.features()  # type: ignore[attr-defined]
    before = len(server.requests)
    now += timedelta(hours=24)
    target._wire.features()  # type: ignore[attr-defined]

    assert before == 2  # the ServiceProviderConfig and the ResourceTypes
    assert len(server.requests) == 4


@pytest.mark.parametrize("status", [400, 404, 405, 501])
def test_a_service_without_the_page_gets_the_defaults(scim: Serve, status: int) -> None:
    routes = {"GET /ServiceProviderConfig": Reply(status), "PATCH /Users/u1": Reply(body=USER)}
    server, target = scim(routes)

    target.set_active("u1", True)

    assert server.sent("PATCH")[0].body["Operations"] == [{"op": "replace", "path": "active", "value": True}]


@pytest.mark.parametrize(
    ("reply", "kind"), [(Reply(401), NotAllowed), (Reply(500), Unreachable), (Reply(200, PAGE), Unreachable)]
)
def test_a_failed_probe_is_not_taken_for_defaults(scim: Serve, reply: Reply, kind: type[TargetError]) -> None:
    _, target = scim({"GET /ServiceProviderConfig": reply})

    with pytest.raises(kind):
        target.check()


def test_the_version_is_sent_only_where_the_service_supports_it(scim: Serve) -> None:
    user = USER | {"meta": {"version": 'W/"1"'}}
    routes = {"GET /Users/u1": Reply(body=user), "PATCH /Users/u1": Reply(body=user)}
    plain, target = scim(routes)
    careful, other = scim(routes | {"GET /ServiceProviderConfig": Reply(body=CONFIG | {"etag": {"supported": True}})})

    target.update("u1", Changes(set={"title": "x"}))
    other.update("u1", Changes(set={"title": "x"}))

    assert "If-Match" not in plain.sent("PATCH")[0].headers
    assert careful.sent("PATCH")[0].headers["If-Match"] == 'W/"1"'


def test_a_change_by_someone_else_meanwhile_is_worth_another_try(scim: Serve) -> None:
    _, target = scim({"PATCH /Users/u1": Reply(412, error(412))})

    with pytest.raises(Unreachable, match="changed by somebody else"):
        target.update("u1", Changes(set={"title": "x"}))


def test_a_conflict_on_create_looks_up_who_holds_the_name(scim: Serve) -> None:
    _, target = scim(
        {"POST /Users": Reply(409, error(409, "taken", "uniqueness")), "GET /Users": Reply(body=listed([USER]))}
    )

    with pytest.raises(AlreadyExists, match="uniqueness: taken") as problem:
        target.create(Account(attributes={"userName": "BOT"}))

    assert problem.value.id == "u1"


def test_a_created_account_that_is_only_named_in_the_location_is_read(scim: Serve) -> None:
    _, target = scim(
        {"POST /Users": Reply(201, None, {"Location": "/scim/v2/Users/u1"}), "GET /Users/u1": Reply(body=USER)}
    )

    assert target.create(Account(attributes={"userName": "bot"})).id == "u1"


def test_an_answer_about_another_record_is_refused(scim: Serve) -> None:
    _, target = scim({"GET /Users/u1": Reply(body=USER | {"id": "u2"})})

    with pytest.raises(TargetError, match="another record"):
        target.read("u1")


def test_the_reason_is_bounded_on_one_line_and_without_our_token(scim: Serve) -> None:
    detail = "Bearer very-secret-token\n\x1b[31m" + "x" * 1000
    _, target = scim({"POST /Users": Reply(400, error(400, detail, "invalidValue"))})

    with pytest.raises(Rejected) as problem:
        target.create(Account(attributes={"userName": "bot"}))

    text = str(problem.value)
    assert "invalidValue: Bearer ********" in text
    assert len(text) < 400
    assert "\n" not in text
    assert "\x1b" not in text


def test_a_put_keeps_what_is_not_ours_and_leaves_out_what_the_server_sets(scim: Serve) -> None:
    user = USER | {"meta": {"version": "1"}, "groups": [{"value": "g"}], "nickName": "theirs", "schemas": ["s"]}
    server, target = scim({"GET /Users/u1": Reply(body=user), "PUT /Users/u1": Reply(body=user)}, write="put")

    target.update("u1", Changes(set={"title": "x"}))

    assert server.sent("PUT")[0].body == {"schemas": ["s"], **USER, "nickName": "theirs", "title": "x"}


def test_a_member_is_known_by_value_by_reference_and_by_user_name(scim: Serve) -> None:
    members = {
        "g1": [{"value": "u1"}],
        "g2": [{"value": "x", "$ref": "https://h/scim/v2/Users/u1"}],
        "g3": [{"value": "Bot"}],
        "g4": [{"value": "other"}],
        "g5": None,
    }
    groups = {f"GET /Groups/{name}": Reply(body={"id": name, "members": held}) for name, held in members.items()}
    _, target = scim(groups | {"GET /Users/u1": Reply(body=USER)})

    assert target.memberships("u1", [*members, "g6"]) == {"g1", "g2", "g3"}  # type: ignore[attr-defined]


def test_leaving_a_group_that_is_gone_between_is_success_and_joining_it_is_missing(scim: Serve) -> None:
    group = {"id": "g", "members": [{"value": "u1"}]}
    _, target = scim(
        {"GET /Groups/g": Reply(body=group), "GET /Users/u2": Reply(body=USER | {"id": "u2", "userName": "b"})}
    )

    target.leave("g", "u1")  # type: ignore[attr-defined]
    with pytest.raises(Missing):
        target.join("g", "u2")  # type: ignore[attr-defined]


def test_client_credentials_are_used_until_they_expire_and_once_more_after_a_401(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "s+c")
    now = datetime(2027, 1, 1, tzinfo=UTC)
    tokens = [Reply(body={"access_token": f"t{number}", "expires_in": 3600}) for number in range(4)]
    routes = {
        "GET /ServiceProviderConfig": Reply(body=CONFIG),
        "POST /token": tokens,
        "GET /Users/u1": [Reply(body=USER), Reply(body=USER), Reply(body=USER), Reply(401), Reply(body=USER)],
    }
    with serve(routes) as server:
        options = {
            "url": server.url,
            "token_url": f"{server.url}/token",
            "client_id": "me",
            "client_secret": "env:CLIENT_SECRET",
        }
        target = open_target("scim", "t", options, clock=lambda: now)
        target.read("u1")
        target.read("u1")
        now += timedelta(hours=1)
        target.read("u1")
        target.read("u1")

        used = [sent.headers["Authorization"] for sent in server.sent("GET") if sent.path == "/Users/u1"]

    assert used == ["Bearer t0", "Bearer t0", "Bearer t1", "Bearer t1", "Bearer t2"]
    assert server.sent("POST")[0].headers["Authorization"] == "Basic bWU6cyUyQmM="
    assert server.sent("POST")[0].body == "grant_type=client_credentials"


@pytest.mark.parametrize(
    ("reply", "kind"), [(Reply(401, {"error": "invalid_client"}), NotAllowed), (Reply(500, PAGE), Unreachable)]
)
def test_no_token_is_an_error_of_its_own(
    monkeypatch: pytest.MonkeyPatch, reply: Reply, kind: type[TargetError]
) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "secret-of-client")
    with serve({"POST /token": reply}) as server:
        options = {
            "url": server.url,
            "token_url": f"{server.url}/token",
            "client_id": "me",
            "client_secret": "env:CLIENT_SECRET",
        }
        with pytest.raises(kind) as problem:
            open_target("scim", "t", options).read("u1")

    assert "secret-of-client" not in str(problem.value)


def test_nobody_listening_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCIM_TOKEN", "x")

    with pytest.raises(Unreachable, match="refused the connection"):
        open_target("scim", "t", {"url": "http://127.0.0.1:1", "token": "env:SCIM_TOKEN"}).read("u1")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"url": "http://scim.example.com"}, "url: must be https"),
        ({"url": "https://user:pw@scim.example.com"}, "url: not a plain base URL"),
        ({}, "url: this option is required"),
        ({"token": "plain-token"}, "token must be a reference"),
        ({"url": "https://a", "token_url": "https://b"}, "token: give either token, or all of"),
        ({"url": "https://a", "token": "env:SCIM_TOKEN", "client_id": "x"}, "token: give either token, or all of"),
        ({"url": "https://a", "token": "env:NOT_SET"}, "token: the environment variable NOT_SET is not set"),
        ({"url": "https://a", "token": "env:SCIM_TOKEN", "accounts_where": "userType"}, "accounts_where: write it as"),
        (
            {"url": "https://a", "token": "env:SCIM_TOKEN", "not_stored": "a b"},
            "not_stored: 'a b' is not a SCIM attribute path",
        ),
        (
            {"url": "https://a", "token": "env:SCIM_TOKEN", "write": "post"},
            "write: 'post' is not one of auto, patch, put",
        ),
    ],
)
def test_an_unsafe_or_wrong_option_is_refused(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, str], problem: str
) -> None:
    monkeypatch.setenv("SCIM_TOKEN", "x")

    with pytest.raises(Misconfigured) as wrong:
        open_target("scim", "t", options)

    assert problem in str(wrong.value)
    assert "plain-token" not in str(wrong.value)

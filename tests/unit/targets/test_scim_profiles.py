"""What the SCIM target learns from a server about itself, and how it tells changes apart from silence."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connector.targets.base import Capability, ChangedPage, CookieExpired, Unreachable, Unsupported
from connector.targets.registry import open_target
from connector.targets.scim import ScimTarget
from tests.unit.targets.small_server import Reply, Request, SmallServer, error, listed, serve

NOW = datetime(2027, 1, 1, 12, 0, tzinfo=UTC)
CONFIG = {"patch": {"supported": True}, "filter": {"supported": True}}
USER_TYPE = {"name": "User", "endpoint": "/Users"}

Serve = Callable[..., tuple[SmallServer, ScimTarget]]


@pytest.fixture
def scim(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    monkeypatch.setenv("SCIM_TOKEN", "very-secret-token")
    with ExitStack() as stack:

        def make(routes: dict[str, Any], *, object: str = "user", **options: str) -> tuple[SmallServer, ScimTarget]:
            server = stack.enter_context(serve({"GET /ServiceProviderConfig": Reply(body=CONFIG)} | routes))
            given = {"url": server.url, "token": "env:SCIM_TOKEN", **options}
            target = open_target("scim", "small", given, object=object, clock=lambda: NOW)
            assert isinstance(target, ScimTarget)
            return server, target

        yield make


def user(name: str, modified: str) -> dict[str, Any]:
    return {"id": name, "userName": name, "active": True, "meta": {"lastModified": modified}}


def dated(users: list[dict[str, Any]]) -> Callable[[Request], Reply]:
    """A list that knows the filter by date, as texts of one form."""

    def answer(request: Request) -> Reply:
        query = parse_qs(urlsplit(request.path).query).get("filter", [""])[0]
        since = query.rpartition(" ")[2].strip('"')
        return Reply(body=listed([one for one in users if one["meta"]["lastModified"] >= since]))

    return answer


def names(pages: list[ChangedPage]) -> list[str]:
    return [account.id for page in pages for account in page.accounts]


def test_a_server_without_groups_still_has_accounts(scim: Serve) -> None:
    routes = {"GET /ResourceTypes": Reply(body=listed([USER_TYPE])), "GET /Users": Reply(body=listed([user("u", "")]))}
    _, target = scim(routes)
    before = target.capabilities

    found = list(target.accounts())

    assert [account.id for account in found] == ["u"]
    assert before - target.capabilities == {Capability.GROUPS}
    assert (target.find_group("g"), target.memberships("u", ["g"]), list(target.groups())) == (None, frozenset(), [])
    assert "no groups" in target.check()
    with pytest.raises(Unsupported, match="name no Group"):
        target.join("g", "u")


def test_agents_where_the_server_has_none_are_unsupported(scim: Serve) -> None:
    _, target = scim({"GET /ResourceTypes": Reply(body=listed([USER_TYPE]))}, object="agent")

    with pytest.raises(Unsupported, match="keeps no Agents"):
        target.check()


def test_checking_says_what_the_server_demands_of_every_account(scim: Serve) -> None:
    attributes = [{"name": "userName", "required": True}, {"name": "name", "required": True}, {"name": "title"}]
    schema = {"id": "urn:ietf:params:scim:schemas:core:2.0:User", "attributes": attributes}
    routes = {"GET /Schemas": Reply(body=listed([{"id": "urn:other"}, schema])), "GET /Users": Reply(body=listed([]))}
    _, target = scim(routes)

    assert "demands userName, name;" in target.check()


@pytest.mark.parametrize(
    ("type_", "place"),
    [
        ({"name": "User", "endpoint": "https://seen.from.inside/scim/v2/People/"}, "People"),
        ({"name": "user", "endpoint": "/users"}, "users"),
        ({"name": "Employee", "endpoint": "/Users"}, "Users"),
    ],
)
def test_resources_are_where_the_server_says(scim: Serve, type_: dict[str, str], place: str) -> None:
    _, target = scim({"GET /ResourceTypes": Reply(body=listed([type_])), f"GET /{place}/u": Reply(body=user("u", ""))})

    assert target.read("u") is not None


def test_a_server_that_pages_by_cursor_only_is_walked_by_cursor(scim: Serve) -> None:
    config = {**CONFIG, "pagination": {"cursor": True, "index": False}}
    pages = {"": (["a", "b"], "next"), "next": (["c"], "")}

    def answer(request: Request) -> Reply:
        query = parse_qs(urlsplit(request.path).query, keep_blank_values=True)
        found, following = pages[query["cursor"][0]]
        body = {"Resources": [user(one, "") for one in found]}
        return Reply(body=body | ({"nextCursor": following} if following else {}))

    _, target = scim({"GET /ServiceProviderConfig": Reply(body=config), "GET /Users": answer})

    assert [account.id for account in target.accounts()] == ["a", "b", "c"]


def test_a_cursor_that_leads_back_ends_the_walk_as_unreachable(scim: Serve) -> None:
    config = {**CONFIG, "pagination": {"cursor": True, "index": False}}
    body = {"Resources": [user("a", "")], "nextCursor": "again"}
    _, target = scim({"GET /ServiceProviderConfig": Reply(body=config), "GET /Users": Reply(body=body)})

    with pytest.raises(Unreachable):
        list(target.accounts())


def test_no_page_is_larger_than_the_server_allows(scim: Serve) -> None:
    config = {**CONFIG, "filter": {"supported": True, "maxResults": 20}}
    server, target = scim({"GET /ServiceProviderConfig": Reply(body=config), "GET /Users": Reply(body=listed([]))})

    list(target.accounts())

    assert server.sent("GET")[-1].path == "/Users?count=20"


def test_only_what_was_changed_is_told_by_a_server_that_filters_by_date(scim: Serve) -> None:
    users = [user("old", "2026-01-01T00:00:00.000Z"), user("new", "2026-06-01T00:00:00.000Z")]
    _, target = scim({"GET /Users": dated(users)})

    first = list(target.changes(""))
    second = list(target.changes(first[-1].cookie))

    assert (names(first), first[-1].whole) == (["old", "new"], True)
    assert (names(second), second[-1].whole) == (["new"], False)
    assert second[-1].cookie == first[-1].cookie == "2026-06-01T00:00:00.000Z"


def test_what_changes_while_the_list_is_walked_is_told_the_next_time(scim: Serve) -> None:
    during = "2027-01-01T11:59:59.000Z"
    users = [user("read-early", during), user("read-late", "2027-01-01T12:30:00.000Z")]
    _, target = scim({"GET /Users": dated(users)})

    cookie = list(target.changes(""))[-1].cookie

    assert "read-early" in names(list(target.changes(cookie)))


@pytest.mark.parametrize(
    "answer",
    [
        Reply(400, error(400, "no", "invalidFilter")),
        Reply(body=listed([])),
        Reply(body=listed([user("old", "2026-01-01T00:00:00.000Z"), user("new", "2026-06-01T00:00:00.000Z")])),
    ],
    ids=["refused", "nothing", "everything"],
)
def test_a_server_that_does_not_look_at_the_date_must_be_read_whole(scim: Serve, answer: Reply) -> None:
    everything = [user("old", "2026-01-01T00:00:00.000Z"), user("new", "2026-06-01T00:00:00.000Z")]

    def list_(request: Request) -> Reply:
        return answer if "filter=" in request.path else Reply(body=listed(everything))

    _, target = scim({"GET /Users": list_})
    cookie = list(target.changes(""))[-1].cookie

    with pytest.raises(CookieExpired, match="does not tell by a filter"):
        list(target.changes(cookie))


def test_a_walk_that_breaks_off_gives_no_new_cookie(scim: Serve) -> None:
    users = [user(str(number), f"2026-01-0{number}T00:00:00.000Z") for number in range(1, 4)]
    broken = [Reply(body={**listed(users), "totalResults": 9}), Reply(500)]
    _, target = scim({"GET /Users": broken}, page_size="2")

    met = []
    with pytest.raises(Unreachable):
        for page in target.changes(""):
            met.append(page.cookie)

    assert met == [""]

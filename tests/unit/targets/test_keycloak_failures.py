"""A Keycloak that is down, elsewhere or in other hands: nothing of it may read as "not found", and words say what to do."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from connector.core.errors import Misconfigured
from connector.targets.base import (
    Account,
    AlreadyExists,
    Missing,
    NotAllowed,
    Rejected,
    Target,
    TargetError,
    Unreachable,
)
from connector.targets.registry import open_target
from tests.unit.targets.small_server import Reply, SmallServer, serve

REALM = "/admin/realms/work%20force"
TOKEN = {"POST /realms/work%20force/protocol/openid-connect/token": Reply(body={"access_token": "the-token"})}
USER = {"id": "u1", "username": "bot", "enabled": True}
PROFILE = {"attributes": [{"name": "username"}, {"name": "kept"}]}

Open = Callable[..., tuple[SmallServer, Target]]


@pytest.fixture
def keycloak(monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    monkeypatch.setenv("KEYCLOAK_SECRET", "a-very-secret-text")
    with ExitStack() as stack:

        def make(routes: dict[str, Any], *, object: str = "user", **more: str) -> tuple[SmallServer, Target]:
            paths = {f"{key.partition(' ')[0]} {REALM}{key.partition(' ')[2]}": value for key, value in routes.items()}
            server = stack.enter_context(serve(TOKEN | paths))
            options = {
                "url": server.url,
                "realm": "work force",
                "client_id": "c",
                "client_secret": "env:KEYCLOAK_SECRET",
            }
            return server, open_target("keycloak", "k", {**options, "read_timeout": "0.4", **more}, object=object)

        yield make


@pytest.mark.parametrize(
    "body",
    [
        {"error": "User not found"},
        {"error": "User not found", "error_description": "For more on this error consult the server log."},
    ],
)
def test_a_user_that_keycloak_says_is_not_there_is_gone(keycloak: Open, body: dict[str, str]) -> None:
    _, target = keycloak({"GET /users/u1": Reply(404, body)})

    assert target.read("u1") is None
    with pytest.raises(Missing):
        target.set_active("u1", False)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(404, {"error": "Realm not found."}), Unreachable),
        (Reply(404, {"error": "Not Found"}), Unreachable),
        (Reply(404, {"message": "no route"}), Unreachable),
        (Reply(404, "<html>no such page</html>"), Unreachable),
        (Reply(200, "<html>sign in</html>"), Unreachable),
        (Reply(500, {"error": "unknown_error"}), Unreachable),
        (Reply(503, "<html>"), Unreachable),
        (Reply(hang=1.0), Unreachable),
        (Reply(403, {"error": "HTTP 403 Forbidden"}), NotAllowed),
        (Reply(401, {"error": "HTTP 401 Unauthorized"}), NotAllowed),
    ],
)
def test_every_other_answer_is_not_taken_for_gone(keycloak: Open, reply: Reply, kind: type[TargetError]) -> None:
    _, target = keycloak({"GET /users/u1": reply, "GET /users": reply})

    for call in (lambda: target.read("u1"), lambda: list(target.accounts()), lambda: target.find("username", "bot")):
        with pytest.raises(kind) as problem:
            call()
        assert "a-very-secret-text" not in str(problem.value)
        assert "the-token" not in str(problem.value)


def test_a_list_that_is_no_list_is_unreachable(keycloak: Open) -> None:
    _, target = keycloak({"GET /users": Reply(body={"users": []})})

    with pytest.raises(Unreachable):
        list(target.accounts())


@pytest.mark.parametrize(
    ("body", "attribute", "words"),
    [
        (
            {"field": "email", "errorMessage": "error-user-attribute-required"},
            "email",
            "email: the realm's user profile demands",
        ),
        ({"field": "username", "errorMessage": "error-user-attribute-read-only"}, "username", "Edit username"),
        ({"errorMessage": "error-something-new"}, None, "error-something-new"),
    ],
)
def test_a_refused_value_is_named_in_plain_words(
    keycloak: Open, body: dict[str, str], attribute: str | None, words: str
) -> None:
    _, target = keycloak(
        {"GET /users/profile": Reply(403, {"error": "HTTP 403 Forbidden"}), "POST /users": Reply(400, body)}
    )

    with pytest.raises(Rejected) as problem:
        target.create(Account(attributes={"username": "bot"}))

    assert (problem.value.attribute, words in problem.value.detail) == (attribute, True)


def test_a_taken_name_whose_holder_cannot_be_found_still_says_that_it_is_taken(keycloak: Open) -> None:
    taken = Reply(409, {"errorMessage": "User exists with same username"})
    _, target = keycloak(
        {"GET /users/profile": Reply(body=PROFILE), "POST /users": taken, "GET /users": Reply(body=[])}
    )

    with pytest.raises(AlreadyExists) as problem:
        target.create(Account(attributes={"username": "bot"}))

    assert (problem.value.id, problem.value.attribute) == ("", "username")


def test_nothing_is_written_where_the_realm_would_drop_an_attribute(keycloak: Open) -> None:
    server, target = keycloak({"GET /users/profile": Reply(body=PROFILE)})

    with pytest.raises(Rejected, match=r"attributes\.lost would be dropped"):
        target.create(Account(attributes={"username": "bot", "attributes.kept": "x", "attributes.lost": "y"}))

    assert [request.path for request in server.sent("POST") if "/users" in request.path] == []


def test_a_change_writes_back_all_that_it_read(keycloak: Open) -> None:
    there = {**USER, "attributes": {"a": ["1", "2"]}, "requiredActions": ["X"]}
    server, target = keycloak({"GET /users/u1": Reply(body=there), "PUT /users/u1": Reply(204)})

    target.set_active("u1", True)

    assert server.sent("PUT")[0].body == there


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"url": "http://sso.example.com"}, "url: must be https"),
        ({"accounts_where": "kind"}, "accounts_where: write it as attribute=value"),
        ({"groups_are": "teams"}, "groups_are: 'teams' is not one of groups, roles"),
        ({"client_id": ""}, "client_id: give client_id and one of"),
    ],
)
def test_wrong_options_are_named(keycloak: Open, more: dict[str, str], problem: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        keycloak({}, **more)

    assert any(problem in one for one in raised.value.problems)

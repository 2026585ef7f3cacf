"""Cursors (RFC 9865), searches by body and across types, and what a client may see."""

import pytest

from tests.edge_client import problem

SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"


def walk(client, endpoint, **query):
    """Every name on every page, by cursor; the sizes of the pages."""
    names, sizes, cursor = [], [], ""
    while cursor is not None:
        page = client.get(f"/{endpoint}", cursor=cursor, **query).get_json()
        names += [one["userName"] for one in page["Resources"]]
        sizes.append(page["itemsPerPage"])
        assert "startIndex" not in page
        cursor = page.get("nextCursor")
    return names, sizes


@pytest.fixture
def people(client):
    names = [f"p{number:02d}" for number in range(11)]
    for number, name in enumerate(names):
        client.person(name, **({"title": f"t{number % 4}"} if number % 3 else {}))
    return names


def test_a_walk_by_cursor_meets_everybody_once(client, people):
    assert walk(client, "Users", count=4) == (people, [4, 4, 3])
    assert walk(client, "Users", count=11) == (people, [11])
    assert walk(client, "Users", count=4, filter="title pr")[0] == [one for one in people if int(one[1:]) % 3]


@pytest.mark.parametrize("order", ["ascending", "descending"])
def test_a_sorted_walk_is_in_the_order_of_the_whole_list(client, people, order):
    whole = client.get("/Users", sortBy="title", sortOrder=order).get_json()["Resources"]

    assert walk(client, "Users", count=3, sortBy="title", sortOrder=order)[0] == [one["userName"] for one in whole]
    titles = [one.get("title") for one in whole]
    missing = [None] * 4
    assert titles[-4:] == missing if order == "ascending" else titles[:4] == missing


def test_who_comes_and_goes_during_a_walk_moves_nobody_else(client, people):
    first = client.get("/Users", cursor="", count=4).get_json()
    for one in first["Resources"][:2]:
        client.send("DELETE", f"/Users/{one['id']}")
    client.person("late")

    second = client.get("/Users", cursor=first["nextCursor"], count=4).get_json()

    assert [one["userName"] for one in second["Resources"]] == people[4:8]


def test_a_cursor_is_for_its_client_its_query_and_its_time(client, new_client, people, clock):
    cursor = client.get("/Users", cursor="", count=4).get_json()["nextCursor"]
    other = new_client("other")
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

    problem(other.get("/Users", cursor=cursor, count=4), 400, "invalidCursor")
    problem(client.get("/Users", cursor=cursor, count=5), 400, "invalidCursor")
    problem(client.get("/Users", cursor=cursor, count=4, filter="title pr"), 400, "invalidCursor")
    problem(client.get("/Agents", cursor=cursor, count=4), 400, "invalidCursor")
    for forged in ("x", cursor[:-2], cursor[:-1] + ("A" if cursor[-1] != "A" else "B"), "ü"):
        problem(client.get("/Users", cursor=forged, count=4), 400, "invalidCursor")
    problem(client.get("/Users", cursor="", startIndex=1), 400, "invalidValue", "startIndex")
    problem(client.get("/Users", cursor="", count=1001), 400, "invalidCount", "1000")
    clock.move(seconds=601)
    problem(client.get("/Users", cursor=cursor, count=4), 400, "expiredCursor")


def test_a_search_by_body_is_the_same_search(client, people):
    body = {"schemas": [SEARCH], "filter": 'userName sw "p0"', "startIndex": 2, "count": 3, "attributes": ["userName"]}

    found = client.send("POST", "/Users/.search", body).get_json()

    url = {"filter": 'userName sw "p0"', "startIndex": 2, "count": 3, "attributes": "userName"}
    assert found == client.get("/Users", **url).get_json()
    problem(client.send("POST", "/Users/.search", {"filter": "title pr"}), 400, "invalidSyntax", "schemas")
    problem(client.send("POST", "/Users/.search", {**body, "count": "many"}), 400, "invalidValue", "count")


def test_a_search_at_the_root_spans_the_types_that_the_client_may_read(client, new_client):
    ada, bot, crew = client.person("ada"), client.agent("bot"), client.group("crew")

    everything = client.send("POST", "/.search", {"schemas": [SEARCH]}).get_json()
    assert [one["id"] for one in everything["Resources"]] == [ada, bot, crew]
    assert [one["meta"]["resourceType"] for one in everything["Resources"]] == ["User", "Agent", "Group"]
    by_url = client.get("/", filter='userName eq "ada" or agentUserName eq "bot"').get_json()
    assert [one["id"] for one in by_url["Resources"]] == [ada, bot]
    typed = client.get("/", filter='meta.resourceType eq "Group"').get_json()
    assert [one["id"] for one in typed["Resources"]] == [crew]
    narrow = new_client("narrow", scopes={"scim:agents"})
    assert [one["id"] for one in narrow.get("/").get_json()["Resources"]] == [bot]


def test_a_client_limited_to_its_own_sees_and_touches_nothing_else(client, new_client):
    own = new_client("hr", own_only=True)
    theirs, mine = client.person("ada"), own.person("bob")

    assert [one["id"] for one in own.get("/Users").get_json()["Resources"]] == [mine]
    assert own.get("/Users").get_json()["totalResults"] == 1
    assert own.found("Users", 'userName eq "ada"') == []
    problem(own.get(f"/Users/{theirs}"), 404)
    problem(own.patch("Users", theirs, {"op": "add", "path": "title", "value": "x"}), 404)
    problem(own.send("DELETE", f"/Users/{theirs}"), 404)
    problem(own.post("Users", userName="ADA"), 409, "uniqueness")
    assert own.found("Users", "userName pr") == [mine]


def test_a_client_that_must_name_versions_is_reminded(new_client):
    careful = new_client("careful", if_match=True)
    id = careful.person("ada")
    change = {"op": "add", "path": "title", "value": "x"}

    problem(careful.patch("Users", id, change), 428, naming="If-Match")
    problem(careful.send("DELETE", f"/Users/{id}"), 428)
    assert careful.patch("Users", id, change, If_Match='W/"1"').status_code == 200


def test_a_client_that_asks_too_often_is_told_when_to_come_back(new_client):
    quick = new_client("quick", rate=3)

    answers = [quick.get("/Users") for _ in range(6)]

    refused = [one for one in answers if one.status_code == 429]
    assert refused and answers[0].status_code == 200
    problem(refused[0], 429, naming="3 requests")
    assert refused[0].headers["Retry-After"] == "1"

"""Searches by body and across types, and what a client may see and how often it may ask."""

import pytest

from tests.edge_client import problem

SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"


@pytest.fixture
def people(client):
    for number in range(6):
        client.person(f"p{number:02d}", **({"title": f"t{number}"} if number % 3 else {}))


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


def test_a_filter_on_groups_finds_who_is_in_them_through_other_groups(client):
    ada, bob, eve, bot = client.person("ada"), client.person("bob"), client.person("eve"), client.agent("bot")
    inner = client.group("inner", bob, bot)
    middle = client.group("middle", inner, eve)
    outer = client.group("outer", middle, ada, bob)
    client.patch("Groups", inner, {"op": "add", "path": "members", "value": [{"value": outer}]})  # and round again

    def users(filter):
        return sorted(one["userName"] for one in client.get("/Users", filter=filter).get_json()["Resources"])

    assert users(f'groups.value eq "{outer}"') == ["ada", "bob", "eve"]
    assert users(f'groups eq "{inner}"') == ["ada", "bob", "eve"]
    assert users('groups.display eq "OUTER"') == ["ada", "bob", "eve"]
    assert users(f'groups[value eq "{outer}" and type eq "direct"]') == ["ada", "bob"]
    assert users(f'groups[value eq "{outer}" and type eq "indirect"]') == ["eve"]
    assert users(f'groups[value eq "{outer}" and not (type eq "direct")]') == ["eve"]
    assert users(f'groups[type eq "direct" and (value eq "{middle}" or display sw "inn")]') == ["bob", "eve"]
    assert users('groups.type eq "indirect"') == ["ada", "bob", "eve"]
    assert users(f'not (groups.value eq "{outer}")') == []
    assert users(f'groups.value eq "{outer}" and groups.value eq "{middle}" and userName eq "eve"') == ["eve"]
    assert users('groups pr and groups.display co "x"') == []
    assert client.found("Agents", f'groups.value eq "{outer}"') == [bot]
    everywhere = client.get("/", filter=f'groups.value eq "{middle}"').get_json()
    assert {one["id"] for one in everywhere["Resources"]} == {ada, bob, eve, bot}
    for name in ("ada", "bob", "eve"):  # what a filter finds is what is shown
        shown = client.get("/Users", filter=f'userName eq "{name}"').get_json()["Resources"][0]["groups"]
        for one in shown:
            found = f'groups[value eq "{one["value"]}" and type eq "{one["type"]}" and display eq "{one["display"]}"]'
            assert name in users(found)

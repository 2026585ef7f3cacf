"""What SCIM servers get wrong, second part: queries and chosen attributes. docs/scim-checklist.md numbers the points."""

import pytest

from tests.edge_client import ENTERPRISE, USER, problem

URL = "https://connector.example/scim/v2"


def test_nothing_found_is_an_empty_list(client):
    """RFC 7644 section 3.4.2."""
    for path in ("/Users", "/Agents", "/Groups", "/AgenticApplications", "/"):
        answer = client.get(path, filter='id eq "none"')
        assert (answer.status_code, answer.get_json()["totalResults"], answer.get_json()["Resources"]) == (200, 0, [])


def test_chosen_attributes_apply_to_what_changes_answer_too(client):
    """RFC 7644 sections 3.5.2 and 3.9."""
    made = client.send("POST", "/Users?attributes=userName", {"schemas": [USER], "userName": "ada", "title": "T"})
    assert (made.status_code, set(made.get_json())) == (201, {"schemas", "id", "userName"})
    id = made.get_json()["id"]
    put = client.send("PUT", f"/Users/{id}?excludedAttributes=meta,active", {"schemas": [USER], "userName": "ada"})
    assert set(put.get_json()) == {"schemas", "id", "userName"}
    group = client.group("ops", id)
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}
    body["Operations"] = [{"op": "replace", "path": "displayName", "value": "N"}]
    answer = client.send("PATCH", f"/Groups/{group}?attributes=displayName", body)
    assert (answer.status_code, answer.get_json()["displayName"]) == (200, "N")
    assert set(answer.get_json()) == {"schemas", "id", "displayName"}


def test_extension_attributes_are_chosen_by_urn_and_ids_never_left_out(client):
    """RFC 7643 section 7, RFC 7644 section 3.10."""
    client.person("ada", **{ENTERPRISE: {"department": "D", "costCenter": "C"}})

    def shown(**query):
        return client.get("/Users", **query).get_json()["Resources"][0]

    assert shown(attributes=f"{ENTERPRISE}:department")[ENTERPRISE] == {"department": "D"}
    assert shown(attributes=ENTERPRISE)[ENTERPRISE] == {"department": "D", "costCenter": "C"}
    assert ENTERPRISE not in shown(excludedAttributes=ENTERPRISE)
    assert {"id", "schemas"} <= set(shown(excludedAttributes="id,schemas,userName"))


def test_parts_of_members_are_chosen_and_left_out(client):
    """RFC 7644 section 3.9; of scim2-server's storage contract: a store that leaves out too much would show here."""
    ada = client.person("ada", displayName="Ada")
    group = client.group("ops", ada)
    whole = client.get(f"/Groups/{group}").get_json()
    for query, expected in (
        ({"excludedAttributes": "members"}, None),
        (
            {"excludedAttributes": "members.display"},
            {name: whole["members"][0][name] for name in ("value", "$ref", "type")},
        ),
        ({"attributes": "displayName"}, None),
        ({"attributes": "members.value"}, {"value": ada}),
        ({"attributes": "members.$ref"}, {"$ref": f"{URL}/Users/{ada}"}),
    ):
        for shown in (client.get(f"/Groups/{group}", **query), client.get("/Groups", **query)):
            document = shown.get_json()
            document = document.get("Resources", [document])[0]
            assert document.get("members", [None])[0] == expected, query


def test_a_search_by_post_is_the_search_by_get(client):
    """RFC 7644 section 3.4.3."""
    for name in ("c", "a", "b"):
        client.person(name, title="T")
    client.agent("bot")
    asked = {"filter": "title pr", "sortBy": "userName", "sortOrder": "descending", "count": 2, "startIndex": 2}
    answer = client.search("/Users", **asked, attributes=["userName"])
    assert answer.status_code == 200
    assert answer.get_json() == client.get("/Users", **asked, attributes="userName").get_json()
    assert [one["userName"] for one in answer.get_json()["Resources"]] == ["b", "a"]
    everything = client.search("").get_json()
    assert everything["totalResults"] == client.get("/").get_json()["totalResults"] == 4
    only = client.search("", filter='meta.resourceType eq "Agent" or userName eq "a"').get_json()["Resources"]
    assert sorted(one["meta"]["resourceType"] for one in only) == ["Agent", "User"]
    problem(client.send("POST", "/Users/.search", {"filter": "title pr"}), 400, "invalidSyntax", "schemas")
    problem(client.search("/Robots"), 404)
    problem(client.search("/Users", attributes=["id"], excludedAttributes=["title"]), 400, "invalidValue")


def test_the_root_lists_only_types_that_the_client_may_read(client, new_client):
    """RFC 7644 section 3.4.2.1."""
    client.person("ada")
    client.agent("bot")
    some = new_client("some", {"scim:agents"}).get("/").get_json()
    assert [one["meta"]["resourceType"] for one in some["Resources"]] == ["Agent"]
    assert some["totalResults"] == 1


def test_two_conditions_may_hold_for_two_elements_unless_brackets_join_them(client):
    """RFC 7644 section 3.4.2.2, value paths."""
    emails = [{"type": "work", "value": "a@work"}, {"type": "home", "value": "a@home"}]
    ada = client.person("ada", emails=emails)
    assert client.found("Users", 'emails.type eq "work" and emails.value co "@home"') == [ada]
    assert client.found("Users", 'emails[type eq "work" and value co "@home"]') == []
    problem(client.get("/Users", filter='emails[type[value eq "x"]]'), 400, "invalidFilter")


@pytest.mark.parametrize(("name", "eq", "other"), [("userName", True, "BOB"), ("externalId", False, "X-A")])
def test_case_counts_where_the_schema_says_so(client, name, eq, other):
    """RFC 7643 section 2.2, caseExact."""
    bob = client.person("bob", externalId="x-a")
    assert client.found("Users", f'{name} eq "{other}"') == ([bob] if eq else [])
    assert client.found("Users", f'{name} eq "{other.lower()}"') == [bob]


def test_a_percent_sign_or_underscore_in_a_filter_is_itself(client):
    """No wildcard of the database shows through."""
    ada = client.person("ada", displayName="100% a_b")
    client.person("bob", displayName="100 of axb")
    for text in ("0%", "a_b", "% a"):
        assert client.found("Users", f'displayName co "{text}"') == [ada]

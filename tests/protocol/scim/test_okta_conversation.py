"""What Okta sends, as whole conversations, under the profile `okta`: custom and catalogue apps, group push and its test suites."""

import pytest

from tests.edge_client import GROUP, USER, problem

LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


@pytest.fixture
def okta(new_client):
    return new_client("okta", profile="okta")


def profile(name, **more):
    return {
        "schemas": [USER],
        "userName": f"{name}@x.example",
        "name": {"givenName": name, "familyName": "Test"},
        "emails": [{"primary": True, "value": f"{name}@x.example", "type": "work"}],
        "displayName": f"{name} Test",
        "locale": "en-US",
        "externalId": f"00u{name}",
        "groups": [],
        "password": "1mz050nq",
        "active": True,
        **more,
    }


def created(okta, name, **more):
    answer = okta.send("POST", "/Users", profile(name, **more))
    assert answer.status_code == 201, answer.get_json()
    return answer.get_json()


def test_the_connection_test_reads_a_page_with_numbers(okta):
    created(okta, "ada")
    for count in (1, 2, 100):
        page = okta.get("/Users", startIndex=1, count=count).get_json()
        assert page["schemas"] == [LIST]
        assert (page["totalResults"], page["startIndex"], page["itemsPerPage"]) == (1, 1, 1)


def test_a_custom_app_creates_reads_and_puts_back_what_it_read(okta):
    """AIW: find, POST, then GET and PUT of the whole resource for every change; deactivation is a PUT too."""
    query = {"filter": 'userName eq "ada@x.example"', "startIndex": 1, "count": 100}
    assert okta.get("/Users", **query).get_json()["Resources"] == []
    ada = created(okta, "ada")
    assert (ada["externalId"], ada["active"], "password" in ada, "groups" in ada) == ("00uada", True, False, False)
    problem(okta.send("POST", "/Users", profile("ada")), 409, "uniqueness")
    path = f"/Users/{ada['id']}"
    whole = okta.get(path).get_json()
    whole["name"]["givenName"] = "Augusta"
    whole["nickName"] = "A"
    answer = okta.send("PUT", path, whole)
    assert answer.status_code == 200
    after = answer.get_json()
    assert {**after, "meta": None} == {**whole, "meta": None}
    for active in (False, True):
        answer = okta.send("PUT", path, {**okta.get(path).get_json(), "active": active})
        assert (answer.status_code, answer.get_json()["active"]) == (200, active)
        assert okta.get(path).get_json()["active"] is active
    assert okta.found("Users", 'userName eq "ada@x.example"') == [ada["id"]]


def test_a_catalogue_app_patches_without_paths(okta):
    """OIN: activation, passwords and newer profile changes."""
    ada = created(okta, "ada")
    path = f"/Users/{ada['id']}"
    for value, expected in (
        ({"active": False}, {"active": False}),
        ({"active": True}, {"active": True}),
        ({"password": "new"}, {"active": True}),
        ({"id": ada["id"], "displayName": "A", "name": {"givenName": "Aug"}}, {"displayName": "A"}),
    ):
        answer = okta.patch("Users", ada["id"], {"op": "replace", "value": value})
        assert answer.status_code in (200, 204)
        shown = okta.get(path).get_json()
        assert {name: shown[name] for name in expected} == expected
        assert "password" not in shown
    assert shown["name"] == {"givenName": "Aug", "familyName": "Test"}


def test_groups_are_pushed_renamed_filled_and_unlinked(okta):
    ada, bob = created(okta, "ada")["id"], created(okta, "bob")["id"]
    body = {"schemas": [GROUP], "displayName": "Crew", "members": [{"value": ada, "display": "ada@x.example"}]}
    answer = okta.send("POST", "/Groups", body)
    assert (answer.status_code, answer.get_json()["members"][0]["value"]) == (201, ada)
    group = answer.get_json()["id"]
    path = f"/Groups/{group}"

    def members():
        return {one["value"] for one in okta.get(path).get_json().get("members", [])}

    assert okta.found("Groups", 'displayName eq "crew"') == [group]
    rename = {"op": "replace", "value": {"id": group, "displayName": "Crew 2"}}
    assert okta.patch("Groups", group, rename).status_code in (200, 204)
    assert (okta.get(path).get_json()["displayName"], members()) == ("Crew 2", {ada})
    okta.patch(
        "Groups",
        group,
        {"op": "remove", "path": f'members[value eq "{ada}"]'},
        {"op": "add", "path": "members", "value": [{"value": bob, "display": "bob@x.example"}]},
    )
    assert members() == {bob}
    okta.patch("Groups", group, {"op": "replace", "path": "members", "value": [{"value": ada}, {"value": bob}]})
    assert members() == {ada, bob}
    put = {"schemas": [GROUP], "id": group, "displayName": "Crew 2", "members": [{"value": ada, "display": "x"}]}
    assert okta.send("PUT", path, put).status_code == 200
    assert members() == {ada}
    assert okta.get(f"/Users/{ada}").get_json()["groups"][0]["display"] == "Crew 2"
    assert okta.send("DELETE", path).status_code == 204
    problem(okta.get(path), 404)
    assert "groups" not in okta.get(f"/Users/{ada}").get_json()


def test_an_empty_group_is_pushed(okta):
    answer = okta.send("POST", "/Groups", {"schemas": [GROUP], "displayName": "Empty", "members": []})
    assert answer.status_code == 201
    page = okta.get("/Groups", startIndex=1, count=100).get_json()
    assert [one["displayName"] for one in page["Resources"]] == ["Empty"]


def test_the_ten_requests_of_the_spec_test(okta):
    created(okta, "first")
    bearer = {"Authorization": f"Bearer {okta.bearer}"}
    asks = {"Accept": "application/scim+json", "Accept-Charset": "utf-8", "User-Agent": "OKTA SCIM Integration"}

    def get(path):
        return okta.http.get(f"/scim/v2{path}", headers={**bearer, **asks})

    def post(body):
        accepts = {**bearer, "Accept": "application/scim+json; charset=utf-8"}
        return okta.http.post("/scim/v2/Users", json=body, headers=accepts, content_type="application/json")

    first = get("/Users?count=1&startIndex=1")  # 1
    page = first.get_json()
    assert (first.status_code, page["schemas"]) == (200, [LIST])
    assert all(type(page[name]) is int for name in ("itemsPerPage", "startIndex", "totalResults"))
    complete(page["Resources"][0])
    one = get(f"/Users/{page['Resources'][0]['id']}")  # 2
    assert one.status_code == 200
    complete(one.get_json())
    for nobody in ("abcdefgh", "nobody@nowhere.example"):  # 3 and 5
        none = get(f"/Users?filter=userName%20eq%20%22{nobody}%22")
        assert (none.status_code, none.get_json()["totalResults"]) == (200, 0)
    problem(get("/Users/010101001010101011001010101011"), 404)  # 4
    body = {name: one for name, one in profile("Runscope").items() if name not in ("groups", "password", "locale")}
    made = post(body)  # 6
    assert made.status_code == 201
    complete(made.get_json())
    assert made.get_json()["userName"] == body["userName"]
    assert made.get_json()["name"] == body["name"]
    again = get(f"/Users/{made.get_json()['id']}")  # 7
    assert (again.status_code, again.get_json()) == (200, made.get_json())
    problem(post(body), 409, "uniqueness")  # 8
    capitals = get("/Users?filter=userName%20eq%20%22RUNSCOPE@X.EXAMPLE%22")  # 9
    assert (capitals.status_code, capitals.get_json()["totalResults"]) == (200, 1)
    groups = get("/Groups")  # 10
    assert (groups.status_code, groups.get_json()["Resources"]) == (200, [])


def complete(user):
    assert user["id"]
    assert user["name"]["familyName"]
    assert user["name"]["givenName"]
    assert user["userName"]
    assert user["active"] is True
    assert user["emails"][0]["value"]


def test_errors_say_their_status_as_a_text(okta, app):
    problem(okta.get("/Users/none"), 404)
    answer = app.test_client().get("/scim/v2/Users", headers={"Authorization": "Bearer wrong"})
    problem(answer, 401)


def test_the_crud_test_assigns_renames_deactivates_and_unassigns(okta):
    ada = created(okta, "ada")
    path = f"/Users/{ada['id']}"
    found = okta.get("/Users", filter='userName eq "ada@x.example"').get_json()["Resources"][0]
    assert (found["name"], found["emails"][0]["value"]) == (ada["name"], "ada@x.example")
    whole = {**okta.get(path).get_json(), "name": {"givenName": "Eve", "familyName": "New"}}
    okta.send("PUT", path, whole)
    assert okta.get(path).get_json()["name"] == {"givenName": "Eve", "familyName": "New"}
    for active in (False, True, False):  # deactivate, reactivate, unassign
        okta.patch("Users", ada["id"], {"op": "replace", "value": {"active": active}})
        answer = okta.get(path)
        assert (answer.status_code, answer.get_json()["active"]) == (200, active)


def test_the_entitlements_test_reads_one_of_the_groups(okta):
    okta.group("reader")
    okta.group("writer")
    page = okta.get("/Groups", count=1, startIndex=1).get_json()
    assert (page["schemas"], page["itemsPerPage"], page["totalResults"]) == ([LIST], 1, 2)

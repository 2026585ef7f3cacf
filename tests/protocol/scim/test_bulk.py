"""Bulk (RFC 7644 section 3.7): outcomes one by one, references in every direction, limits."""

import pytest

from tests.edge_client import GROUP, PATCH_OP, USER, problem

BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"


def send(client, *operations, **more):
    return client.send("POST", "/Bulk", {"schemas": [BULK], "Operations": list(operations), **more})


def done(client, *operations, **more):
    answer = send(client, *operations, **more)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_json()["Operations"]


def person(name, bulk_id=None):
    data = {"schemas": [USER], "userName": name}
    return {"method": "POST", "path": "/Users", "bulkId": bulk_id or name, "data": data}


def group(name, *members, bulk_id=None):
    data = {"schemas": [GROUP], "displayName": name, "members": [{"value": one} for one in members]}
    return {"method": "POST", "path": "/Groups", "bulkId": bulk_id or name, "data": data}


def members(client, location):
    path = location.partition("/scim/v2")[2]
    return {one["display"] for one in client.get(path).get_json().get("members", [])}


def test_each_operation_has_its_own_outcome_and_a_failed_one_is_undone_alone(client, events):
    taken = client.person("ada")

    outcomes = done(client, person("bob"), person("ADA", "again"), group("crew", taken, "no-such-id"), person("cleo"))

    assert [one["status"] for one in outcomes] == ["201", "409", "400", "201"]
    assert outcomes[0]["location"].endswith(client.found("Users", 'userName eq "bob"')[0])
    assert outcomes[0]["version"] == 'W/"1"'
    assert outcomes[1]["response"]["scimType"] == "uniqueness" and "location" not in outcomes[1]
    assert client.found("Groups", 'displayName eq "crew"') == []
    assert events().count("person:created") == 3 and "group:created" not in events()


def test_every_method_works_in_bulk(client):
    ada, bob, cleo = (client.person(name) for name in ("ada", "bob", "cleo"))
    change = {"schemas": [PATCH_OP], "Operations": [{"op": "replace", "path": "title", "value": "Countess"}]}

    outcomes = done(
        client,
        {"method": "PATCH", "path": f"/Users/{ada}", "data": change},
        {"method": "PUT", "path": f"/Users/{bob}", "data": {"schemas": [USER], "userName": "robert"}},
        {"method": "delete", "path": f"/Users/{cleo}"},
        {"method": "PATCH", "path": f"/Users/{bob}", "version": 'W/"1"', "data": change},
    )

    assert [one["status"] for one in outcomes] == ["200", "200", "204", "412"]
    assert client.get(f"/Users/{ada}").get_json()["title"] == "Countess"
    assert client.get(f"/Users/{bob}").get_json()["userName"] == "robert"
    assert client.get(f"/Users/{cleo}").status_code == 404


def test_references_point_backwards_and_forwards(client):
    outcomes = done(client, group("crew", "bulkId:late", "bulkId:early"), person("ada", "early"), person("bob", "late"))

    assert [one["bulkId"] for one in outcomes] == ["crew", "early", "late"]
    assert members(client, outcomes[0]["location"]) == {"ada", "bob"}


def test_a_reference_in_a_path_stands_for_the_new_id(client):
    change = {"schemas": [PATCH_OP], "Operations": [{"op": "add", "path": "title", "value": "Countess"}]}

    outcomes = done(client, person("ada"), {"method": "PATCH", "path": "/Users/bulkId:ada", "data": change})

    assert outcomes[1]["status"] == "200"
    assert outcomes[1]["location"] == outcomes[0]["location"]


def test_groups_that_are_in_each_other_are_both_created(client):
    outcomes = done(client, group("a", "bulkId:b"), group("b", "bulkId:a"))

    assert [one["status"] for one in outcomes] == ["201", "201"]
    assert [members(client, one["location"]) for one in outcomes] == [{"b"}, {"a"}]


def test_a_reference_in_an_extension_may_be_circular_too(client):
    enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    both = []
    for name, boss in (("ada", "bob"), ("bob", "ada")):
        one = person(name)
        one["data"][enterprise] = {"manager": {"value": f"bulkId:{boss}"}}
        both.append(one)

    outcomes = done(client, *both)

    ids = [one["location"].rpartition("/")[2] for one in outcomes]
    managers = [client.get(f"/Users/{id}").get_json()[enterprise]["manager"]["value"] for id in ids]
    assert managers == ids[::-1]


@pytest.mark.parametrize("name", ["nobody", "broken"])
def test_a_reference_to_what_is_not_created_fails_that_operation(client, name):
    broken = {"method": "POST", "path": "/Users", "bulkId": "broken", "data": {"schemas": [USER]}}

    outcomes = done(client, broken, group("crew", f"bulkId:{name}"), person("ada"))

    assert [one["status"] for one in outcomes] == ["400", "409", "201"]
    assert name in outcomes[1]["response"]["detail"]


def test_after_so_many_errors_the_rest_is_not_attempted(client):
    client.person("ada")

    outcomes = done(client, person("ada"), person("bob"), person("Ada", "x"), person("cleo"), failOnErrors=2)

    assert [one["status"] for one in outcomes] == ["409", "201", "409"]
    assert client.found("Users", 'userName eq "cleo"') == []


def test_each_operation_needs_its_own_scope(new_client):
    narrow = new_client("narrow", scopes={"scim:users"})

    outcomes = done(narrow, person("ada"), group("crew"))

    assert [one["status"] for one in outcomes] == ["201", "403"]


@pytest.mark.parametrize(
    ("operation", "status", "scim_type", "naming"),
    [
        ({"method": "GET", "path": "/Users/x"}, 400, "invalidSyntax", "method"),
        ({"method": "POST", "path": "/Users", "data": {}}, 400, "invalidSyntax", "bulkId"),
        ({"method": "POST", "path": "/Users", "bulkId": "b"}, 400, "invalidValue", "data"),
        ({"method": "DELETE"}, 400, "invalidSyntax", "path"),
        ("text", 400, "invalidSyntax", "method"),
    ],
)
def test_an_operation_that_cannot_be_read_refuses_the_request(client, operation, status, scim_type, naming):
    problem(send(client, person("ada"), operation), status, scim_type, naming)
    assert client.found("Users", 'userName eq "ada"') == []


@pytest.mark.parametrize("path", ["/Robots", "/Users/x", "/", "/Users/x/y", "Schemas"])
def test_a_path_that_takes_no_post_fails_that_operation(client, path):
    outcomes = done(client, {**person("ada"), "path": path}, person("bob"))

    assert [one["status"] for one in outcomes] == ["400", "201"]


def test_limits_are_told(client):
    problem(send(client, *[person(f"p{number}") for number in range(1001)]), 413, naming="1000")
    problem(send(client, person("ada"), person("bob", "ada")), 400, "invalidSyntax", "bulkId")
    problem(send(client), 400, "invalidSyntax", "Operations")
    problem(client.send("POST", "/Bulk", {"Operations": [person("ada")]}), 400, "invalidSyntax", "schemas")
    for limit in (0, -1, "1", True):
        problem(send(client, person("ada"), failOnErrors=limit), 400, "invalidValue", "failOnErrors")
    assert client.get("/Users").get_json()["totalResults"] == 0

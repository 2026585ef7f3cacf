"""Bulk (RFC 7644 section 3.7), on both databases: references, stopping, atomicity and what each operation answers."""

import pytest

from tests.edge_client import AGENT, APPLICATION, BULK, ENTERPRISE, GOVERNANCE, GROUP, PATCH_OP, USER, problem

URL = "https://connector.example/scim/v2"


def post(endpoint, bulk_id, **data):
    schema = {"Users": USER, "Groups": GROUP, "Agents": AGENT, "AgenticApplications": APPLICATION}[endpoint]
    return {"method": "POST", "path": f"/{endpoint}", "bulkId": bulk_id, "data": {"schemas": [schema], **data}}


def user(bulk_id, name=None, **data):
    return post("Users", bulk_id, userName=name or bulk_id, **data)


def group(bulk_id, *members):
    return post("Groups", bulk_id, displayName=bulk_id, members=[{"value": one} for one in members])


def patch(path, *operations, **more):
    return {"method": "PATCH", "path": path, "data": {"schemas": [PATCH_OP], "Operations": list(operations)}, **more}


def run(client, *operations, **options):
    """The outcomes of the operations; the request itself always succeeds."""
    answer = client.bulk(*operations, **options)
    body = answer.get_json()
    assert (answer.status_code, body["schemas"]) == (200, ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]), body
    return body["Operations"]


def statuses(outcomes):
    return [one["status"] for one in outcomes]


def members(client, location):
    shown = client.get(location.removeprefix(URL)).get_json().get("members", [])
    return {one["value"] for one in shown}


def id_of(outcome):
    return outcome["location"].rpartition("/")[2]


def test_a_bulk_request_creates_changes_and_deletes(client):
    ada, bob = client.person("ada"), client.person("bob")
    outcomes = run(
        client,
        user("new", externalId="n1"),
        {"method": "PUT", "path": f"/Users/{ada}", "data": {"schemas": [USER], "userName": "ada", "title": "Dr"}},
        patch(f"/Users/{ada}", {"op": "add", "path": "nickName", "value": "A"}),
        {"method": "DELETE", "path": f"/Users/{bob}"},
    )
    assert statuses(outcomes) == ["201", "200", "200", "204"]
    assert [one["method"] for one in outcomes] == ["POST", "PUT", "PATCH", "DELETE"]
    assert outcomes[0]["bulkId"] == "new"
    assert all(one["location"].startswith(f"{URL}/Users/") for one in outcomes)
    assert [one.get("version") for one in outcomes] == ['W/"1"', 'W/"2"', 'W/"3"', None]
    shown = client.get(f"/Users/{ada}").get_json()
    assert (shown["title"], shown["nickName"], shown["meta"]["version"]) == ("Dr", "A", 'W/"3"')
    assert client.get(f"/Users/{bob}").status_code == 404


@pytest.mark.parametrize("order", [1, -1], ids=["backwards", "forwards"])
def test_a_reference_may_point_backwards_and_forwards(client, order):
    outcomes = run(client, *[user("ada"), group("ops", "bulkId:ada")][::order])[::order]
    assert statuses(outcomes) == ["201", "201"]
    assert members(client, outcomes[1]["location"]) == {id_of(outcomes[0])}


def test_a_reference_may_stand_in_any_reference_attribute(client):
    outcomes = run(
        client,
        post("AgenticApplications", "app", name="app", agents=[{"value": "bulkId:bot", "type": "owned"}]),
        post(
            "Agents",
            "bot",
            agentUserName="bot",
            owners=[{"value": "bulkId:ada"}],
            **{GOVERNANCE: {"sponsor": {"value": "bulkId:ada"}}},
        ),
        user("ada"),
    )
    assert statuses(outcomes) == ["201", "201", "201"]
    app, bot, ada = map(id_of, outcomes)
    shown = client.get(f"/Agents/{bot}").get_json()
    assert (shown["owners"][0]["value"], shown[GOVERNANCE]["sponsor"]["value"]) == (ada, ada)
    assert client.get(f"/AgenticApplications/{app}").get_json()["agents"][0]["value"] == bot


def test_a_reference_may_stand_in_a_path_and_in_a_patch(client):
    ada = client.person("ada")
    outcomes = run(
        client,
        group("ops"),
        patch("/Groups/bulkId:ops", {"op": "add", "path": "members", "value": [{"value": ada}]}),
        user("bob"),
        patch("/Groups/bulkId:ops", {"op": "add", "path": "members", "value": [{"value": "bulkId:bob"}]}),
    )
    assert statuses(outcomes) == ["201", "204", "201", "204"]
    assert outcomes[1]["location"] == outcomes[0]["location"]
    assert members(client, outcomes[0]["location"]) == {ada, id_of(outcomes[2])}


def test_groups_that_hold_each_other_are_both_created(client):
    outcomes = run(client, group("a", "bulkId:b"), group("b", "bulkId:a"))
    assert statuses(outcomes) == ["201", "201"]
    a, b = outcomes
    assert members(client, a["location"]) == {id_of(b)}
    assert members(client, b["location"]) == {id_of(a)}
    for one in outcomes:
        assert one["version"] == client.get(one["location"].removeprefix(URL)).headers["ETag"]


def test_agents_that_are_each_others_parents_are_both_created(new_client):
    client = new_client("abbey", dialect="abbey")
    outcomes = run(
        client,
        post("Agents", "a", name="a", parent={"value": "bulkId:b"}),
        post("Agents", "b", name="b", parent={"value": "bulkId:a"}),
    )
    assert statuses(outcomes) == ["201", "201"]
    a, b = map(id_of, outcomes)
    assert [client.get(f"/Agents/{one}").get_json()["parent"]["value"] for one in (a, b)] == [b, a]


def test_a_group_that_refers_to_itself_is_told_that_it_cannot_be_its_own_member(client):
    [outcome] = run(client, group("a", "bulkId:a"))
    assert (outcome["status"], outcome["response"]["scimType"]) == ("400", "invalidValue")
    assert "itself" in outcome["response"]["detail"]


def test_a_reference_to_nothing_fails_that_operation_only(client):
    outcomes = run(client, group("ops", "bulkId:nobody"), user("ada"))
    assert statuses(outcomes) == ["409", "201"]
    assert "bulkId:nobody" in outcomes[0]["response"]["detail"]
    assert client.get("/Groups").get_json()["totalResults"] == 0


@pytest.mark.parametrize("order", [1, -1], ids=["backwards", "forwards"])
def test_a_reference_to_what_failed_fails_too(client, order):
    client.person("ada")
    outcomes = run(client, *[user("ada"), group("ops", "bulkId:ada")][::order])[::order]
    assert statuses(outcomes) == ["409", "409"]
    assert "failed" in outcomes[1]["response"]["detail"]


def test_an_operation_that_fails_undoes_only_itself(client, events):
    ada = client.person("ada")
    before = events()
    outcomes = run(
        client,
        user("one"),
        patch(
            f"/Users/{ada}",
            {"op": "replace", "path": "title", "value": "Dr"},
            {"op": "replace", "path": "active", "value": "perhaps"},
        ),
        user("two"),
    )
    assert statuses(outcomes) == ["201", "400", "201"]
    assert "title" not in client.get(f"/Users/{ada}").get_json()
    assert events()[len(before) :] == ["person:created", "person:created"]


def test_an_error_is_told_as_an_error_message_beside_its_operation(client):
    ada = client.person("ada")
    create, change = run(client, user("x", "ada"), patch(f"/Users/{ada}", {"op": "remove", "path": "userName"}))
    assert (create["status"], create["bulkId"], "location" in create) == ("409", "x", False)
    assert create["response"]["scimType"] == "uniqueness"
    assert create["response"]["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert (change["status"], change["location"]) == ("400", f"{URL}/Users/{ada}")
    assert change["response"]["scimType"] == "mutability"


@pytest.mark.parametrize(("limit", "attempted"), [(1, 2), (2, 4), (None, 5)])
def test_fail_on_errors_stops_after_that_many(client, limit, attempted):
    client.person("ada")
    operations = [user("a"), user("b", "ada"), user("c"), user("d", "ada"), user("e")]
    options = {} if limit is None else {"failOnErrors": limit}
    outcomes = run(client, *operations, **options)
    assert statuses(outcomes) == ["201", "409", "201", "409", "201"][:attempted]
    assert client.get("/Users").get_json()["totalResults"] == 1 + statuses(outcomes).count("201")


def test_fail_on_errors_must_be_a_number_above_zero(client):
    for limit in (0, -1, "two", True):
        problem(client.bulk(user("a"), failOnErrors=limit), 400, "invalidValue", "failOnErrors")


def test_more_operations_than_announced_are_too_many(client):
    most = client.get("/ServiceProviderConfig").get_json()["bulk"]["maxOperations"]
    problem(client.bulk(*[user(f"u{number}") for number in range(most + 1)]), 413, naming=str(most))
    assert client.get("/Users").get_json()["totalResults"] == 0


def test_more_bytes_than_announced_are_too_many(client):
    most = client.get("/ServiceProviderConfig").get_json()["bulk"]["maxPayloadSize"]
    problem(client.bulk(user("a", title="x" * most)), 413)


def test_an_operation_that_is_none_refuses_the_request(client):
    for operation, scim_type, naming in (
        ({"method": "GET", "path": "/Users"}, "invalidSyntax", "method"),
        ({"method": "POST", "path": "/Users", "data": {}}, "invalidSyntax", "bulkId"),
        ({"method": "POST", "path": "/Users", "bulkId": "", "data": {}}, "invalidSyntax", "bulkId"),
        ({"method": "POST", "bulkId": "a", "data": {}}, "invalidSyntax", "path"),
        ({"method": "POST", "path": "/Users", "bulkId": "a"}, "invalidValue", "data"),
        ({"method": "PUT", "path": "/Users/x", "data": "x"}, "invalidValue", "data"),
        ("x", "invalidSyntax", "method"),
    ):
        problem(client.bulk(user("before"), operation), 400, scim_type, naming)
    assert client.get("/Users").get_json()["totalResults"] == 0


def test_a_bulk_id_that_is_given_twice_refuses_the_request(client):
    problem(client.bulk(user("a"), user("a", "other")), 400, "invalidSyntax", "bulkId")


def test_a_message_without_operations_or_of_another_schema_is_refused(client):
    problem(client.bulk(), 400, "invalidSyntax", "Operations")
    problem(client.send("POST", "/Bulk", {"schemas": [USER], "Operations": [user("a")]}), 400, "invalidSyntax", BULK)


def test_a_path_that_nothing_can_be_created_at_fails_its_operation(client):
    paths = ["/Robots", "/Users/x", "/Users/x/y", "/", "", "/ServiceProviderConfig"]
    wrong = [{"method": "POST", "path": path, "bulkId": str(at), "data": {}} for at, path in enumerate(paths)]
    outcomes = run(client, *wrong, user("ada"))
    assert [one.get("response", {}).get("scimType") for one in outcomes] == ["invalidPath"] * len(paths) + [None]
    assert statuses(outcomes) == ["400"] * len(paths) + ["201"]


def test_each_operation_needs_the_scope_of_its_type(new_client):
    client = new_client("agents-only", {"scim:agents"})
    outcomes = run(client, user("ada"), post("Agents", "bot", agentUserName="bot"))
    assert statuses(outcomes) == ["403", "201"]
    assert "scim:users" in outcomes[0]["response"]["detail"]
    reader = new_client("reader", {"scim:read"})
    assert statuses(run(reader, user("ada"))) == ["403"]


def test_a_version_guards_its_operation(client):
    ada = client.person("ada")
    change = {"op": "add", "path": "title", "value": "Dr"}
    outcomes = run(
        client,
        patch(f"/Users/{ada}", change, version='W/"7"'),
        patch(f"/Users/{ada}", change, version='W/"1"'),
        {"method": "DELETE", "path": f"/Users/{ada}", "version": 'W/"1"'},
        {"method": "DELETE", "path": f"/Users/{ada}", "version": 'W/"2"'},
    )
    assert statuses(outcomes) == ["412", "200", "412", "204"]


def test_a_client_that_must_send_versions_must_in_bulk_too(new_client):
    client = new_client("careful", if_match=True)
    ada = client.person("ada")
    change = {"op": "add", "path": "title", "value": "Dr"}
    outcomes = run(client, user("bob"), patch(f"/Users/{ada}", change), patch(f"/Users/{ada}", change, version='W/"1"'))
    assert statuses(outcomes) == ["201", "428", "200"]


def test_one_client_does_not_change_in_bulk_what_another_one_made(client, new_client):
    ada = client.person("ada")
    own = new_client("own", own_only=True)
    outcomes = run(own, {"method": "DELETE", "path": f"/Users/{ada}"}, group("g", ada))
    assert outcomes[0]["status"] == "404"
    assert client.get(f"/Users/{ada}").status_code == 200


def test_people_who_manage_each_other_are_both_created(client):
    pair = [user(name, **{ENTERPRISE: {"manager": {"value": f"bulkId:{boss}"}}}) for name, boss in ("ab", "ba")]

    outcomes = run(client, *pair)

    assert statuses(outcomes) == ["201", "201"]
    managers = [client.get(f"/Users/{id_of(one)}").get_json()[ENTERPRISE]["manager"]["value"] for one in outcomes]
    assert managers == [id_of(one) for one in outcomes[::-1]]


@pytest.mark.parametrize("failing", [[], [user("taken", "ada")], [post("Users", "bad", userName=1)]])
def test_what_the_others_do_is_the_same_where_one_fails(client, events, failing):
    ada = client.person("ada")
    before = len(events())
    outcomes = run(
        client,
        user("boss", emails=[{"value": "boss@example.com", "type": "work"}], externalId="e-1"),
        post("Agents", "bot", agentUserName="bot", owners=[{"value": "bulkId:boss"}], **{GOVERNANCE: {"purpose": "x"}}),
        post(
            "Agents",
            "plain",
            agentUserName="plain",
            owners=[{"value": ada}],
            **{GOVERNANCE: {"sponsor": {"value": ada}}},
        ),
        group("all", "bulkId:bot", "bulkId:ring"),
        group("ring", "bulkId:all"),
        {"method": "PUT", "path": f"/Users/{ada}", "data": {"schemas": [USER], "userName": "ada", "title": "Dr"}},
        patch("/Users/bulkId:boss", {"op": "replace", "path": "emails", "value": [{"value": "chef@example.com"}]}),
        *failing,
        user("gone", emails=[{"value": "gone@example.com"}]),
        {"method": "DELETE", "path": "/Users/bulkId:gone"},
    )

    assert [one for one in statuses(outcomes) if one[0] == "4"] == [
        "409" if f["bulkId"] == "taken" else "400" for f in failing
    ]
    assert client.found("Users", 'emails.value co "@example.com"') == client.found("Users", 'userName eq "boss"')
    assert (
        client.get("/Agents", filter='agentUserName eq "plain"').get_json()["Resources"][0][GOVERNANCE]["sponsor"][
            "value"
        ]
        == ada
    )
    ids = {one.get("bulkId"): id_of(one) for one in outcomes if "location" in one}
    assert members(client, f"{URL}/Groups/{ids['all']}") == {ids["bot"], ids["ring"]}
    assert client.get(f"/Users/{ada}").get_json()["title"] == "Dr"
    assert len(events()) - before == 10  # nothing is recorded twice

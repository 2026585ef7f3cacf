"""Every error below /scim/v2 is an RFC 7644 section 3.12 body that names what is wrong."""

import pytest
import sqlalchemy as sa

from connector.domain import targets
from connector.domain.unit import SYSTEM
from connector.storage import outbox
from tests.edge_client import GOVERNANCE, USER, problem

# -- errors of the protocol ------------------------------------------------------------------------------------------


def test_nobody_comes_in_without_a_bearer(app):
    answer = app.test_client().get("/scim/v2/Users")
    problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["Bearer acb_wrong", "Bearer x.y.z", "Basic eDp5", "Bearer ", "Bearer é"])
def test_a_wrong_bearer_is_refused(app, header):
    problem(app.test_client().get("/scim/v2/Users", headers={"Authorization": header}), 401)


def test_scopes_limit_what_a_client_may_do(new_client):
    reader = new_client("reader", {"scim:read"})
    assert reader.get("/Users").status_code == 200
    problem(reader.post("Users", userName="ada"), 403, naming="scim:users")
    agents = new_client("agents", {"scim:agents"})
    assert agents.post("Agents", agentUserName="bot").status_code == 201
    problem(agents.get("/Users"), 403, naming="scim:users")
    problem(new_client("other", {"introspect"}).get("/Users"), 403)


def test_unknown_endpoints_and_methods_are_refused(client):
    problem(client.get("/Robots"), 404, naming="Robots")
    problem(client.get("/Users/none"), 404)
    answer = client.send("DELETE", "/Users")
    problem(answer, 405)
    assert "GET" in answer.headers["Allow"]
    problem(client.send("POST", "/Schemas", {}), 405)
    problem(client.send("PUT", "/ServiceProviderConfig", {}), 405)
    problem(client.get("/Schemas", filter='id eq "x"'), 403)


def test_an_id_that_no_database_can_hold_is_no_server_error(client):
    assert client.get("/Users/a%00b").status_code in (400, 404)


def test_bodies_that_are_too_large_or_of_another_type_are_refused(client):
    problem(client.send("POST", "/Users", {"schemas": [USER], "userName": "x" * 5_000_000}), 413)
    bearer = {"Authorization": f"Bearer {client.bearer}"}
    problem(client.http.post("/scim/v2/Users", data="a=b", headers=bearer, content_type="text/plain"), 415)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b"\xff", b"{}", b'{"schemas":["x"]}', b'{"schemas":[1]}', b"[" * 90000]
)
def test_malformed_bodies_are_refused(client, body):
    bearer = {"Authorization": f"Bearer {client.bearer}"}
    for method, path in (("POST", "/scim/v2/Users"), ("PATCH", f"/scim/v2/Users/{client.person(f'p{len(body)}')}")):
        answer = client.http.open(path, method=method, data=body, headers=bearer, content_type="application/scim+json")
        problem(answer, 400, "invalidSyntax")


def test_a_refused_request_leaves_nothing_behind(client, parts, events):
    owner = client.person("ada")
    agent, group = client.agent("bot", owners=[{"value": owner}]), client.group("crew", owner)
    with parts.domain.change(SYSTEM) as unit:
        targets.add(unit, "idp", "memory", "memory", {})
        outbox.forget(unit.tx, "target:idp")
    shown = [client.get(f"/{kind}").get_json() for kind in ("Agents", "Users", "Groups")]
    before = events()

    for answer in (
        client.post("Agents", agentUserName="new", x509Certificates=[{"value": "AAAA"}]),
        client.post("Agents", agentUserName="new", owners=[{"value": owner}, {"value": "usr-none"}]),
        client.post("Groups", displayName="new", members=[{"value": agent}, {"value": "usr-none"}]),
        client.put("Agents", agent, agentUserName="renamed", owners=[{"value": "usr-none"}]),
        client.patch(
            "Agents",
            agent,
            {"op": "replace", "path": "displayName", "value": "New"},
            {"op": "replace", "path": "active", "value": "perhaps"},
        ),
        client.patch(
            "Groups",
            group,
            {"op": "replace", "path": "displayName", "value": "New"},
            {"op": "add", "path": "members", "value": [{"value": agent}, {"value": "usr-none"}]},
        ),
    ):
        assert answer.status_code == 400, answer.get_data(as_text=True)

    assert [client.get(f"/{kind}").get_json() for kind in ("Agents", "Users", "Groups")] == shown
    assert events() == before
    with parts.domain.view() as unit:
        assert outbox.backlog(unit.tx) == []


def test_our_own_failure_is_told_with_a_correlation_id(client, parts):
    with parts.domain.database.transaction() as tx:
        tx.execute(sa.text("ALTER TABLE resource RENAME TO gone"))
    answer = client.get("/Users/any")
    problem(answer, 500, naming=answer.headers["Correlation-Id"])
    assert "gone" not in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("agentUserName", 1),
        ("agentUserName", ""),
        ("agentUserName", "a\0b"),
        ("active", "perhaps"),
        ("active", 1),
        ("displayName", ["x"]),
        ("displayName", {"a": 1}),
        ("owners", 7),
        ("owners", [{"primary": True}]),
        ("x509Certificates", [{"value": "not base64!"}]),
        ("x509Certificates", [{"value": "AAAA"}]),
        (f"{GOVERNANCE}", "x"),
        (f"{GOVERNANCE}:validUntil", "tomorrow"),
        (f"{GOVERNANCE}:validUntil", "2020-01-01T00:00:00Z"),
        (f"{GOVERNANCE}:validFrom", "0001-01-01T00:00:00+14:00"),
        (f"{GOVERNANCE}:lifecycleState", "asleep"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_field(client, field, value):
    urn, _, name = field.rpartition(":") if field.startswith(f"{GOVERNANCE}:") else ("", "", field)
    attributes = {"agentUserName": "bot", **({urn: {name: value}} if urn else {name: value})}
    problem(client.post("Agents", **attributes), 400, "invalidValue", name)


@pytest.mark.parametrize(
    ("operation", "scim_type"),
    [
        ({"op": "grow", "path": "displayName"}, "invalidSyntax"),
        ({"path": "displayName"}, "invalidSyntax"),
        ({"op": "add", "path": "shoeSize", "value": 1}, "invalidPath"),
        ({"op": "add", "path": "displayName[", "value": 1}, "invalidPath"),
        ({"op": "add", "path": 7, "value": 1}, "invalidPath"),
        ({"op": "add", "path": 'displayName[value eq "x"]', "value": 1}, "invalidPath"),
        ({"op": "add", "path": "displayName"}, "invalidValue"),
        ({"op": "replace", "value": "x"}, "invalidValue"),
        ("x", "invalidSyntax"),
    ],
)
def test_a_patch_that_makes_no_sense_is_refused(client, operation, scim_type):
    problem(client.patch("Agents", client.agent("bot"), operation), 400, scim_type)

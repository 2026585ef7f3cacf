"""What SCIM servers get wrong, last part: who may see and do what; agents and applications. docs/scim-checklist.md has the points."""

import pytest

from connector.domain import credentials
from connector.domain.unit import SYSTEM
from tests.edge_client import ENTERPRISE, GOVERNANCE, problem


def op(word, path, *value):
    return {"op": word, "path": path, **({"value": value[0]} if value else {})}


def test_a_client_that_must_name_versions_is_told_so(new_client):
    """RFC 6585 section 3."""
    careful = new_client("careful", if_match=True)
    bot = careful.agent("bot")
    change = op("add", "displayName", "N")
    problem(careful.patch("Agents", bot, change), 428, naming="If-Match")
    problem(careful.put("Agents", bot, agentUserName="bot"), 428)
    problem(careful.send("DELETE", f"/Agents/{bot}"), 428)
    problem(careful.patch("Agents", bot, change, If_Match='W/"9"'), 412)
    assert careful.patch("Agents", bot, change, If_Match='W/"1"').status_code == 200
    assert careful.send("DELETE", f"/Agents/{bot}", If_Match='W/"1", W/"2"').status_code == 204


def test_a_client_of_its_own_sees_nothing_of_others(client, new_client):
    """RFC 7644 section 6: what is not for this client is not there."""
    theirs, group = client.person("theirs"), client.group("theirs")
    own = new_client("own", own_only=True)
    mine = own.person("mine")
    for kind, id in (("Users", theirs), ("Groups", group)):
        problem(own.get(f"/{kind}/{id}"), 404)
        problem(own.patch(kind, id, op("add", "externalId", "x")), 404)
        problem(own.send("DELETE", f"/{kind}/{id}"), 404)
        problem(own.send("PUT", f"/{kind}/{id}", client.get(f"/{kind}/{id}").get_json()), 404)
    assert own.found("Users", "userName pr") == [mine]
    assert [one["id"] for one in own.get("/").get_json()["Resources"]] == [mine]
    assert own.search("").get_json()["totalResults"] == 1
    assert client.get("/Users").get_json()["totalResults"] == 2


def test_a_client_that_asks_too_often_is_told_when_to_come_back(new_client):
    """RFC 6585 section 4."""
    eager, other = new_client("eager", rate=2), new_client("other")
    answers = [eager.get("/Users") for _ in range(4)]
    late = next(one for one in answers if one.status_code != 200)
    problem(late, 429)
    assert int(late.headers["Retry-After"]) >= 1
    assert other.get("/Users").status_code == 200


def test_what_governance_shows_holds_no_secret(client, parts):
    """Credentials are told by id, kind and time; a key's thumbprint is no secret."""
    bot = client.agent("bot", owners=[{"value": client.person("ada")}])
    with parts.domain.change(SYSTEM) as unit:
        issued = credentials.issue(unit, "agent", bot, "client_secret")
    answer = client.get(f"/Agents/{bot}")
    shown = answer.get_json()[GOVERNANCE]
    assert (shown["issuer"], shown["subject"]) == ("https://connector.example", bot)
    [one] = shown["credentials"]
    assert (one["type"], one["status"]) == ("client_secret", "active")
    assert set(one) <= {"value", "type", "status", "notBefore", "notAfter", "thumbprint"}
    assert issued.secret not in answer.get_data(as_text=True)
    assert issued.secret[4:] not in client.get("/Agents").get_data(as_text=True)


def test_an_agent_reads_itself_and_nothing_else(app, client, parts):
    """RFC 7644 section 3.11; meta.location is the permanent URI."""
    bot = client.agent("bot", owners=[{"value": client.person("ada")}])
    with parts.domain.change(SYSTEM) as unit:
        secret = credentials.issue(unit, "agent", bot, "client_secret").secret
    web = app.test_client()
    answer = web.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=(bot, secret))
    bearer = {"Authorization": f"Bearer {answer.get_json()['access_token']}"}
    me = web.get("/scim/v2/Me", headers=bearer)
    assert (me.status_code, me.get_json()["id"]) == (200, bot)
    assert me.get_json()["meta"]["location"] == f"https://connector.example/scim/v2/Agents/{bot}"
    assert "lastSeen" in me.get_json()[GOVERNANCE] or me.get_json()[GOVERNANCE]["subject"] == bot
    assert set(web.get("/scim/v2/Me?attributes=agentUserName", headers=bearer).get_json()) == {
        "schemas",
        "id",
        "agentUserName",
    }
    problem(web.get(f"/scim/v2/Agents/{bot}", headers=bearer), 403)
    problem(web.get("/scim/v2/Users", headers=bearer), 403)
    problem(web.delete("/scim/v2/Me", headers=bearer), 501)
    client.patch("Agents", bot, op("replace", "active", False))
    problem(web.get("/scim/v2/Me", headers=bearer), 401)


def test_applications_are_created_changed_found_and_deleted(new_client):
    """draft-abbey-scim-agent-extension: AgenticApplication and Agent.applications."""
    client = new_client("abbey", dialect="abbey")
    bot = client.make("Agents", name="bot")["id"]
    body = {
        "name": "ap-suite",
        "displayName": "AP suite",
        "externalId": "e1",
        "applicationUrls": [{"type": "ssoEndpoint", "value": "https://ap.example/acs", "primary": True}],
        "oAuthConfiguration": [{"clientId": "ap", "redirectUri": ["https://ap.example/cb", "https://ap.example/2"]}],
        "agents": [{"value": bot, "type": "owned"}],
        "externalIdentifiers": [{"type": "cmdb", "value": "CI1", "system": "servicenow"}],
    }
    made = client.make("AgenticApplications", **body)
    id = made["id"]
    assert (made["active"], made["agents"][0]["type"]) == (True, "owned")
    assert made["agents"][0]["$ref"].endswith(f"/Agents/{bot}")
    assert made["oAuthConfiguration"] == body["oAuthConfiguration"]
    shown = client.get(f"/Agents/{bot}").get_json()["applications"]
    assert shown[0]["value"] == id
    assert (shown[0]["display"], shown[0]["type"]) == ("ap-suite", "owned")
    for query in ('name eq "AP-SUITE"', 'externalId eq "e1"', 'applicationUrls.value eq "https://ap.example/acs"'):
        assert client.found("AgenticApplications", query) == [id]
    problem(client.post("AgenticApplications", name="AP-Suite"), 409, "uniqueness", "name")
    problem(client.post("AgenticApplications", name="x", agents=[{"value": "agt-none"}]), 400, "invalidValue", "agents")
    problem(client.post("AgenticApplications", displayName="x"), 400, "invalidValue", "name")
    forged = {"op": "replace", "path": "lastAccessed", "value": "2020-01-01T00:00:00Z"}
    problem(client.patch("AgenticApplications", id, forged), 400, "mutability", "lastAccessed")
    after = client.patch("AgenticApplications", id, op("remove", f'agents[value eq "{bot}"]')).get_json()
    assert "agents" not in after
    assert "applications" not in client.get(f"/Agents/{bot}").get_json()
    after = client.patch("AgenticApplications", id, op("add", "agents", [{"value": bot, "type": "guest"}])).get_json()
    assert after["agents"][0]["type"] == "guest"
    put = client.put("AgenticApplications", id, name="ap-suite", active=False).get_json()
    assert (put["active"], "agents" in put, "applicationUrls" in put) == (False, False, False)
    assert client.send("DELETE", f"/AgenticApplications/{id}").status_code == 204
    problem(client.get(f"/AgenticApplications/{id}"), 404)


def test_an_agent_that_is_deleted_leaves_its_applications(new_client):
    client = new_client("abbey", dialect="abbey")
    bot = client.make("Agents", name="bot")["id"]
    app = client.make("AgenticApplications", name="app", agents=[{"value": bot}])["id"]
    client.send("DELETE", f"/Agents/{bot}")
    assert "agents" not in client.get(f"/AgenticApplications/{app}").get_json()


@pytest.mark.parametrize("endpoint", ["Users", "Agents"])
def test_who_is_deactivated_stays_readable_and_listed_and_comes_back(client, endpoint):
    """RFC 7643 section 4.1.1, IPSIE AL1."""
    name = {"Users": "userName", "Agents": "agentUserName"}[endpoint]
    id = client.make(endpoint, **{name: "ada"})["id"]
    client.patch(endpoint, id, op("replace", "active", False))
    assert client.get(f"/{endpoint}/{id}").get_json()["active"] is False
    assert client.found(endpoint, f'{name} eq "ada"') == client.found(endpoint, "active eq false") == [id]
    problem(client.post(endpoint, **{name: "ADA"}), 409, "uniqueness")
    assert client.patch(endpoint, id, op("replace", "active", True)).get_json()["active"] is True


def test_a_new_name_frees_the_old_one_and_one_that_is_refused_frees_nothing(client):
    """Of scim2-server's storage contract: a unique value belongs to what holds it now."""
    for endpoint, name in (("Users", "userName"), ("Agents", "agentUserName"), ("Groups", "displayName")):
        first = client.make(endpoint, **{name: "first"})["id"]
        client.make(endpoint, **{name: "second"})
        problem(client.patch(endpoint, first, op("replace", name, "SECOND")), 409, "uniqueness", name)
        assert client.patch(endpoint, first, op("replace", name, "third")).status_code in (200, 204)
        assert client.post(endpoint, **{name: "First"}).status_code == 201
        problem(client.post(endpoint, **{name: "Third"}), 409, "uniqueness", name)


def test_a_retried_creation_is_told_apart_by_external_id(client):
    """A client whose answer was lost posts again, is refused, and finds what it made."""
    bot = client.agent("bot", externalId="wd-1")
    problem(client.post("Agents", agentUserName="another", externalId="wd-1"), 409, "uniqueness", "externalId")
    assert client.found("Agents", 'externalId eq "wd-1"') == [bot]


def test_a_strict_client_is_told_what_the_interop_profile_says(new_client):
    """draft-zollner-scim-interop-profile: unknown names are errors, every operation has a path."""
    strict = new_client("strict", profile="strict")
    problem(strict.post("Users", userName="x", shoe=1), 400, "invalidSyntax", "shoe")
    problem(strict.post("Users", userName="x", schemas=["urn:other"]), 400, "invalidSyntax", "schemas")
    ada = strict.person("ada", **{ENTERPRISE: {"department": "D"}})
    problem(strict.get("/Users", filter='shoe eq "x"'), 400, "invalidFilter", "shoe")
    problem(strict.patch("Users", ada, {"op": "replace", "value": {"title": "T"}}), 400, "invalidSyntax", "path")
    assert strict.patch("Users", ada, op("replace", "title", "T")).get_json()["title"] == "T"

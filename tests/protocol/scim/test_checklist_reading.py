"""What SCIM servers get wrong, first part: HTTP, discovery, values and reading. docs/scim-checklist.md numbers the points."""

from tests.conftest import BASE_URL
from tests.edge_client import AGENT, ENTERPRISE, GOVERNANCE, GROUP, USER, problem

URL = "https://connector.example/scim/v2"


def raw(client, method, path, **options):
    headers = {"Authorization": f"Bearer {client.bearer}", **options.pop("headers", {})}
    return client.http.open(f"/scim/v2{path}", method=method, headers=headers, **options)


# -- HTTP and discovery ------------------------------------------------------------------------------------------------


def test_bodies_come_as_scim_or_plain_json_and_go_as_what_is_accepted(client):
    """RFC 7644 sections 3.1 and 8.1."""
    for number, sent in enumerate(("application/scim+json", "application/json", "application/json; charset=utf-8")):
        body = f'{{"schemas":["{USER}"],"userName":"u{number}"}}'
        answer = raw(client, "POST", "/Users", data=body, content_type=sent)
        assert (answer.status_code, answer.mimetype) == (201, "application/scim+json")
    for accepted, expected in (
        ("application/json", "application/json"),
        ("application/scim+json", "application/scim+json"),
        ("application/json, application/scim+json", "application/scim+json"),
        ("*/*", "application/scim+json"),
    ):
        assert raw(client, "GET", "/Users", headers={"Accept": accepted}).mimetype == expected
        assert raw(client, "GET", "/Users/none", headers={"Accept": accepted}).mimetype == expected


def test_only_errors_that_have_a_scim_type_carry_one(client, new_client):
    """RFC 7644 section 3.12, table 9."""
    ada = client.person("ada")
    problem(client.get("/Users/none"), 404)
    problem(client.send("PUT", "/Users", {}), 405)
    problem(client.send("DELETE", f"/Users/{ada}", If_Match='"9"'), 412)
    problem(new_client("reader", {"scim:read"}).post("Users", userName="x"), 403)
    problem(client.get("/Me"), 501)
    problem(client.post("Users", userName="ADA"), 409, "uniqueness")


def test_discovery_is_read_only_and_knows_no_pages(client):
    """RFC 7644 section 4."""
    config = client.get("/ServiceProviderConfig").get_json()
    assert "Resources" not in config
    for listed in ("/ResourceTypes", "/Schemas"):
        answer = client.get(listed, startIndex=2, count=1, sortBy="id").get_json()
        assert answer["totalResults"] == len(answer["Resources"]) > 1
        for one in answer["Resources"]:
            assert client.get(f"{listed}/{one['id']}").get_json() == one
        problem(client.get(listed, filter='name eq "User"'), 403)
        problem(client.get(f"{listed}/none"), 404)
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            problem(client.send(method, listed, {}), 405)
    encoded = AGENT.replace(":", "%3A")
    assert client.get(f"/Schemas/{encoded}").get_json()["id"] == AGENT


def test_extensions_are_schemas_of_their_own_that_resource_types_name(client):
    """RFC 7643 sections 6 and 7."""
    assert {ENTERPRISE, GOVERNANCE} <= {one["id"] for one in client.get("/Schemas").get_json()["Resources"]}
    for name, extension in (("User", ENTERPRISE), ("Agent", GOVERNANCE)):
        shown = client.get(f"/ResourceTypes/{name}").get_json()
        assert shown["schemaExtensions"] == [{"schema": extension, "required": False}]
        assert (shown["id"], shown["endpoint"]) == (name, f"/{name}s")


def test_the_config_holds_every_member_that_is_required(client, new_client):
    """RFC 7643 section 5, RFC 9865 section 3; agentExtension as the abbey draft has it."""
    config = client.get("/ServiceProviderConfig").get_json()
    assert all(type(config[name]["supported"]) is bool for name in ("patch", "changePassword", "sort", "etag"))
    assert all(type(config["bulk"][name]) is int for name in ("maxOperations", "maxPayloadSize"))
    assert (config["filter"]["supported"], config["filter"]["maxResults"]) == (True, 1000)
    for scheme in config["authenticationSchemes"]:
        assert scheme["type"] in ("oauth", "oauth2", "oauthbearertoken", "httpbasic", "httpdigest")
        assert scheme["name"]
        assert scheme["description"]
    assert set(config["pagination"]) >= {"cursor", "index", "defaultPaginationMethod", "maxPageSize", "cursorTimeout"}
    assert new_client("a", dialect="abbey").get("/ServiceProviderConfig").get_json()["agentExtension"]["supported"]


def test_head_is_get_without_a_body(client):
    """RFC 9110 section 9.3.2."""
    path = f"/Users/{client.person('ada')}"
    get, head = client.get(path), client.send("HEAD", path)
    assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", get.headers["ETag"])


def test_the_path_holds_the_version_and_ids_are_decoded_once(client):
    """RFC 7644 section 3.13."""
    ada = client.person("ada")
    bearer = {"Authorization": f"Bearer {client.bearer}"}
    assert client.http.get("/scim/v1/Users", headers=bearer).status_code == 404
    assert client.get(f"/Users/{ada.replace('-', '%2D')}").status_code == 200
    problem(client.get(f"/Users/{ada.replace('-', '%252D')}"), 404)


def test_a_slash_too_many_leads_to_the_same_resources(client):
    """Some clients join base and path with two slashes, or end with one."""
    ada = client.person("ada")
    for path in ("/Users/", "//Users", f"/Users/{ada}/", f"/Users//{ada}"):
        answer = raw(client, "GET", path, follow_redirects=True)
        assert answer.status_code == 200, path


# -- names and values ----------------------------------------------------------------------------------------------------


def test_names_and_urns_are_read_in_any_case_and_written_in_their_own(client):
    """RFC 7643 section 2.1; RFC 7644 sections 3.4.2.2 and 3.10."""
    body = {
        "SCHEMAS": [USER.upper()],
        "USERNAME": "ada",
        "Name": {"GIVENNAME": "A"},
        "EMAILS": [{"VALUE": "a@x", "Type": "work"}],
        ENTERPRISE.upper(): {"DEPARTMENT": "D"},
    }
    made = client.send("POST", "/Users", body).get_json()
    assert made["emails"] == [{"value": "a@x", "type": "work"}]
    assert (made["userName"], made["name"], made[ENTERPRISE]) == ("ada", {"givenName": "A"}, {"department": "D"})
    for query in ('USERNAME eq "ada"', 'Emails.VALUE eq "a@x"', f'{ENTERPRISE.upper()}:Department eq "d"'):
        assert client.found("Users", query) == [made["id"]]
    chosen = client.get("/Users", attributes="NAME.GivenName,USERNAME").get_json()["Resources"][0]
    assert set(chosen) == {"schemas", "id", "name", "userName"}


def test_a_reference_is_a_name_that_paths_and_filters_take(client):
    """The grammar of RFC 7644 has no `$`, RFC 7643 names `$ref`: it is read (test_references.py searches by it)."""
    problem(client.get("/Users", filter=f'{ENTERPRISE}:manager.$ref eq "x" and'), 400, "invalidFilter")
    boss = client.person("boss")
    ada = client.person("ada", **{ENTERPRISE: {"manager": {"value": boss, "$ref": f"../Users/{boss}"}}})
    assert client.found("Users", f'{ENTERPRISE}:manager.$ref eq "../Users/{boss}"') == [ada]
    gone = {"op": "remove", "path": f"{ENTERPRISE}:manager.$ref"}
    shown = client.patch("Users", ada, gone).get_json()[ENTERPRISE]["manager"]
    assert shown == {"value": boss, "$ref": f"{BASE_URL}/scim/v2/Users/{boss}"}


def test_null_and_empty_are_the_same_as_absent(client):
    """RFC 7643 section 2.5."""
    nothing = {"displayName": None, "nickName": "", "emails": [], "name": {}, "title": "T"}
    ada = client.make("Users", userName="ada", **nothing, **{ENTERPRISE: {"department": None}})
    assert set(ada) == {"schemas", "id", "userName", "title", "active", "meta"}
    assert ada["schemas"] == [USER]
    after = client.put("Users", ada["id"], userName="ada", title=None).get_json()
    assert "title" not in after


def test_schemas_must_hold_the_core_urn_and_list_an_extension_only_with_data(client):
    """RFC 7643 sections 3 and 3.3."""
    for schemas in ([], [ENTERPRISE], [GROUP], None, USER):
        problem(client.send("POST", "/Users", {"schemas": schemas, "userName": "x"}), 400, "invalidSyntax", "schemas")
    body = {"schemas": [USER], "userName": "ada", ENTERPRISE: {"department": "D"}}  # data without its URN in schemas
    made = client.send("POST", "/Users", body).get_json()
    assert made["schemas"] == [USER, ENTERPRISE]
    bare = client.send("POST", "/Users", {"schemas": [ENTERPRISE, USER], "userName": "bob"}).get_json()
    assert bare["schemas"] == [USER]
    for nothing in ({}, None):
        after = client.put("Users", made["id"], userName="ada", **{ENTERPRISE: nothing}).get_json()
        assert (after["schemas"], ENTERPRISE in after) == ([USER], False)


def test_booleans_are_taken_as_texts_and_given_as_booleans(client):
    """RFC 7643 section 2.3.2; Entra sends texts."""
    for number, (sent, kept) in enumerate(
        [(True, True), (False, False), ("True", True), ("False", False), ("true", True), ("false", False)]
    ):
        assert client.make("Users", userName=f"u{number}", active=sent)["active"] is kept


def test_moments_are_compared_as_moments_and_written_in_utc(client):
    """RFC 7643 section 2.3.5."""
    bot = client.make("Agents", agentUserName="bot", **{GOVERNANCE: {"validUntil": "2027-06-01T02:00:00+02:00"}})
    assert bot[GOVERNANCE]["validUntil"] == "2027-06-01T00:00:00.000Z"
    assert bot["meta"]["created"].endswith("Z")
    until = f"{GOVERNANCE}:validUntil"
    assert client.found("Agents", f'{until} eq "2027-05-31T19:00:00-05:00"') == [bot["id"]]
    assert client.found("Agents", f'{until} lt "2027-06-01T00:30:00+00:00"') == [bot["id"]]
    assert client.found("Agents", f'{until} gt "2027-06-01T01:30:00+02:00"') == [bot["id"]]


def test_binary_is_taken_in_every_alphabet_and_given_as_padded_base64(client):
    """RFC 7643 section 2.3.6."""
    for number, sent in enumerate(("+/+/AA==", "-_-_AA", "+/+/\r\nAA==")):
        made = client.make("Users", userName=f"u{number}", x509Certificates=[{"value": sent}])
        assert made["x509Certificates"] == [{"value": "+/+/AA=="}]


def test_canonical_values_are_suggestions_and_compare_without_case(client):
    """RFC 7643 section 7."""
    ada = client.person("ada", emails=[{"type": "Work", "value": "a@x"}, {"type": "club", "value": "b@x"}])
    assert client.found("Users", 'emails[type eq "work" and value eq "a@x"]') == [ada]
    assert client.found("Users", 'emails[type eq "CLUB"]') == [ada]


def test_a_list_holds_a_type_and_value_once_and_one_primary(client):
    """RFC 7643 section 2.4."""
    twice = [{"type": "work", "value": "a@x"}, {"type": "work", "value": "A@X"}, {"type": "home", "value": "a@x"}]
    assert len(client.make("Users", userName="ada", emails=twice)["emails"]) == 2
    primaries = [{"value": "a@x", "primary": True}, {"value": "b@x", "primary": True}]
    problem(client.post("Users", userName="bob", emails=primaries), 400, "invalidValue", "primary")


# -- reading ---------------------------------------------------------------------------------------------------------------


def test_an_id_is_the_servers_alone_and_never_comes_again(client):
    """RFC 7643 section 3.1, RFC 7644 section 3.3."""
    first = client.make("Users", userName="ada", id="mine", meta={"version": "x"}, groups=[{"value": "g"}])
    assert (first["id"] != "mine", first["meta"]["version"], "groups" in first) == (True, 'W/"1"', False)
    client.send("DELETE", f"/Users/{first['id']}")
    assert client.person("ada") != first["id"]
    problem(client.get(f"/Users/{first['id'].upper()}"), 404)


def test_meta_agrees_with_the_headers(client, clock):
    """RFC 7643 section 3.1, RFC 7644 section 3.14."""
    answer = client.post("Users", userName="ada")
    meta, id = answer.get_json()["meta"], answer.get_json()["id"]
    assert meta["location"] == answer.headers["Location"] == f"{URL}/Users/{id}"
    assert meta["version"] == answer.headers["ETag"]
    assert (meta["resourceType"], meta["created"]) == ("User", meta["lastModified"])
    clock.move(hours=1)
    client.patch("Users", id, {"op": "add", "path": "title", "value": "T"})
    after = client.get(f"/Users/{id}").get_json()["meta"]
    assert (after["created"], after["lastModified"]) == (meta["created"], "2027-03-01T13:00:00.000Z")
    clock.move(hours=1)
    client.patch("Users", id, {"op": "add", "path": "title", "value": "T"})
    assert client.get(f"/Users/{id}").get_json()["meta"] == after


def test_what_is_deleted_is_gone_for_every_method_and_frees_its_names(client):
    """RFC 7644 section 3.6."""
    ada = client.person("ada", externalId="1")
    answer = client.send("DELETE", f"/Users/{ada}")
    assert (answer.status_code, answer.data, "Content-Type" in answer.headers) == (204, b"", False)
    problem(client.get(f"/Users/{ada}"), 404)
    problem(client.put("Users", ada, userName="ada"), 404)
    problem(client.patch("Users", ada, {"op": "add", "path": "title", "value": "x"}), 404)
    problem(client.send("DELETE", f"/Users/{ada}"), 404)
    assert client.found("Users", 'userName eq "ada"') == client.found("Users", 'externalId eq "1"') == []
    assert client.person("ada", externalId="1") != ada


def test_a_password_is_never_kept_shown_searched_or_sorted_by(client):
    """RFC 7643 sections 7 and 9.2."""
    answer = client.post("Users", userName="ada", password="s3cret-word")
    ada = answer.get_json()["id"]
    client.patch("Users", ada, {"op": "replace", "path": "password", "value": "s3cret-word"})
    for shown in (answer, client.get(f"/Users/{ada}"), client.get("/Users", attributes="password,userName")):
        assert "s3cret" not in shown.get_data(as_text=True)
    for test in ('password eq "s3cret-word"', "password pr", 'not (password eq "x")'):
        problem(client.get("/Users", filter=test), 400, "invalidFilter")
    problem(client.get("/Users", sortBy="password"), 400, "invalidValue")


def test_a_resource_of_one_type_is_not_found_as_another(client):
    """An id is known under its own endpoint only."""
    ada, bot, ops = client.person("ada"), client.agent("bot"), client.group("ops")
    for endpoint, id in (("Agents", ada), ("Groups", bot), ("Users", ops), ("AgenticApplications", ada)):
        problem(client.get(f"/{endpoint}/{id}"), 404)
        problem(client.send("DELETE", f"/{endpoint}/{id}"), 404)

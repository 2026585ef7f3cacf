"""What other IdPs send, under the profile `default`: no client of theirs needs a profile of its own."""

from tests.edge_client import ENTERPRISE, GROUP, USER, problem


def members(client, group):
    return {one["value"] for one in client.get(f"/Groups/{group}").get_json().get("members", [])}


def test_jumpcloud_tries_its_connection_out_with_a_user_and_a_group(client):
    for listed in ("/Users", "/Groups"):
        assert client.get(listed, startIndex=1, count=100).get_json()["Resources"] == []
    user = {
        "schemas": [USER, ENTERPRISE],  # the extension is named, and has no object
        "userName": "test@x.example",
        "externalId": "jc-1",
        "active": True,
        "name": {"givenName": "T", "familyName": "U"},
        "emails": [{"value": "test@x.example", "type": "work", "primary": True}],
        "phoneNumbers": [{"type": "mobile", "value": "tel:+1-201-555-0123"}],
        "password": "",
    }
    made = client.send("POST", "/Users", user)
    assert (made.status_code, made.get_json()["schemas"]) == (201, [USER])
    id = made.get_json()["id"]
    put = {**user, "id": id, "emails": None, "addresses": [], "phoneNumbers": None, "displayName": "T U"}
    after = client.send("PUT", f"/Users/{id}", put).get_json()
    assert (after["displayName"], {"emails", "phoneNumbers"} & set(after)) == ("T U", set())
    group = client.group("test group")
    client.patch("Groups", group, {"op": "add", "path": "members", "value": [{"value": id}]})
    assert members(client, group) == {id}
    client.patch("Groups", group, {"op": "remove", "path": "members", "value": [{"value": id}]})
    assert members(client, group) == set()
    after = client.patch("Users", id, {"op": "replace", "path": "active", "value": False}).get_json()
    assert after["active"] is False
    assert client.send("DELETE", f"/Groups/{group}").status_code == 204
    assert client.send("DELETE", f"/Users/{id}").status_code == 204


def test_onelogin_sends_a_template_in_which_lists_may_be_objects(client):
    assert client.get("/ServiceProviderConfig").status_code == 200
    body = {
        "schemas": [USER],
        "userName": "ada",
        "emails": {"value": "ada@x.example", "type": "work"},
        "title": None,
        "own_field": "x",
    }
    made = client.send("POST", "/Users", body)
    assert (made.status_code, made.get_json()["emails"]) == (201, [{"value": "ada@x.example", "type": "work"}])
    id = made.get_json()["id"]
    change = {"op": "replace", "value": {"emails": {"value": "new@x.example"}, "active": "false"}}
    after = client.patch("Users", id, change).get_json()
    assert (after["id"], after["emails"], after["active"]) == (id, [{"value": "new@x.example"}], False)
    assert client.get("/Groups").get_json()["Resources"] == []


def test_authentik_reads_the_config_puts_users_and_patches_groups_one_member_at_a_time(client):
    config = client.get("/ServiceProviderConfig").get_json()
    assert config["patch"]["supported"] is True
    assert config["bulk"]["maxOperations"] > 0
    user = {"schemas": [USER], "userName": "ada", "externalId": "uid-1", "displayName": "Ada", "active": True}
    id = client.send("POST", "/Users", user).get_json()["id"]
    problem(client.send("POST", "/Users", user), 409, "uniqueness")
    assert client.found("Users", 'userName eq "ada"') == [id]
    after = client.send("PUT", f"/Users/{id}", {**user, "id": id, "displayName": "Ada L"}).get_json()
    assert (after["displayName"], after["externalId"]) == ("Ada L", "uid-1")
    group = client.send("POST", "/Groups", {"schemas": [GROUP], "displayName": "g", "externalId": "g-1"}).get_json()
    one = {"op": "add", "path": "members", "value": [{"value": id}]}
    client.patch("Groups", group["id"], one, one)
    assert members(client, group["id"]) == {id}
    whole = {"schemas": [GROUP], "id": group["id"], "displayName": "g2", "externalId": "g-1"}
    assert client.patch("Groups", group["id"], {"op": "replace", "value": whole}).status_code == 200
    shown = client.get(f"/Groups/{group['id']}").get_json()
    assert (shown["displayName"], members(client, group["id"])) == ("g2", {id})
    client.patch("Groups", group["id"], {"op": "remove", "path": "members", "value": [{"value": id}]})
    assert members(client, group["id"]) == set()


def test_pingfederate_finds_by_work_email_and_puts_groups_where_patch_is_off(client):
    emails = [{"type": "work", "value": "ada@x.example", "primary": True}]
    ada = client.person("ada", emails=emails)
    for query in ('userName eq "ada"', 'emails eq "ada@x.example"', 'emails.value eq "ADA@x.example"'):
        assert client.found("Users", query) == [ada]
    group = client.group("ops", ada)
    bob = client.person("bob")
    after = client.put("Groups", group, displayName="ops", members=[{"value": bob}]).get_json()  # overwrite
    assert [one["value"] for one in after["members"]] == [bob]
    client.patch("Groups", group, {"op": "add", "path": "members", "value": [{"value": ada}]})  # merge
    assert members(client, group) == {ada, bob}
    whole = {**client.get(f"/Users/{ada}").get_json(), "active": False}
    assert client.send("PUT", f"/Users/{ada}", whole).get_json()["active"] is False


def test_google_workspace_reads_the_schemas_suspends_and_deletes_weeks_later(client, clock):
    assert {USER, GROUP} <= {one["id"] for one in client.get("/Schemas").get_json()["Resources"]}
    ada = client.person("ada", name={"givenName": "A", "familyName": "L"}, emails=[{"value": "a@x", "primary": True}])
    client.patch("Users", ada, {"op": "replace", "path": "active", "value": False})
    clock.move(days=21)
    assert client.get(f"/Users/{ada}").get_json()["active"] is False
    assert client.send("DELETE", f"/Users/{ada}").status_code == 204
    problem(client.get(f"/Users/{ada}"), 404)


def test_keycloak_plugins_send_members_as_bare_texts(client):
    ada, bob = client.person("ada"), client.person("bob")
    group = client.group("ops")
    client.patch("Groups", group, {"op": "add", "path": "members", "value": ada})
    client.patch("Groups", group, {"op": "add", "path": "members", "value": [bob]})
    assert members(client, group) == {ada, bob}
    gone = f'members[value eq "{ada}" or value eq "{bob}"]'
    client.patch("Groups", group, {"op": "remove", "path": gone})
    assert members(client, group) == set()


def test_members_in_a_post_and_a_put_are_taken(client):
    """Servers that pass them over lose memberships of clients that know no PATCH."""
    ada, bob = client.person("ada"), client.person("bob")
    group = client.group("ops", ada)
    assert members(client, group) == {ada}
    client.put("Groups", group, displayName="ops", members=[{"value": ada}, {"value": bob}])
    assert members(client, group) == {ada, bob}
    client.put("Groups", group, displayName="ops")
    assert members(client, group) == set()

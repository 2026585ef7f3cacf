"""Members as rows, and the request shapes of Entra and Okta (RFC 7644 section 3.5.2)."""

from connector.storage import groups
from tests.conftest import BASE_URL
from tests.edge_client import ENTERPRISE, GROUP, PATCH_OP, problem

# -- members ---------------------------------------------------------------------------------------------------------


def members(client, group):
    return [one["value"] for one in client.get(f"/Groups/{group}").get_json().get("members", [])]


def test_members_are_added_removed_and_replaced_as_rows(client, parts):
    ada, bob, bot = client.person("ada"), client.person("bob"), client.agent("bot")
    group = client.group("ops", ada)
    answer = client.patch("Groups", group, {"op": "add", "path": "members", "value": [{"value": bot}, {"value": bob}]})
    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"2"')
    assert members(client, group) == sorted([ada, bob, bot])
    client.patch("Groups", group, {"op": "remove", "path": f'members[value eq "{ada}"]'})
    client.patch("Groups", group, {"op": "remove", "path": "members", "value": [{"value": bob}]})
    assert members(client, group) == [bot]
    client.patch("Groups", group, {"op": "replace", "path": "members", "value": [{"value": ada}, {"value": bot}]})
    with parts.domain.view() as unit:
        assert groups.member_ids(unit.tx, group) == {ada, bot}
    client.patch("Groups", group, {"op": "replace", "path": "displayName", "value": "Operations"})
    assert members(client, group) == sorted([ada, bot])
    client.patch("Groups", group, {"op": "remove", "path": "members"})
    assert members(client, group) == []


def test_adding_a_member_twice_changes_nothing(client, events):
    ada = client.person("ada")
    group = client.group("ops", ada)
    before = events()
    answer = client.patch("Groups", group, {"op": "add", "path": "members", "value": [{"value": ada}]})
    assert (answer.headers["ETag"], events()) == ('W/"1"', before)


def test_members_and_their_groups_show_each_other(client):
    bot = client.agent("bot")
    group = client.group("ops", bot)
    shown = client.get(f"/Groups/{group}").get_json()["members"]
    url = "https://connector.example/scim/v2"
    assert shown == [{"value": bot, "$ref": f"{url}/Agents/{bot}", "type": "Agent", "display": "bot"}]
    shown = client.get(f"/Agents/{bot}").get_json()["groups"]
    assert shown == [{"value": group, "$ref": f"{url}/Groups/{group}", "display": "ops", "type": "direct"}]
    client.send("DELETE", f"/Agents/{bot}")
    assert client.get(f"/Groups/{group}").headers["ETag"] == 'W/"2"'
    assert members(client, group) == []


def test_a_group_is_not_its_own_member(client):
    group = client.group("ops")
    add = {"op": "add", "path": "members", "value": [{"value": group}]}
    problem(client.patch("Groups", group, add), 400, "invalidValue", "member")


def test_a_thousand_members_at_once(client):
    ids = [client.person(f"p{number}") for number in range(30)]
    group = client.group("ops", *ids, *ids)
    assert members(client, group) == sorted(ids)
    assert "members" not in client.get(f"/Groups/{group}", excludedAttributes="members").get_json()


# -- shapes of Entra and Okta ----------------------------------------------------------------------------------------


def test_entras_shapes_are_understood(new_client):
    entra = new_client("entra", profile="entra")
    boss, ada = entra.person("boss"), entra.person("ada", externalId="nick", emails=[], roles=[])
    after = entra.patch(
        "Users",
        ada,
        {"op": "Replace", "path": "displayName", "value": "Ada"},
        {"op": "Add", "path": 'emails[type eq "work"].value', "value": "ada@x"},
        {"op": "Replace", "path": "active", "value": "False"},
        {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": boss},
    ).get_json()
    assert (after["displayName"], after["active"]) == ("Ada", False)
    assert after["emails"] == [{"type": "work", "value": "ada@x"}]
    assert after[ENTERPRISE]["manager"]["value"] == boss
    dotted = {"displayName": "N", "name.givenName": "G", f"{ENTERPRISE}:employeeNumber": "7"}
    after = entra.patch("Users", ada, {"op": "replace", "value": dotted}).get_json()
    assert (after["name"], after[ENTERPRISE]["employeeNumber"]) == ({"givenName": "G"}, "7")
    microsoft = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
    body = {"schemas": [GROUP, microsoft], "displayName": "g", "members": [], "meta": {"resourceType": "Group"}}
    group = entra.send("POST", "/Groups", body).get_json()["id"]
    entra.patch(
        "Groups", group, {"op": "Add", "path": "members", "value": [{"$ref": None, "value": ada}, {"value": boss}]}
    )
    entra.patch("Groups", group, {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": ada}]})
    assert members(entra, group) == [boss]


def test_oktas_shapes_are_understood(new_client):
    okta = new_client("okta", profile="okta")
    ada = okta.make("Users", userName="ada", password="never kept", name={"givenName": "A"}, groups=[])
    assert "password" not in ada
    body = {"schemas": [PATCH_OP], "Operations": [{"op": "replace", "value": {"id": ada["id"], "active": False}}]}
    assert okta.send("PATCH", f"/Users/{ada['id']}", body).get_json()["active"] is False
    group = okta.group("ops", ada["id"])
    rename = {"op": "replace", "value": {"id": group, "displayName": "operations"}}
    assert okta.patch("Groups", group, rename).status_code == 200
    assert members(okta, group) == [ada["id"]]


def test_a_strict_client_is_held_to_the_letter(new_client):
    strict = new_client("strict", profile="strict")
    problem(strict.post("Agents", agentUserName="bot", active="true"), 400, "invalidValue", "active")
    problem(strict.post("Agents", agentUserName="bot", shoeSize=1), 400, "invalidSyntax", "shoeSize")
    id = strict.agent("bot")
    problem(strict.patch("Agents", id, {"op": "Add", "path": "displayName", "value": "x"}), 400, "invalidSyntax", "op")


def test_a_renamed_member_is_shown_by_its_new_name_in_all_of_its_groups(client):
    id = client.person("ada")
    groups = [client.group("one", id), client.group("two", id)]

    client.patch("Users", id, {"op": "replace", "path": "userName", "value": "countess"})

    for group in groups:
        assert client.get(f"/Groups/{group}").get_json()["members"][0]["display"] == "countess"


def test_a_manager_is_shown_with_the_address_of_its_resource(client):
    boss = client.person("boss")

    made = client.make("Users", userName="ada", **{ENTERPRISE: {"manager": {"value": boss}}})

    assert made[ENTERPRISE]["manager"] == {"value": boss, "$ref": f"{BASE_URL}/scim/v2/Users/{boss}"}

"""What Entra's provisioning service and Microsoft's SCIM Validator send, as whole conversations, under the profile `entra`.

Shapes after Microsoft's documentation: the default one, and the one behind the flag aadOptscim062020.
"""

import pytest

from tests.edge_client import ENTERPRISE, GROUP, USER, problem

ADSCIM = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
NOBODY = "5a2d6a4c-6a5c-4a32-8a3d-000000000000"


@pytest.fixture
def entra(new_client):
    return new_client("entra", profile="entra")


def create_user(entra, name, **more):
    body = {
        "schemas": [USER, ENTERPRISE],
        "externalId": f"ext-{name}",
        "userName": f"{name}@x.example",
        "active": True,
        "displayName": name,
        "emails": [{"primary": True, "type": "work", "value": f"{name}@x.example"}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": f"{name} F", "familyName": "F", "givenName": name},
        "addresses": [{"type": "work", "formatted": None, "postalCode": None, "locality": "Ulm"}],
        "roles": [],
        **more,
    }
    answer = entra.send("POST", "/Users", body)
    assert answer.status_code == 201, answer.get_json()
    return answer.get_json()


def create_group(entra, name):
    body = {"externalId": f"ext-{name}", "displayName": name, "members": [], "meta": {"resourceType": "Group"}}
    answer = entra.send("POST", "/Groups", {"schemas": [GROUP, ADSCIM], **body})
    assert answer.status_code == 201, answer.get_json()
    return answer.get_json()


def patch(entra, path, *operations):
    """A PATCH that succeeds, and what a GET shows afterwards."""
    kind, id = path.strip("/").split("/")
    answer = entra.patch(kind, id, *operations)
    assert answer.status_code in (200, 204), answer.get_json()
    return entra.get(path).get_json()


def op(word, path, *value):
    return {"op": word, "path": path, **({"value": value[0]} if value else {})}


def test_the_connection_test_finds_nobody(entra):
    for path, query in (("/Users", f'userName eq "{NOBODY}"'), ("/Groups", f'displayName eq "{NOBODY}"')):
        answer = entra.get(path, filter=query)
        assert (answer.status_code, answer.get_json()["totalResults"], answer.get_json()["Resources"]) == (200, 0, [])


@pytest.mark.parametrize("listed", ["/Schemas", "/ResourceTypes"])
def test_discovery_is_a_list_without_nulls_that_names_groups_too(entra, listed):
    answer = entra.get(listed).get_json()
    assert answer["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:ListResponse"]
    assert answer["totalResults"] == len(answer["Resources"])
    assert "null" not in entra.get(listed).get_data(as_text=True)
    assert {"User", "Group"} <= {one["name"] for one in answer["Resources"]}


def test_a_user_lives_through_the_default_shape(entra):
    """Match, create, match again, change, move, disable, enable, delete."""
    assert entra.found("Users", 'userName eq "ada@x.example"') == []
    ada = create_user(entra, "ada")
    assert (ada["externalId"], ada["addresses"]) == ("ext-ada", [{"type": "work", "locality": "Ulm"}])
    assert "roles" not in ada
    for query in (
        'userName eq "ada@x.example"',
        'userName eq "ADA@X.example"',
        'externalId eq "ext-ada"',
        'emails[type eq "work"].value eq "ada@x.example"',
        'userName eq "ada@x.example" and externalId eq "ext-ada"',
    ):
        assert entra.found("Users", query) == [ada["id"]]
    path = f"/Users/{ada['id']}"
    boss = create_user(entra, "boss")["id"]
    after = patch(
        entra,
        path,
        op("Replace", "displayName", "Ada L"),
        op("Replace", 'emails[type eq "work"].value', "new@x.example"),
        op("Replace", "name.givenName", "Augusta"),
        op("Add", f"{ENTERPRISE}:department", "Engines"),
        op("Add", f"{ENTERPRISE}:manager", boss),
        op("Add", 'phoneNumbers[type eq "mobile"].value', "+49 1"),
        op("Add", 'addresses[type eq "work"].postalCode', "89073"),
        op("Add", 'roles[primary eq "True"].value', "admin"),
    )
    assert (after["displayName"], after["name"]["givenName"]) == ("Ada L", "Augusta")
    assert after["emails"] == [{"primary": True, "type": "work", "value": "new@x.example"}]
    assert (after[ENTERPRISE]["department"], after[ENTERPRISE]["manager"]["value"]) == ("Engines", boss)
    assert after["phoneNumbers"] == [{"type": "mobile", "value": "+49 1"}]
    assert after["addresses"] == [{"type": "work", "locality": "Ulm", "postalCode": "89073"}]
    assert after["roles"] == [{"primary": True, "value": "admin"}]
    assert patch(entra, path, op("Replace", "userName", "al@x.example"))["userName"] == "al@x.example"
    assert patch(entra, path, op("Replace", "active", "False"))["active"] is False
    assert entra.found("Users", 'externalId eq "ext-ada"') == [ada["id"]]
    assert patch(entra, path, op("Replace", "active", "True"))["active"] is True
    assert entra.send("DELETE", path).status_code == 204
    problem(entra.send("DELETE", path), 404)
    problem(entra.get(path), 404)
    problem(entra.patch("Users", ada["id"], op("Replace", "active", "True")), 404)
    assert create_user(entra, "ada")["id"] != ada["id"]


def test_a_user_lives_through_the_shape_of_the_flag(entra):
    ada = create_user(entra, "ada")
    boss = create_user(entra, "boss")["id"]
    dotted = {
        "displayName": "Ada L",
        "name.givenName": "Augusta",
        "name.familyName": "King",
        f"{ENTERPRISE}:employeeNumber": "7",
        f"{ENTERPRISE}:manager": boss,
    }
    path = f"/Users/{ada['id']}"
    after = patch(
        entra,
        path,
        {"op": "replace", "value": dotted},
        op("replace", 'emails[type eq "work"].value', "a@y.example"),
        op("add", 'emails[type eq "home"].value', "h@y.example"),
        op("replace", "active", False),
    )
    assert (after["displayName"], after["active"]) == ("Ada L", False)
    assert (after["name"]["givenName"], after["name"]["familyName"]) == ("Augusta", "King")
    assert after[ENTERPRISE]["employeeNumber"] == "7"
    assert after[ENTERPRISE]["manager"]["value"] == boss
    assert [one["value"] for one in after["emails"]] == ["a@y.example", "h@y.example"]
    assert "manager" not in patch(entra, path, {"op": "remove", "path": f"{ENTERPRISE}:manager"})[ENTERPRISE]


def test_a_manager_is_set_moved_and_cleared_in_every_shape(entra):
    ada, one, two = (create_user(entra, name)["id"] for name in ("ada", "one", "two"))
    path, manager = f"/Users/{ada}", f"{ENTERPRISE}:manager"

    def shown():
        return entra.get(path).get_json().get(ENTERPRISE, {}).get("manager", {}).get("value")

    for operation, expected in (
        (op("Add", manager, one), one),
        (op("Replace", manager, two), two),
        (op("Replace", manager, ""), None),
        (op("Add", manager, {"value": one}), one),
        (op("Remove", manager), None),
        (op("Add", manager, [{"value": two, "$ref": "../Users/2"}][0]), two),
        (op("Replace", f"{manager}.value", one), one),
        (op("Replace", manager, None), None),
        (op("Add", manager, ""), None),
    ):
        patch(entra, path, operation)
        assert shown() == expected, operation


def test_a_group_lives_through_the_default_shape(entra):
    ada, bob = create_user(entra, "ada")["id"], create_user(entra, "bob")["id"]
    group = create_group(entra, "Ops")
    id, path = group["id"], f"/Groups/{group['id']}"
    assert (group["externalId"], "members" in group, group["schemas"]) == ("ext-Ops", False, [GROUP])
    found = entra.get("/Groups", excludedAttributes="members", filter='displayName eq "OPS"').get_json()["Resources"]
    assert [one["id"] for one in found] == [id]
    after = patch(entra, path, op("Add", "members", [{"$ref": None, "value": ada}, {"$ref": None, "value": bob}]))
    assert {one["value"] for one in after["members"]} == {ada, bob}
    assert "members" not in entra.get(path, excludedAttributes="members").get_json()
    for member, expected in ((ada, [id]), (NOBODY, [])):
        assert entra.found("Groups", f'id eq "{id}" and members eq "{member}"') == expected
    after = patch(entra, path, op("Remove", "members", [{"$ref": None, "value": ada}]))
    assert [one["value"] for one in after["members"]] == [bob]
    after = patch(entra, path, op("Replace", "displayName", "Ops 2"), op("Replace", "externalId", "ext-2"))
    assert (after["displayName"], after["externalId"], after["members"][0]["value"]) == ("Ops 2", "ext-2", bob)
    problem(entra.send("POST", "/Groups", {"schemas": [GROUP], "displayName": "ops 2"}), 409, "uniqueness")
    assert entra.send("DELETE", path).status_code == 204
    problem(entra.send("DELETE", path), 404)


def test_the_shape_of_the_flag_takes_members_out_by_filter(entra):
    ada, bob = create_user(entra, "ada")["id"], create_user(entra, "bob")["id"]
    group = create_group(entra, "Ops")["id"]
    add = op("add", "members", [{"value": ada}, {"value": bob}])
    after = patch(entra, f"/Groups/{group}", add, {"op": "remove", "path": f'members[value eq "{ada}"]'})
    assert [one["value"] for one in after["members"]] == [bob]


def test_the_validator_finds_duplicates_case_and_absence(entra):
    ada = create_user(entra, "ada")
    body = {"schemas": [USER], "userName": "ADA@x.example", "externalId": "other"}
    problem(entra.send("POST", "/Users", body), 409, "uniqueness")
    assert entra.found("Users", 'userName eq "Ada@X.Example"') == [ada["id"]]
    assert entra.found("Users", 'userName eq "none@x.example"') == []
    problem(entra.get(f"/Users/{NOBODY}"), 404)
    problem(entra.send("DELETE", f"/Users/{NOBODY}"), 404)
    problem(entra.patch("Groups", NOBODY, op("Replace", "displayName", "x")), 404)


def test_the_validator_changes_one_attribute_twice_and_adds_and_removes_in_one_request(entra):
    ada = create_user(entra, "ada")["id"]
    after = patch(
        entra,
        f"/Users/{ada}",
        op("Replace", "displayName", "one"),
        op("Replace", "displayName", "two"),
        op("Add", "title", "Dr"),
        op("Remove", "title"),
        op("Add", "timezone", "Europe/Berlin"),
        op("Add", "locale", "de-DE"),
        op("Add", "preferredLanguage", "de"),
        op("Add", "nickName", "A"),
        op("Add", "userType", "Employee"),
        op("Add", "profileUrl", "https://x.example/a"),
    )
    assert after["displayName"] == "two"
    assert "title" not in after
    assert (after["timezone"], after["locale"], after["preferredLanguage"]) == ("Europe/Berlin", "de-DE", "de")
    assert (after["nickName"], after["userType"], after["profileUrl"]) == ("A", "Employee", "https://x.example/a")


def test_every_attribute_that_is_declared_for_users_comes_back(entra):
    """The validator makes up values for whatever /Schemas declares, and compares what it reads."""
    values = {"string": "text", "boolean": True, "reference": "https://x.example/r", "binary": "AAEC"}
    made = {}
    for schema in (USER, ENTERPRISE):
        home = made if schema == USER else made.setdefault(ENTERPRISE, {})
        for one in entra.get(f"/Schemas/{schema}").get_json()["attributes"]:
            if one["mutability"] != "readWrite" or one["name"] in ("userName", "manager"):
                continue
            if one["type"] == "complex":
                subs = [sub for sub in one["subAttributes"] if sub["mutability"] == "readWrite"]
                value = {sub["name"]: values[sub["type"]] for sub in subs}
            else:
                value = values[one["type"]]
            home[one["name"]] = [value] if one["multiValued"] else value
    made.pop("active", None)
    assert len(made) > 15
    answer = entra.send("POST", "/Users", {"schemas": [USER, ENTERPRISE], "userName": "all", **made})
    assert answer.status_code == 201, answer.get_json()
    shown = entra.get(f"/Users/{answer.get_json()['id']}").get_json()
    assert {name: shown.get(name) for name in made} == made


def test_the_gallery_list_pages_through_eleven_users(entra):
    for number in range(11):
        create_user(entra, f"u{number}")
    pages = [entra.get("/Users", count=5, startIndex=start).get_json() for start in (1, 6, 11)]
    assert [(one["startIndex"], one["itemsPerPage"], one["totalResults"]) for one in pages] == [
        (1, 5, 11),
        (6, 5, 11),
        (11, 1, 11),
    ]
    assert len({one["id"] for page in pages for one in page["Resources"]}) == 11


def test_the_gallery_list_empties_attributes_without_paths_too(entra):
    ada = create_user(entra, "ada", title="Dr", **{ENTERPRISE: {"department": "D", "costCenter": "C"}})["id"]
    dotted = ["displayName", "title", "name.givenName", "name.familyName", "name.formatted"]
    dotted += [f"{ENTERPRISE}:department", f"{ENTERPRISE}:costCenter"]
    for nothing in ("", None):
        after = patch(entra, f"/Users/{ada}", {"op": "replace", "value": dict.fromkeys(dotted, nothing)})
        assert not {"displayName", "title", "name", ENTERPRISE} & set(after)
        assert after["emails"][0]["value"] == "ada@x.example"


def test_a_user_who_was_deleted_can_be_restored_as_a_new_one(entra):
    first = create_user(entra, "ada")
    entra.send("DELETE", f"/Users/{first['id']}")
    second = create_user(entra, "ada")
    assert second["id"] != first["id"]
    assert entra.found("Users", 'userName eq "ada@x.example"') == [second["id"]]


def test_a_created_duplicate_of_a_disabled_user_is_still_one(entra):
    ada = create_user(entra, "ada")["id"]
    patch(entra, f"/Users/{ada}", op("Replace", "active", "False"))
    problem(entra.send("POST", "/Users", {"schemas": [USER], "userName": "ada@x.example"}), 409, "uniqueness")

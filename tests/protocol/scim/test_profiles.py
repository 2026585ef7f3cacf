"""Each tolerance by itself: what it lets through, and what a client without it is told."""

from dataclasses import fields
from pathlib import Path

import pytest

from connector.domain import people
from connector.domain.clients import PROFILES as NAMES
from connector.domain.unit import SYSTEM
from connector.edges.scim.errors import ScimError
from connector.edges.scim.filters import parse_filter
from connector.edges.scim.patch import Patch
from connector.edges.scim.profiles import PROFILES, Profile
from connector.edges.scim.schema import TABLES
from connector.edges.scim.validate import read_resource
from tests.edge_client import ENTERPRISE, GROUP, PATCH_OP, USER

DOCUMENT = {"userName": "ada", "displayName": "A", "emails": [{"type": "work", "value": "a@x"}]}


def post(profile, **attributes):
    return read_resource(TABLES["Users"], {"schemas": [USER], "userName": "ada", **attributes}, profile).document


def patch(profile, word, path=None, *value):
    document = {**DOCUMENT, "emails": [dict(one) for one in DOCUMENT["emails"]]}
    patch = Patch(TABLES["Users"], document, profile)
    operation = {"op": word, **({"path": path} if path else {}), **({"value": value[0]} if value else {})}
    patch.apply({"schemas": [PATCH_OP], "Operations": [operation]})
    return document


OTHER = 'emails[type eq "home"].value'
HOME = {"type": "home", "value": "b@x"}
# tolerance: (what is done under the profile, what it gives, the scimType without the tolerance)
CASES = {
    "unknown_attributes": (lambda p: post(p, shoeSize=1), {"userName": "ada"}, "invalidSyntax"),
    "unknown_schemas": (lambda p: post(p, schemas=[USER, "urn:other"]), {"userName": "ada"}, "invalidSyntax"),
    "single_value_for_list": (lambda p: post(p, emails=HOME), {"userName": "ada", "emails": [HOME]}, "invalidValue"),
    "bare_string_for_object": (
        lambda p: patch(p, "add", f"{ENTERPRISE}:manager", "usr-1"),
        {**DOCUMENT, ENTERPRISE: {"manager": {"value": "usr-1"}}},
        "invalidValue",
    ),
    "boolean_strings": (lambda p: post(p, active="False"), {"userName": "ada", "active": False}, "invalidValue"),
    "operation_case": (lambda p: patch(p, "Add", "title", "T"), {**DOCUMENT, "title": "T"}, "invalidSyntax"),
    "operation_without_path": (lambda p: patch(p, "add", None, {"title": "T"}), {**DOCUMENT, "title": "T"}, "invalidSyntax"),
    "read_only_in_value": (
        lambda p: patch(p, "replace", ENTERPRISE, {"manager.displayName": "B"}),
        DOCUMENT,
        "mutability",
    ),
    "remove_by_value": (
        lambda p: patch(p, "remove", "emails", [{"value": "a@x"}]),
        {"userName": "ada", "displayName": "A"},
        "invalidValue",
    ),
    "replace_whole_element": (
        lambda p: patch(p, "replace", 'emails[type eq "work"]', {"value": "b@x"}),
        {**DOCUMENT, "emails": [{"type": "work", "value": "b@x"}]},
        "invalidPath",
    ),
    "empty_add_clears": (
        lambda p: patch(p, "add", "displayName", ""),
        {name: value for name, value in DOCUMENT.items() if name != "displayName"},
        "invalidValue",
    ),
    "add_creates_element": (
        lambda p: patch(p, "add", OTHER, "b@x"),
        {**DOCUMENT, "emails": [*DOCUMENT["emails"], HOME]},
        "noTarget",
    ),
    "replace_creates_element": (
        lambda p: patch(p, "replace", OTHER, "b@x"),
        {**DOCUMENT, "emails": [*DOCUMENT["emails"], HOME]},
        "noTarget",
    ),
}  # fmt: skip


SPARED = {
    "member_display",
    "group_patch_without_body",
    "config_of_rfc7643",
}  # what answers have or leave out: tested at the end
NAMES_OF_ALL = [one.name for one in fields(Profile)]


@pytest.mark.parametrize("name", [one for one in NAMES_OF_ALL if one not in SPARED])
def test_a_tolerance_lets_through_what_is_refused_without_it(name):
    act, expected, scim_type = CASES[name]
    with pytest.raises(ScimError) as raised:
        act(Profile())
    assert raised.value.scim_type == scim_type
    assert act(Profile(**{name: True})) == expected


@pytest.mark.parametrize("name", NAMES_OF_ALL)
def test_the_documentation_has_a_line_for_each_tolerance(name):
    page = (Path(__file__).parents[3] / "docs" / "scim.md").read_text()
    [line] = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
    granted = [cell.strip() == "yes" for cell in line.split("|")[3:8]]
    assert granted == [
        getattr(PROFILES[profile], name) for profile in ("default", "okta", "entra", "canaille", "strict")
    ]


def test_every_profile_that_a_client_can_have_is_defined():
    assert set(NAMES) == set(PROFILES)


def test_booleans_as_texts_in_filters_are_the_same_tolerance():
    parse_filter(TABLES["Users"], 'active eq "True"', profile=Profile(boolean_strings=True))
    with pytest.raises(ScimError):
        parse_filter(TABLES["Users"], 'active eq "True"', profile=Profile())


@pytest.mark.parametrize(
    "path", ['emails[type ne "home"]', 'emails[type eq "home" or type eq "x"]', 'emails[type co "h"]']
)
def test_an_element_is_made_only_where_the_filter_says_what_it_is(path):
    document = {"userName": "ada"}
    with pytest.raises(ScimError) as raised:
        Patch(TABLES["Users"], document, PROFILES["entra"]).apply(
            {"schemas": [PATCH_OP], "Operations": [{"op": "add", "path": f"{path}.value", "value": "x"}]}
        )
    assert raised.value.scim_type == "noTarget"


def test_an_element_that_is_made_primary_takes_the_place_of_the_old_one():
    document = {"userName": "ada", "roles": [{"value": "a", "primary": True, "type": "x"}]}
    path = 'roles[type eq "y" and primary eq "True"].value'
    Patch(TABLES["Users"], document, PROFILES["entra"]).apply(
        {"schemas": [PATCH_OP], "Operations": [{"op": "Add", "path": path, "value": "b"}]}
    )
    assert document["roles"] == [{"value": "a", "type": "x"}, {"type": "y", "primary": True, "value": "b"}]


def test_a_patch_of_a_group_shows_it_where_its_members_are_few_and_never_to_entra(client, new_client, parts):
    with parts.domain.change(SYSTEM) as unit:
        ids = [people.add(unit, {"userName": f"p{number}"}, None).id for number in range(101)]
    group, add = client.group("ops", *ids[:99]), {"op": "add", "path": "members", "value": [{"value": ids[99]}]}

    shown = client.patch("Groups", group, add)
    read = client.get(f"/Groups/{group}")
    entra = new_client("entra", profile="entra").patch("Groups", group, {**add, "value": [{"value": ids[98]}]})
    larger = client.patch("Groups", group, {**add, "value": [{"value": ids[100]}]})
    chosen = client.send(
        "PATCH", f"/Groups/{group}?attributes=displayName", {"schemas": [PATCH_OP], "Operations": [add]}
    )

    assert (shown.status_code, shown.get_json()) == (200, read.get_json())
    assert len(shown.get_json()["members"]) == 100
    assert [(one.status_code, one.data) for one in (entra, larger)] == [(204, b"")] * 2
    assert (larger.headers["ETag"], shown.headers["ETag"]) == ('W/"3"', 'W/"2"')
    assert (chosen.status_code, chosen.get_json()["displayName"]) == (200, "ops")


def test_a_strict_client_is_shown_members_as_rfc_7643_defines_them(client, new_client):
    def described(edge):
        [members] = [one for one in edge.get(f"/Schemas/{GROUP}").get_json()["attributes"] if one["name"] == "members"]
        return {one["name"] for one in members["subAttributes"]}

    strict, ada = new_client("strict", profile="strict"), client.person("ada")
    group = client.group("ops", ada)

    for edge, shown in ((strict, {"value", "$ref", "type"}), (client, {"value", "$ref", "type", "display"})):
        for answer in (edge.get(f"/Groups/{group}"), edge.get(f"/Groups/{group}", attributes="members")):
            assert set(answer.get_json()["members"][0]) == shown
        assert described(edge) == shown
        schemas = edge.get("/Schemas").get_json()["Resources"]
        assert edge.get(f"/Schemas/{GROUP}").get_json() in schemas


def test_a_client_that_reads_the_letter_of_rfc_7643_is_shown_no_more_of_the_configuration(client, new_client):
    def members(edge):
        return set(edge.get("/ServiceProviderConfig").get_json())

    bare = members(new_client("bare", profile="canaille", dialect="abbey"))

    assert bare == members(client) - {"pagination"}
    assert members(new_client("abbey", dialect="abbey")) == bare | {"pagination", "agentExtension"}

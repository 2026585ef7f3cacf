"""PATCH (RFC 7644 section 3.5.2): what each operation makes of a document, and what it refuses."""

import copy
from dataclasses import replace

import pytest

from connector.domain.groups import MemberChange
from connector.edges.scim import schema
from connector.edges.scim.errors import ScimError
from connector.edges.scim.patch import Patch
from connector.edges.scim.profiles import PROFILES
from connector.edges.scim.schema import TABLES
from tests.edge_client import ENTERPRISE, GOVERNANCE, PATCH_OP, problem

WORK, HOME = {"type": "work", "value": "a@x", "primary": True}, {"type": "home", "value": "b@x"}
ADA = {
    "userName": "ada",
    "displayName": "Ada",
    "name": {"givenName": "A", "familyName": "L"},
    "emails": [WORK, HOME],
    ENTERPRISE: {"department": "Ops", "manager": {"value": "usr-2", "$ref": "https://x/usr-2"}},
}


def patched(*operations, profile="default", document=ADA, table="Users"):
    patch = Patch(TABLES[table], copy.deepcopy(document), PROFILES.get(profile, profile))
    patch.apply({"schemas": [PATCH_OP], "Operations": list(operations)})
    return patch.document


def op(word, path=None, *value):
    return {"op": word, **({"path": path} if path else {}), **({"value": value[0]} if value else {})}


def changed(**attributes):
    return {name: value for name, value in {**ADA, **attributes}.items() if value is not None}


def refused(scim_type, *operations, **options):
    with pytest.raises(ScimError) as raised:
        patched(*operations, **options)
    assert raised.value.scim_type == scim_type, raised.value.detail


NEW = {"type": "other", "value": "c@x"}
ENT = ADA[ENTERPRISE]
BOTH = [{**WORK, "display": "d"}, {**HOME, "display": "d"}]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        # add
        (op("add", "title", "Dr"), changed(title="Dr")),
        (op("add", "displayName", "B"), changed(displayName="B")),
        (op("add", "name", {"middleName": "M"}), changed(name={**ADA["name"], "middleName": "M"})),
        (op("add", "NAME.MiddleName", "M"), changed(name={**ADA["name"], "middleName": "M"})),
        (op("add", "emails", [NEW]), changed(emails=[WORK, HOME, NEW])),
        (op("add", "emails", NEW), changed(emails=[WORK, HOME, NEW])),
        (op("add", "emails", [HOME]), ADA),
        (op("add", "emails", [{"value": "B@X", "type": "Home"}]), changed(emails=[WORK, {"type": "Home", "value": "B@X"}])),
        (op("add", "emails", [NEW, NEW]), changed(emails=[WORK, HOME, NEW])),
        (op("add", "emails", []), ADA),
        (op("add", f"{ENTERPRISE}:division", "D"), changed(**{ENTERPRISE: {**ENT, "division": "D"}})),
        (op("add", ENTERPRISE, {"division": "D"}), changed(**{ENTERPRISE: {**ENT, "division": "D"}})),
        (op("add", None, {"name.middleName": "M", "title": "Dr"}), changed(title="Dr", name={**ADA["name"], "middleName": "M"})),
        (op("add", None, {f"{ENTERPRISE}:division": "D"}), changed(**{ENTERPRISE: {**ENT, "division": "D"}})),
        (op("add", None, {ENTERPRISE: {"division": "D"}}), changed(**{ENTERPRISE: {**ENT, "division": "D"}})),
        (op("add", 'emails[type eq "home"]', {"display": "d"}), changed(emails=[WORK, {**HOME, "display": "d"}])),
        # replace
        (op("replace", "title", "Dr"), changed(title="Dr")),
        (op("replace", "emails", [NEW]), changed(emails=[NEW])),
        (op("replace", "name", {"givenName": "B"}), changed(name={"givenName": "B", "familyName": "L"})),
        (op("replace", "name", {"givenName": None}), changed(name={"familyName": "L"})),
        (op("replace", 'emails[type eq "home" or value sw "a"].display', "d"), changed(emails=BOTH)),
        (op("replace", 'emails[not (type eq "work")].value', "c@x"), changed(emails=[WORK, {**HOME, "value": "c@x"}])),
        (op("replace", 'emails[type eq "home"].value', "c@x"), changed(emails=[WORK, {**HOME, "value": "c@x"}])),
        (op("replace", f"{ENTERPRISE}:manager", "usr-3"), changed(**{ENTERPRISE: {**ENT, "manager": {"value": "usr-3"}}})),
        (op("replace", f"{ENTERPRISE}:manager", {"value": "usr-2"}), ADA),
        (op("replace", f"{ENTERPRISE}:manager.value", "usr-3"), changed(**{ENTERPRISE: {**ENT, "manager": {"value": "usr-3", "$ref": "https://x/usr-2"}}})),
        # replace with nothing clears
        *[(op("replace", "displayName", nothing), changed(displayName=None)) for nothing in (None, "")],
        *[(op("replace", "emails", nothing), changed(emails=None)) for nothing in (None, "", [])],
        *[(op("replace", f"{ENTERPRISE}:manager", nothing), changed(**{ENTERPRISE: {"department": "Ops"}})) for nothing in (None, "")],
        (op("replace", "name.givenName", ""), changed(name={"familyName": "L"})),
        (op("replace", 'emails[type eq "home"].value', ""), changed(emails=[WORK])),
        (op("replace", 'emails[type eq "other"].value', ""), ADA),
        (op("replace", 'emails[type eq "other"].value', None), ADA),
        (op("replace", ENTERPRISE, None), changed(**{ENTERPRISE: None})),
        # an object replaces what it names (RFC 7644 section 3.5.2.3), and one that names nothing nothing
        (op("replace", ENTERPRISE, {}), ADA),
        (op("replace", "name", {}), ADA),
        (op("replace", 'emails[type eq "work"]', {}), ADA),
        (op("add", 'emails[type eq "work"]', {}), ADA),
        (op("replace", "title", None), ADA),
        # remove
        (op("remove", "displayName"), changed(displayName=None)),
        (op("remove", "displayName", "x"), changed(displayName=None)),
        (op("remove", "name.givenName"), changed(name={"familyName": "L"})),
        (op("remove", "emails"), changed(emails=None)),
        (op("remove", "emails", [{"value": "b@x"}]), changed(emails=[WORK])),
        (op("remove", "emails", []), ADA),
        (op("remove", 'emails[value co "@"]'), changed(emails=None)),
        (op("remove", 'emails[type eq "other"]'), ADA),
        (op("remove", 'emails[type eq "work"].primary'), changed(emails=[{"type": "work", "value": "a@x"}, HOME])),
        (op("remove", "emails.type"), changed(emails=[{"value": "a@x", "primary": True}, {"value": "b@x"}])),
        (op("remove", f"{ENTERPRISE}:manager"), changed(**{ENTERPRISE: {"department": "Ops"}})),
        (op("remove", ENTERPRISE), changed(**{ENTERPRISE: None})),
        # what only the server sets, among others
        (op("replace", None, {"id": "other", "meta": {}, "groups": [], "schemas": [], "title": "Dr"}), changed(title="Dr")),
        (op("replace", None, {"password": "x"}), ADA),
    ],
)  # fmt: skip
def test_an_operation_makes_this_of_ada(operation, expected):
    assert patched(operation) == expected


OTHER = {"type": "home", "value": "b@x", "primary": True}
DEMOTED = {"type": "work", "value": "a@x"}


@pytest.mark.parametrize(
    "operation",
    [
        op("add", "emails", [OTHER]),
        op("add", None, {"emails": [OTHER]}),
        op("replace", "emails", [DEMOTED, OTHER]),
        op("replace", 'emails[type eq "home"].primary', True),
        op("add", 'emails[type eq "home"].primary', "True"),
        op("add", 'emails[value eq "b@x"]', {"primary": True}),
        op("replace", None, {'emails[type eq "home"].primary': True}),
    ],
)
def test_a_new_primary_takes_the_place_of_the_old_one(operation):
    assert patched(operation)["emails"] == [DEMOTED, OTHER]


def test_a_new_primary_element_leaves_the_others():
    assert patched(op("add", "emails", [{**NEW, "primary": True}]))["emails"] == [
        DEMOTED,
        HOME,
        {**NEW, "primary": True},
    ]


@pytest.mark.parametrize(
    "operation",
    [
        op("add", "emails", [OTHER, {**NEW, "primary": True}]),
        op("replace", "emails", [WORK, OTHER]),
        op("replace", "emails.primary", True),
        op("replace", 'emails[value co "x"].primary', True),
    ],
)
def test_two_primaries_are_refused(operation):
    refused("invalidValue", operation)


def test_later_operations_see_what_earlier_ones_did():
    second = op("replace", 'emails[type eq "other"].value', "d@x")
    assert patched(op("add", "emails", [NEW]), second)["emails"][2] == {**NEW, "value": "d@x"}


@pytest.mark.parametrize(
    ("scim_type", "operation"),
    [
        ("invalidPath", op("add", "shoeSize", 1)),
        ("invalidPath", op("add", "name.shoe", 1)),
        ("invalidPath", op("add", "urn:none:title", 1)),
        ("invalidPath", op("add", 'name[givenName eq "A"].familyName', "x")),
        ("invalidPath", op("add", 'emails[type eq "work"]value', "x")),
        ("invalidPath", op("add", 'emails[type eq "work"].shoe', "x")),
        ("invalidFilter", op("add", "emails[type is 1].value", "x")),
        ("invalidFilter", op("add", 'emails[shoe eq "x"].value', "x")),
        ("invalidFilter", op("add", 'emails[type eq "work".value', "x")),
        ("noTarget", op("replace", 'emails[type eq "other"].value', "x")),
        ("noTarget", op("add", 'emails[type eq "other"].value', "x")),
        ("noTarget", op("remove")),
        ("mutability", op("remove", "userName")),
        ("mutability", op("replace", "id", "x")),
        ("mutability", op("add", "meta.version", "x")),
        ("mutability", op("remove", "groups")),
        ("mutability", op("add", 'groups[value eq "x"].display', "y")),
        ("mutability", op("replace", f"{ENTERPRISE}:manager.displayName", "y")),
        ("invalidValue", op("replace", "userName", None)),
        ("invalidValue", op("replace", "userName", "")),
        ("invalidValue", op("replace", None, {"userName": None})),
        ("invalidValue", op("add", "title", None)),
        ("invalidValue", op("add", "title", "")),
        ("invalidValue", op("add", "title")),
        ("invalidValue", op("replace", "title")),
        ("invalidValue", op("replace", "title", ["x"])),
        ("invalidValue", op("replace", "name", "x")),
        ("invalidValue", op("replace", ENTERPRISE, "x")),
        ("invalidValue", op("replace", None, "x")),
        ("invalidSyntax", op("move", "title", "x")),
    ],
)
def test_an_operation_that_cannot_be_carried_out_says_why_in_scims_words(scim_type, operation):
    refused(scim_type, operation)


def test_an_owner_without_a_value_is_refused():
    document = {"agentUserName": "bot", "owners": [{"value": "usr-1", "display": "Ada", "type": "User"}]}
    options = {"document": document, "table": "Agents"}
    refused("mutability", op("remove", "owners.value"), **options)
    refused("invalidValue", op("replace", "owners", [{"value": None, "primary": True}]), **options)
    refused("invalidValue", op("add", 'owners[value eq "usr-1"]', {"value": None}), **options)
    assert patched(op("add", "owners", [{"value": "usr-1", "primary": True}]), **options)["owners"] == [
        {"value": "usr-1", "display": "Ada", "type": "User", "primary": True}
    ]
    assert "owners" not in patched(op("remove", 'owners[type eq "User" and display sw "a"]'), **options)


def test_an_immutable_attribute_is_set_once():
    title = replace(TABLES["Users"].attributes["title"], mutability="immutable")
    table = replace(TABLES["Users"], endpoint="Fixed", attributes={**TABLES["Users"].attributes, "title": title})
    schema.TABLES["Fixed"] = table
    try:
        assert patched(op("add", "title", "Dr"), table="Fixed")["title"] == "Dr"
        held = {**ADA, "title": "Dr"}
        assert patched(op("replace", "title", "Dr"), table="Fixed", document=held) == held
        refused("mutability", op("replace", "title", "Prof"), table="Fixed", document=held)
        refused("mutability", op("remove", "title"), table="Fixed", document=held)
    finally:
        del schema.TABLES["Fixed"]


# -- members -----------------------------------------------------------------------------------------------------------


def member_steps(*operations, profile="default"):
    patch = Patch(TABLES["Groups"], {"displayName": "g"}, PROFILES[profile])
    patch.apply({"schemas": [PATCH_OP], "Operations": list(operations)})
    return patch.members


@pytest.mark.parametrize(
    ("operation", "steps"),
    [
        (op("add", "members", [{"value": "a", "$ref": None, "display": "A"}, {"value": "b"}]), [MemberChange("add", ("a", "b"))]),
        (op("add", "members", {"value": "a"}), [MemberChange("add", ("a",))]),
        (op("add", "members", "a"), [MemberChange("add", ("a",))]),
        (op("add", "members", []), []),
        (op("remove", "members", [{"value": "a"}]), [MemberChange("remove", ("a",))]),
        (op("remove", "members", []), []),
        (op("remove", "members"), [MemberChange("clear")]),
        (op("remove", "members", None), [MemberChange("clear")]),
        (op("remove", 'members[value eq "a"]'), [MemberChange("remove", ("a",))]),
        (op("remove", 'members[value eq "a" or (value eq "b")]'), [MemberChange("remove", ("a", "b"))]),
        (op("remove", 'members[value eq "a" and value eq "b"]'), [MemberChange("remove", ())]),
        (op("replace", "members", [{"value": "a"}]), [MemberChange("clear", ("a",))]),
        (op("replace", "members", []), [MemberChange("clear")]),
        (op("replace", None, {"id": "g", "displayName": "N"}), []),
        (op("replace", None, {"members": [{"value": "a"}]}), [MemberChange("clear", ("a",))]),
    ],
)  # fmt: skip
def test_member_operations_become_these_steps(operation, steps):
    assert member_steps(operation) == steps


@pytest.mark.parametrize("nothing", [None, "", []])
def test_adding_nobody_never_empties_a_group(nothing):
    assert member_steps(op("Add", "members", nothing), profile="entra") == []


@pytest.mark.parametrize(
    ("scim_type", "operation"),
    [
        ("mutability", op("replace", 'members[value eq "a"].value', "b")),
        ("mutability", op("replace", 'members[value eq "a"]', {"value": "b"})),
        ("mutability", op("add", "members.type", "User")),
        ("invalidFilter", op("remove", 'members[type eq "User"]')),
        ("invalidFilter", op("remove", 'members[not (value eq "a")]')),
        ("invalidValue", op("add", "members", [{"display": "x"}])),
    ],
)
def test_a_member_operation_that_cannot_be_carried_out_says_why(scim_type, operation):
    with pytest.raises(ScimError) as raised:
        member_steps(operation)
    assert raised.value.scim_type == scim_type


# -- over HTTP on both databases -----------------------------------------------------------------------------------------


def test_microsofts_null_update_empties_everything(new_client):
    """Their gallery test: "" for each optional attribute, then null for what is missing by now; both succeed."""
    entra = new_client("entra", profile="entra")
    boss = entra.person("boss")
    body = {
        "displayName": "A",
        "title": "T",
        "name": {"givenName": "A"},
        "addresses": [{"type": "work", "postalCode": "1"}],
    }
    more = {"emails": [{"type": "work", "value": "a@x", "primary": True}], "roles": [{"value": "r", "primary": True}]}
    ada = entra.person("ada", **body, **more, **{ENTERPRISE: {"department": "D", "manager": {"value": boss}}})
    paths = [
        "displayName",
        "title",
        "name.givenName",
        'addresses[type eq "work"].postalCode',
        'emails[type eq "work"].value',
    ]
    paths += ['roles[primary eq "True"].value', f"{ENTERPRISE}:department", f"{ENTERPRISE}:manager"]
    for nothing in ("", None):
        operations = [{"op": "Replace", "path": path, "value": nothing} for path in paths]
        answer = entra.patch("Users", ada, *operations)
        assert answer.status_code == 200, answer.get_json()
        assert set(answer.get_json()) == {"schemas", "id", "userName", "active", "meta"}
    assert entra.patch("Users", ada, {"op": "Replace", "value": dict.fromkeys(paths, "")}).headers["ETag"] == 'W/"2"'


def test_an_agents_sponsor_and_owners_are_changed_in_place(client):
    ada, bob = client.person("ada"), client.person("bob")
    bot = client.agent("bot", owners=[{"value": ada}, {"value": bob}], **{GOVERNANCE: {"sponsor": {"value": ada}}})
    after = client.patch(
        "Agents",
        bot,
        {"op": "replace", "path": f'owners[value eq "{bob}"].primary', "value": True},
        {"op": "replace", "path": f"{GOVERNANCE}:sponsor", "value": bob},
    ).get_json()
    assert {one["value"]: one.get("primary") for one in after["owners"]} == {ada: None, bob: True}
    assert after[GOVERNANCE]["sponsor"]["value"] == bob
    again = client.patch("Agents", bot, {"op": "add", "path": "owners", "value": [{"value": ada}]})
    assert again.headers["ETag"] == 'W/"2"'


def test_members_leave_by_a_filter_over_several(client):
    ids = [client.person(f"p{number}") for number in range(3)]
    group = client.group("ops", *ids)
    client.patch("Groups", group, {"op": "remove", "path": f'members[value eq "{ids[0]}" or value eq "{ids[1]}"]'})
    assert client.found("Groups", f'members eq "{ids[0]}" or members eq "{ids[1]}"') == []
    assert client.found("Groups", f'members eq "{ids[2]}"') == [group]
    problem(client.patch("Groups", group, {"op": "remove", "path": 'members[display eq "x"]'}), 400, "invalidFilter")


@pytest.mark.parametrize("endpoint", ["Users", "Agents"])
def test_active_that_is_removed_is_not_shown_and_switches_nobody_on(client, endpoint):
    """RFC 7644 section 3.5.2.2: it is unassigned then; what it had been goes on until a client says otherwise."""
    name = {"Users": "userName", "Agents": "agentUserName"}[endpoint]
    made = client.make(endpoint, **{name: "off", "active": False})
    answer = client.patch(endpoint, made["id"], {"op": "remove", "path": "active"})
    assert answer.status_code == 200 and "active" not in answer.get_json()

    assert client.found(endpoint, "active eq false") == [made["id"]]
    answer = client.patch(endpoint, made["id"], {"op": "replace", "path": "active", "value": True})
    assert answer.get_json()["active"] is True

"""More of Microsoft's gallery test list (its SCIM validation template), and the flags that a tenant URL can carry."""

import pytest

from tests.edge_client import ENTERPRISE, PATCH_OP
from tests.protocol.scim.test_entra_conversation import create_group, create_user, entra, op, patch

__all__ = ["entra"]
PLAIN = [
    *("displayName", "title", "nickName", "profileUrl", "preferredLanguage", "timezone", "locale", "userType"),
    *("externalId", "name.givenName", "name.familyName", "name.formatted"),
    *(f"{ENTERPRISE}:{name}" for name in ("department", "costCenter", "employeeNumber", "manager")),
]
FILTERED = [
    'emails[type eq "work"].value',
    'phoneNumbers[type eq "mobile"].value',
    'phoneNumbers[type eq "fax"].value',
    *(f'addresses[type eq "work"].{name}' for name in ("formatted", "locality", "postalCode")),
    'roles[primary eq "True"].value',
]


def filled(entra):
    """A user who has every attribute of the two lists."""
    boss = create_user(entra, "boss")["id"]
    made = create_user(
        entra,
        "ada",
        **dict.fromkeys(
            ("title", "nickName", "profileUrl", "preferredLanguage", "timezone", "locale", "userType"), "x"
        ),
        phoneNumbers=[{"type": "mobile", "value": "1"}, {"type": "fax", "value": "2"}],
        addresses=[{"type": "work", "formatted": "f", "locality": "l", "postalCode": "p"}],
        roles=[{"primary": "True", "value": "r"}],
        **{ENTERPRISE: {"department": "D", "costCenter": "C", "employeeNumber": "7", "manager": boss}},
    )
    assert len(made) == 20
    return made["id"]


@pytest.mark.parametrize(
    "operations",
    [
        lambda nothing: [op("replace", path, nothing) for path in (*PLAIN, *FILTERED)],
        lambda nothing: [{"op": "replace", "value": dict.fromkeys((*PLAIN, *FILTERED), nothing)}],
    ],
    ids=["verbose", "not verbose"],
)
def test_everything_that_is_optional_is_emptied_and_emptied_again(entra, operations):
    ada = filled(entra)
    for nothing in ("", None):
        after = patch(entra, f"/Users/{ada}", *operations(nothing))
        assert set(after) == {"schemas", "id", "active", "userName", "meta"}


def test_groups_are_paged_like_users(entra):
    for number in range(11):
        create_group(entra, f"g{number}")
    pages = [entra.get("/Groups", count=5, startIndex=start).get_json() for start in (1, 6, 11)]
    assert [(one["startIndex"], len(one["Resources"]), one["totalResults"]) for one in pages] == [
        (1, 5, 11),
        (6, 5, 11),
        (11, 1, 11),
    ]


def test_a_group_that_was_deleted_can_be_restored_as_a_new_one(entra):
    ada, first = create_user(entra, "ada")["id"], create_group(entra, "Ops")
    patch(entra, f"/Groups/{first['id']}", op("Add", "members", [{"value": ada}]))
    entra.send("DELETE", f"/Groups/{first['id']}")
    second = create_group(entra, "Ops")
    assert (second["id"] != first["id"], "members" in second) == (True, False)
    assert "groups" not in entra.get(f"/Users/{ada}").get_json()


@pytest.mark.parametrize("flag", ["aadOptscim062020", "AzureAdScimPatch2017", "aadOptscim062020&AzureAdScimPatch2017"])
def test_flags_of_the_tenant_url_come_with_every_request_and_change_nothing(entra, flag):
    ada = create_user(entra, "ada")["id"]
    body = {"schemas": [PATCH_OP], "Operations": [op("replace", "displayName", "A")]}

    assert entra.send("PATCH", f"/Users/{ada}?{flag}", body).get_json()["displayName"] == "A"
    assert entra.send("GET", f"/Users/{ada}?{flag}").get_json()["displayName"] == "A"
    listed = entra.send("GET", f"/Users?{flag}&filter=userName%20eq%20%22ada@x.example%22").get_json()
    assert [one["id"] for one in listed["Resources"]] == [ada]

"""The order of results (RFC 7644 section 3.4.2.3), on both databases."""

import pytest

from connector.edges.scim.errors import ScimError
from connector.edges.scim.schema import TABLES
from connector.edges.scim.sorting import parse_sort
from tests.edge_client import ENTERPRISE, problem

USERS = TABLES["Users"]


@pytest.fixture
def in_order(client):
    """The userNames in an order, as the client sees it."""
    people = [
        {"userName": "b", "displayName": "Äb", "title": "x", "externalId": "2", "active": False},
        {"userName": "C", "displayName": "äa", "emails": [{"value": "z@x"}, {"value": "A@x", "primary": True}]},
        {"userName": "a", "displayName": "Zz", "title": "X", "externalId": "10", "emails": [{"value": "b@x", "type": "w"}, {}]},
        {"userName": "ß", "name": {"familyName": "F"}, **{ENTERPRISE: {"department": "D"}}},
    ]  # fmt: skip
    for one in people:
        client.make("Users", **one)

    def order(by, direction="ascending"):
        page = client.get("/Users", sortBy=by, sortOrder=direction).get_json()
        return [one["userName"] for one in page["Resources"]]

    return order


def test_every_attribute_has_one_order_on_every_database(in_order):
    as_made = ["b", "C", "a", "ß"]

    def then(*names):
        return [*names, *(one for one in as_made if one not in names)]

    expected = {
        "userName": ["a", "b", "C", "ß"],  # ß is ss
        "displayName": then("a", "C", "b"),
        "externalId": then("a", "b"),  # of this client, as texts; the others have none: last, as made
        "emails": then("C", "a"),  # the primary, else the first
        "emails.type": then("a"),
        "name.familyName": then("ß"),
        f"{ENTERPRISE}:department": then("ß"),
        "active": then("b"),
        "meta.created": then(),  # equal: as made
        "meta.version": then(),
        "title": [one for one in as_made if one in "ab"] + [one for one in as_made if one in "Cß"],
    }
    assert {by: in_order(by) for by in expected} == expected
    assert {by: in_order(by, "DESCENDING") for by in expected} == {by: names[::-1] for by, names in expected.items()}


@pytest.mark.parametrize(
    ("by", "direction"),
    [
        ("name", None),
        ("addresses", None),
        ("meta", None),
        ("password", None),
        ("groups.display", None),
        ("meta.location", None),
        ("shoeSize", None),
        (ENTERPRISE, None),
        ("userName", "upwards"),
    ],
)
def test_an_order_that_cannot_be_had_is_refused(by, direction):
    with pytest.raises(ScimError) as raised:
        parse_sort(USERS, by, direction)
    assert raised.value.scim_type == "invalidValue"


def test_no_order_is_asked_for_without_an_attribute():
    assert parse_sort(USERS, None, "descending") is None


def test_at_the_root_types_without_the_attribute_have_no_value(client):
    b = client.person("b", displayName="Äb", title="t")
    bot = client.agent("bot", displayName="aa")
    group = client.group("Mm")
    app = client.make("AgenticApplications", name="z")["id"]

    def order(**query):
        page = client.get("/", **query).get_json()
        return [one["id"] for one in page["Resources"]]

    assert order(sortBy="displayName") == [bot, group, b, app]
    assert order(sortBy="displayName", sortOrder="descending") == [app, b, group, bot]
    assert order(sortBy="title") == [b, bot, group, app]
    assert order(sortBy="name") == [bot, app, b, group]
    assert order(sortBy="meta.created", sortOrder="descending") == [app, group, bot, b]
    assert [one["id"] for one in client.search("", sortBy="displayName").get_json()["Resources"]] == [
        bot,
        group,
        b,
        app,
    ]
    walked, cursor = [], ""
    while cursor is not None:
        page = client.get("/", sortBy="displayName", count=1, cursor=cursor).get_json()
        walked += [one["id"] for one in page["Resources"]]
        cursor = page.get("nextCursor")
    assert walked == [bot, group, b, app]
    problem(client.get("/", sortBy="shoeSize"), 400, "invalidValue", "shoeSize")
    problem(client.get("/", sortBy="title", sortOrder="upwards"), 400, "invalidValue", "sortOrder")

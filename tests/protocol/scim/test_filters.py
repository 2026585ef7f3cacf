"""The filter language (RFC 7644 section 3.4.2.2), by example; test_filters_differ.py compares its readings at random."""

import pytest
import sqlalchemy as sa

from connector.core.match import matches
from connector.core.query import FALSE, comparison_key
from connector.edges.scim.errors import ScimError
from connector.edges.scim.filters import parse_filter
from connector.edges.scim.profiles import PROFILES
from connector.edges.scim.schema import TABLES
from tests.edge_client import AGENT, ENTERPRISE, GOVERNANCE, GROUP, USER, problem

USERS = TABLES["Users"]
ADA = {
    "id": "usr-1",
    "userName": "Ada",
    "active": True,
    "profileUrl": "https://x/Ada",
    "emails": [{"type": "work", "value": "a@x", "primary": True}, {"type": "home", "value": "b@y"}],
    ENTERPRISE: {"department": "Ops", "manager": {"value": "usr-2"}},
    "meta": {"created": "2027-03-01T12:00:00.000Z", "resourceType": "User"},
}


def holds(text, **options):
    return matches(parse_filter(USERS, text, root="https://x/scim/v2", **options), ADA)


@pytest.mark.parametrize(
    "text",
    [
        'userName eq "x" and userName eq "y" or active eq true',  # and binds before or
        'active eq true or userName eq "x" and userName eq "y"',
        'not (userName eq "x") and active eq true',  # not binds before and
        'NOT(userName EQ "x" OR username Sw "y")',
        "( ( active   eq\ttrue ) )",
        'USERNAME eq "ADA"',
        'userName eq "\\u0041da"',
        f'{USER}:userName eq "ada"',
        f'{ENTERPRISE.upper()}:DEPARTMENT eq "ops"',
        f'{ENTERPRISE}:manager.value eq "usr-2"',
        f"{ENTERPRISE} pr",
        'id eq "usr-1" and not (id eq "USR-1")',  # caseExact
        'not (profileUrl eq "https://x/ada")',
        'title ne "x" and title eq null and not (title pr) and not (title co "x") and not (title gt "a")',
        "userName ne null and userName pr and emails pr and meta pr",
        'userName co "D" and userName sw "a" and userName ew "DA"',
        'userName gt "aa" and userName ge "ADA" and userName lt "adb" and userName le "ada"',
        'emails eq "a@x" and emails.value co "@" and emails.type eq "HOME"',
        'emails.type eq "work" and emails.value eq "b@y"',  # two elements
        'not (emails[type eq "work" and value eq "b@y"])',  # one element
        'emails[type eq "work" and (value sw "b" or not (value ne "a@x"))]',
        'emails[type eq "work"].value eq "a@x" and emails[type eq "home"].value ne "a@x"',
        'emails[primary eq "True"].value eq "a@x"',
        'not (emails.value ne "a@x")',  # ne: none equals
        'emails.value ne "c@z" and roles.value ne "x" and roles eq null',
        'meta.created eq "2027-03-01T13:00:00+01:00" and meta.created gt "2027-03-01T13:59:59.999+02:00"',
        'meta.resourceType eq "User" and meta.resourceType ne "Group"',
        f'schemas eq "{USER}" and schemas eq "{ENTERPRISE}" and schemas ne "{GROUP}"',
        'name[givenName ne "x"] or active eq true',
        f'{ENTERPRISE}:manager.$ref eq "https://x/scim/v2/Users/usr-2" and {ENTERPRISE}:manager.$ref pr',
        'meta.location eq "https://x/scim/v2/Users/usr-1" and meta.location sw "https" and meta.location co "/scim/v2/Users/usr-"',
    ],
)
def test_it_holds_for_ada(text):
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "userName",
        "userName eq",
        "userName eq 'Ada'",
        "userName eq Ada",
        'userName eq "Ada',
        'userName is "Ada"',
        "userName eq 1",
        'not userName eq "Ada"',
        "not not (userName pr)",
        'userName eq "a" userName eq "b"',
        'userName eq "a" and',
        'and userName eq "a"',
        '(userName eq "a"',
        'userName eq "a")',
        "()",
        "emails[]",
        'emails[type eq "work"',
        'emails[type eq "work"].shoe eq "x"',
        'emails[emails[type eq "work"]]',
        'emails[shoe eq "x"]',
        'userName[value eq "x"]',
        'emails.value.x eq "x"',
        'shoeSize eq "44"',
        'urn:none:User:userName eq "x"',
        f'{ENTERPRISE} eq "x"',
        'name eq "x"',
        "active gt true",
        "active co true",
        'active eq "perhaps"',
        "active eq 1",
        'x509Certificates.value gt "AAEC"',
        'x509Certificates.value co "AAEC"',
        'meta.created co "2027"',
        'meta.created gt "yesterday"',
        "userName gt null",
        "userName co null",
        'password eq "x"',
        "password pr",
        "meta.location eq 1",
        "groups[$ref eq x]",
        'userName eq "a\\u0000"',
        "(" * 11 + "userName pr" + ")" * 11,
        "not (" * 2000,
        "[" * 2000,
        " or ".join(["userName pr"] * 51),
        f'userName eq "{"x" * 4096}"',
    ],
)
def test_what_cannot_be_read_is_refused(text):
    with pytest.raises(ScimError) as raised:
        parse_filter(USERS, text)
    assert raised.value.scim_type == "invalidFilter"
    assert len(raised.value.detail) < 200


def test_nesting_and_terms_reach_to_their_bounds():
    assert holds("(" * 10 + "userName pr" + ")" * 10)
    assert holds(" or ".join(["userName pr"] * 50))


def test_a_strict_client_writes_booleans_as_booleans():
    with pytest.raises(ScimError):
        holds('active eq "true"', profile=PROFILES["strict"])
    assert holds('active eq "true"')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('members.value eq "x"', False),
        ('members.value ne "x"', True),
        ("members eq null", True),
        ("members pr", False),
        ("not (members pr)", True),
        ('members[value eq "x" and type pr]', False),
        ('members[value eq "x"].type eq "User"', False),
        ('emails[shoe eq "x"]', False),
        ('emails[type eq "work"].shoe ne "x"', True),
        ('urn:none:User:shoe ne "x"', True),
        ('members eq "x" or meta.resourceType eq "User"', True),
    ],
)
def test_across_types_an_attribute_that_the_type_does_not_define_has_no_value(text, expected):
    assert holds(text, across_types=True) is expected


def test_across_types_the_grammar_still_holds():
    with pytest.raises(ScimError):
        holds("members is 1", across_types=True)
    assert parse_filter(USERS, 'shoe eq "x"', across_types=True) == FALSE


# -- what is in columns and in rows of other tables, over HTTP on both databases ---------------------------------------


def test_people_are_found_by_what_is_stored_beside_the_document(client):
    ada = client.person("Ada_1", externalId="X1", displayName="Ada")
    bob = client.person("bobX1", active=False)
    group = client.group("Ops", ada)
    expected = {
        'userName sw "ADA_"': [ada],
        'userName co "x"': [bob],
        'userName co "_"': [ada],
        'userName ew "1"': [ada, bob],
        'userName gt "b"': [bob],
        'userName ne "ada_1"': [bob],
        'externalId eq "X1"': [ada],
        'externalId eq "x1"': [],
        'externalId sw "X"': [ada],
        'externalId ne "X1"': [bob],
        "externalId pr": [ada],
        "not (externalId pr)": [bob],
        "active eq false": [bob],
        "active ne false": [ada],
        'groups.display eq "OPS"': [ada],
        'groups.display co "p"': [ada],
        'groups.type eq "direct"': [ada],
        f'groups eq "{group}"': [ada],
        f'groups ne "{group}"': [bob],
        f'groups[value eq "{group}" and display ne "x"]': [ada],
        "groups pr": [ada],
        "not (groups pr)": [bob],
        'meta.version eq "W/\\"1\\""': [ada, bob],
        'meta.lastModified ge "2027-03-01T12:00:00Z"': [ada, bob],
        f'id eq "{ada}" or id eq "{bob}" and active eq true': [ada],
        f'schemas eq "{ENTERPRISE}"': [],
        'meta.resourceType eq "Group"': [],
    }
    assert {text: client.found("Users", text) for text in expected} == {t: sorted(e) for t, e in expected.items()}


def test_groups_are_found_by_their_members(client):
    ada, bot = client.person("ada"), client.agent("bot")
    both, empty = client.group("both", ada, bot), client.group("Empty")
    expected = {
        'displayName eq "EMPTY"': [empty],
        'displayName sw "b"': [both],
        'members.type eq "agent"': [both],
        'members.display eq "ADA"': [both],
        f'members[value eq "{ada}" and type eq "User"]': [both],
        f'members[value eq "{ada}" and type eq "Agent"]': [],
        f'members.value eq "{ada}" and members.type eq "Agent"': [both],
        f'id eq "{both}" and members eq "{bot}"': [both],
        f'members[value eq "{ada}" or value eq "{bot}"]': [both],
        f'members ne "{ada}"': [empty],
        "members pr": [both],
        "members eq null": [empty],
    }
    assert {text: client.found("Groups", text) for text in expected} == expected


def test_agents_are_found_by_their_owners(client):
    ada, team = client.person("ada", displayName="Äda"), client.group("team")
    owned = client.agent("owned", owners=[{"value": team}, {"value": ada, "primary": True}])
    kept = client.agent("kept", owners=[{"value": team}], **{GOVERNANCE: {"sponsor": {"value": ada}}})
    free = client.agent("free")
    expected = {
        f'owners[value eq "{ada}" and primary eq true]': [owned],
        f'owners[value eq "{team}" and not (primary eq true)]': [owned],
        'owners.type eq "User"': [owned],
        'owners.display eq "äDA"': [owned],
        "not (owners pr)": [free],
        f'{GOVERNANCE}:sponsor.display eq "äda"': [kept],
        f'{GOVERNANCE}:sponsor[value eq "{ada}"]': [kept],
        f"{GOVERNANCE}:sponsor eq null": [free, owned],
        f'{AGENT}:name eq "FREE"': [free],
    }
    found = {text: client.found("Agents", text) for text in expected}
    assert found == {text: sorted(ids) for text, ids in expected.items()}


def test_the_answer_of_a_refused_filter_says_why(client):
    problem(client.get("/Users", filter='shoeSize eq "44"'), 400, "invalidFilter", "shoeSize")


def test_folding_is_the_same_function_on_every_database(database):
    """PostgreSQL's is made from Python's tables: every character that has a case, and some that compose."""
    texts = [chr(code) for code in range(0x20, 0x1FFFF) if chr(code).casefold() != chr(code)]
    texts += ["Straße", "ΣΊΣΥΦΟΣ", "u\u0308", "\u0130stanbul", "A" * 50, "日本語", "", "a\u0301B"]
    with database.snapshot() as tx:
        found = [tx.execute(sa.select(sa.func.fold(text))).scalar_one() for text in texts[-8:]]
        joined = tx.execute(sa.select(sa.func.fold("\n".join(texts)))).scalar_one()
    assert found == [comparison_key(text) for text in texts[-8:]]
    assert joined == comparison_key("\n".join(texts))

"""Filters on `$ref` and `meta.location`: found in SQL, on both databases, what evaluators find in the answers themselves."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scim2_models import ScimFilter, ScimPolicy

from connector.edges.scim import governance_models, models
from connector.edges.scim.errors import ScimError
from connector.edges.scim.patch_paths import parse_path
from connector.edges.scim.profiles import PROFILES
from connector.edges.scim.schema import TABLES
from tests.conftest import BASE_URL
from tests.edge_client import ENTERPRISE, GOVERNANCE, EdgeClient, problem

ROOT = f"{BASE_URL}/scim/v2"
MODELS = {
    "Users": models.User[models.EnterpriseUser],
    "Groups": models.Group,
    "Agents": models.Agent[governance_models.Governance],
    "AgenticApplications": models.AgenticApplication,
}
ASKED = {
    "Users": ["meta.location", "groups.$ref", f"{ENTERPRISE}:manager.$ref"],
    "Groups": ["meta.location", "members.$ref"],
    "Agents": ["meta.location", "owners.$ref", "parent.$ref", "applications.$ref", f"{GOVERNANCE}:sponsor.$ref"],
    "AgenticApplications": ["agents.$ref"],
}


@pytest.fixture
def world(new_client) -> Iterator[tuple[EdgeClient, dict[str, list[dict]]]]:
    """Resources that refer to each other in every way, and how they are answered."""
    client = new_client("superset", dialect="superset")
    boss = client.person("boss")
    ada = client.person("ada", **{ENTERPRISE: {"manager": {"value": boss}}})
    client.person("bob", **{ENTERPRISE: {"manager": {"value": boss, "$ref": f"../Users/{boss}"}}})
    crew = client.group("crew", ada)
    owners = [{"value": ada, "primary": True}, {"value": crew}]
    bot = client.agent("bot", owners=owners, **{GOVERNANCE: {"sponsor": {"value": crew}}})
    child = client.agent("child", parent={"value": bot}, **{GOVERNANCE: {"sponsor": {"value": boss}}})
    client.group("all", crew, bot, boss)
    client.group("none")
    client.make("AgenticApplications", name="ap", agents=[{"value": bot, "type": "owned"}])
    client.make("AgenticApplications", name="other", agents=[{"value": child}])
    yield client, {endpoint: client.get(f"/{endpoint}").get_json()["Resources"] for endpoint in MODELS}


OPERATORS = {
    "eq": str.__eq__,
    "co": str.__contains__,
    "sw": str.startswith,
    "ew": str.endswith,
    "gt": str.__gt__,
    "ge": str.__ge__,
    "lt": str.__lt__,
    "le": str.__le__,
}
_PARTS = st.tuples(st.integers(0, len(ROOT) + 12), st.integers(0, 80))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_references_are_searched_by_as_they_are_answered(world, data):
    client, answers = world
    endpoint, name = data.draw(st.sampled_from([(one, name) for one in ASKED for name in ASKED[one]]))
    operator = data.draw(st.sampled_from([*OPERATORS, "ne", "pr", "eq null"]))
    known = sorted(
        {ref for one in answers.values() for shown in one for path in ASKED_OF_ALL for ref in _at(shown, path)}
    )
    begin, length = data.draw(_PARTS)
    part = data.draw(st.sampled_from(known))
    part = data.draw(st.sampled_from([part, part[begin:], part[: begin + length // 4], part[begin : begin + length]]))
    text = f"{name} {operator}" if operator in ("pr", "eq null") else f'{name} {operator} "{part}"'

    found = set(client.found(endpoint, text))

    assert found == {one["id"] for one in answers[endpoint] if _holds(_at(one, name), operator, part)}, text
    with ScimPolicy(unknown=ScimPolicy.Unknown.ignore):
        asked = ScimFilter[MODELS[endpoint]](text)
        theirs = {one["id"] for one in answers[endpoint] if asked.match(MODELS[endpoint].model_validate(one))}
    assert found == theirs, text


ASKED_OF_ALL = sorted({name for names in ASKED.values() for name in names})


def _at(shown: dict, name: str) -> list[str]:
    """The references in an answer that a path leads to."""
    urn, _, path = name.rpartition(":")
    first, last = path.split(".")
    held = (shown.get(urn, {}) if urn else shown).get(first, [])
    return [one[last] for one in (held if isinstance(held, list) else [held]) if last in one]


def _holds(found: list[str], operator: str, part: str) -> bool:
    if operator in ("pr", "eq null"):
        return bool(found) == (operator == "pr")
    if operator == "ne":
        return part not in found
    return any(OPERATORS[operator](one, part) for one in found)


def test_an_index_leads_to_a_reference_that_is_equal(world):
    client, answers = world
    [ada] = [one["id"] for one in answers["Users"] if one["userName"] == "ada"]
    own = f"{ROOT}/Users/{ada}"
    assert client.found("Groups", f'members[$ref eq "{own}" and type eq "User"]') == client.found(
        "Groups", f'members.value eq "{ada}"'
    )
    assert client.found("Groups", f'members.$ref eq "{ROOT}/Agents/{ada}"') == []
    assert client.found("Users", f'meta.location eq "{own}" and id eq "{ada}"') == [ada]
    everywhere = client.get("/", filter=f'meta.location eq "{own}" or members.$ref eq "{own}"').get_json()
    assert everywhere["totalResults"] == 2


def test_a_patch_path_names_ids_and_not_references(client):
    problem(client.get("/Groups", filter="members.$ref gt 1"), 400, "invalidFilter", "members.$ref")
    with pytest.raises(ScimError) as raised:
        parse_path(TABLES["Groups"], 'members[$ref eq "x"]', PROFILES["default"])
    assert (raised.value.scim_type, "use members.value" in raised.value.detail) == ("invalidFilter", True)

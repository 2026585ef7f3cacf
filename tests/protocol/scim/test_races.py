"""Requests that race for one value: one of them gets it, the others are told, and nothing is half-done."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from tests.edge_client import EdgeClient

RACERS = 4


def race(app, client, change):
    """The status codes of that many requests at the same time, each over a connection of its own."""
    start = Barrier(RACERS)

    def run(number):
        mine = EdgeClient(app.test_client(), client.bearer)
        start.wait()
        return change(mine, number).status_code

    with ThreadPoolExecutor(RACERS) as pool:
        return sorted(pool.map(run, range(RACERS)))


@pytest.mark.parametrize("endpoint", ["Users", "Agents", "Groups"])
def test_of_creations_that_race_for_an_external_id_one_wins(app, client, endpoint):
    name = {"Users": "userName", "Agents": "agentUserName", "Groups": "displayName"}[endpoint]

    codes = race(
        app, client, lambda mine, number: mine.post(endpoint, externalId="wanted", **{name: f"racer-{number}"})
    )

    assert codes == [201, 409, 409, 409]
    assert client.get(f"/{endpoint}").get_json()["totalResults"] == 1


def test_of_creations_that_race_for_a_name_one_wins(app, client):
    codes = race(app, client, lambda mine, number: mine.post("Agents", agentUserName="Wanted"))

    assert codes == [201, 409, 409, 409]


def test_of_changes_that_race_for_an_external_id_one_wins(app, client, events):
    ids = [client.agent(f"racer-{number}") for number in range(RACERS)]

    codes = race(
        app,
        client,
        lambda mine, number: mine.patch("Agents", ids[number], {"op": "add", "path": "externalId", "value": "wanted"}),
    )

    assert codes == [200, 409, 409, 409]
    assert len(client.found("Agents", 'externalId eq "wanted"')) == 1
    assert events().count("agent:changed") == 1


def test_members_who_are_added_at_the_same_time_are_all_there(app, client):
    people = [client.person(f"racer-{number}") for number in range(RACERS)]
    group = client.group("crew")

    codes = race(
        app,
        client,
        lambda mine, number: mine.patch(
            "Groups", group, {"op": "add", "path": "members", "value": [{"value": people[number]}]}
        ),
    )

    assert codes == [200] * RACERS
    shown = client.get(f"/Groups/{group}").get_json()
    assert {one["value"] for one in shown["members"]} == set(people)
    assert shown["meta"]["version"] == f'W/"{1 + RACERS}"'


def test_changes_of_different_attributes_at_the_same_time_are_all_kept(app, client):
    ada = client.person("ada")
    names = ["title", "nickName", "displayName", "locale"]

    race(
        app,
        client,
        lambda mine, number: mine.patch("Users", ada, {"op": "add", "path": names[number], "value": "x"}),
    )

    assert {name: client.get(f"/Users/{ada}").get_json().get(name) for name in names} == dict.fromkeys(names, "x")

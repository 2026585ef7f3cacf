"""The database goes away under a running service: 503 with Retry-After, and by itself back to work."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import requests
import sqlalchemy as sa

from tests.acceptance.road import CORE, Connector, wait_for
from tests.servers.postgres import PostgresServer


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    made = PostgresServer.start()
    yield made
    made.stop()


@pytest.fixture
def connector(tmp_path: Path, server: PostgresServer) -> Iterator[Connector]:
    road = Connector(tmp_path, database_url=server.url, with_worker=False)
    road.start()
    yield road
    road.stop()


def asked(connector: Connector) -> list[requests.Response]:
    """One request of each kind that needs the database."""
    person = {"schemas": [f"{CORE}:User"], "userName": "somebody"}
    return [
        connector.http.get(f"{connector.url}/scim/v2/Users", headers=connector.headers),
        connector.http.post(f"{connector.url}/scim/v2/Users", json=person, headers=connector.headers),
        connector.http.post(
            f"{connector.url}/oauth/token", {"grant_type": "client_credentials"}, auth=connector.client
        ),
        connector.http.get(f"{connector.url}/readyz"),
    ]


def test_while_the_database_is_down_answers_are_503_and_afterwards_all_works_again(
    connector: Connector, server: PostgresServer
) -> None:
    kept = connector.add_person("kept")
    for _ in range(3):
        asked(connector)
    server.pause()

    for _ in range(3):
        for answer in asked(connector):
            assert answer.status_code == 503, (answer.url, answer.text)
            assert int(answer.headers["Retry-After"]) >= 1
    assert connector.http.get(f"{connector.url}/healthz").status_code == 200
    server.resume()

    assert [answer.status_code for answer in asked(connector)] == [200, 409, 200, 200]
    assert connector.scim("GET", f"/Users/{kept}", status=200)["userName"] == "kept"


def test_killed_connections_cost_each_at_most_one_answer(connector: Connector, server: PostgresServer) -> None:
    for _ in range(3):
        asked(connector)
    url = sa.make_url(server.url)
    with psycopg.connect(host=url.host, port=url.port, user=url.username, dbname="postgres", autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (url.database,)
        )

    first = [answer for answer in asked(connector) if answer.status_code >= 500]

    assert all(answer.status_code == 503 and answer.headers["Retry-After"] for answer in first)
    wait_for(lambda: all(answer.status_code < 500 for answer in asked(connector)))
    assert [answer.status_code for _ in range(5) for answer in asked(connector)] == [200, 409, 200, 200] * 5

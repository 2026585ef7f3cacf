"""Trouble on the way: killed workers and targets that fail. Nothing is lost, nothing is doubled, nobody else is held up."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.acceptance.road import Connector, wait_for
from tests.servers.process import ServerProcess
from tests.servers.scim2_server import Scim2Server

AGENTS = 200


@pytest.fixture
def idp(tmp_path: Path) -> Iterator[Scim2Server]:
    server = Scim2Server.start(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def connector(tmp_path: Path, idp: Scim2Server, database_url: str) -> Iterator[Connector]:
    url = database_url if database_url.startswith("postgresql") else ""
    road = Connector(tmp_path, database_url=url, secrets={"IDP_TOKEN": idp.token}, with_worker=False)
    road.start()
    road.run(
        "target", "add", "idp", "--mapping", "scim", "--option", f"url={idp.url}", "--option", "token=env:IDP_TOKEN"
    )
    yield road
    road.stop()


def accounts(idp: Scim2Server) -> Counter[str]:
    answer = requests.get(f"{idp.url}/Users?count=1000", headers=idp.headers, timeout=10).json()
    return Counter(one["userName"] for one in answer["Resources"])


@pytest.fixture
def worker(connector: Connector) -> Iterator[ServerProcess]:
    process = connector.worker()
    yield process
    process.stop()


def test_a_worker_killed_amid_200_pushes_leaves_every_account_once(
    connector: Connector, idp: Scim2Server, worker: ServerProcess
) -> None:
    owner = connector.add_person("owner")
    for number in range(AGENTS):
        connector.add_agent(f"agent-{number:03}", owner)
    worker.start()
    wait_for(lambda: len(accounts(idp)) > AGENTS // 8)

    worker.kill()
    cut_off_at = len(accounts(idp))
    worker.start()
    wait_for(lambda: connector.run("target", "list")[0]["pending"] == 0)

    assert cut_off_at < AGENTS
    assert accounts(idp) == Counter({f"agent-{number:03}": 1 for number in range(AGENTS)})
    assert connector.run("target", "list")[0]["failed"] == 0


def test_a_target_that_is_down_for_a_while_loses_nothing_and_holds_up_no_other(
    connector: Connector, idp: Scim2Server, worker: ServerProcess
) -> None:
    connector.run("target", "add", "other", "--mapping", "memory")
    owner = connector.add_person("owner")
    idp.pause()
    worker.start()
    connector.add_agent("patient", owner)

    def states() -> dict[str, dict[str, object]]:
        return {one["name"]: one for one in connector.run("target", "list")}

    wait_for(lambda: states()["other"]["state"] == "ready" and states()["other"]["lastSuccess"])
    told = wait_for(lambda: states()["idp"]["problem"] and states()["idp"])
    assert "refused the connection" in told["problem"]
    assert told["pending"] == 1
    idp.resume()

    wait_for(lambda: accounts(idp) == Counter({"patient": 1}))
    wait_for(lambda: states()["idp"]["state"] == "ready")

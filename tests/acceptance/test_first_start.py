"""What `make run` does on a machine that has nothing yet."""

import os
import re
import sys
from pathlib import Path

import requests

from tests.servers.process import ServerProcess, accepts_connections, free_port


def test_the_first_start_prints_a_client_that_works_and_the_second_prints_none(tmp_path: Path) -> None:
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CONNECTOR_")}
    environment |= {"CONNECTOR_DATA_DIR": str(tmp_path / "var"), "CONNECTOR_PORT": str(port)}
    told = []
    for start in ("first", "second"):
        log = tmp_path / f"{start}.log"
        program = str(Path(sys.executable).with_name("connector"))
        process = ServerProcess(
            "connector",
            [program, "serve"],
            log=log,
            ready=lambda: accepts_connections(port),
            timeout=60,
            env=environment,
        )
        process.start()
        try:
            if start == "first":
                id, secret = re.findall(r"client (?:id|secret) +(\S+)", log.read_text())
            url = f"http://127.0.0.1:{port}/oauth/token"
            answer = requests.post(url, {"grant_type": "client_credentials"}, auth=(id, secret), timeout=20)
            assert answer.status_code == 200
        finally:
            process.stop()
        told.append("administrator" in log.read_text())
    assert told == [True, False]

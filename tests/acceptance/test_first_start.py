"""What `make run` does on a machine that has nothing yet."""

import os
import re
import subprocess
import sys
from pathlib import Path

import requests

from tests.servers.availability import require
from tests.servers.process import ServerProcess, accepts_connections, free_port

ROOT = Path(__file__).parents[2]


def the_readme_says(environment: dict[str, str], port: int) -> None:
    """What README has under "A first agent", word for word, but for the port."""
    [script] = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    folder = environment["CONNECTOR_DATA_DIR"]
    (Path(folder) / ".venv").symlink_to(Path(sys.executable).parents[1])
    told = subprocess.run(
        ["sh", "-euc", script.replace(":8080", f":{port}")], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert re.search("^invoice-matcher +agt-.* active ", told.stdout, re.MULTILINE)
    assert '"active":false' in told.stdout and "Everything fits." in told.stdout


def test_the_first_start_prints_a_client_that_works_and_the_second_prints_none(tmp_path: Path) -> None:
    require("curl")  # the README's commands use it
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
            if start == "first":
                the_readme_says(environment, port)
        finally:
            process.stop()
        told.append("administrator" in log.read_text())
    assert told == [True, False]

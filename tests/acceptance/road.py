"""The road for acceptance tests: a connector as its own process, and what HR, an agent and an operator do to it over HTTP."""

import base64
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import requests
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwk, jwt

from tests.acceptance import commands
from tests.servers.pki import self_signed
from tests.servers.process import ServerProcess, accepts_connections, free_port

CORE = "urn:ietf:params:scim:schemas:core:2.0"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_PATIENCE = 60.0  # seconds
_CONNECTOR = str(Path(sys.executable).with_name("connector"))


@dataclass
class Connector:
    """A running connector with a fresh data folder (and, where given, a database by URL)."""

    folder: Path
    database_url: str = ""
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    with_worker: bool = True

    def __post_init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = self.folder / "connector.log"
        self.http = requests.Session()
        self.http.trust_env = False
        options = [] if self.with_worker else ["--no-worker"]
        self.process = self._process("connector", "serve", *options)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CONNECTOR_")}
        own = {
            "CONNECTOR_DATA_DIR": str(self.folder / "var"),
            "CONNECTOR_PORT": str(self.port),
            "CONNECTOR_LEASE_SECONDS": "3",
        }
        if self.database_url:
            own["CONNECTOR_DATABASE_URL"] = self.database_url
        return {**kept, **own, **self.secrets}

    def _process(self, name: str, *arguments: str) -> ServerProcess:
        def ready() -> bool:
            return name != "connector" or accepts_connections(self.port)

        log = self.folder / f"{name}.log"
        return ServerProcess(name, [_CONNECTOR, *arguments], log=log, ready=ready, env=self.environment, timeout=30)

    def start(self) -> None:
        self.process.start()
        made = self.run("client", "create", "hr", "--scope", "scim", "--scope", "introspect", "--static-bearer")
        self.client = (made["client_id"], made["client_secret"])
        answer = self.http.post(f"{self.url}/oauth/token", {"grant_type": "client_credentials"}, auth=self.client)
        self.headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def worker(self, name: str = "worker") -> ServerProcess:
        """A worker process of its own, not yet started."""
        return self._process(name, "worker")

    def stop(self) -> None:
        self.process.stop()

    def run(self, *arguments: str, status: int = 0) -> Any:
        """A command with --json; its parsed output."""
        done = self.call(*arguments, "--json")
        assert done.returncode == status, done.stderr + done.stdout
        return orjson.loads(done.stdout) if done.stdout.strip() else done.stderr

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command as an operator gives it."""
        return commands.call(arguments, self.environment)

    def scim(self, method: str, path: str, body: dict[str, Any] | None = None, *, status: int = 201) -> dict[str, Any]:
        answer = self.http.request(method, f"{self.url}/scim/v2{path}", json=body, headers=self.headers)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else {}

    def add_person(self, user_name: str) -> str:
        return str(self.scim("POST", "/Users", {"schemas": [f"{CORE}:User"], "userName": user_name})["id"])

    def add_group(self, name: str, *members: str) -> str:
        body = {"schemas": [f"{CORE}:Group"], "displayName": name, "members": [{"value": one} for one in members]}
        return str(self.scim("POST", "/Groups", body)["id"])

    def add_agent(self, name: str, owner: str, **more: Any) -> "Agent":
        keys = self_signed(name)
        pem = keys.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        certificate = base64.b64encode(keys.certificate.public_bytes(Encoding.DER)).decode()
        body = {
            "schemas": [f"{CORE}:Agent"],
            "agentUserName": name,
            "displayName": f"The {name}",
            "owners": [{"value": owner}],
            "x509Certificates": [{"value": certificate}],
            **more,
        }
        return Agent(self, self.scim("POST", "/Agents", body)["id"], name, jwk.import_key(pem, "EC"))

    def set_active(self, agent: "Agent", active: bool) -> None:
        body = {"schemas": [PATCH], "Operations": [{"op": "replace", "path": "active", "value": active}]}
        self.scim("PATCH", f"/Agents/{agent.id}", body, status=200)

    def events(self) -> list[dict[str, Any]]:
        """Every audit event."""
        done = self.call("audit", "export")
        assert done.returncode == 0, done.stderr
        return [orjson.loads(line) for line in done.stdout.splitlines()]

    def introspect(self, token: str) -> dict[str, Any]:
        told: dict[str, Any] = self.http.post(f"{self.url}/oauth/introspect", {"token": token}, auth=self.client).json()
        return told


@dataclass(frozen=True)
class Agent:
    """An agent with its own key."""

    connector: Connector
    id: str
    name: str
    key: Any = field(repr=False)

    def ask_for_token(self) -> requests.Response:
        now = int(time.time())
        claims = {
            "iss": self.id,
            "sub": self.id,
            "aud": self.connector.url,
            "exp": now + 60,
            "jti": os.urandom(8).hex(),
        }
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": jwt.encode({"alg": "ES256"}, claims, self.key),
        }
        return self.connector.http.post(f"{self.connector.url}/oauth/token", form)


def wait_for(look: Callable[[], Any]) -> Any:
    """What `look` finds as soon as it finds something. The patience is for machines that are busy: no test is about time."""
    deadline = time.monotonic() + _PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, f"nothing came within {_PATIENCE} s"
        time.sleep(0.05)
    return found

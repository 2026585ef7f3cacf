"""Canaille, an identity provider of another maker with a SCIM server of awkward habits, in a venv of its own.

Its SCIM libraries are years behind ours and cannot share an environment with them.
"""

from pathlib import Path
from typing import Self

import requests

from tests.servers import foreign
from tests.servers.process import HOST, ServerError, ServerProcess, accepts_connections, free_port

PINS = ("canaille[front,oidc,scim,server,sqlite]==0.3.6", "scim2-models==0.6.12", "scim2-client==0.7.5")
_APP = Path(__file__).with_name("canaille_app.py")
_TOKEN = "canaille-scim-token"


def venv() -> Path:
    """The interpreter of the venv, made now if there is none."""
    return foreign.venv("canaille", PINS)


class Canaille:
    """`url` is the SCIM base URL; every request needs `Authorization: Bearer <token>`."""

    token = _TOKEN

    def __init__(self, directory: Path, interpreter: Path) -> None:
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}/scim/v2"
        self.log = directory / "canaille.log"
        # -I: neither our PYTHONPATH nor our working directory may reach into the other venv
        command: list[str | Path] = [interpreter, "-I", _APP, str(self.port), directory / "canaille.sqlite", self.token]
        self._process = ServerProcess(
            "canaille", command, log=self.log, ready=lambda: accepts_connections(self.port), timeout=60
        )

    @classmethod
    def start(cls, directory: Path) -> Self:
        """With an empty database in `directory`; the first start on a machine installs Canaille."""
        directory.mkdir(parents=True, exist_ok=True)
        server = cls(directory, venv())
        server._process.start()
        return server

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def add_person(self, user_name: str, *, family_name: str | None = None) -> str:
        """Somebody who is there before the connector comes; returns the id."""
        family_name = family_name or user_name
        body = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": user_name,
            "name": {"familyName": family_name, "formatted": family_name},
            "emails": [{"value": f"{user_name}@example.com"}],
            "active": True,
        }
        answer = requests.post(f"{self.url}/Users", json=body, headers=self.headers, timeout=10)
        if answer.status_code != requests.codes.created:
            raise ServerError(f"canaille answered {answer.status_code}: {answer.text[:2000]}\n{self._process.tail()}")
        return str(answer.json()["id"])

    def pause(self) -> None:
        """Take it down; the data stay."""
        self._process.stop()

    def resume(self) -> None:
        self._process.start()

    def stop(self) -> None:
        self._process.stop()

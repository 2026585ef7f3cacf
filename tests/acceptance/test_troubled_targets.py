"""Five targets in trouble, each in its own way, and one that is well, all at the same time: the worker and `connector target list`."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.road import Connector, wait_for
from tests.servers.process import free_port
from tests.unit.targets.small_server import Reply, Request, SmallServer, error, listed, serve

ASKED_WAIT = 6
_CONFIG = {"patch": {"supported": True}, "filter": {"supported": True}, "etag": {"supported": False}}
TROUBLES = {
    "failing": Reply(500, error(500, "disk full")),
    "busy": Reply(429, error(429), {"Retry-After": str(ASKED_WAIT)}),
    "hanging": Reply(hang=3.0),
    "closing": Reply(drop=True),
}
REASONS = {
    "failing": "failed (500): disk full",
    "busy": "asks us to wait (429)",
    "hanging": "did not answer",
    "closing": "closed the connection",
    "down": "refused the connection",
}


@dataclass
class Idp:
    """A SCIM service that keeps users. Its first creation is carried out and then not answered: `forgetful`."""

    users: list[dict[str, Any]] = field(default_factory=list)
    forgetful: bool = False

    def routes(self) -> dict[str, Any]:
        self._routes: dict[str, Any] = {
            "GET /ServiceProviderConfig": Reply(body=_CONFIG),
            "GET /Users": self._search,
            "POST /Users": self._create,
        }
        return self._routes

    def _search(self, request: Request) -> Reply:
        asked = re.search(r"filter=(\w+)\+eq\+%22(.*?)%22", request.path)
        found = [one for one in self.users if asked is None or one.get(asked[1]) == asked[2]]
        return Reply(body=listed(found))

    def _create(self, request: Request) -> Reply:
        user = {**request.body, "id": f"u{len(self.users) + 1}"}
        self.users.append(user)
        self._routes[f"GET /Users/{user['id']}"] = lambda _: Reply(body=user)
        self._routes[f"PATCH /Users/{user['id']}"] = lambda request: self._change(user, request)
        forgets, self.forgetful = self.forgetful, False
        return Reply(drop=True) if forgets else Reply(201, user)

    def _change(self, user: dict[str, Any], request: Request) -> Reply:
        for one in request.body["Operations"]:
            user.update({one["path"]: one["value"]} if "path" in one else one["value"])
        return Reply(body=user)

    @property
    def states(self) -> dict[str, bool]:
        return {one["userName"]: one["active"] for one in self.users}


@dataclass
class World:
    connector: Connector
    idps: dict[str, Idp]
    servers: dict[str, SmallServer]
    stack: ExitStack
    down_port: int

    def targets(self) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in self.connector.run("target", "list")}

    def mend(self) -> None:
        for server in self.servers.values():
            server.trouble = None
        self.servers["down"] = self.stack.enter_context(serve(self.idps["down"].routes(), port=self.down_port))


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    url = database_url if database_url.startswith("postgresql") else ""
    connector = Connector(tmp_path, database_url=url, secrets={"IDP_TOKEN": "very-secret-token"}, with_worker=False)
    with ExitStack() as stack:
        idps = {name: Idp() for name in ("well", *TROUBLES, "down")}
        idps["closing"].forgetful = True
        servers = {name: stack.enter_context(serve(idp.routes())) for name, idp in idps.items() if name != "down"}
        port = free_port()
        connector.start()
        stack.callback(connector.stop)
        for name in idps:
            options = [f"url={servers[name].url if name in servers else f'http://127.0.0.1:{port}'}"]
            options += ["token=env:IDP_TOKEN", "read_timeout=1"]
            given = [word for option in options for word in ("--option", option)]
            connector.run("target", "add", name, "--mapping", "scim", "--no-check", *given)
        for name, reply in TROUBLES.items():
            servers[name].trouble = reply
        yield World(connector, idps, servers, stack, port)


def test_targets_in_trouble_lose_nothing_hold_up_no_other_and_say_what_is_wrong(world: World) -> None:
    connector = world.connector
    owner = connector.add_person("owner")
    first, second, _ = [connector.add_agent(name, owner) for name in ("first", "second", "third")]
    worker = connector.worker()
    worker.start()
    world.stack.callback(worker.stop)

    # The one that is well gets everything at once.
    wait_for(lambda: world.idps["well"].states == {"first": True, "second": True, "third": True})
    # Each of the others is shown with its own trouble, and with all of its work.
    shown = wait_for(lambda: (now := world.targets()) and all(now[name]["problem"] for name in REASONS) and now)
    assert shown["well"]["state"] == "ready" and shown["well"]["problem"] is None
    for name, reason in REASONS.items():
        assert reason in shown[name]["problem"]
        assert (shown[name]["pending"], shown[name]["failed"]) == (3, 0)
        assert shown[name]["state"] in ("blocked", "retrying")
    assert shown["busy"]["state"] == "blocked" and shown["busy"]["blockedUntil"]
    table = connector.call("target", "list").stdout
    assert re.search(r"^busy +scim +blocked +3 +0 +0 +0 +20\S+Z +http\S+ asks us to wait \(429\)", table, re.M)
    assert re.search(r"^well +scim +ready +0 +0", table, re.M)
    # What changes meanwhile is not lost either, and reaches the one that is well at once.
    connector.set_active(second, False)
    wait_for(lambda: world.idps["well"].states["second"] is False)

    world.mend()

    wanted = {"first": True, "second": False, "third": True}
    wait_for(lambda: all(idp.states == wanted for idp in world.idps.values()))
    wait_for(lambda: all(one["state"] == "ready" for one in world.targets().values()))
    after = world.targets()
    assert [one["pending"] + one["failed"] for one in after.values()] == [0] * len(after)
    assert {one["problem"] for one in after.values()} == {None}
    # Nobody has two accounts, not even where the creation was carried out and never answered.
    assert {name: len(idp.users) for name, idp in world.idps.items()} == dict.fromkeys(world.idps, 3)
    assert first.id in {one["externalId"] for one in world.idps["closing"].users}
    # Whoever asked us to wait was left in peace for that long.
    asked_at = world.servers["busy"].requests[0].at
    assert [one for one in world.servers["busy"].requests[1:] if one.at < asked_at + ASKED_WAIT] == []

"""SCIM clients of other makers provision into a running connector over HTTP: they create, find, change and delete."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_models import PatchOp, PatchOperation, SearchRequest

from tests.acceptance.road import CORE, Connector
from tests.servers.availability import unavailable
from tests.servers.canaille import venv
from tests.servers.process import ServerError

_SCIM = str(Path(sys.executable).with_name("scim"))
_CANAILLE = Path(__file__).parents[1] / "servers" / "canaille_client.py"


@pytest.fixture
def connector(tmp_path: Path) -> Iterator[Connector]:
    road = Connector(tmp_path, with_worker=False)
    road.start()
    yield road
    road.stop()


def test_scim2_client_does_it_all(connector: Connector) -> None:
    with httpx2.Client(base_url=f"{connector.url}/scim/v2", headers=connector.headers, trust_env=False) as http:
        client = SyncSCIMClient(http)
        client.discover()
        User, Group = client.get_resource_model("User"), client.get_resource_model("Group")  # noqa: N806

        user = client.create(User(user_name="bjensen", display_name="Babs"))
        group = client.create(Group(display_name="tour guides", members=[Group.Members(value=user.id)]))
        found = client.query(User, query_parameters=SearchRequest(filter='userName eq "BJENSEN"'))
        user.title = "Guide"
        replaced = client.replace(user)
        changed = client.modify(
            User,
            user.id,
            PatchOp[User](
                operations=[PatchOperation(op=PatchOperation.Op.replace_, path="displayName", value="Barbara")]
            ),
        )

        assert [one.id for one in found.resources] == [user.id]
        assert (replaced.title, changed.display_name) == ("Guide", "Barbara")
        assert [one.value for one in client.query(Group, group.id).members] == [user.id]
        _change_members(client, user, group)
        client.delete(User, user.id)
        assert not client.query(Group, group.id).members
        client.delete(Group, group.id)
    assert connector.scim("GET", "/Groups", status=200)["totalResults"] == 0


def _change_members(client: SyncSCIMClient, user: Any, group: Any) -> None:
    """Adds a member, takes the first out, and puts the whole group with both; ends with the user alone."""
    User, Group = type(user), type(group)  # noqa: N806
    other = client.create(User(user_name="other"))

    def modify(op: PatchOperation.Op, path: str, value: Any = None) -> Any:
        operation = PatchOperation(op=op, path=path, value=value)
        return client.modify(Group, group.id, PatchOp[Group](operations=[operation]))  # type: ignore[valid-type]

    def members(answer: Any) -> set[str]:
        return {one.value for one in answer.members or []}

    both = modify(PatchOperation.Op.add, "members", [Group.Members(value=other.id, type="User")])
    assert members(both) == {user.id, other.id}
    assert members(modify(PatchOperation.Op.remove, f'members[value eq "{user.id}"]')) == {other.id}
    assert modify(PatchOperation.Op.replace_, "displayName", "guides").display_name == "guides"
    read = client.query(Group, group.id)  # it sends the version that it has read as If-Match
    read.members = [Group.Members(value=user.id), Group.Members(value=other.id)]
    assert members(client.replace(read)) == {user.id, other.id}
    client.delete(User, other.id)
    assert members(client.query(Group, group.id)) == {user.id}


def test_scim2_cli_does_it_all(connector: Connector) -> None:
    def scim(*words: str) -> Any:
        environment = {**os.environ, "SCIM_CLI_HEADERS": f"Authorization: {connector.headers['Authorization']}"}
        command = [_SCIM, "--url", f"{connector.url}/scim/v2", *words]
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    user = scim("create", "user", "--user-name", "cli-person", "--display-name", "Cli")
    group = scim("create", "group", "--display-name", "cli-group")
    scim("replace", "user", "--id", user["id"], "--user-name", "cli-person", "--display-name", "Other")

    assert scim("query", "user", user["id"])["displayName"] == "Other"
    assert [one["id"] for one in scim("query", "user", "--filter", 'userName eq "cli-person"')["Resources"]] == [
        user["id"]
    ]
    changed = scim("modify", "user", user["id"], "replace", "title", "Guide", "remove", "displayName")
    assert (changed["title"], "displayName" in changed) == ("Guide", False)

    joined = scim("modify", "group", group["id"], "add", "members", json.dumps([{"value": user["id"]}]))
    assert [(one["value"], one["display"]) for one in joined["members"]] == [(user["id"], "cli-person")]
    renamed = scim("replace", "group", "--id", group["id"], "--display-name", "guides")
    assert (renamed["displayName"], "members" in renamed) == ("guides", False)
    scim("modify", "group", group["id"], "replace", "members", json.dumps([{"value": user["id"]}]))
    left = scim("modify", "group", group["id"], "remove", f'members[value eq "{user["id"]}"]')
    assert "members" not in left

    scim("delete", "user", user["id"])
    scim("delete", "group", group["id"])
    assert connector.scim("GET", "/Users", status=200)["totalResults"] == 0


def test_canaille_provisions_its_people_and_groups(connector: Connector, tmp_path: Path) -> None:
    try:
        interpreter = venv()
    except ServerError as error:
        unavailable("canaille", str(error).replace("\n", " "))
    scopes = ("--scope", "scim:users", "--scope", "scim:groups")
    connector.run("client", "create", "canaille", *scopes, "--profile", "canaille", "--static-bearer")
    bearer = connector.run("client", "token", "canaille")["token"]

    def canaille(*words: str) -> str:
        command = [
            str(interpreter),
            "-I",
            str(_CANAILLE),
            str(tmp_path / "canaille.sqlite"),
            f"{connector.url}/scim/v2",
            *words,
        ]
        done = subprocess.run(
            command, env={**os.environ, "BEARER": bearer}, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "failed" not in done.stderr, done.stderr
        return done.stderr

    def listed(endpoint: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = connector.scim("GET", endpoint, status=200)["Resources"]
        return found

    log = canaille("create")
    people = listed("/Users")
    assert people, log
    (person,) = people
    (group,) = listed("/Groups")
    assert (person["userName"], person["name"]["familyName"]) == ("cana", "Ille")
    assert [one["value"] for one in group["members"]] == [person["id"]]

    canaille("change")
    (changed,) = listed("/Users")
    assert (changed["id"], changed["displayName"]) == (person["id"], "Changed")
    assert changed["schemas"][0] == f"{CORE}:User"

    canaille("regroup")
    [other] = [one for one in listed("/Users") if one["userName"] == "rara"]
    (regrouped,) = listed("/Groups")
    assert regrouped["id"] == group["id"]
    assert [one["value"] for one in regrouped["members"]] == [other["id"]]

    canaille("delete")
    assert (listed("/Users"), listed("/Groups")) == ([], [])

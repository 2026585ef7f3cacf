"""Eight writers against two web processes: what was acknowledged is there, and nobody sees half of a change."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance.road import CORE, PATCH, Connector

WRITERS = 8
EACH = 6
_ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_ATTRIBUTES = (
    "displayName",
    "nickName",
    "title",
    "userType",
    "name.givenName",
    "name.familyName",
    f"{_ENTERPRISE}:department",
    f"{_ENTERPRISE}:division",
)


@pytest.fixture
def connector(tmp_path: Path, database_url: str) -> Iterator[Connector]:
    url = database_url if database_url.startswith("postgresql") else ""
    road = Connector(tmp_path, database_url=url, with_worker=False, secrets={"CONNECTOR_WORKERS": "2"})
    road.start()
    yield road
    road.stop()


class Writer:
    """One client with a connection of its own."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._http = requests.Session()
        self._http.trust_env = False

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        url = f"{self._connector.url}/scim/v2{path}"
        return self._http.request(method, url, json=body, headers={**self._connector.headers, **headers}, timeout=60)

    def patch(self, path: str, *operations: dict[str, Any], **headers: str) -> requests.Response:
        return self.send("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)}, **headers)


def together(connector: Connector, work: Callable[[Writer, int], Any]) -> list[Any]:
    """What each writer brings back from work that all begin at the same moment."""
    start = threading.Barrier(WRITERS)

    def run(number: int) -> Any:
        writer = Writer(connector)
        start.wait()
        return work(writer, number)

    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(run, range(WRITERS)))


def at(document: dict[str, Any], path: str) -> Any:
    if path.startswith(_ENTERPRISE):
        return document[_ENTERPRISE][path.removeprefix(f"{_ENTERPRISE}:")]
    for name in path.split("."):
        document = document[name]
    return document


def test_no_acknowledged_change_of_one_groups_members_is_lost(connector: Connector) -> None:
    people = [[connector.add_person(f"p-{writer}-{number}") for number in range(EACH)] for writer in range(WRITERS)]
    group = connector.add_group("everybody", *(mine[0] for mine in people))

    def work(writer: Writer, number: int) -> list[int]:
        mine = people[number]
        codes = []
        for one in mine[1:]:
            add = {"op": "add", "path": "members", "value": [{"value": one}]}
            codes.append(writer.patch(f"/Groups/{group}", add).status_code)
        for one in mine[:2]:
            remove = {"op": "remove", "path": f'members[value eq "{one}"]'}
            codes.append(writer.patch(f"/Groups/{group}", remove).status_code)
        return codes

    codes = together(connector, work)

    assert {code for several in codes for code in several} <= {200, 204}
    found = connector.scim("GET", f"/Groups/{group}", status=200)["members"]
    assert sorted(one["value"] for one in found) == sorted(one for mine in people for one in mine[2:])


def test_no_acknowledged_change_of_one_users_attributes_is_lost(connector: Connector) -> None:
    user = connector.add_person("shared")

    def work(writer: Writer, number: int) -> list[int]:
        path = _ATTRIBUTES[number]
        return [
            writer.patch(f"/Users/{user}", {"op": "replace", "path": path, "value": f"v{turn}"}).status_code
            for turn in range(EACH)
        ]

    codes = together(connector, work)

    assert codes == [[200] * EACH] * WRITERS
    found = connector.scim("GET", f"/Users/{user}", status=200)
    assert [at(found, path) for path in _ATTRIBUTES] == [f"v{EACH - 1}"] * WRITERS


def test_with_if_match_every_version_is_changed_by_one_writer_only(connector: Connector) -> None:
    user = connector.add_person("shared")

    def work(writer: Writer, number: int) -> tuple[list[str], set[int]]:
        won, codes = [], set()
        for turn in range(EACH):
            before = writer.send("GET", f"/Users/{user}").headers["ETag"]
            change = {"op": "replace", "path": _ATTRIBUTES[number], "value": f"v{turn}"}
            answer = writer.patch(f"/Users/{user}", change, **{"If-Match": before})
            codes.add(answer.status_code)
            if answer.status_code == 200:
                won.append(before)
        return won, codes

    outcomes = together(connector, work)

    won = Counter(version for several, _ in outcomes for version in several)
    assert set().union(*(codes for _, codes in outcomes)) <= {200, 412}
    assert won and set(won.values()) == {1}


@pytest.mark.parametrize("wanted", ["userName", "externalId"])
def test_of_creations_at_once_one_is_made_and_the_others_are_told(connector: Connector, wanted: str) -> None:
    def work(writer: Writer, number: int) -> list[int]:
        codes = []
        for turn in range(EACH):
            unique = {"userName": f"{number}-{turn}"} | {wanted: f"wanted-{turn}"}
            codes.append(writer.send("POST", "/Users", {"schemas": [f"{CORE}:User"], **unique}).status_code)
        return codes

    outcomes = together(connector, work)

    for turn in range(EACH):
        assert Counter(codes[turn] for codes in outcomes) == {201: 1, 409: WRITERS - 1}
    assert connector.scim("GET", "/Users", status=200)["totalResults"] == EACH


def test_readers_never_see_half_a_patch(connector: Connector) -> None:
    user, person = connector.add_person("twins"), connector.add_person("member")
    group = connector.add_group("g0")
    ended = threading.Event()

    def write(writer: Writer) -> set[int]:
        codes = set()
        for turn in range(EACH * 4):
            both = [{"op": "replace", "path": name, "value": f"v{turn}"} for name in ("title", "nickName")]
            codes.add(writer.patch(f"/Users/{user}", *both).status_code)
            op = "add" if turn % 2 == 0 else "remove"
            value = {"value": [{"value": person}]} if op == "add" else {}
            named = {"op": "replace", "path": "displayName", "value": "with" if op == "add" else "g0"}
            codes.add(writer.patch(f"/Groups/{group}", {"op": op, "path": "members", **value}, named).status_code)
        return codes

    def read(writer: Writer) -> list[str]:
        halves = []
        while not ended.is_set():
            one = writer.send("GET", f"/Users/{user}").json()
            if one.get("title") != one.get("nickName"):
                halves.append(str(one))
            for one in writer.send("GET", "/Groups").json()["Resources"]:
                if (one["displayName"] == "with") != bool(one.get("members")):
                    halves.append(str(one))
        return halves

    with ThreadPoolExecutor(5) as pool:
        readers = [pool.submit(read, Writer(connector)) for _ in range(4)]
        try:
            codes = pool.submit(write, Writer(connector)).result()
        finally:
            ended.set()

    assert codes <= {200, 204}
    assert [one.result() for one in readers] == [[]] * 4

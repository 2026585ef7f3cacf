"""`make bench`: both servers under the same workloads in turn; a table, to be judged by CPU per request."""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.bench import servers
from tests.bench.loader import Job, Loader, Reply
from tests.bench.servers import Server

CORE = "urn:ietf:params:scim:schemas:core:2.0:"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
WORKLOADS = ("create", "get", "filter", "list", "put", "patch", "group_add", "group_get", "delete")
GOOD = {"create": {201}, "delete": {204}}


def user(name: str, title: str = "Agent") -> dict[str, Any]:
    text = f"Work of {name}: " + "reads tickets and deploys services; " * 6
    return {
        "schemas": [CORE + "User", ENTERPRISE],
        "userName": name,
        "name": {"formatted": name, "familyName": "Bench", "givenName": name},
        "displayName": name,
        "title": title,
        "active": True,
        "emails": [{"value": f"{name}@{kind}.example.com", "type": kind} for kind in ("work", "home")],
        "roles": [{"value": f"role{number}", "display": text} for number in range(4)],
        ENTERPRISE: {"employeeNumber": name, "organization": "Bench", "department": "Platform"},
    }


class Side:
    """One server and what has been made on it."""

    def __init__(self, server: Server, loader: Loader, options: argparse.Namespace) -> None:
        self.server, self.loader, self.options = server, loader, options
        self.users: list[tuple[str, str]] = []
        self.made: list[tuple[str, str]] = []
        self.members: set[str] = set()
        self.group, self.number = "", 0
        self.rows: dict[str, list[dict[str, float]]] = {name: [] for name in WORKLOADS}

    def request(self, method: str, path: str, body: Any = None) -> bytes:
        data = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {self.server.prefix}{path} HTTP/1.1\r\nHost: {self.server.host}:{self.server.port}\r\n"
            f"Authorization: Bearer {self.server.token}\r\nContent-Type: application/scim+json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        return head.encode() + data

    def send(self, requests: list[bytes], seconds: float) -> Any:
        return self.loader.send(Job(self.server.host, self.server.port, requests, seconds))

    def read(self, path: str) -> Any:
        return json.loads(self.send([self.request("GET", path)], 5).replies[0].body or b"{}")

    def names(self, count: int) -> list[str]:
        self.number += count
        return [f"bench{number:08d}" for number in range(self.number - count, self.number)]

    def prepare(self) -> None:
        names = self.names(self.options.users)
        result = self.send([self.request("POST", "/Users", user(name)) for name in names], self.options.load_seconds)
        self.users = [(json.loads(one.body)["id"], names[one.index]) for one in result.replies if one.status == 201]
        self.members = {id for id, _ in self.users}
        body = {"schemas": [CORE + "Group"], "displayName": "Bench", "members": [{"value": id} for id in self.members]}
        self.group = json.loads(self.send([self.request("POST", "/Groups", body)], 5).replies[0].body)["id"]
        print(f"{self.server.name}: {len(self.users)} users in {result.elapsed:.1f} s", file=sys.stderr, flush=True)

    def requests(self, work: str, count: int) -> list[bytes]:
        if work == "create":
            self.fresh = self.names(count)
            return [self.request("POST", "/Users", user(name)) for name in self.fresh]
        if work in ("get", "filter"):
            self.picked = [self.users[number * 7919 % len(self.users)] for number in range(count)]
            paths = {
                "get": lambda one: f"/Users/{one[0]}",
                "filter": lambda one: "/Users?filter=" + quote(f'userName eq "{one[1]}"'),
            }
            return [self.request("GET", paths[work](one)) for one in self.picked]
        if work == "list":
            return [self.request("GET", f"/Users?startIndex={max(1, len(self.users) - 100)}&count=100")] * count
        if work == "group_get":
            return [self.request("GET", f"/Groups/{self.group}")] * count
        made = self.made[:count]
        if work == "put":
            return [self.request("PUT", f"/Users/{id}", {**user(name, "Replaced"), "id": id}) for id, name in made]
        if work == "delete":
            return [self.request("DELETE", f"/Users/{id}") for id, _ in made]
        add = {"op": "add", "path": "members"}
        change = {"op": "replace", "path": "displayName", "value": "Changed"}
        schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]
        if work == "patch":
            return [
                self.request("PATCH", f"/Users/{id}", {"schemas": schemas, "Operations": [change]}) for id, _ in made
            ]
        operations = [[{**add, "value": [{"value": id}]}] for id, _ in made]
        return [
            self.request("PATCH", f"/Groups/{self.group}", {"schemas": schemas, "Operations": one})
            for one in operations
        ]

    def run(self, work: str) -> None:
        requests = self.requests(work, self.options.requests)
        before = servers.cpu_seconds(self.server.pid)
        result = self.send(requests, self.options.seconds)
        cpu = servers.cpu_seconds(self.server.pid) - before
        good = [one for one in result.replies if one.status in GOOD.get(work, {200, 204})]
        wrong = self.wrong(work, good)
        times = sorted(one.ms for one in result.replies) or [0.0]
        count = max(1, len(result.replies))
        self.rows[work].append({
            "rate": len(good) / result.elapsed, "p50": times[len(times) // 2], "p99": times[int(len(times) * 0.99)],
            "cpu": 1000 * cpu / count, "errors": len(result.replies) - len(good) + wrong,
        })  # fmt: skip

    def wrong(self, work: str, good: list[Reply]) -> int:
        """How many right statuses were lies."""
        if work == "create":
            self.made = [(json.loads(one.body)["id"], self.fresh[one.index]) for one in good]
        if work == "filter":
            found = [(json.loads(one.body), self.picked[one.index][0]) for one in good]
            return sum([each["id"] for each in body.get("Resources", [])] != [id] for body, id in found)
        if work == "patch" and good:
            return int(self.read(f"/Users/{self.made[good[0].index][0]}").get("displayName") != "Changed")
        if work == "group_add":
            self.members |= {self.made[one.index][0] for one in good}
            return len(self.members - {one["value"] for one in self.read(f"/Groups/{self.group}").get("members", [])})
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0, help="no request of a workload begins later")
    parser.add_argument("--load-seconds", type=float, default=12.0, help="the same for loading users")
    options = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Loader() as loader:
        started: list[Server] = []
        try:
            started.append(servers.connector(Path(folder) / "connector"))
            started.append(servers.peer(Path(folder) / "peer"))
            sides = [Side(server, loader, options) for server in started]
            for side in sides:
                side.prepare()
            for number in range(options.rounds):
                for work in WORKLOADS:
                    for side in sides:
                        print(f"round {number + 1}: {work} on {side.server.name}", file=sys.stderr, flush=True)
                        side.run(work)
        finally:
            for server in started:
                server.process.stop()
    print(
        f"{'workload':10} {'server':13} {'req/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'CPU ms':>8} {'errors':>6} {'to peer':>7}"
    )
    for work in WORKLOADS:
        for side in sides:
            row = {key: statistics.median(one[key] for one in side.rows[work]) for key in side.rows[work][0]}
            other = statistics.median(one["cpu"] for one in sides[1].rows[work])
            ratio = row["cpu"] / other if other else 0
            figures = f"{row['rate']:8.1f} {row['p50']:8.1f} {row['p99']:8.1f} {row['cpu']:8.2f} {row['errors']:6.0f} {ratio:7.2f}"
            print(f"{work:10} {side.server.name:13} {figures}")
    print(
        f"{time.monotonic() - begun:.0f} s in all; users loaded: "
        + ", ".join(f"{one.server.name} {len(one.users)}" for one in sides)
    )


if __name__ == "__main__":
    main()

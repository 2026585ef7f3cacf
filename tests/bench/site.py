"""One server and what the bench has put into it: loaded users that stay, users made in the round, groups."""

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.bench import users
from tests.bench.loader import Job, Loader, Reply, Result
from tests.bench.servers import Server

_LOAD_SECONDS = 7200.0  # for what is not measured: as long as it takes
_BULK = 100
_FIRST_MEMBERS, _MORE_MEMBERS = (
    10_000,
    2_000,
)  # in the POST of a group, then in each PATCH: below every server's body limit


class Refused(Exception):
    """The server does not offer something, or not in a usable way; the message says what it answered."""


@dataclass(frozen=True)
class Account:
    id: str
    number: int


@dataclass
class Group:
    """`members` are those that the server has acknowledged; `used` says how many spare users were added to it."""

    id: str
    members: set[str]
    used: int = 0


@dataclass
class Site:
    server: Server
    loader: Loader
    connections: int = 8
    users: list[Account] = field(default_factory=list)
    spares: list[Account] = field(default_factory=list)  # loaded too, but in no group at first
    made: list[Account] = field(default_factory=list)
    groups: dict[int, Group] = field(default_factory=dict)
    share: int = 1  # of the spares, for one round
    no_bulk: str = ""
    load_rate: float = 0.0
    _last: int = 0

    @property
    def present(self) -> int:
        """How many users the server must have now."""
        return len(self.users) + len(self.spares) + len(self.made)

    def numbers(self, count: int) -> list[int]:
        """Of users that have never been: no server sees a number twice."""
        self._last += count
        return list(range(self._last - count + 1, self._last + 1))

    def request(self, method: str, path: str, body: Any = None) -> bytes:
        data = b"" if body is None else orjson.dumps(body)
        head = (
            f"{method} {self.server.prefix}{path} HTTP/1.1\r\nHost: {self.server.host}:{self.server.port}\r\n"
            f"Authorization: Bearer {self.server.token}\r\nAccept: application/scim+json\r\n"
        )
        if body is not None:
            head += f"Content-Type: application/scim+json\r\nContent-Length: {len(data)}\r\n"
        return head.encode() + b"\r\n" + data

    def send(self, requests: list[bytes], seconds: float = _LOAD_SECONDS) -> Result:
        return self.loader.send(Job(self.server.host, self.server.port, requests, seconds, self.connections))

    def read(self, *paths: str) -> list[Reply]:
        """Outside the measurement; in the order of the paths."""
        return sorted(self.send([self.request("GET", path) for path in paths]).replies, key=lambda one: one.index)

    def load(self, count: int, *, share: int, rounds: int) -> None:
        """Put the users in, by Bulk where it is offered; `share` of them besides for each round's additions to groups."""
        self.share = share
        self.no_bulk = self._why_no_bulk()
        begun = time.perf_counter()
        loaded = self.create(count + share * rounds)
        elapsed = time.perf_counter() - begun
        self.users, self.spares = loaded[:count], loaded[count:]
        self.load_rate = len(loaded) / elapsed
        how = "POST" if self.no_bulk else f"Bulk of {_BULK}"
        text = f"{self.server.name}: {len(loaded)} users in {elapsed:.1f} s by {how} ({self.load_rate:.0f}/s)"
        print(text, file=sys.stderr, flush=True)

    def create(self, count: int) -> list[Account]:
        """New users, outside the measurement."""
        numbers = self.numbers(count)
        if self.no_bulk:
            replies = self.send([self.request("POST", "/Users", users.user(one)) for one in numbers]).replies
            made = [Account(orjson.loads(one.body)["id"], numbers[one.index]) for one in replies if one.status == 201]
        else:
            packs = [numbers[at : at + _BULK] for at in range(0, count, _BULK)]
            replies = self.send([self.request("POST", "/Bulk", users.bulk(pack)) for pack in packs]).replies
            made = [account for one in replies if one.status == 200 for account in created(one.body, packs[one.index])]
        if len(made) < count:
            bad = next((one for one in replies if one.status not in (200, 201)), replies[0])
            raise Refused(f"{len(made)} of {count} users were created; an answer: {bad.status} {bad.body[:300]!r}")
        return sorted(made, key=lambda one: one.number)

    def group(self, size: int) -> Group:
        """The group with the first `size` loaded users, made on first use. Refused where the server does not hold it."""
        if size not in self.groups:
            self.groups[size] = self._make_group([one.id for one in self.users[:size]])
        return self.groups[size]

    def clear(self) -> None:
        """Forget the users made in the round, so that every round finds the same number."""
        self.send([self.request("DELETE", f"/Users/{one.id}") for one in self.made])
        self.made = []

    def _make_group(self, ids: list[str]) -> Group:
        body = users.group(f"Bench {len(ids)}", ids[:_FIRST_MEMBERS])
        reply = self.send([self.request("POST", "/Groups", body)]).replies[0]
        if reply.status != 201:
            raise Refused(f"POST of a group: {reply.status} {reply.body[:200]!r}")
        path = f"/Groups/{orjson.loads(reply.body)['id']}"
        for at in range(_FIRST_MEMBERS, len(ids), _MORE_MEMBERS):
            more = users.patch("add", "members", [{"value": id} for id in ids[at : at + _MORE_MEMBERS]])
            reply = self.send([self.request("PATCH", path, more)]).replies[0]
            if reply.status not in (200, 204):
                raise Refused(f"PATCH of a group: {reply.status} {reply.body[:200]!r}")
        held = members(self.read(path)[0])
        if held != set(ids):
            raise Refused(f"a group of {len(ids)} holds {len(held)} members")
        return Group(path.rpartition("/")[2], held)

    def _why_no_bulk(self) -> str:
        reply = self.read("/ServiceProviderConfig")[0]
        if reply.status == 200 and not orjson.loads(reply.body).get("bulk", {}).get("supported"):
            return "ServiceProviderConfig says that it has no Bulk"
        probe = self.send([self.request("POST", "/Bulk", users.bulk([]))]).replies[0]
        return f"Bulk answers {probe.status}" if probe.status in (404, 405, 501) else ""


def created(body: bytes, numbers: Iterable[int]) -> list[Account]:
    """The users that an answer to a Bulk request of creates names, those with status 201."""
    by_bulk_id = {f"u{number}": number for number in numbers}
    return [
        Account(one["location"].rpartition("/")[2], by_bulk_id[one["bulkId"]])
        for one in orjson.loads(body).get("Operations", [])
        if str(one.get("status")) == "201" and one.get("bulkId") in by_bulk_id and one.get("location")
    ]


def members(reply: Reply) -> set[str]:
    """Of a group that was read; none where it was not."""
    if reply.status != 200:
        return set()
    return {one["value"] for one in orjson.loads(reply.body).get("members") or []}

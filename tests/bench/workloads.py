"""What is asked of a server, and what a right answer is. A status alone is never believed."""

import functools
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from tests.bench import users
from tests.bench.loader import Reply
from tests.bench.site import Account, Refused, Site, created, members

_PAGE = 100
_READ_BACK = 20  # how many changes of a workload are read again afterwards
_chance = random.Random(3)  # the same questions in every run


@dataclass(frozen=True)
class Work:
    """`wrong` gets the replies with a good status and says how many of them were not true; it also notes what was made."""

    requests: list[bytes]
    good: tuple[int, ...]
    wrong: Callable[[list[Reply]], int]


Prepare = Callable[[Site, int], Work]


def workloads(sizes: list[int]) -> dict[str, Prepare]:
    """By name, in the order in which they run: deletion comes before what makes users by the hundred."""
    table: dict[str, Prepare] = {
        "get": get,
        "filter_name": filter_name,
        "filter_email": filter_email,
        "list_deep": list_deep,
        "create": create,
        "put": put,
        "patch": patch,
        "delete": delete,
        "bulk_100": bulk,
    }
    for size in sizes:
        table[f"add_to_{size}"] = functools.partial(group_add, size)
        table[f"read_{size}"] = functools.partial(group_read, size)
    return table


def get(site: Site, count: int) -> Work:
    picked = _pick(site, count)

    def right(reply: Reply) -> bool:
        return _is(_json(reply), picked[reply.index])

    return Work([site.request("GET", f"/Users/{one.id}") for one in picked], (200,), _each(right))


def filter_name(site: Site, count: int) -> Work:
    picked = _pick(site, count)
    filters = [f'userName eq "{users.user_name(one.number)}"' for one in picked]
    return _filtered(site, picked, filters)


def filter_email(site: Site, count: int) -> Work:
    picked = _pick(site, count)
    filters = [f'emails[type eq "work" and value co "{one.number:08d}"]' for one in picked]
    return _filtered(site, picked, filters)


def _filtered(site: Site, picked: list[Account], filters: list[str]) -> Work:
    def right(reply: Reply) -> bool:
        body = _json(reply)
        found = body.get("Resources") or []
        return body.get("totalResults") == len(found) == 1 and _is(found[0], picked[reply.index])

    return Work([site.request("GET", f"/Users?count=10&filter={quote(one)}") for one in filters], (200,), _each(right))


def list_deep(site: Site, count: int) -> Work:
    """Pages of 100 near the end: the last full page or up to 100 places before it."""
    last = site.present - _PAGE + 1
    if last < 2 * _PAGE:
        raise Refused("a deep page needs at least 300 users")
    starts = [last - _chance.randrange(_PAGE) for _ in range(max(8, count // 4))]
    total = site.present

    def right(reply: Reply) -> bool:
        body = _json(reply)
        found = body.get("Resources") or []
        whole = all(one.get("userName") and one.get("emails") for one in found)
        return body.get("totalResults") == total and len({one["id"] for one in found}) == _PAGE and whole

    return Work(
        [site.request("GET", f"/Users?startIndex={start}&count={_PAGE}") for start in starts], (200,), _each(right)
    )


def create(site: Site, count: int) -> Work:
    numbers = site.numbers(count)

    def wrong(replies: list[Reply]) -> int:
        made = [Account(_json(one).get("id", ""), numbers[one.index]) for one in replies]
        site.made += [one for one in made if one.id]
        lies = sum(not _is(_json(reply), account) for reply, account in zip(replies, made, strict=True))
        return lies + _not_kept(site, made, lambda body, one: _is(body, one))

    return Work([site.request("POST", "/Users", users.user(one)) for one in numbers], (201,), wrong)


def put(site: Site, count: int) -> Work:
    made = _made(site, count)
    bodies = [{**users.user(one.number, "Replaced"), "id": one.id} for one in made]

    def wrong(replies: list[Reply]) -> int:
        changed = [made[one.index] for one in replies]
        return _not_kept(site, changed, lambda body, one: _is(body, one) and body.get("title") == "Replaced")

    requests = [site.request("PUT", f"/Users/{one.id}", body) for one, body in zip(made, bodies, strict=True)]
    return Work(requests, (200, 204), wrong)


def patch(site: Site, count: int) -> Work:
    made = _made(site, count)

    def name(one: Account) -> str:
        return f"Renamed {one.number}"

    def wrong(replies: list[Reply]) -> int:
        lies = sum(one.status == 200 and _json(one).get("displayName") != name(made[one.index]) for one in replies)
        changed = [made[one.index] for one in replies]
        return lies + _not_kept(site, changed, lambda body, one: body.get("displayName") == name(one))

    requests = [
        site.request("PATCH", f"/Users/{one.id}", users.patch("replace", "displayName", name(one))) for one in made
    ]
    return Work(requests, (200, 204), wrong)


def delete(site: Site, count: int) -> Work:
    made = _made(site, count)

    def wrong(replies: list[Reply]) -> int:
        gone = {made[one.index].id for one in replies}
        site.made = [one for one in site.made if one.id not in gone]
        again = site.read(*(f"/Users/{made[one.index].id}" for one in replies[:_READ_BACK]))
        return sum(one.status != 404 for one in again)

    return Work([site.request("DELETE", f"/Users/{one.id}") for one in made], (204,), wrong)


def bulk(site: Site, count: int) -> Work:
    """Requests of 100 creates each."""
    if site.no_bulk:
        raise Refused(site.no_bulk)
    packs = [site.numbers(100) for _ in range(max(8, count // 50))]

    def wrong(replies: list[Reply]) -> int:
        made = [created(one.body, packs[one.index]) for one in replies]
        everyone = [account for pack in made for account in pack]
        site.made += everyone
        return sum(len(pack) != 100 for pack in made) + _not_kept(site, everyone, lambda body, one: _is(body, one))

    return Work([site.request("POST", "/Bulk", users.bulk(pack)) for pack in packs], (200,), wrong)


def group_add(size: int, site: Site, count: int) -> Work:
    """One new member with each request; afterwards every acknowledged member must be there."""
    group = site.group(size)
    added = site.spares[group.used : group.used + min(count, site.share)]
    group.used += len(added)

    def wrong(replies: list[Reply]) -> int:
        held = members(site.read(f"/Groups/{group.id}")[0])
        lost = (group.members | {added[one.index].id for one in replies}) - held
        group.members = held  # what is lost is counted once, not again at each read
        return len(lost)

    requests = [
        site.request("PATCH", f"/Groups/{group.id}", users.patch("add", "members", [{"value": one.id}]))
        for one in added
    ]
    return Work(requests, (200, 204), wrong)


def group_read(size: int, site: Site, count: int) -> Work:
    group = site.group(size)
    number = min(count // 4, max(8, 500_000 // size))  # the answers of one workload are held in memory

    def right(reply: Reply) -> bool:
        return group.members <= members(reply)

    return Work([site.request("GET", f"/Groups/{group.id}")] * number, (200,), _each(right))


def _pick(site: Site, count: int) -> list[Account]:
    return [_chance.choice(site.users) for _ in range(count)]


def _made(site: Site, count: int) -> list[Account]:
    """Users of this round to change; made now where the workload `create` was not run."""
    if not site.made:
        site.made = site.create(min(count, 300))
    return _chance.sample(site.made, min(count, len(site.made)))


def _each(right: Callable[[Reply], bool]) -> Callable[[list[Reply]], int]:
    return lambda replies: sum(not right(one) for one in replies)


def _not_kept(site: Site, changed: list[Account], right: Callable[[dict[str, Any], Account], bool]) -> int:
    """How many of some changed users do not read as they should."""
    sample = _chance.sample(changed, min(len(changed), _READ_BACK))
    again = site.read(*(f"/Users/{one.id}" for one in sample))
    return sum(not right(_json(reply), one) for reply, one in zip(again, sample, strict=True))


def _is(body: dict[str, Any], account: Account) -> bool:
    """Whether this is the whole user of that number."""
    sent = users.user(account.number)
    values = [one.get("value") for one in body.get("emails") or []]
    return (
        body.get("id") == account.id
        and body.get("userName") == sent["userName"]
        and body.get("externalId") == sent["externalId"]
        and [one["value"] for one in sent["emails"]] == values
        and (body.get(users.ENTERPRISE) or {}).get("employeeNumber") == f"{account.number:08d}"
    )


def _json(reply: Reply) -> dict[str, Any]:
    try:
        body = orjson.loads(reply.body or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}

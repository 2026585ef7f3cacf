"""A server that lies is found out, and is nobody's measure."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from tests.bench import users
from tests.bench.loader import Job, Reply, Result
from tests.bench.report import Measured, Row, best_peer, table
from tests.bench.servers import Server
from tests.bench.site import Account, Group, Refused, Site
from tests.bench.workloads import workloads

Answer = Callable[[str, str], tuple[int, Any]]


class FakeServer:
    """In place of the loader: answers each request by its method and path."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def send(self, job: Job) -> Result:
        replies = []
        for index, request in enumerate(job.requests):
            method, path, _ = request.split(b"\r\n", 1)[0].decode().split(" ")
            status, body = self._answer(method, path.removeprefix("/scim"))
            replies.append(Reply(index, status, 1.0, b"" if body is None else orjson.dumps(body)))
        return Result(replies, 1.0, 0.0, 1)


def site(answer: Answer) -> Site:
    server = Server("peer", "", 1, "/scim", "token", (), ())
    made = Site(server, FakeServer(answer))  # type: ignore[arg-type]
    made.users = [Account(f"id{number}", number) for number in made.numbers(400)]
    return made


def stored(number: int, **changes: Any) -> dict[str, Any]:
    return {**users.user(number), "id": f"id{number}", **changes}


def wrong(made: Site, name: str, count: int = 8) -> int:
    work = workloads([300])[name](made, count)
    replies = made.send(work.requests).replies
    return work.wrong([one for one in replies if one.status in work.good])


def test_a_right_answer_is_right() -> None:
    def answer(_method: str, path: str) -> tuple[int, Any]:
        return 200, stored(int(path.removeprefix("/Users/id")))

    assert wrong(site(answer), "get") == 0


def test_an_answer_that_lacks_an_attribute_is_wrong() -> None:
    def answer(_method: str, path: str) -> tuple[int, Any]:
        return 200, stored(int(path.removeprefix("/Users/id")), emails=[])

    assert wrong(site(answer), "get") == 8


@pytest.mark.parametrize("name", ["filter_name", "filter_email"])
def test_a_server_that_ignores_the_filter_is_wrong(name: str) -> None:
    everyone = [stored(number) for number in range(1, 11)]

    assert wrong(site(lambda *_: (200, {"totalResults": 400, "Resources": everyone})), name) == 8


def test_a_page_of_the_wrong_size_or_with_the_wrong_total_is_wrong() -> None:
    page = [stored(number) for number in range(1, 101)]

    assert wrong(site(lambda *_: (200, {"totalResults": 400, "Resources": page})), "list_deep") == 0
    assert wrong(site(lambda *_: (200, {"totalResults": 100, "Resources": page})), "list_deep") == 8
    assert wrong(site(lambda *_: (200, {"totalResults": 400, "Resources": page[:20]})), "list_deep") == 8


def test_a_patch_that_was_acknowledged_and_not_kept_is_wrong() -> None:
    def answer(method: str, path: str) -> tuple[int, Any]:
        return (204, None) if method == "PATCH" else (200, stored(int(path.removeprefix("/Users/id"))))

    made = site(answer)
    made.made = [Account(f"id{number}", number) for number in made.numbers(3)]

    assert wrong(made, "patch") == 3


def test_a_deleted_user_that_is_still_there_is_wrong() -> None:
    made = site(lambda method, _: (204, None) if method == "DELETE" else (200, {}))
    made.made = [Account("id1", 1)]

    assert wrong(made, "delete") == 1


def test_a_member_that_was_acknowledged_and_lost_is_counted_once() -> None:
    members = [{"value": "id1"}, {"value": "id2"}]
    made = site(lambda method, _: (204, None) if method == "PATCH" else (200, {"members": members}))
    made.groups[300] = Group("g", {"id1"})
    made.spares, made.share = [Account("id2", 2), Account("id3", 3)], 2

    assert wrong(made, "add_to_300") == 1
    assert wrong(made, "read_300") == 0


def test_bulk_is_left_out_with_the_reason_where_a_server_has_none() -> None:
    made = site(lambda *_: (501, {}))
    made.load(0, share=0, rounds=1)

    with pytest.raises(Refused, match="Bulk answers 501"):
        wrong(made, "bulk_100")


def measured(server: str, cpu_ms: float, *, lies: int = 0) -> Measured:
    return Measured("get", server, [Row(1.0, 1.0, 1.0, cpu_ms, 10, 0, lies, 0.0, 8)])


def test_the_best_peer_is_the_cheapest_of_those_that_answered_right() -> None:
    rows = [measured("connector", 0.5), measured("slow", 4.0), measured("good", 2.0), measured("liar", 0.1, lies=1)]

    best = best_peer(rows)

    assert best is not None and best.server == "good"
    ratios = [line.split()[7] for line in table(rows, ["get"])[1:]]
    assert ratios == ["4.0", "0.5", "1.0", "-"]


def test_a_users_digits_are_in_no_other_users_data() -> None:
    digits = "00000012"

    assert digits in str(users.user(12)["emails"])
    assert digits not in str([users.user(number) for number in (1, 2, 112, 1200, 120012)])
    assert 1700 < len(orjson.dumps(users.user(12))) < 1950

"""A SCIM service that asks us to wait is left in peace for as long as it asked."""

import pytest

from connector.targets.base import Target, TargetError, Throttled
from connector.targets.registry import open_target
from tests.conftest import Clock
from tests.unit.targets.small_server import Reply, SmallServer, error, serve

PAGE = "<html><body>503 Service Unavailable</body></html>"


def _open(server: SmallServer, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.setenv("SCIM_TOKEN", "very-secret-token")
    return open_target("scim", "small", {"url": server.url, "token": "env:SCIM_TOKEN"}, clock=clock)


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        (Reply(429, None, {"Retry-After": "42"}), 42.0),
        (Reply(503, PAGE, {"Retry-After": "7"}), 7.0),
        (Reply(429, None, {"Retry-After": "Mon, 01 Mar 2027 12:00:30 GMT"}), 30.0),
    ],
    ids=["429", "503", "date"],
)
def test_how_long_to_wait_is_passed_on(
    reply: Reply, seconds: float, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve({"GET /Users/u1": reply}) as server, pytest.raises(TargetError) as problem:
        _open(server, clock, monkeypatch).read("u1")

    assert problem.value.retry_after is not None
    assert abs(problem.value.retry_after - seconds) < 1


def test_nothing_is_sent_before_the_time_that_the_server_asked_for_is_over(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    replies = [Reply(429, None, {"Retry-After": "42"}), Reply(404, error(404))]
    with serve({"GET /Users/u1": replies}) as server:
        target = _open(server, clock, monkeypatch)
        with pytest.raises(Throttled):
            target.read("u1")
        asked = len(server.requests)

        clock.move(seconds=41)
        with pytest.raises(Throttled, match="asks us to wait"):
            target.delete("u1")
        sent_meanwhile = len(server.requests) - asked
        clock.move(seconds=2)

        assert target.read("u1") is None
        assert sent_meanwhile == 0

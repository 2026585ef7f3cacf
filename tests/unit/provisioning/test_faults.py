"""Faults on the way to a SCIM service, made by a small server over HTTP, and what becomes of the work."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from connector.domain import targets
from connector.parts import Parts, assemble
from connector.storage import links
from tests.acceptance.test_troubled_targets import Idp
from tests.unit.provisioning.conftest import World
from tests.unit.targets.small_server import Reply, Request, SmallServer, error, serve

SCIM_MAPPING = """
target: scim
correlate: [{account: externalId, agent: id}]
account:
  userName: {from: agentUserName}
  externalId: {from: id}
  displayName: {from: displayName}
"""
PROXY_PAGE = Reply(200, "<html>Please sign in</html>", {"Content-Type": "text/html"})


class Service:
    """The SCIM service `idp2` of a world: what it holds, and how it fails."""

    def __init__(self, world: World, idp: Idp, server: SmallServer) -> None:
        self.world, self.idp, self.server = world, idp, server

    @property
    def names(self) -> list[str]:
        return sorted(one["userName"] for one in self.idp.users)

    def state(self) -> targets.TargetState:
        with self.world.parts.domain.view() as unit:
            return next(one for one in targets.states(unit) if one.target.name == "idp2")

    def linked(self, agent: str) -> str:
        with self.world.parts.domain.view() as unit:
            return next(one.remote_id for one in links.of_target(unit.tx, "idp2") if one.resource_id == agent)


@pytest.fixture
def service(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("IDP_TOKEN", "first-token")
    (world.folder / "idp2.yaml").write_text(SCIM_MAPPING)
    idp = Idp()
    with serve(idp.routes()) as server:
        world.decide(targets.pause, "idp", "only the other one counts here")
        world.decide(targets.add, "idp2", "scim", "idp2", {"url": server.url, "token": "env:IDP_TOKEN"})
        yield Service(world, idp, server)


def test_a_write_that_was_done_and_not_answered_is_found_and_not_done_twice(service: Service, world: World) -> None:
    service.idp.forgetful = True
    ada = world.agent("ada")
    world.drain()
    assert service.names == ["ada"]
    assert service.state().pending == 1

    world.clock.move(minutes=10)
    world.drain()

    assert (service.names, service.state().pending) == (["ada"], 0)
    assert service.linked(ada) == "u1"
    assert len(service.server.sent("POST")) == 1


def test_a_creation_that_is_told_to_be_there_already_is_ours_when_it_has_our_id(service: Service, world: World) -> None:
    """The service did it, said nothing, and its search shows it only after our second creation was refused."""
    made = service.idp.routes()
    hidden = made["GET /Users"]
    seen: list[Request] = []

    def late(request: Request) -> Reply:
        return hidden(request) if seen else Reply(body={"totalResults": 0, "Resources": []})

    def taken(request: Request) -> Reply:
        seen.append(request)
        made["POST /Users"] = taken
        service.idp._create(request)
        return Reply(409, error(409, "userName is taken", "uniqueness"))

    service.server.routes |= {**made, "GET /Users": late, "POST /Users": taken}
    service.idp._routes = service.server.routes
    ada = world.agent("ada")

    world.drain()

    assert (service.names, service.linked(ada), service.state().failed) == (["ada"], "u1", 0)


def test_a_storm_of_429_is_answered_by_silence_and_loses_nothing(service: Service, world: World) -> None:
    service.server.trouble = Reply(429, error(429), {"Retry-After": "30"})
    for number in range(20):
        world.agent(f"agent-{number}")
    world.drain()
    asked = len(service.server.requests)
    assert asked <= 8, "at most one call for each thread"
    world.clock.move(seconds=29)
    world.drain()
    assert len(service.server.requests) == asked
    assert (service.state().state, service.state().pending, service.state().failed) == ("blocked", 20, 0)


def test_expired_credentials_stop_the_target_and_keep_the_work_until_they_are_mended(
    service: Service, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.server.trouble = Reply(401, error(401, "the token has expired"))
    for name in ("ada", "bob"):
        world.agent(name)
    world.drain()
    state = service.state()
    assert (state.state, state.pending, state.failed) == ("blocked", 2, 0)
    assert "401" in str(state.problem) and "first-token" not in str(state.problem)
    assert world.events("account:failed") == []

    service.server.trouble = None
    monkeypatch.setenv("IDP_TOKEN", "second-token")
    world.clock.move(minutes=6)
    world.drain()

    assert (service.names, service.state().state) == (["ada", "bob"], "ready")
    assert service.server.requests[-1].headers["Authorization"] == "Bearer second-token"


def test_a_page_of_a_proxy_is_an_outage_and_makes_or_removes_nothing(service: Service, world: World) -> None:
    ada = world.agent("ada")
    world.drain()
    service.server.trouble = PROXY_PAGE
    world.amend(ada, displayName="New")
    world.agent("bob")
    world.drain()
    assert (service.names, service.server.sent("DELETE")) == (["ada"], [])
    assert (service.state().pending, service.state().failed) == (2, 0)

    service.server.trouble = None
    world.clock.move(minutes=6)
    world.drain()

    assert service.names == ["ada", "bob"]
    assert service.idp.users[0]["displayName"] == "New"


def test_a_refused_value_is_named_and_goes_when_it_is_mended(service: Service, world: World) -> None:
    create = service.idp._create

    def picky(request: Request) -> Reply:
        if "!" in request.body["displayName"]:
            return Reply(400, error(400, "displayName has a character that is not allowed", "invalidValue"))
        return create(request)

    service.server.routes["POST /Users"] = picky
    ada, _ = world.agent("ada", displayName="Ada!"), world.agent("bob")
    world.drain()
    assert service.names == ["bob"]
    told = world.events("account:failed")
    assert [one["subject"]["id"] for one in told] == [ada]
    assert "displayName has a character that is not allowed" in told[0]["detail"]["why"]

    world.amend(ada, displayName="Ada")
    world.drain()

    assert (service.names, service.state().failed) == (["ada", "bob"], 0)


def test_an_account_renamed_there_is_the_same_account_and_gets_its_name_back(service: Service, world: World) -> None:
    ada = world.agent("ada")
    world.drain()
    service.idp.users[0]["userName"] = "somebody-else"

    world.amend(ada, displayName="New")
    world.drain()

    assert (service.names, len(service.server.sent("POST"))) == (["ada"], 1)


def test_a_change_that_comes_while_the_one_before_is_sent_is_what_stays(service: Service, world: World) -> None:
    ada = world.agent("ada", displayName="zero")
    world.drain()
    change, sending, may_answer = service.idp._change, threading.Event(), threading.Event()

    def slow(request: Request) -> Reply:
        sending.set()
        assert may_answer.wait(10)
        return change(service.idp.users[0], request)

    service.server.routes["PATCH /Users/u1"] = slow
    world.amend(ada, displayName="first")
    worker = world.parts.worker()
    assert worker.turn()
    assert sending.wait(10)
    world.amend(ada, displayName="second")
    world.amend(ada, displayName="last")
    may_answer.set()
    assert worker.drain(seconds=30)

    assert service.idp.users[0]["displayName"] == "last"
    assert len(service.server.sent("PATCH")) == 2  # the two later changes went as one


@pytest.fixture
def beside(world: World) -> Iterator[Any]:
    """Another process of the same deployment, whose clock is wrong by so many minutes."""
    made: list[Parts] = []

    def start(minutes: float) -> Parts:
        parts = assemble(world.parts.settings, clock=lambda: world.clock() + timedelta(minutes=minutes))
        made.append(parts)
        return parts

    yield start
    for one in made:
        one.domain.database.close()


def test_two_workers_on_one_agent_make_one_account(service: Service, world: World, beside: Any) -> None:
    ids = [world.agent(f"agent-{number}") for number in range(12)]
    others = [world.parts, beside(0), beside(0)]
    threads = [threading.Thread(target=lambda one=one: one.worker().drain(seconds=30)) for one in others]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)

    assert service.names == sorted(f"agent-{number}" for number in range(12))
    assert len({service.linked(one) for one in ids}) == 12
    assert len(service.server.sent("POST")) == 12


@pytest.mark.parametrize("minutes", [5, -5])
def test_a_clock_that_is_wrong_by_more_than_a_lease_doubles_and_loses_nothing(
    service: Service, world: World, beside: Any, minutes: float
) -> None:
    """The other worker believes our lease to be over (its clock is ahead) or ours to be far away (it is behind)."""
    other: Parts = beside(minutes)
    ada = world.agent("ada", displayName="zero")
    world.drain()
    change, sending, may_answer = service.idp._change, threading.Event(), threading.Event()

    def slow_once(request: Request) -> Reply:
        service.server.routes["PATCH /Users/u1"] = lambda request: change(service.idp.users[0], request)
        sending.set()
        assert may_answer.wait(10)
        return change(service.idp.users[0], request)

    service.server.routes["PATCH /Users/u1"] = slow_once
    world.amend(ada, displayName="first")
    worker = world.parts.worker()
    assert worker.turn() and sending.wait(10)
    world.amend(ada, displayName="last")
    assert other.worker().drain(seconds=30)
    may_answer.set()
    assert worker.drain(seconds=30)
    world.clock.move(minutes=6)
    world.drain()

    assert [(one["userName"], one["displayName"]) for one in service.idp.users] == [("ada", "last")]
    assert service.state().pending == 0

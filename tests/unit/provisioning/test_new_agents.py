"""New agents get their accounts without a search before, where the target itself keeps the names unique; and nothing comes of that."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from connector.domain import targets
from connector.domain.unit import SYSTEM
from connector.storage import outbox
from tests.acceptance.test_troubled_targets import Idp
from tests.unit.provisioning.conftest import World
from tests.unit.targets.small_server import Reply, Request, SmallServer, error, serve

USER = "urn:ietf:params:scim:schemas:core:2.0:User"


def schemas(uniqueness: str) -> Reply:
    name = {"name": "userName", "type": "string", "required": True, "uniqueness": uniqueness}
    return Reply(body={"totalResults": 1, "Resources": [{"id": USER, "attributes": [name]}]})


class Strict(Idp):
    """Refuses a user name that is taken."""

    def _create(self, request: Request) -> Reply:
        if request.body["userName"] in self.states:
            return Reply(409, error(409, "userName is taken", "uniqueness"))
        return super()._create(request)


@pytest.fixture
def idp() -> Strict:
    return Strict()


@pytest.fixture
def there(world: World, idp: Strict, tmp_path: Path) -> Iterator[SmallServer]:
    """The only target: a SCIM service."""
    (tmp_path / "token").write_text("very-secret-token")
    routes = idp.routes()
    routes["GET /Schemas"] = schemas("server")
    with serve(routes) as server:
        with world.parts.domain.change(SYSTEM) as unit:
            targets.remove(unit, "idp")
            targets.add(unit, "scim", "scim", "scim", {"url": server.url, "token": f"file:{tmp_path / 'token'}"})
        yield server


def calls(server: SmallServer) -> list[str]:
    """What was asked of it about users."""
    made = [f"{one.method} {one.path}" for one in server.requests]
    return [one.partition("?")[0] for one in made if "/Users" in one]


def keep(server: SmallServer, idp: Idp) -> None:
    """The first account, which somebody else made, can be read and changed like ours."""
    server.routes["GET /Users/u1"] = lambda _: Reply(body=idp.users[0])
    server.routes["PATCH /Users/u1"] = lambda request: idp._change(idp.users[0], request)


def test_a_new_agent_costs_one_call(world: World, idp: Strict, there: SmallServer) -> None:
    world.agent("bot"), world.agent("other")

    world.drain()

    assert idp.states == {"bot": True, "other": True}
    assert calls(there) == ["POST /Users"] * 2


def test_a_server_that_does_not_say_that_names_are_unique_is_asked_first(
    world: World, idp: Strict, there: SmallServer
) -> None:
    there.routes["GET /Schemas"] = schemas("none")
    world.agent("bot")

    world.drain()

    assert calls(there) == ["GET /Users", "GET /Users", "POST /Users"]


def test_the_owner_is_asked_for_once_whether_the_account_is_searched_or_not(
    world: World, idp: Strict, there: SmallServer
) -> None:
    there.routes["GET /Schemas"] = schemas("none")
    idp.users.append({"id": "u1", "userName": "rosa", "active": True})
    world.agent("bot", owners=[{"value": world.person("rosa")}])

    world.drain()

    assert sum("rosa" in one.path for one in there.requests) == 1


def test_an_agent_that_is_not_new_any_more_is_looked_for_first(world: World, idp: Strict, there: SmallServer) -> None:
    bot = world.agent("bot")
    idp.users.append({"id": "u1", "userName": "by-hand", "externalId": bot, "active": True})
    keep(there, idp)
    world.clock.now += timedelta(minutes=11)

    world.drain()

    assert idp.states == {"bot": True}


def test_an_account_that_has_the_name_already_is_adopted_by_the_rule_of_the_mapping(
    world: World, idp: Strict, there: SmallServer
) -> None:
    idp.users.append({"id": "u1", "userName": "bot", "active": True})
    keep(there, idp)
    bot = world.agent("bot")

    world.drain()

    assert [one["externalId"] for one in idp.users] == [bot]
    assert [one["action"] for one in world.events("account:adopted", "account:created")] == ["account:adopted"]
    assert calls(there)[:2] == ["POST /Users", "GET /Users"]


def test_a_name_that_a_weak_rule_finds_is_for_a_person_to_decide(
    world: World, idp: Strict, there: SmallServer, tmp_path: Path
) -> None:
    shipped = (world.parts.settings.mappings_dir or tmp_path) / "scim.yaml"
    rules = "target: scim\ncorrelate: [{account: externalId, agent: id}, {account: userName, agent: agentUserName, strength: weak}]\n"
    shipped.write_text(rules + "account: {userName: {from: agentUserName}, externalId: {from: id}}\n")
    idp.users.append({"id": "u1", "userName": "bot", "active": True})
    bot = world.agent("bot")

    world.drain()

    with world.parts.domain.view() as unit:
        (standing,) = outbox.of_resource(unit.tx, bot)
    assert standing.state == "case"
    assert [one["detail"]["kind"] for one in world.events("case:opened")] == ["unlinked"]
    assert len(idp.users) == 1


def test_a_creation_without_an_answer_is_looked_for_also_after_the_agent_has_another_name(
    world: World, idp: Strict, there: SmallServer
) -> None:
    idp.forgetful = True
    bot = world.agent("bot")
    world.parts.attempts.now(bot, "scim")  # as a person would; the worker's own first attempt is the same
    world.amend(bot, agentUserName="renamed")
    world.clock.now += timedelta(seconds=400)

    world.drain()

    assert idp.states == {"renamed": True}


def test_a_first_attempt_without_an_answer_leaves_one_account(world: World, idp: Strict, there: SmallServer) -> None:
    idp.forgetful = True
    bot = world.agent("bot")
    with world.parts.domain.change(SYSTEM) as unit:
        (claim,) = outbox.claim(unit.tx, "target:scim", limit=10, seconds=10)
    (job,) = world.parts.attempts.jobs([claim])
    assert claim.untried and world.parts.attempts.carry_out(job).problem
    world.amend(bot, agentUserName="renamed")
    world.clock.now += timedelta(seconds=400)

    world.drain()

    assert idp.states == {"renamed": True}


def test_a_row_that_a_worker_died_over_counts_as_tried(world: World, there: SmallServer) -> None:
    world.agent("bot")
    with world.parts.domain.change(SYSTEM) as unit:
        (first,) = outbox.claim(unit.tx, "target:scim", limit=10, seconds=10)
    world.clock.now += timedelta(seconds=11)
    with world.parts.domain.change(SYSTEM) as unit:
        (second,) = outbox.claim(unit.tx, "target:scim", limit=10, seconds=10)

    assert (first.untried, second.untried) == (True, False)


def test_a_row_that_was_given_back_before_anything_was_done_is_untried(world: World, there: SmallServer) -> None:
    world.agent("bot")
    for _ in range(2):
        with world.parts.domain.change(SYSTEM) as unit:
            (claim,) = outbox.claim(unit.tx, "target:scim", limit=10, seconds=10)
        with world.parts.domain.change(SYSTEM) as unit:
            outbox.give_back(unit.tx, claim)

    assert claim.untried

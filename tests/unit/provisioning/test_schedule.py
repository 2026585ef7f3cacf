"""What a worker does of itself: follow the changes at targets that tell them, and look at the whole of each once a day."""

from collections.abc import Iterator

import pytest

from connector.domain import targets
from connector.storage import links
from connector.targets.base import Account, Capability, ChangedPage, CookieExpired, Unreachable
from tests.unit.provisioning.conftest import ADMIN, World, quiet


class Told:
    """What the target tells of its changes: pages by the cookie that they are asked with."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.asked: list[str] = []
        self.pages: list[ChangedPage] = []
        self.expired = False

    def changes(self, cookie: str) -> Iterator[ChangedPage]:
        self.asked.append(cookie)
        if not cookie:
            yield ChangedPage(tuple(self._world.store.accounts.values()), (), "start", whole=True)
            return
        if self.expired:
            raise CookieExpired("it is too long ago")
        yield from self.pages


@pytest.fixture
def told(world: World, monkeypatch: pytest.MonkeyPatch) -> Told:
    made = Told(world)
    kind = type(world.parts.connections.open("idp").target)
    monkeypatch.setattr(kind, "changes", lambda _self, cookie: made.changes(cookie), raising=False)
    monkeypatch.setattr(kind, "capabilities", kind.capabilities | {Capability.CHANGES})  # type: ignore[attr-defined]
    return made


def follow(world: World) -> int:
    return world.parts.reconciler.follow("idp", quiet)


def cookie(world: World) -> str | None:
    return world.state().target.cookie


def test_a_whole_look_leaves_the_place_from_which_changes_are_followed(world: World, told: Told) -> None:
    world.settled("ada")
    assert follow(world) == 0  # nothing to go on from

    world.reconcile()

    assert cookie(world) == "start"


def test_an_account_that_changed_is_looked_at_and_put_right(world: World, told: Told) -> None:
    ada, _ = world.settled("ada", "bob")
    world.reconcile()
    world.touch("ada", displayName="By hand")
    told.pages = [ChangedPage((world.account("ada"),), (), "one"), ChangedPage((Account("mem-99"),), (), "two")]

    assert follow(world) == 1
    assert world.standing(ada)[0] == "pending"
    world.drain()

    assert world.account("ada").attributes["displayName"] == "Ada"
    assert cookie(world) == "two"
    assert told.asked[-1] == "start"


def test_an_account_that_is_gone_is_made_again(world: World, told: Told) -> None:
    world.settled("ada", "bob")
    world.reconcile()
    gone = world.store.accounts.pop(world.account("ada").id)
    told.pages = [ChangedPage((), (gone.id,), "one")]

    follow(world)
    world.drain()

    assert world.account("ada").id != gone.id


def test_a_look_that_breaks_off_goes_on_from_its_last_page(world: World, told: Told) -> None:
    ada, _ = world.settled("ada", "bob")
    world.reconcile()
    first = ChangedPage((world.account("ada"),), (), "one")

    def broken() -> Iterator[ChangedPage]:
        yield first
        raise Unreachable("the second page did not come")

    told.pages = broken()  # type: ignore[assignment]
    with pytest.raises(Unreachable):
        follow(world)

    assert (cookie(world), world.standing(ada)[0]) == ("one", "pending")
    told.pages = []
    follow(world)
    assert told.asked[-1] == "one"


def test_a_forgotten_place_or_a_mass_disappearance_waits_for_a_whole_look(world: World, told: Told) -> None:
    world.policies("guard: {free: 1, share: 10}\n")
    world.settled("ada", "bob", "eve")
    world.reconcile()
    ids = tuple(world.store.accounts)
    told.pages = [ChangedPage((), ids, "one")]

    assert follow(world) == 0
    assert cookie(world) is None
    assert world.state().pending == 0

    world.reconcile()
    told.expired = True
    assert follow(world) == 0
    assert cookie(world) is None


def test_the_worker_looks_at_the_whole_once_a_day_and_follows_in_between(world: World, told: Told) -> None:
    world.settled("ada")
    schedule = world.schedule()
    assert schedule.due() == []  # a new target is filled by the queue

    world.clock.move(hours=25)
    assert schedule.due() == [("idp", True)]
    world.touch("ada", displayName="By hand")
    schedule.run_due()
    assert world.account("ada").attributes["displayName"] == "Ada"
    assert schedule.due() == []

    world.clock.move(seconds=301)
    assert schedule.due() == [("idp", False)]
    schedule.run_due()
    assert told.asked[-1] == "start"
    assert schedule.due() == []


def test_a_scheduled_run_that_is_stopped_writes_nothing(world: World) -> None:
    world.settled("ada")
    world.store.accounts.clear()
    world.clock.move(hours=25)

    world.schedule().run_due()

    assert world.store.accounts == {}
    assert world.state().state == "held"


def test_a_paused_target_has_no_scheduled_runs(world: World) -> None:
    world.settled("ada")
    world.decide(targets.pause, "idp", "maintenance")
    world.clock.move(hours=25)

    assert world.schedule().due() == []


def test_a_run_that_fails_is_not_begun_again_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.settled("ada")
    world.clock.move(hours=25)
    kind = type(world.parts.connections.open("idp").target)

    def fails(_self: object) -> Iterator[Account]:
        raise Unreachable("no answer")

    monkeypatch.setattr(kind, "accounts", fails)
    schedule = world.schedule()

    schedule.run_due()

    assert schedule.due() == []
    world.clock.move(seconds=61)
    assert schedule.due() == [("idp", True)]


def test_people_of_the_directory_are_never_taken_for_accounts_when_they_change_or_go(world: World, told: Told) -> None:
    world.policies("directory: {people: {userName: uid}}\nguard: {free: 1, share: 10}\n")
    world.settled("ada")
    for number in range(4):
        world.store.people[f"p{number}"] = {"uid": f"person-{number}"}
    world.parts.directory.run(world.parts.connections.open("idp"), ADMIN, quiet)
    world.reconcile()
    changed = Account("p0", attributes={"userName": "person-0"})
    world.store.accounts["p0"] = changed  # at this target people and accounts are of one kind
    told.pages = [ChangedPage((changed,), ("p1", "p2", "p3"), "one")]

    assert follow(world) == 0
    world.drain()

    assert world.store.accounts["p0"] == changed
    assert cookie(world) == "one"  # three who are nobody's account are no mass disappearance
    with world.parts.domain.view() as unit:
        assert links.holder(unit.tx, "idp", "p0") is not None


def test_a_whole_look_that_breaks_off_goes_on_from_the_page_that_it_reached(world: World, told: Told) -> None:
    world.settled("ada", "bob", "eve")
    ada, bob, eve = (world.account(name) for name in ("ada", "bob", "eve"))

    def walk(cookie: str) -> Iterator[ChangedPage]:
        told.asked.append(cookie)
        if not cookie:
            yield ChangedPage((ada,), (), "after ada", whole=True)
            raise Unreachable("the second page did not come")
        yield ChangedPage((bob,), (), "after bob", whole=True)
        yield ChangedPage((eve,), (), "start", whole=True)

    told.changes = walk  # type: ignore[method-assign]

    assert world.reconcile().writes == 0

    assert told.asked == ["", "after ada"]
    assert cookie(world) == "start"


def test_a_whole_look_that_cannot_go_on_from_a_page_is_no_look_at_all(world: World, told: Told) -> None:
    world.settled("ada", "bob")
    ada = world.account("ada")

    def walk(cookie: str) -> Iterator[ChangedPage]:
        told.asked.append(cookie)
        yield ChangedPage((ada,), (), "", whole=True)
        raise Unreachable("the second page did not come")

    told.changes = walk  # type: ignore[method-assign]

    with pytest.raises(Unreachable):
        world.plan()
    assert told.asked == [""]
    assert len(world.store.accounts) == 2


def test_a_whole_look_whose_place_is_forgotten_meanwhile_begins_anew(world: World, told: Told) -> None:
    world.settled("ada", "bob")
    ada, bob = (world.account(name) for name in ("ada", "bob"))

    def walk(cookie: str) -> Iterator[ChangedPage]:
        told.asked.append(cookie)
        if cookie:
            raise CookieExpired("there was a restart")
        yield ChangedPage((ada,), (), "after ada", whole=True)
        if len(told.asked) == 1:
            raise Unreachable("the second page did not come")
        yield ChangedPage((bob,), (), "start", whole=True)

    told.changes = walk  # type: ignore[method-assign]

    assert world.reconcile().writes == 0
    assert told.asked == ["", "after ada", ""]

"""Many users of Entra at once: lists, managers, changes, the quota."""

from collections.abc import Iterator

import pytest

from connector.targets.base import (
    ChangedPage,
    Changes,
    CookieExpired,
    Throttled,
    Unreachable,
)
from connector.targets.entra_recent import Recent
from tests.conftest import Clock
from tests.contract.conftest import OpenEntra, an_agent
from tests.servers.entra_fake import EntraFake
from tests.servers.fake import Fault


def test_the_manager_is_a_relation(entra: OpenEntra, graph: EntraFake) -> None:
    rosa, max_ = (graph.add("user", userPrincipalName=f"{name}@contoso.example")["id"] for name in ("rosa", "max"))
    made = entra().create(an_agent(manager=rosa))

    read = entra().read(made.id)
    changed = entra().update(made.id, Changes(set={"manager": max_}))
    cleared = entra().update(made.id, Changes(clear=("manager",)))
    again = entra().update(made.id, Changes(clear=("manager",)))

    assert read is not None
    assert [one.attributes.get("manager") for one in (made, read, changed, cleared, again)] == [
        rosa,
        rosa,
        max_,
        None,
        None,
    ]
    assert [one.attributes.get("manager") for one in entra().accounts()] == [None]


def test_managers_of_many_are_asked_for_in_batches(entra: OpenEntra, graph: EntraFake) -> None:
    rosa = graph.add("user", userPrincipalName="rosa@contoso.example")["id"]
    for number in range(45):
        manager = {"manager": rosa} if number % 2 else {}
        graph.add("user", userPrincipalName=f"bot-{number}@x", employeeType="agent", accountEnabled=True, **manager)

    listed = list(entra().accounts())

    assert [one.attributes.get("manager") for one in listed] == [rosa if number % 2 else None for number in range(45)]
    assert len(graph.sent("POST", "batch")) == 3


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"id": "0", "status": 429, "headers": {"Retry-After": "5"}, "body": {}}, Throttled),
        ({"id": "0", "status": 503, "body": None}, Unreachable),
        ({"id": "9", "status": 200, "body": {}}, Unreachable),
        (None, Unreachable),
    ],
)
def test_a_batch_that_is_not_whole_is_no_answer(
    entra: OpenEntra, graph: EntraFake, answer: dict[str, object] | None, kind: type[Exception]
) -> None:
    entra().create(an_agent())
    graph.faults.append(Fault("POST", "batch", 200, {"responses": [answer] if answer else []}, times=99))

    with pytest.raises(kind):
        list(entra().accounts())


def test_agents_are_accounts_and_all_others_are_people(entra: OpenEntra, graph: EntraFake) -> None:
    rosa = graph.add("user", userPrincipalName="rosa@contoso.example", accountEnabled=True, mail="rosa@contoso.example")
    made = [entra().create(an_agent(f"bot-{number}@contoso.example")) for number in range(4)]

    assert [one.id for one in entra().accounts()] == [one.id for one in made]
    assert [one.id for one in entra().people()] == [rosa["id"]]
    assert {one.id for one in entra(accounts_where="").accounts()} == {rosa["id"], *(one.id for one in made)}
    assert entra().find_person("mail", "ROSA@contoso.example") == [rosa["id"]]


def _all(pages: Iterator[ChangedPage]) -> tuple[list[str], list[str], str, set[bool]]:
    held = list(pages)
    accounts = [one.id for page in held for one in page.accounts]
    gone = [one for page in held for one in page.gone]
    return accounts, gone, held[-1].cookie, {page.whole for page in held}


def test_changes_are_told_page_after_page_and_from_there_on(entra: OpenEntra, graph: EntraFake) -> None:
    graph.add("user", userPrincipalName="rosa@contoso.example")
    ids = [entra().create(an_agent(f"bot-{number}@contoso.example")).id for number in range(5)]

    first, gone, cookie, whole = _all(entra().changes(""))
    entra().update(ids[1], Changes(set={"jobTitle": "x"}))
    entra().delete(ids[2])
    later = _all(entra().changes(cookie))
    nothing = _all(entra().changes(later[2]))

    assert (first, gone, whole) == (ids, [], {True})
    assert (later[0], later[1], later[3]) == ([ids[1]], [ids[2]], {False})
    assert nothing[:2] == ([], [])


def test_a_walk_over_changes_resumes_after_the_last_page_that_was_seen(entra: OpenEntra, graph: EntraFake) -> None:
    ids = [entra().create(an_agent(f"bot-{number}@contoso.example")).id for number in range(5)]
    page = next(entra().changes(""))

    rest = _all(entra().changes(page.cookie))
    for id in ids:
        entra().update(id, Changes(set={"jobTitle": "x"}))
    later = next(entra().changes(rest[2]))
    last = _all(entra().changes(later.cookie))

    assert [one.id for one in page.accounts] + rest[0] == ids
    assert rest[3] == {True}
    assert [one.id for one in later.accounts] + last[0] == ids


def test_a_new_manager_is_a_change_and_is_told(entra: OpenEntra, graph: EntraFake) -> None:
    rosa = graph.add("user", userPrincipalName="rosa@contoso.example")["id"]
    made = entra().create(an_agent())
    cookie = _all(entra().changes(""))[2]

    entra().update(made.id, Changes(set={"manager": rosa}))
    told = [one for page in entra().changes(cookie) for one in page.accounts]

    assert [(one.id, one.attributes["manager"]) for one in told] == [(made.id, rosa)]


def test_a_change_of_what_is_gone_meanwhile_is_told_as_gone_and_of_what_is_new_as_it_is(
    entra: OpenEntra, graph: EntraFake, clock: Clock
) -> None:
    cookie = _all(entra().changes(""))[2]
    new, old = entra().create(an_agent()), entra().create(an_agent("old@contoso.example"))
    gone = {"error": {"code": "Request_ResourceNotFound", "message": "Resource does not exist"}}
    graph.faults += [Fault("GET", f"/users/{one.id}", 404, gone) for one in (new, old)]
    Recent.of(f"{graph.base}/{graph.tenant}").forget(old.id)

    told = _all(entra().changes(cookie))

    assert told[:2] == ([new.id], [old.id])


def test_a_cookie_that_entra_has_forgotten_asks_for_a_full_read(entra: OpenEntra, graph: EntraFake) -> None:
    entra().create(an_agent())
    cookie = _all(entra().changes(""))[2]
    graph.forgotten = 1_000

    with pytest.raises(CookieExpired):
        list(entra().changes(cookie))
    with pytest.raises(CookieExpired):
        list(entra().changes("https://elsewhere.example/v1.0/users/delta"))


def test_the_quota_of_others_is_left_to_them(entra: OpenEntra, graph: EntraFake, clock: Clock) -> None:
    target = entra(reserve="0.15")
    graph.used = 0.8
    target.check()
    graph.used = 0.9
    target.check()

    with pytest.raises(Throttled, match="left to others") as problem:
        target.check()
    clock.move(seconds=11)

    assert problem.value.retry_after == 10
    assert target.check()

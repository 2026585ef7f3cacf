"""What a real Keycloak tells of changes, by the admin events of the realm, and what it does not."""

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from connector.core.clock import utc_now
from connector.targets.base import Account, Changes, CookieExpired
from connector.targets.keycloak import KeycloakTarget, KeycloakUsers
from connector.targets.registry import open_target
from tests.servers.keycloak import Keycloak

pytestmark = [pytest.mark.xdist_group("keycloak"), pytest.mark.timeout(600)]

Open = Callable[..., KeycloakTarget]


@pytest.fixture
def opened(keycloak: Keycloak, monkeypatch: pytest.MonkeyPatch) -> Open:
    monkeypatch.setenv("KEYCLOAK_SECRET", keycloak.client_secret)

    def open_(kind: str = "user", **more: str) -> KeycloakTarget:
        given = {"url": keycloak.url, "realm": keycloak.realm, "client_id": keycloak.client_id, "page_size": "7"}
        made = open_target(
            "keycloak", "keycloak", {**given, "client_secret": "env:KEYCLOAK_SECRET", **more}, object=kind
        )
        assert isinstance(made, KeycloakTarget)
        return made

    return open_


@pytest.fixture
def marked(opened: Open) -> KeycloakTarget:
    """A target whose accounts are those of one test."""
    return opened(accounts_where=f"attributes.kind=k-{uuid.uuid4().hex[:8]}")


def make(target: KeycloakTarget, many: int) -> list[str]:
    kind = target._options.accounts_where.partition("=")[2]
    ids = []
    for _ in range(many):
        name = f"bot-{uuid.uuid4().hex[:10]}"
        values = {"username": name, "email": f"{name}@x.invalid", "firstName": "Bot", "lastName": "Agent"}
        ids.append(target.create(Account(attributes={**values, "attributes.kind": kind})).id)
    return ids


@pytest.fixture
def later(keycloak: Keycloak) -> Iterator[Callable[[str], str]]:
    """A cookie as if its look had been made just now: without the overlap, which tells everything of a test again."""

    def moved(cookie: str) -> str:
        kind, _, _ = cookie.partition(" ")
        return f"{kind} {(utc_now() - timedelta(milliseconds=1)).isoformat()}"

    yield moved


def told(target: KeycloakTarget, cookie: str) -> tuple[set[str], set[str], str]:
    pages = list(target.changes(cookie))
    accounts = {one.id for page in pages for one in page.accounts}
    return accounts, {one for page in pages for one in page.gone}, pages[-1].cookie


def test_admin_events_tell_what_was_changed_joined_and_deleted_since(
    marked: KeycloakTarget, later: Callable[[str], str]
) -> None:
    changed, disabled, joined, deleted, *_ = ids = make(marked, 12)
    everything, _, cookie = told(marked, "")
    cookie = later(cookie)
    marked.update(changed, Changes(set={"firstName": "Other"}))
    marked.set_active(disabled, False)
    marked.create_group(f"g-{uuid.uuid4().hex[:8]}", first_member=joined)
    marked.delete(deleted)

    accounts, gone, _ = told(marked, cookie)

    assert everything == set(ids)
    assert accounts == {changed, disabled, joined}
    assert gone == {deleted}


def test_what_is_changed_and_deleted_over_its_scim_api_is_told_too(
    marked: KeycloakTarget, later: Callable[[str], str], keycloak: Keycloak
) -> None:
    client = {"client_id": keycloak.client_id, "client_secret": "env:KEYCLOAK_SECRET"}
    options = {"url": keycloak.scim_url, "profile": "keycloak", "token_url": keycloak.token_url, **client}
    scim = open_target("scim", "scim", options)
    changed, deleted = make(marked, 2)
    cookie = later(told(marked, "")[2])
    scim.set_active(changed, False)
    scim.delete(deleted)

    assert told(marked, cookie)[:2] == ({changed}, {deleted})


def test_a_change_of_a_client_is_told(opened: Open, later: Callable[[str], str]) -> None:
    clients = opened("client")
    changed, _ = (clients.create(Account(attributes={"clientId": f"c-{uuid.uuid4().hex[:8]}"})).id for _ in range(2))
    cookie = later(told(clients, "")[2])
    clients.update(changed, Changes(set={"description": "other"}))

    assert told(clients, cookie)[:2] == ({changed}, set())


def test_a_full_read_is_taken_up_again_at_the_page_where_it_broke_off(marked: KeycloakTarget) -> None:
    ids = set(make(marked, 20))
    first = next(marked.changes(""))

    rest = list(marked.changes(first.cookie))

    assert {one.id for page in (first, *rest) for one in page.accounts} == ids
    assert first.whole and all(page.whole for page in rest)
    assert len(rest) == 2


def test_a_realm_that_keeps_no_admin_events_is_read_in_full_which_the_check_says(
    opened: Open, marked: KeycloakTarget, keycloak: Keycloak
) -> None:
    made = set(make(marked, 1))
    cookie = told(marked, "")[2]
    assert "full reads" not in marked.check()
    config = keycloak.admin("GET", "/events/config").json()
    keycloak.admin("PUT", "/events/config", {**config, "adminEventsEnabled": False})
    try:
        assert told(marked, "") == (made, set(), "")
        assert "changes are only found by full reads: the realm keeps no admin events" in marked.check()
        assert "changes are only found by full reads" in opened("client").check()
        with pytest.raises(CookieExpired):
            told(marked, cookie)
    finally:
        keycloak.admin("PUT", "/events/config", config)


def test_a_cookie_from_before_the_oldest_event_has_expired(marked: KeycloakTarget, keycloak: Keycloak) -> None:
    made = set(make(marked, 1))
    realm = keycloak.admin("GET", "").json()
    hours_ago = f"since {(utc_now() - timedelta(hours=3)).isoformat()}"
    assert made <= told(marked, hours_ago)[0]
    keycloak.admin("PUT", "", {"attributes": {**realm["attributes"], "adminEventsExpiration": "7200"}})
    try:
        with pytest.raises(CookieExpired):
            told(marked, hours_ago)
    finally:
        keycloak.admin("PUT", "", {"attributes": {**realm["attributes"], "adminEventsExpiration": "0"}})


def test_whoever_may_not_read_events_makes_full_reads(marked: KeycloakTarget, keycloak: Keycloak, opened: Open) -> None:
    keycloak.add_manager("no-events", secret=keycloak.client_secret)
    management = keycloak.admin("GET", "/clients?clientId=realm-management").json()[0]["id"]
    client = keycloak.admin("GET", "/clients?clientId=no-events").json()[0]["id"]
    account = keycloak.admin("GET", f"/clients/{client}/service-account-user").json()["id"]
    roles = [
        keycloak.admin("GET", f"/clients/{management}/roles/{name}").json() for name in ("view-events", "manage-realm")
    ]
    keycloak.admin("DELETE", f"/users/{account}/role-mappings/clients/{management}", roles)
    target = opened(client_id="no-events")
    assert isinstance(target, KeycloakUsers)

    assert told(target, "")[2] == ""
    assert "or we may not read them" in target.check()

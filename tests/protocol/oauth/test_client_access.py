"""Secrets of inbound clients side by side, their end, and that every change acts at once in every process."""

import pytest

from connector.app import create_app
from connector.core.errors import Denied, Invalid, NotFound
from connector.domain import client_access, clients
from connector.domain.unit import SYSTEM
from connector.parts import assemble
from connector.settings import Settings

GRANT = {"grant_type": "client_credentials"}


@pytest.fixture
def web(app):
    return app.test_client()


@pytest.fixture
def act(parts):
    """Calls a function of the domain in a unit of its own."""

    def call(function, *arguments, **options):
        with parts.domain.change(SYSTEM) as unit:
            return function(unit, *arguments, **options)

    return call


@pytest.fixture
def hr(act):
    return act(clients.create, "hr", frozenset({"scim"}), static_bearer=True).id


@pytest.fixture
def other_process(parts):
    """A second application on the same database, with caches of its own."""
    second = assemble(parts.settings, clock=parts.domain.database.clock)
    yield create_app(second).test_client()
    second.domain.database.close()


def token(web, id, secret):
    return web.post("/oauth/token", data=GRANT, auth=(id, secret))


def reads(web, bearer):
    return web.get("/scim/v2/Users", headers={"Authorization": f"Bearer {bearer}"}).status_code


def test_several_secrets_live_side_by_side_until_each_ends(web, hr, act, clock):
    first = act(client_access.issue_secret, "hr", expires="10")
    second = act(client_access.issue_secret, "hr", expires="2027-04-01")
    assert [token(web, hr, one.secret).status_code for one in (first, second)] == [200, 200]
    clock.move(days=11)
    assert [token(web, hr, one.secret).status_code for one in (first, second)] == [401, 200]
    told = act(client_access.held, "hr")
    assert [(one.id, one.status) for one in told] == [(first.id, "expired"), (second.id, "live")]
    assert told[1].not_after == "2027-04-01T00:00:00.000Z"
    assert first.secret not in repr(told) and second.secret[-4:] not in repr(told).replace(second.id, "")


def test_a_secret_lives_a_year_unless_said_and_three_at_most(hr, act):
    act(client_access.issue_secret, "hr")
    assert act(client_access.held, "hr")[0].not_after == "2028-02-29T12:00:00.000Z"
    for expires in ("0", "1097", "2020-01-01", "soon", "-1", "9" * 30):
        with pytest.raises(Invalid, match="expires must"):
            act(client_access.issue_secret, "hr", expires=expires)


def test_rotating_lets_the_old_secret_end_after_the_overlap(web, hr, act, clock, events):
    old = act(client_access.issue_secret, "hr")
    new = act(client_access.rotate, "hr", overlap=7)
    clock.move(days=6)
    assert [token(web, hr, one.secret).status_code for one in (old, new)] == [200, 200]
    clock.move(days=2)
    assert [token(web, hr, one.secret).status_code for one in (old, new)] == [401, 200]
    assert "credential:shortened" in events()
    act(client_access.rotate, "hr", overlap=0)
    assert token(web, hr, new.secret).status_code == 401


@pytest.mark.parametrize("change", ["revoke", "disable", "remove"])
def test_a_change_acts_at_once_in_every_process(web, other_process, hr, act, clock, events, change):
    secret = act(client_access.issue_secret, "hr")
    bearer = act(client_access.issue_bearer, "hr", expires="30")
    access = token(web, hr, secret.secret).get_json()["access_token"]
    for one in (web, other_process):  # both have it in their caches now
        assert (reads(one, access), reads(one, bearer.secret)) == (200, 200)
    clock.move(seconds=1)
    if change == "revoke":
        act(client_access.revoke, "hr", secret.id)
        act(client_access.revoke, "hr", bearer.id)
    elif change == "disable":
        act(clients.switch, "hr", active=False)
    else:
        act(clients.remove, "hr")
    for one in (web, other_process):
        assert (reads(one, access), reads(one, bearer.secret)) == (401, 401)
        assert token(one, hr, secret.secret).status_code == 401
    assert {"revoke": "credential:revoked", "disable": "client:disabled", "remove": "client:removed"}[
        change
    ] in events()


def test_an_enabled_client_may_come_in_again_but_its_old_tokens_stay_dead(web, hr, act, clock):
    secret = act(client_access.issue_secret, "hr").secret
    access = token(web, hr, secret).get_json()["access_token"]
    clock.move(seconds=1)
    act(clients.switch, "hr", active=False)
    clock.move(seconds=1)
    act(clients.switch, "hr", active=True)
    assert reads(web, access) == 401
    assert token(web, hr, secret).status_code == 200


def test_a_static_bearer_is_only_for_clients_made_to_have_one_and_it_ends(web, hr, act, clock):
    act(clients.create, "entra", frozenset({"scim"}))
    with pytest.raises(Denied, match="--static-bearer"):
        act(client_access.issue_bearer, "entra")
    bearer = act(client_access.issue_bearer, "hr", expires="1").secret
    assert reads(web, bearer) == 200
    clock.move(days=2)
    assert reads(web, bearer) == 401


def test_what_is_not_there_is_named(hr, act):
    with pytest.raises(NotFound, match="nobody"):
        act(clients.switch, "nobody", active=False)
    with pytest.raises(NotFound, match="crd-none"):
        act(client_access.revoke, "hr", "crd-none")


def test_too_many_failures_make_the_client_wait_and_only_at_that_address(parts, hr, act):
    limited = Settings(**{**parts.settings.model_dump(), "auth_failures": 3})
    web = create_app(assemble(limited, clock=parts.domain.database.clock)).test_client()
    secret = act(client_access.issue_secret, "hr").secret
    for _ in range(2):
        assert token(web, hr, "wrong").status_code == 401
    assert token(web, hr, secret).status_code == 200  # starts the count anew
    for _ in range(3):
        assert token(web, hr, "wrong").status_code == 401
    answer = token(web, hr, secret)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 300
    elsewhere = web.post("/oauth/token", data=GRANT, auth=(hr, secret), environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert elsewhere.status_code == 200


def test_a_failure_of_a_known_client_is_recorded_and_a_strangers_is_not(web, hr, events):
    token(web, "cli-stranger", "wrong")
    assert "client:refused" not in events()
    token(web, hr, "wrong")
    assert events()[-1] == "client:refused"

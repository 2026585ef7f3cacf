"""Deactivation under load: after the SCIM answer no request of the agent is authorised, in any process, by any credential."""

import threading
from concurrent.futures import ThreadPoolExecutor

from connector.app import create_app
from connector.domain import credentials
from connector.parts import assemble


def test_no_request_is_authorised_after_the_scim_answer(world, clock):
    """Issue 6, must-show 3: credentials, own tokens, exchanged tokens, API keys, while eight threads keep asking two processes."""
    for one in (world.bot, world.helper):
        world.grant(one.id, "files.read")
    world.delegate(world.bot.id, world.helper.id, "files.read")
    own = world.token(world.bot)
    files = world.token(world.bot, "files.read")
    acting = world.exchange(world.helper, files).get_json()["access_token"]
    key = world.act(credentials.issue, "agent", world.bot.id, "api_key", scopes=frozenset({"files.read"})).secret
    world.introspect(own)
    clock.move(seconds=1)

    second = assemble(world.parts.settings, clock=clock)
    apps = (world.app, create_app(second))
    answered = threading.Event()
    stop = threading.Event()
    wrong: list[str] = []
    before: list[str] = []

    def ask(number: int) -> None:
        web = apps[number % 2].test_client()
        while not stop.is_set():
            late = answered.is_set()  # looked at before the request begins
            for name, authorised in _requests(world, web, own, acting, key):
                if authorised:
                    (wrong if late else before).append(name)

    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(ask, number) for number in range(8)]
        while not {"me", "introspect-own", "introspect-acting", "introspect-key", "token", "exchange"} <= set(before):
            assert not any(one.done() for one in running), [one.exception() for one in running if one.done()]
        world.suspend(world.bot.id)
        answered.set()
        for _ in range(5):
            assert [name for name, authorised in _requests(world, world.web, own, acting, key) if authorised] == []
        stop.set()
    for one in running:
        one.result()
    second.domain.database.close()
    assert wrong == []


def _requests(world, web, own, acting, key):
    """(what, whether it was authorised) of one request each."""
    yield "me", web.get("/scim/v2/Me", headers={"Authorization": f"Bearer {own}"}).status_code == 200
    for name, token in (("own", own), ("acting", acting), ("key", key)):
        told = web.post("/oauth/introspect", data={"token": token}, auth=world._asker)
        yield f"introspect-{name}", bool(told.status_code == 200 and told.get_json()["active"])
    grant = {"grant_type": "client_credentials"}
    yield "token", web.post("/oauth/token", data=grant, auth=world.bot.auth).status_code == 200
    yield "exchange", world.exchange(world.helper, acting, web=web).status_code == 200

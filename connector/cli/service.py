"""Commands that run the service itself: serve, worker, the database, our keys."""

import gc
import multiprocessing
import os
import signal
import threading
from typing import Any

import click

from connector import __version__
from connector.cli import listening
from connector.cli.output import guarded, json_option, operator, parts, show
from connector.core import logs
from connector.core.keys import OPTIONAL, PUBLISHED_FIRST, PURPOSES
from connector.domain import client_access, clients
from connector.domain.events import Action
from connector.parts import Parts
from connector.settings import PREFIX, load


@click.command()
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on.")
@click.option("--workers", type=int, help="Web processes.")
@click.option(
    "--worker/--no-worker", "with_worker", default=True, help="Push to targets from here (the default) or not."
)
@guarded
def serve(host: str | None, port: int | None, workers: int | None, with_worker: bool) -> None:
    """Start the service; makes data folder, keys and database on first start.

    Example: connector serve --port 8080
    """
    settings = load(host=host, port=port, workers=workers)
    address = listening.address(settings)
    listening.check_tls(settings)
    logs.configure(settings.log_level)
    for name in ("host", "port", "workers"):  # the web processes read the environment
        os.environ[f"{PREFIX}{name.upper()}"] = str(getattr(settings, name))
    assembled = parts(checked=False, serving=True)
    assembled.domain.database.upgrade()
    _first_client(assembled)
    assembled.domain.database.close()
    click.echo(
        f"Agent IdP Connector {__version__} listens on {settings.url} (SCIM: {settings.url}/scim/v2). Stop with Ctrl-C."
    )
    from granian import Granian  # imported here: the other commands do without it
    from granian.constants import Interfaces

    import connector.app  # noqa: F401  # granian forks its workers: what is loaded before is loaded once, and its memory shared

    multiprocessing.set_start_method("fork", force=True)  # from Python 3.14 on it would not be forking
    gc.freeze()  # a collection in a worker would write to what it shares, and so make copies of it
    Granian(
        "connector.wsgi:create_with_worker" if with_worker else "connector.wsgi:create",
        factory=True,
        address=address,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=settings.threads,
        websockets=False,
        ssl_cert=settings.tls_certificate,
        ssl_key=settings.tls_key,
        log_level="warning",  # type: ignore[arg-type]  # granian takes the name as well as its enum
    ).serve()


def _first_client(assembled: Parts) -> None:
    with assembled.domain.change(operator()) as unit:
        if clients.listing(unit):
            return
        made = clients.create(unit, "administrator", frozenset({"scim", "introspect"}))
        issued = client_access.issue_secret(unit, "administrator")
    click.echo("First start: made the client `administrator`. Its secret is shown only now:")
    click.echo(f"  client id      {made.id}\n  client secret  {issued.secret}")


@click.command()
@guarded
def worker() -> None:
    """Push to targets and seal the audit log, as a process of its own. Any number may run.

    Example: connector worker
    """
    assembled = parts(serving=True)
    running = assembled.worker()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    thread = running.start()
    click.echo("The worker runs. Stop with Ctrl-C.")
    stopped.wait()
    running.stop()
    thread.join(timeout=30)


@click.group()
def db() -> None:
    """The database."""


@db.command()
@guarded
def upgrade() -> None:
    """Bring the database to this version's schema.

    Example: connector db upgrade
    """
    assembled = parts(checked=False)
    assembled.domain.database.upgrade()
    click.echo("The database is up to date.")


@click.group()
def keys() -> None:
    """Our own signing keys."""


@keys.command("list")
@json_option
@guarded
def list_keys(as_json: bool) -> None:
    """Show the keys, never their private parts.

    Example: connector keys list
    """
    ring = parts(checked=False).domain.keys
    found: list[dict[str, Any]] = [
        {"purpose": purpose, "id": key.id, "created": key.created, "signs": key == ring.active(purpose)}
        for purpose in (*PURPOSES, *OPTIONAL)
        for key in ring.all(purpose)
    ]
    show(
        found,
        as_json,
        [f"{one['purpose']:6} {one['id']} {one['created']}{' signs' if one['signs'] else ''}" for one in found],
    )


@keys.command("rotate")
@click.argument("purpose", type=click.Choice(list(PUBLISHED_FIRST)), default="oauth")
@guarded
def rotate_key(purpose: str) -> None:
    """Make one more key for access tokens; with `saml` or `samlec` for assertions, or with `sp` for requests to workforce IdPs.

    The old ones still verify. It is published at once, and signs ten minutes later, or with saml, samlec and sp 14 days later, when
    whoever keeps our metadata has it.

    Example: connector keys rotate
    """
    domain = parts().domain
    with domain.change(operator()) as unit:
        made = domain.keys.make(purpose)
        unit.record(Action.KEY_MADE, "key", made.id, purpose=purpose)
    wait = PUBLISHED_FIRST[purpose]
    told = f"{wait.days} days" if wait.days else f"{wait.seconds // 60} minutes"
    click.echo(f"{made.id} is published and will sign in {told}.")


@keys.command("retire")
@click.argument("id")
@guarded
def retire_key(id: str) -> None:
    """Forget a key that does not sign any more. Tokens or assertions that it has signed are dead at once.

    Example: connector keys retire 0123456789abcdef
    """
    assembled = parts()
    ring = assembled.domain.keys
    purpose = next((one for one in PUBLISHED_FIRST if any(key.id == id for key in ring.all(one))), "oauth")
    ring.retire(purpose, id)
    with assembled.domain.change(operator()) as unit:
        clients.forget_cached(unit)
        unit.record(Action.KEY_RETIRED, "key", id, purpose=purpose)
    click.echo(f"{id} is retired.")

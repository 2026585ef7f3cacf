"""A real domain with agents, their owners and applications, and the SAML edge on top, for tests of that edge."""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flask
import orjson
from cryptography import x509
from werkzeug.serving import make_server

from connector.core.clock import from_text
from connector.core.errors import Denied, Unauthenticated
from connector.core.http import HttpClient
from connector.core.keys import KeyRing
from connector.domain import apps, delegations
from connector.domain import groups as group_rules
from connector.domain.app_settings import AppSettings
from connector.domain.arrival import Arrival, Method
from connector.domain.exchange import Subject
from connector.domain.schema import GOVERNANCE
from connector.domain.sign_on import Behalf
from connector.domain.unit import SYSTEM, Caller, Domain, Unit
from connector.edges.saml import service_provider
from connector.edges.saml.blueprint import blueprint, identity_provider, logout_sender
from connector.edges.saml.bundles import Bundles
from connector.edges.saml.logout import LogoutSender
from connector.mapping.load import shipped_folder
from connector.storage import audit, groups, owners, resources, saml
from connector.storage.db import Database
from connector.storage.owners import Ownership
from connector.storage.resources import Record

IDP = "https://idp.example/saml"


@dataclass
class World:
    domain: Domain
    base_url: str
    app: flask.Flask

    @property
    def sender(self) -> LogoutSender:
        return logout_sender(self.domain, base_url=self.base_url, entity_id=IDP, http=HttpClient(read_timeout=5))

    def register(self, name: str, metadata: bytes) -> None:
        service_provider.register(self.domain, SYSTEM, name=name, metadata=metadata)

    def choose(self, name: str, **changes: Any) -> None:
        """Change the settings of an application."""
        bundles = Bundles([shipped_folder()])
        service_provider.configure(self.domain, SYSTEM, name=name, changes=changes, bundles=bundles)

    def settings(self, name: str) -> AppSettings:
        with self.domain.view() as unit:
            return apps.settings(apps.by_name(unit, name))

    def group(self, name: str, *, inside: list[str]) -> None:
        """A group with the groups of those names in it."""
        with self.domain.change(SYSTEM) as unit:
            id = unit.tx.new_id("grp")
            resources.insert(unit.tx, Record(id, "group", name, "{}", True, 1, unit.tx.now, unit.tx.now))
            for title in inside:
                found = resources.by_name(unit.tx, "group", title)
                assert found is not None
                groups.add(unit.tx, id, [(found.id, "group", title)])

    def forget_group(self, name: str) -> None:
        with self.domain.change(SYSTEM) as unit:
            found = resources.by_name(unit.tx, "group", name)
            assert found is not None
            group_rules.delete(unit, found)

    def events(self, action: str) -> list[dict[str, Any]]:
        with self.domain.view() as unit:
            rows = audit.events(unit.tx)
        return [orjson.loads(row.body) for row in rows if row.action == action]

    def sessions(self, agent_id: str) -> list[saml.Session]:
        with self.domain.view() as unit:
            return saml.sessions(unit.tx, agent_id)

    def deactivate(self, agent_id: str) -> list[str]:
        """Suspend the agent and end its sessions; the applications to tell."""
        with self.domain.change(SYSTEM) as unit:
            agent = resources.by_id(unit.tx, "agent", agent_id)
            assert agent is not None
            resources.update(unit.tx, agent._replace(active=False), renamed=False)
            ended = [entity_id for _, entity_id in saml.end_sessions(unit.tx, agent_id)]
            unit.tell_apps(agent_id, ended)
        return ended

    def agent(
        self,
        name: str,
        *,
        active: bool = True,
        owner_active: bool = True,
        owned: bool = True,
        display_name: str = "Invoice matcher",
        more: dict[str, Any] | None = None,
        **governance: str,
    ) -> str:
        """An agent with an owner, a sponsor and two groups; its id."""
        document: dict[str, Any] = {"agentUserName": name, "displayName": display_name, "agentType": "Assistant"}
        document |= more or {}
        if governance:
            document[GOVERNANCE] = governance
        with self.domain.change(SYSTEM) as unit:

            def insert(prefix: str, kind: str, name: str, document: dict[str, Any], active: bool) -> str:
                id = unit.tx.new_id(prefix)
                text, now = orjson.dumps(document).decode(), unit.tx.now
                resources.insert(unit.tx, Record(id, kind, name, text, active, 1, now, now))
                return id

            agent = insert("agt", "agent", name, document, active)
            owner = insert("per", "person", f"owner-of-{name}", {}, owner_active)
            sponsor = insert("per", "person", f"sponsor-of-{name}", {}, True)
            holders = [Ownership(owner, "owner", True)] if owned else []
            owners.assign(unit.tx, agent, [*holders, Ownership(sponsor, "sponsor", False)])
            for title in ("finance & <bots>", "readers"):
                group = insert("grp", "group", f"{title} of {name}", {}, True)
                groups.add(unit.tx, group, [(agent, "agent", name)])
        return agent


def authenticate(request: flask.Request) -> Arrival:
    """In these tests an agent's id is its token, `secret` is everybody's secret, and a certificate of TLS is the agent's.

    AGENT*PERSON is a token by which the agent acts for that person.
    """
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme == "Basic":
        value, _, secret = base64.b64decode(value).decode().partition(":")
        if secret != "secret":
            raise Unauthenticated("wrong id or secret")
    if not value:
        raise Unauthenticated("present an access token, or id and secret")
    value, _, other = value.partition("*")
    kind = "agent" if value.startswith("agt-") else "client"
    method: Method = "basic" if scheme == "Basic" else "token"
    return Arrival(Caller(kind, value, value), method, certificate_of(request), Subject(other) if other else None)


def certificate_of(request: flask.Request) -> x509.Certificate | None:
    pem = request.environ.get("SSL_CLIENT_CERT")
    return x509.load_pem_x509_certificate(pem.encode()) if pem else None


def decide(unit: Unit, caller: Caller, subject: Subject, audience: str) -> Behalf | None:
    """In these tests any standing delegation will do; which one is needed is for domain.exchange to say."""
    standing = delegations.standing(unit, subject.id, caller.id)
    if not standing:
        raise Denied("no delegation stands")
    return Behalf(subject.id, (caller.id,), (standing[0].id,), from_text(standing[0].not_after))


def make_world(folder: Path, *, base_url: str, database: Database | None = None, keys: KeyRing | None = None) -> World:
    """Without a database, one of SQLite in that folder, at the time of day."""
    if database is None:
        database = Database(f"sqlite:///{folder / 'connector.db'}")
        database.upgrade()
    domain = Domain(database, keys or KeyRing(folder / "keys", clock=database.clock))
    app = flask.Flask("tests")
    app.register_blueprint(
        blueprint(
            identity_provider(domain, base_url=base_url, entity_id=IDP, mapping_folders=[shipped_folder()]),
            authenticate=authenticate,
            certificate=certificate_of,
            decide=decide,
        )
    )
    return World(domain, base_url, app)


@contextmanager
def served(app: flask.Flask, port: int) -> Iterator[None]:
    """The application on a port of 127.0.0.1, in a thread of this process."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

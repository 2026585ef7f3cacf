"""A world with agents, people, a registered resource, and a web client that speaks OAuth."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from flask import Flask
from joserfc import jwk, jwt

from connector.app import create_app
from connector.domain import clients, credentials, delegations, scopes
from connector.domain.unit import SYSTEM
from connector.parts import Parts, assemble
from connector.settings import Settings
from connector.storage import audit

ISSUER = "https://connector.example"
FILES, MAIL = "https://files.example", "https://mail.example"
TYPE = "urn:ietf:params:oauth:token-type:"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class Agent:
    id: str
    secret: str
    key: Any

    @property
    def auth(self) -> tuple[str, str]:
        return self.id, self.secret


class World:
    """Two agents, `bot` and `helper`, and a third, all owned by ada; files.read and files.write at FILES, mail.send at MAIL."""

    def __init__(self, parts: Parts, app: Flask, client: Any, clock: Any) -> None:
        self.parts, self.app, self.scim, self.clock = parts, app, client, clock
        self.web = app.test_client()
        self.ada = client.person("ada")
        self.act(scopes.add_resource, FILES, "Files")
        self.act(scopes.add_resource, MAIL, "Mail")
        for name, uri in (("files.read", FILES), ("files.write", FILES), ("mail.send", MAIL)):
            self.act(scopes.add, name, uri)
        self.bot, self.helper, self.third = (self.agent(name) for name in ("bot", "helper", "third"))

    def act(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        with self.parts.domain.change(SYSTEM) as unit:
            return function(unit, *arguments, **options)

    def agent(self, name: str) -> Agent:
        id = self.scim.agent(name, owners=[{"value": self.ada}])
        key = jwk.generate_key("EC", "P-256")
        self.act(credentials.register_key, "agent", id, key.as_dict(private=False))
        return Agent(id, self.act(credentials.issue, "agent", id, "client_secret").secret, key)

    def grant(self, holder: str, *names: str) -> None:
        for name in names:
            self.act(scopes.grant, name, holder)

    def delegate(self, subject: str, actor: str, *names: str, days: int = 30) -> str:
        end = f"2027-03-{1 + days:02}T12:00:00.000Z" if days < 30 else "2027-04-01T00:00:00.000Z"
        return self.act(delegations.add, subject, actor, frozenset(names), not_after=end).id

    def other(self, **settings: Any) -> Any:
        """A web client of the same deployment with other settings."""
        changed = Settings(**{**self.parts.settings.model_dump(), **settings})
        return create_app(assemble(changed, clock=self.clock)).test_client()

    def post(self, form: dict[str, Any], agent: Agent | None = None, *, web: Any = None, **more: Any) -> Any:
        options = {"auth": agent.auth} if agent else {}
        return (web or self.web).post("/oauth/token", data=form, **options, **more)

    def token(self, agent: Agent, scope: str = "", **form: str) -> str:
        answer = self.post({"grant_type": "client_credentials", "scope": scope, **form}, agent)
        assert answer.status_code == 200, answer.get_json()
        return answer.get_json()["access_token"]

    def exchange(self, agent: Agent, subject: str, *, kind: str = "access_token", web: Any = None, **form: str) -> Any:
        body = {"grant_type": EXCHANGE, "subject_token": subject, "subject_token_type": TYPE + kind, **form}
        return self.post(body, agent, web=web)

    def introspect(self, token: str) -> dict[str, Any]:
        if not hasattr(self, "_asker"):
            made = self.act(clients.create, "resource-server", frozenset({"introspect"}))
            self._asker = made.id, self.act(credentials.issue, "client", made.id, "client_secret").secret
        return self.web.post("/oauth/introspect", data={"token": token}, auth=self._asker).get_json()

    def claims(self, token: str) -> dict[str, Any]:
        keys = jwk.KeySet.import_key_set(self.web.get("/oauth/jwks").get_json())
        return jwt.decode(token, keys, algorithms=["ES256"]).claims

    def assertion(self, agent: Agent, *, header: Any = None, key: Any = None, **over: Any) -> dict[str, str]:
        now = int(self.clock().timestamp())
        claims = {"iss": agent.id, "sub": agent.id, "aud": ISSUER, "iat": now, "exp": now + 60, "jti": "1", **over}
        token = jwt.encode({"alg": "ES256", **(header or {})}, claims, key or agent.key, algorithms=["ES256"])
        return {"grant_type": "client_credentials", "client_assertion_type": ASSERTION, "client_assertion": token}

    def last_event(self) -> dict[str, Any]:
        with self.parts.domain.view() as unit:
            return orjson.loads(audit.events(unit.tx)[-1].body)

    def actions(self) -> list[str]:
        with self.parts.domain.view() as unit:
            return [one.action for one in audit.events(unit.tx)]

    def suspend(self, id: str) -> None:
        assert self.scim.patch("Agents", id, {"op": "replace", "path": "active", "value": False}).status_code == 200


@pytest.fixture
def world(parts: Parts, app: Flask, client: Any, clock: Any) -> World:
    return World(parts, app, client, clock)


def proof(
    key: Any, clock: Any, method: str, url: str, *, token: str | None = None, header: Any = None, **over: Any
) -> str:
    """A DPoP proof (RFC 9449 section 4.2); claims given as None are left out."""
    claims = {"jti": "p1", "htm": method, "htu": url, "iat": int(clock().timestamp()), **over}
    if token is not None:
        claims["ath"] = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
    claims = {name: value for name, value in claims.items() if value is not None}
    head = {"alg": "ES256", "typ": "dpop+jwt", "jwk": key.as_dict(private=False), **(header or {})}
    return jwt.encode(head, claims, key, algorithms=["ES256"])

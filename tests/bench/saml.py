"""What SAML costs without HTTP, beside the bare RSA signature: `python -m tests.bench.saml`. CPU time of one thread, each beside the bare
signature in turn, the best of many short runs of both. Prints microseconds for one call, calls a second, and the share of the rate of bare
signatures. Over HTTP: `python -m tests.bench --workloads saml_direct,saml_ecp`."""

import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from flask import Flask

from connector.app import create_app
from connector.core.jose import Signer
from connector.domain import agents, clients, people
from connector.domain.exchange import Wish
from connector.domain.proofs import Proofs
from connector.domain.schema import GOVERNANCE
from connector.domain.tokens import Tokens
from connector.domain.unit import SYSTEM, Caller
from connector.edges.saml import service_provider, signature, xml
from connector.edges.saml.blueprint import identity_provider
from connector.edges.saml.idp import IdentityProvider, application
from connector.edges.saml.issue import Asserted, Order, decided, enclosed, signed, written
from connector.edges.saml.names import CONTEXT_UNSPECIFIED
from connector.edges.saml.unsolicited import consumer
from connector.parts import Parts, assemble
from connector.settings import Settings
from tests.servers.pki import self_signed_rsa
from tests.unit.edges.saml.conftest import App

_BASE = "https://connector.example"
_RUNS, _SECONDS = 40, 0.02


class Beside:
    """Prints what a call costs, and what the bare signature cost meanwhile."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        scheme, digest, octets = padding.PKCS1v15(), hashes.SHA256(), b"x" * 500
        self._bare = lambda: key.sign(octets, scheme, digest)

    def line(self, name: str, call: Callable[[], object]) -> None:
        call()
        ours, bare = [], []
        for _ in range(_RUNS):  # in turn: what else the machine does meets both
            bare.append(_once(self._bare))
            ours.append(_once(call))
        best, signed = min(ours), min(bare)
        print(f"{name:55} {best * 1e6:7.0f} us {1 / best:7.0f} /s {signed / best:6.2f} of {1 / signed:.0f} /s")


def _once(call: Callable[[], object]) -> float:
    before, count = time.process_time(), 0
    while (spent := time.process_time() - before) < _SECONDS:
        call()
        count += 1
    return spent / count


def _agent(parts: Parts) -> tuple[Caller, str]:
    """An agent with an owner, and its access token."""
    domain = parts.domain
    tokens = Tokens(domain, Signer(domain.keys), issuer=_BASE, proofs=Proofs(domain, nonces=True))
    with domain.change(SYSTEM) as unit:
        ada = people.add(unit, {"userName": "ada", "active": True}, None)
        named = {"agentUserName": "bot", "displayName": "Invoice matcher", "agentType": "Assistant"}
        bot = agents.register(unit, {**named, "owners": [{"value": ada.id}], GOVERNANCE: {}}, None)
        caller = clients.caller_of(unit, bot.id)
        assert caller is not None
        return caller, tokens.issue(unit, caller, Wish()).text


def _posted(app: Flask, path: str, token: str, body: bytes) -> None:
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "SERVER_NAME": "connector.example",
        "SERVER_PORT": "443",
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": "application/json",
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "REMOTE_ADDR": "127.0.0.1",
    }
    told: list[str] = []

    def start(status: str, headers: list[tuple[str, str]], problem: Any = None) -> Callable[[bytes], object]:
        told.append(status)
        return told.append  # type: ignore[return-value]

    answer = b"".join(app(environ, start))
    assert told[0].startswith("200"), answer


def _assertions(beside: Beside, idp: IdentityProvider, caller: Caller, entity_id: str) -> tuple[Order, Asserted]:
    found = application(idp, entity_id)
    order = Order(found, consumer(found, None, field="recipient"), "direct", CONTEXT_UNSPECIFIED, alone=True)
    with idp.domain.change(caller) as unit:
        outcome = decided(idp, unit, caller, order)
        assert isinstance(outcome, Asserted)
        granted, bundle = outcome.granted, idp.bundles.get(found.settings.attributes)
        beside.line(
            "assertion written and signed", lambda: signed(idp, order, written(idp, order, "_1", granted, bundle))
        )
        beside.line(
            "decided, recorded (no commit), written and signed",
            lambda: signed(idp, order, decided(idp, unit, caller, order)),
        )
    return order, signed(idp, order, outcome)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        parts = assemble(Settings(data_dir=Path(folder), base_url=_BASE))
        domain = parts.domain
        domain.database.upgrade()
        web, app, (caller, token) = create_app(parts), App(self_signed_rsa("app")), _agent(parts)
        service_provider.register(domain, SYSTEM, name="App", metadata=app.metadata)
        key = domain.keys.active("saml").private
        assert isinstance(key, rsa.RSAPrivateKey)
        beside = Beside(key)
        folders = parts.mapping_folders
        idp = identity_provider(domain, base_url=_BASE, entity_id=f"{_BASE}/saml/metadata", mapping_folders=folders)
        order, made = _assertions(beside, idp, caller, app.entity_id)
        content, keys = made.text.encode(), [key.public_key()]
        beside.line("assertion parsed and verified", lambda: signature.verified(xml.parse(content, what="x"), keys))
        body = orjson.dumps({"audience": app.entity_id})
        beside.line(
            "direct issue by WSGI, session and event committed", lambda: _posted(web, "/saml/assertions", token, body)
        )
        print(f"an assertion has {len(content)} bytes, a Response {len(enclosed(idp, order, made).response)}")
        domain.database.close()


if __name__ == "__main__":
    main()

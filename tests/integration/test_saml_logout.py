"""An agent with sessions at twenty applications is switched off: all are told at once, and one that hangs holds up no other."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import flask
import pytest
from lxml import etree

from connector.core.http import HttpClient
from connector.edges.saml.blueprint import logout_sender
from connector.parts import Parts
from connector.provisioning.worker import Worker
from connector.storage import outbox
from tests.conftest import Clock
from tests.saml_world import IDP, World, make_world, served
from tests.servers.pki import self_signed_rsa
from tests.servers.process import free_port
from tests.servers.sp_metadata import POST, SOAP, Endpoint, service_provider_metadata

APPLICATIONS = 20
PATIENCE = 5.0  # how long an answer is waited for: long enough for all others, on a machine that is busy
_ANSWER = (
    '<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body><samlp:LogoutResponse '
    'xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_a" Version="2.0" IssueInstant="2027-03-01T12:00:00Z" '
    'InResponseTo="{id}"><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/>'
    "</samlp:Status></samlp:LogoutResponse></S:Body></S:Envelope>"
)


@dataclass
class Applications:
    """Small applications, each on a port of its own; the last one answers nothing while it hangs."""

    told: dict[str, float] = field(default_factory=dict)
    hangs: threading.Event = field(default_factory=threading.Event)  # set: it does not hang any more
    entity_ids: list[str] = field(default_factory=list)

    def app(self, entity_id: str) -> flask.Flask:
        made = flask.Flask(entity_id)

        @made.post("/slo")
        def slo() -> flask.Response:
            request = etree.fromstring(flask.request.data)[0][0]
            if entity_id == self.entity_ids[-1]:
                self.hangs.wait(30)
            self.told[entity_id] = time.monotonic()
            return flask.Response(_ANSWER.format(id=request.get("ID")), content_type="text/xml")

        return made


@pytest.fixture
def applications() -> Iterator[Applications]:
    made = Applications()
    with ExitStack() as stack:
        for number in range(APPLICATIONS):
            port = free_port()
            made.entity_ids.append(f"http://127.0.0.1:{port}/{number}")
            stack.enter_context(served(made.app(made.entity_ids[-1]), port))
        yield made
        made.hangs.set()


@pytest.fixture
def world(parts: Parts, tmp_path: Path, applications: Applications) -> World:
    world = make_world(
        tmp_path, base_url="https://connector.example", database=parts.domain.database, keys=parts.domain.keys
    )
    keys = self_signed_rsa("applications")
    for entity_id in applications.entity_ids:
        base = entity_id.rpartition("/")[0]
        metadata = service_provider_metadata(
            entity_id, keys, consumers=[Endpoint(POST, f"{base}/acs")], logouts=[Endpoint(SOAP, f"{base}/slo")]
        )
        world.register(entity_id, metadata)
    return world


@pytest.fixture
def worker(parts: Parts) -> Worker:
    http = HttpClient(read_timeout=PATIENCE)
    tell = logout_sender(parts.domain, base_url="https://connector.example", entity_id=IDP, http=http).tell
    return Worker(parts.domain, parts.connections, parts.push, tell, origin="connector.example")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # it is about threads, not about SQL
def test_nineteen_know_while_the_twentieth_hangs_and_it_is_told_when_it_answers(
    parts: Parts, world: World, worker: Worker, applications: Applications, clock: Clock
) -> None:
    agent = world.agent("everywhere")
    for entity_id in applications.entity_ids:
        answer = world.app.test_client().post(
            "/saml/assertions", json={"audience": entity_id}, headers={"Authorization": f"Bearer {agent}"}
        )
        assert answer.status_code == 200, answer.text
    assert len(world.deactivate(agent)) == APPLICATIONS

    began = time.monotonic()
    worker.drain(seconds=20)

    nineteen = max(applications.told.values()) - began
    print(f"{len(applications.told)} applications were told within {nineteen:.2f} s")
    assert set(applications.told) == set(applications.entity_ids[:-1])
    assert nineteen < PATIENCE, "all were told while the one that hangs was still waited for"
    recorded = {one["detail"]["application"]: one["detail"]["outcome"] for one in world.events("app:told")}
    assert recorded == dict.fromkeys(applications.entity_ids[:-1], "Success")
    with parts.domain.view() as unit:
        waiting = outbox.destinations_due(unit.tx)
    assert waiting == [], "it is tried again later, not at once"

    applications.hangs.set()
    clock.move(minutes=2)
    worker.drain(seconds=20)

    assert applications.entity_ids[-1] in applications.told
    assert len(world.events("app:told")) == APPLICATIONS
    assert all(one.told for one in world.sessions(agent))

"""A further key: published beside the one that signs, then signing, and the old one taken out."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from connector.core.errors import Invalid
from connector.core.keys import KeyRing
from connector.edges.saml.signature import certificate_text
from connector.storage.db import Database
from tests.conftest import Clock
from tests.saml_world import World, make_world
from tests.unit.edges.saml.conftest import BASE, Agent, App
from tests.unit.edges.saml.test_sign_on import NAMES, assert_signed, response_of, valid


@pytest.fixture
def folder(keys_dir: Path, tmp_path: Path, clock: Clock) -> Path:
    """A folder with keys of its own."""
    KeyRing(keys_dir, clock=clock)
    return Path(shutil.copytree(keys_dir, tmp_path / "own-keys"))


@pytest.fixture
def world(tmp_path: Path, database: Database, app: App, folder: Path, clock: Clock) -> World:
    made = make_world(tmp_path, base_url=BASE, database=database, keys=KeyRing(folder, clock=clock))
    made.register("App", app.metadata)
    return made


def published(world: World) -> list[str | None]:
    metadata = etree.fromstring(world.app.test_client().get("/saml/metadata").data)
    valid(metadata, "saml-schema-metadata-2.0.xsd")
    assert_signed(world, metadata)
    return [one.text for one in metadata.iterfind(".//{*}KeyDescriptor//ds:X509Certificate", NAMES)]


def signed_with(world: World, app: App, agent: Agent, id: str, issued: str) -> Any:
    response = response_of(agent.ecp(app.signed(app.request(ID=id, IssueInstant=issued))))
    assert_signed(world, response)
    return response.findtext(".//ds:X509Certificate", None, NAMES)


def test_next_key_is_published_14_days_before_it_signs(
    world: World, app: App, agent: Agent, folder: Path, clock: Clock
) -> None:
    old = certificate_text(world.domain.keys.active("saml"))
    clock.move(days=1)
    assert published(world) == [old]

    made = KeyRing(folder, clock=clock).make("saml")  # as the command does, in a process of its own

    new = certificate_text(made)
    assert published(world) == [old, new]
    assert signed_with(world, app, agent, "_1", "2027-03-02T12:00:00Z") == old
    clock.move(days=14)
    assert signed_with(world, app, agent, "_2", "2027-03-16T12:00:00Z") == new
    assert published(world) == [new, old]


def test_old_key_is_retired_only_when_the_new_one_signs(world: World, app: App, folder: Path, clock: Clock) -> None:
    ring = KeyRing(folder, clock=clock)
    old = ring.active("saml")
    clock.move(days=1)
    made = ring.make("saml")
    clock.move(days=13)
    with pytest.raises(Invalid, match="no key"):
        ring.retire("saml", old.id)
    clock.move(days=1)

    ring.retire("saml", old.id)

    assert published(world) == [certificate_text(made)]

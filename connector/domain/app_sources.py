"""Applications whose metadata is read again and again where it is published: when, what became of it, and what changed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from connector.core.clock import to_text
from connector.domain.events import Action
from connector.domain.unit import Unit
from connector.storage import saml
from connector.storage import saml_sources as sources
from connector.storage.saml import App
from connector.storage.saml_sources import Source as Source


def follow(unit: Unit, entity_id: str, url: str, certificate: bytes | None, *, due: datetime) -> None:
    """Read the metadata of that application there from now on; what was said of it before is replaced."""
    pem = certificate.decode("ascii") if certificate is not None else None
    sources.save(unit.tx, Source(entity_id, url, pem, to_text(due), unit.tx.now))


def forget(unit: Unit, entity_id: str) -> None:
    """Its metadata was given by hand: that is not to be replaced."""
    sources.forget(unit.tx, entity_id)


def find(unit: Unit, entity_id: str) -> Source | None:
    return sources.find(unit.tx, entity_id)


def due(unit: Unit) -> list[Source]:
    return sources.due(unit.tx)


def take(unit: Unit, source: Source, *, until: datetime) -> bool:
    """Whether reading it is ours to do, and not another worker's."""
    return sources.postpone(unit.tx, source.entity_id, to_text(until))


def refreshed(
    unit: Unit, source: Source, app: App, metadata: str, changes: Mapping[str, Sequence[str]], *, due: datetime
) -> None:
    """It was read and is good. There is an event where keys or endpoints are others now."""
    if metadata != app.metadata:
        saml.save_app(unit.tx, replace(app, metadata=metadata))
    sources.save(unit.tx, replace(source, due=to_text(due), read=unit.tx.now, problem=None))
    if changes:
        unit.record(Action.APP_METADATA_CHANGED, "app", app.entity_id, name=app.name, **changes)


def refused(unit: Unit, source: Source, problem: str, *, due: datetime) -> None:
    """It could not be read, or is not good: what was there stays. There is one event for the same problem, not one each time."""
    sources.save(unit.tx, replace(source, due=to_text(due), problem=problem))
    if problem != source.problem:
        unit.record(Action.APP_METADATA_REFUSED, "app", source.entity_id, reason=problem)

"""Answers that wait for an application to fetch them, by a number that only it may use, once. They leave no trace but their hash."""

import hashlib
from datetime import timedelta

from connector.core.clock import to_text
from connector.domain.events import Action
from connector.domain.unit import Unit
from connector.storage import saml_artifacts


def keep(unit: Unit, octets: bytes, entity_id: str, content: str, *, life: timedelta) -> None:
    saml_artifacts.keep(unit.tx, _handle(octets), entity_id, content, to_text(unit.tx.moment + life))


def take(unit: Unit, octets: bytes, entity_id: str) -> str | None:
    """The content for that application, just this once; None, with an event that says why, where there is none for it."""
    handle = _handle(octets)
    content = saml_artifacts.take(unit.tx, handle, entity_id)
    if content is None:
        owner = saml_artifacts.owner(unit.tx, handle)
        why = "not known, or too old" if owner is None else "fetched before, or too old"
        reason = why if owner in (None, entity_id) else "it was issued for another application"
        unit.record(Action.ARTIFACT_REFUSED, "app", entity_id, reason=reason)
    return content


def _handle(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()

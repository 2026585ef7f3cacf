"""Agent-facing applications: SAML service providers that were registered by their metadata.

What the metadata says is the SAML edge's business; here it is a text that belongs to an entity id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from connector.core.errors import Conflict, Invalid, NotFound
from connector.domain import app_settings
from connector.domain.app_settings import AppSettings
from connector.domain.events import Action
from connector.domain.unit import Unit
from connector.storage import outbox, resources, saml
from connector.storage.saml import App

_MAX_ENTITY_ID = 1024  # SAML core section 8.3.6


def register(unit: Unit, *, name: str, entity_id: str, metadata: str) -> App:
    """The application under that name, new or with its metadata replaced. The metadata was checked by the SAML edge.

    Conflict where the name belongs to another application; Invalid where the name or the entity id cannot be used.
    """
    if not name.strip():
        raise Invalid("an application needs a name", field="name")
    if not entity_id or len(entity_id) > _MAX_ENTITY_ID:
        raise Invalid(f"entityID must have 1 to {_MAX_ENTITY_ID} characters", field="entityID")
    namesake = saml.app_by_name(unit.tx, name)
    if namesake is not None and namesake.entity_id != entity_id:
        raise Conflict(f"there is an application named {name!r} already: {namesake.entity_id}", field="name")
    before = saml.app(unit.tx, entity_id)
    if before is None:
        app = App(entity_id, name, metadata, app_settings.to_json(AppSettings()), True, unit.tx.now)
    else:
        app = replace(before, name=name, metadata=metadata, active=True)
    saml.save_app(unit.tx, app)
    unit.record(Action.APP_REGISTERED, "app", entity_id, name=name, replaced=True if before else None)
    return app


def configure(unit: Unit, app: App, changes: Mapping[str, Any]) -> App:
    """Change the settings of an application. Groups are given by id or display name. Invalid names what cannot be."""
    wanted = dict(changes)
    if "groups" in wanted:
        wanted["groups"] = tuple(sorted({_group_id(unit, one) for one in wanted["groups"]}))
    before = settings(app)
    after = app_settings.changed(before, wanted)
    different = app_settings.differences(before, after)
    if not different:
        return app
    changed = replace(app, settings=app_settings.to_json(after))
    saml.save_app(unit.tx, changed)
    unit.record(Action.APP_CHANGED, "app", app.entity_id, name=app.name, changed=different)
    return changed


def settings(app: App) -> AppSettings:
    return app_settings.from_json(app.settings)


def group_names(unit: Unit, ids: Sequence[str]) -> list[str]:
    """Display names of the groups that there still are, and the ids of those that are gone."""
    found = resources.by_ids(unit.tx, ids)
    return [found[id].name if id in found else id for id in ids]


def _group_id(unit: Unit, name: str) -> str:
    found = resources.by_id(unit.tx, "group", name) or resources.by_name(unit.tx, "group", name)
    if found is None:
        raise Invalid(f"there is no group {name!r}, neither by id nor by displayName", field="groups")
    return found.id


def remove(unit: Unit, name: str) -> None:
    """Forget an application and the sessions there: agents can no longer sign in. NotFound where there is none."""
    app = by_name(unit, name)
    saml.delete_app(unit.tx, app.entity_id)
    outbox.forget(unit.tx, f"app:{app.entity_id}")
    unit.record(Action.APP_REMOVED, "app", app.entity_id, name=name)


def by_name(unit: Unit, name: str) -> App:
    """The application of that name; NotFound where there is none."""
    app = saml.app_by_name(unit.tx, name)
    if app is None:
        raise NotFound(f"there is no application named {name!r}", field="name")
    return app


def find(unit: Unit, entity_id: str) -> App | None:
    """The application with that entity id, compared exactly; None where it is unknown or switched off."""
    app = saml.app(unit.tx, entity_id)
    return app if app is not None and app.active else None


def listing(unit: Unit) -> list[App]:
    """Every application, in order of name."""
    return saml.apps(unit.tx)

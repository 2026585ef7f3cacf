"""Agent-facing applications: SAML service providers that were registered by their metadata.

What the metadata says is the SAML edge's business; here it is a text that belongs to an entity id.
"""

from connector.core.errors import Conflict, Invalid, NotFound
from connector.domain.events import Action
from connector.domain.unit import Unit
from connector.storage import outbox, saml
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
    app = App(entity_id, name, metadata, True, before.created if before else unit.tx.now)
    saml.save_app(unit.tx, app)
    unit.record(Action.APP_REGISTERED, "app", entity_id, name=name, replaced=True if before else None)
    return app


def remove(unit: Unit, name: str) -> None:
    """Forget an application and the sessions there: agents can no longer sign in. NotFound where there is none."""
    app = saml.app_by_name(unit.tx, name)
    if app is None:
        raise NotFound(f"there is no application named {name!r}", field="name")
    saml.delete_app(unit.tx, app.entity_id)
    outbox.forget(unit.tx, f"app:{app.entity_id}")
    unit.record(Action.APP_REMOVED, "app", app.entity_id, name=name)


def find(unit: Unit, entity_id: str) -> App | None:
    """The application with that entity id, compared exactly; None where it is unknown or switched off."""
    app = saml.app(unit.tx, entity_id)
    return app if app is not None and app.active else None


def listing(unit: Unit) -> list[App]:
    """Every application, in order of name."""
    return saml.apps(unit.tx)

"""Agent-facing applications (SAML service providers) and the sessions that agents have there."""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.prepared import Prepared

_a, _s = t.saml_app.c, t.saml_session.c


@dataclass(frozen=True)
class App:
    """`metadata` is the EntityDescriptor as it was registered; `settings` is JSON."""

    entity_id: str
    name: str
    metadata: str
    settings: str
    active: bool
    created: str


@dataclass(frozen=True)
class Session:
    """`name_id` is the NameID element as it was issued (XML), which a LogoutRequest must repeat."""

    session_index: str
    agent_id: str
    entity_id: str
    name_id: str
    issued: str
    expires: str
    ended: str | None = None
    told: str | None = None


_APP = [_a[name] for name in App.__dataclass_fields__]
_SESSION = [_s[name] for name in Session.__dataclass_fields__]
_app_of = Prepared(sa.select(*_APP).where(_a.entity_id == sa.bindparam("entity_id")))
_behind = sa.select(t.saml_behind.c.session_index).where(t.saml_behind.c.id == sa.bindparam("id"))
_end_sessions = Prepared(
    sa.update(t.saml_session)
    .where(
        sa.or_(_s.agent_id == sa.bindparam("id"), _s.session_index.in_(_behind)),
        _s.ended.is_(None),
        _s.expires > sa.bindparam("now"),
    )
    .values(ended=sa.bindparam("now"))
    .returning(_s.agent_id, _s.entity_id)
)
_add_session = Prepared(sa.insert(t.saml_session), columns=tuple(Session.__dataclass_fields__))


def app(tx: Transaction, entity_id: str) -> App | None:
    row = _app_of.first(tx, entity_id=entity_id)
    return App(row[0], row[1], row[2], row[3], bool(row[4]), row[5]) if row else None


def apps(tx: Transaction) -> list[App]:
    return [App(**row._asdict()) for row in tx.execute(sa.select(*_APP).order_by(_a.name))]


def app_by_name(tx: Transaction, name: str) -> App | None:
    row = tx.execute(sa.select(*_APP).where(_a.name == name)).first()
    return App(**row._asdict()) if row else None


def save_app(tx: Transaction, app: App) -> None:
    """Insert it, or bring its name, metadata, settings and state up to date."""
    values = vars(app)
    changed = {key: values[key] for key in ("name", "metadata", "settings", "active")}
    if tx.execute(sa.update(t.saml_app).where(_a.entity_id == app.entity_id).values(changed)).rowcount == 0:
        tx.execute(sa.insert(t.saml_app).values(values))


def delete_app(tx: Transaction, entity_id: str) -> None:
    tx.execute(sa.delete(t.saml_app).where(_a.entity_id == entity_id))


def add_session(tx: Transaction, session: Session, behind: Iterable[str] = ()) -> None:
    """`behind` are the ids of those whose end ends the session as well, beside the agent's."""
    _add_session(tx, **vars(session))
    rows = [{"id": id, "session_index": session.session_index} for id in sorted(set(behind))]
    if rows:
        tx.execute(sa.insert(t.saml_behind), rows)


def end_sessions(tx: Transaction, id: str) -> list[tuple[str, str]]:
    """End the live sessions of an agent, and those that somebody or something of that id stands behind.

    Whose they were, and the entity ids of the applications that must be told.
    """
    return sorted({(row[0], row[1]) for row in _end_sessions.all(tx, id=id, now=tx.now)})


def live_at(tx: Transaction, entity_id: str, session_indexes: list[str]) -> list[Session]:
    """Those of the sessions that are open at that application."""
    live = [_s.entity_id == entity_id, _s.session_index.in_(session_indexes), _s.ended.is_(None), _s.expires > tx.now]
    return [Session(**row._asdict()) for row in tx.execute(sa.select(*_SESSION).where(*live))]


def end_known(tx: Transaction, session_indexes: list[str]) -> None:
    """End sessions of whose end the application knows."""
    ended = sa.update(t.saml_session).where(_s.session_index.in_(session_indexes))
    tx.execute(ended.values(ended=tx.now, told=tx.now))


def to_tell(tx: Transaction, agent_id: str, entity_id: str) -> list[Session]:
    """Sessions there that have ended and of which the application does not know yet."""
    query = sa.select(*_SESSION).where(
        _s.agent_id == agent_id,
        _s.entity_id == entity_id,
        _s.ended.is_not(None),
        _s.told.is_(None),
        _s.expires > tx.now,
    )
    return [Session(**row._asdict()) for row in tx.execute(query)]


def mark_told(tx: Transaction, session_indexes: list[str]) -> None:
    tx.execute(sa.update(t.saml_session).where(_s.session_index.in_(session_indexes)).values(told=tx.now))


def sessions(tx: Transaction, agent_id: str) -> list[Session]:
    query = sa.select(*_SESSION).where(_s.agent_id == agent_id).order_by(_s.issued)
    return [Session(**row._asdict()) for row in tx.execute(query)]

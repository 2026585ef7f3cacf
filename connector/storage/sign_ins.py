"""Messages that browsers carry to a workforce IdP for us, and the sessions of people, as rows."""

from dataclasses import dataclass

import sqlalchemy as sa

from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.prepared import Prepared

_q, _s = t.sign_in_request.c, t.person_session.c


@dataclass(frozen=True)
class Request:
    """`browser` and `relay_state` are fingerprints of what that browser holds and brings back; `contexts` are separated by spaces."""

    id: str
    idp: str
    browser: str
    relay_state: str
    next: str
    forced: bool
    contexts: str
    expires: str


@dataclass(frozen=True)
class Session:
    """`name_id` is the NameID element as it was issued (XML), `subject` its text; `roles` are separated by spaces."""

    id: str
    token_hash: str
    person_id: str
    idp: str
    name_id: str
    subject: str
    session_index: str | None
    roles: str
    context: str | None
    proven: str | None
    begun: str
    seen: str
    expires: str


_REQUEST = [_q[name] for name in Request.__dataclass_fields__]
_SESSION = [_s[name] for name in Session.__dataclass_fields__]
_end_of_person = Prepared(
    sa.delete(t.person_session).where(_s.person_id == sa.bindparam("person")).returning(*_SESSION)
)


def add_request(tx: Transaction, request: Request) -> None:
    """Keep it; those that have expired go."""
    tx.execute(sa.delete(t.sign_in_request).where(_q.expires < tx.now))
    tx.execute(sa.insert(t.sign_in_request).values(vars(request)))


def take_request(tx: Transaction, id: str) -> Request | None:
    """The request, which is gone then: of two that want it at once, one gets it."""
    row = tx.execute(sa.delete(t.sign_in_request).where(_q.id == id).returning(*_REQUEST)).first()
    return Request(**row._asdict()) if row else None


def add_session(tx: Transaction, session: Session) -> None:
    """Keep it; those that have expired go."""
    tx.execute(sa.delete(t.person_session).where(_s.expires < tx.now))
    tx.execute(sa.insert(t.person_session).values(vars(session)))


def by_token(tx: Transaction, token_hash: str) -> Session | None:
    row = tx.execute(sa.select(*_SESSION).where(_s.token_hash == token_hash)).first()
    return Session(**row._asdict()) if row else None


def seen(tx: Transaction, id: str) -> None:
    tx.execute(sa.update(t.person_session).where(_s.id == id).values(seen=tx.now))


def end(tx: Transaction, id: str) -> None:
    tx.execute(sa.delete(t.person_session).where(_s.id == id))


def end_of_person(tx: Transaction, person_id: str) -> list[Session]:
    """End them all; what was ended."""
    return [Session(*row) for row in _end_of_person.all(tx, person=person_id)]


def end_of_idp(tx: Transaction, idp: str) -> list[Session]:
    return _end(tx, _s.idp == idp)


def end_of_subject(tx: Transaction, idp: str, subject: str, indexes: list[str]) -> list[Session]:
    """End the sessions that this IdP issued for that NameID; those of these indexes, or all where none is named."""
    named = [_s.session_index.in_(indexes)] if indexes else []
    return _end(tx, _s.idp == idp, _s.subject == subject, *named)


def _end(tx: Transaction, *conditions: sa.ColumnElement[bool]) -> list[Session]:
    rows = tx.execute(sa.delete(t.person_session).where(*conditions).returning(*_SESSION)).all()
    return [Session(**row._asdict()) for row in rows]

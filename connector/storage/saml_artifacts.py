"""Responses that wait for their application to fetch them, by the hash of what it fetches them by."""

import sqlalchemy as sa

from connector.storage import tables as t
from connector.storage.db import Transaction

_f = t.saml_artifact.c


def keep(tx: Transaction, handle: str, entity_id: str, content: str, expires: str) -> None:
    """Keep what an application may fetch once; what nobody can fetch any more goes."""
    tx.execute(sa.delete(t.saml_artifact).where(_f.expires <= tx.now))
    tx.execute(sa.insert(t.saml_artifact).values(handle=handle, entity_id=entity_id, content=content, expires=expires))


def take(tx: Transaction, handle: str, entity_id: str) -> str | None:
    """What that application may fetch by it, just this once. None where it cannot, whatever the reason."""
    mine = [_f.handle == handle, _f.entity_id == entity_id, _f.expires > tx.now, _f.content != ""]
    row = tx.execute(sa.select(_f.content).where(*mine).with_for_update()).first()
    if row is None or tx.execute(sa.update(t.saml_artifact).where(*mine).values(content="")).rowcount == 0:
        return None
    return str(row[0])


def owner(tx: Transaction, handle: str) -> str | None:
    """The application that an artifact was for, fetched or not; None where there is none, or none any more."""
    return tx.execute(sa.select(_f.entity_id).where(_f.handle == handle)).scalar()

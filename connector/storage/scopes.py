"""The registry of resources and scopes, and who was granted which."""

from collections.abc import Iterable
from dataclasses import dataclass

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.lists import within
from connector.storage.prepared import Prepared

_s, _g = t.api_scope.c, t.scope_grant.c


@dataclass(frozen=True)
class Scope:
    """`seconds`: how long a token with it lives at most; None: as long as others."""

    name: str
    resource: str
    description: str
    seconds: int | None
    created: str


@dataclass(frozen=True)
class Grant:
    id: str
    scope: str
    holder_id: str
    not_after: str | None
    created: str


_SCOPE = [_s[name] for name in Scope.__dataclass_fields__]
_GRANT = [_g[name] for name in Grant.__dataclass_fields__]
_granted = Prepared(
    sa.select(_g.scope).where(
        within(_g.holder_id, "ids"), sa.or_(_g.not_after.is_(None), _g.not_after > sa.bindparam("now"))
    )
)
_has_resource = Prepared(sa.select(t.api_resource.c.uri).where(t.api_resource.c.uri == sa.bindparam("uri")))
_named = Prepared(sa.select(*_SCOPE).where(within(_s.name, "names")))


def save_resource(tx: Transaction, uri: str, name: str) -> bool:
    """Add it, or rename it; whether it is new."""
    if tx.execute(sa.update(t.api_resource).where(t.api_resource.c.uri == uri).values(name=name)).rowcount:
        return False
    tx.execute(sa.insert(t.api_resource).values(uri=uri, name=name, created=tx.now))
    return True


def has_resource(tx: Transaction, uri: str) -> bool:
    return _has_resource.first(tx, uri=uri) is not None


def resource_name(tx: Transaction, uri: str) -> str | None:
    return tx.execute(sa.select(t.api_resource.c.name).where(t.api_resource.c.uri == uri)).scalar()


def remove_resource(tx: Transaction, uri: str) -> bool:
    """With its scopes and their grants."""
    return bool(tx.execute(sa.delete(t.api_resource).where(t.api_resource.c.uri == uri)).rowcount)


def resources(tx: Transaction) -> list[tuple[str, str]]:
    """(URI, name) of each."""
    query = sa.select(t.api_resource.c.uri, t.api_resource.c.name).order_by(t.api_resource.c.uri)
    return [(row[0], row[1]) for row in tx.execute(query)]


def insert(tx: Transaction, scope: Scope) -> None:
    tx.execute(sa.insert(t.api_scope).values(**vars(scope)))


def remove(tx: Transaction, name: str) -> bool:
    return bool(tx.execute(sa.delete(t.api_scope).where(_s.name == name)).rowcount)


def named(tx: Transaction, names: Iterable[str]) -> dict[str, Scope]:
    """Those of names that are registered."""
    return {row[0]: Scope(*row) for row in _named.all(tx, names=orjson.dumps(list(names)).decode())}


def everything(tx: Transaction) -> list[Scope]:
    return [Scope(**row._asdict()) for row in tx.execute(sa.select(*_SCOPE).order_by(_s.resource, _s.name))]


def granted(tx: Transaction, holder_ids: Iterable[str]) -> frozenset[str]:
    """What any of the holders may ask for now."""
    return frozenset(row[0] for row in _granted.all(tx, ids=orjson.dumps(list(holder_ids)).decode(), now=tx.now))


def grant(tx: Transaction, grant: Grant) -> None:
    """A grant of the same scope to the same holder is replaced: its end is the new one's."""
    insert = sqlite.insert(t.scope_grant) if tx.sqlite else postgresql.insert(t.scope_grant)
    row = insert.values(**vars(grant))
    tx.execute(row.on_conflict_do_update(index_elements=["scope", "holder_id"], set_={"not_after": grant.not_after}))


def withdraw(tx: Transaction, scope: str, holder_id: str) -> bool:
    return bool(tx.execute(sa.delete(t.scope_grant).where(_g.scope == scope, _g.holder_id == holder_id)).rowcount)


def forget(tx: Transaction, holder_id: str) -> None:
    """The holder is gone, and with it what it was granted."""
    tx.execute(sa.delete(t.scope_grant).where(_g.holder_id == holder_id))


def grants(tx: Transaction) -> list[Grant]:
    return [Grant(**row._asdict()) for row in tx.execute(sa.select(*_GRANT).order_by(_g.scope, _g.holder_id))]

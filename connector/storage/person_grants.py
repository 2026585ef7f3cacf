"""Redirect URIs of agents, and the one-time grants (codes and refresh tokens) by which they act for people."""

from dataclasses import dataclass

import sqlalchemy as sa

from connector.storage import tables as t
from connector.storage.db import Transaction

_r, _g = t.redirect_uri.c, t.person_grant.c


@dataclass(frozen=True)
class PersonGrant:
    """`secret_hash` is the fingerprint of what the agent holds; `redirect_uri` and `challenge` are of codes alone."""

    secret_hash: str
    kind: str
    family: str
    agent_id: str
    person_id: str
    scopes: frozenset[str]
    resource: str
    redirect_uri: str | None
    challenge: str | None
    jkt: str | None
    proven: str | None
    context: str | None
    expires: str
    used: str | None = None


_GRANT = [_g[name] for name in PersonGrant.__dataclass_fields__]


def insert(tx: Transaction, grant: PersonGrant, *, forget_before: str) -> None:
    """Keep it; those that expired before that moment go."""
    tx.execute(sa.delete(t.person_grant).where(_g.expires < forget_before))
    tx.execute(sa.insert(t.person_grant).values(**{**vars(grant), "scopes": " ".join(sorted(grant.scopes))}))


def by_hash(tx: Transaction, secret_hash: str) -> PersonGrant | None:
    row = tx.execute(sa.select(*_GRANT).where(_g.secret_hash == secret_hash)).first()
    if row is None:
        return None
    values = row._asdict()
    return PersonGrant(**{**values, "scopes": frozenset(values["scopes"].split())})


def use(tx: Transaction, secret_hash: str) -> bool:
    """Whether this is the first use: of two at once, one gets it."""
    unused = sa.update(t.person_grant).where(_g.secret_hash == secret_hash, _g.used.is_(None))
    return bool(tx.execute(unused.values(used=tx.now)).rowcount)


def use_up(tx: Transaction, family: str) -> None:
    """Nothing of that family can be used any more."""
    tx.execute(sa.update(t.person_grant).where(_g.family == family, _g.used.is_(None)).values(used=tx.now))


def add_redirect_uri(tx: Transaction, agent_id: str, uri: str) -> None:
    tx.execute(sa.insert(t.redirect_uri).values(agent_id=agent_id, uri=uri, created=tx.now))


def redirect_uris(tx: Transaction, agent_id: str) -> list[str]:
    return list(tx.execute(sa.select(_r.uri).where(_r.agent_id == agent_id).order_by(_r.uri)).scalars())


def remove_redirect_uri(tx: Transaction, agent_id: str, uri: str) -> bool:
    """Whether there was one."""
    return bool(tx.execute(sa.delete(t.redirect_uri).where(_r.agent_id == agent_id, _r.uri == uri)).rowcount)

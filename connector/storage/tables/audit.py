"""The audit log, its checkpoints, and the leases of work that one process does at a time."""

import sqlalchemy as sa

from connector.storage.tables.base import Serial, Text, metadata, moment

audit_event = sa.Table(
    "audit_event",
    metadata,
    sa.Column("seq", Serial, primary_key=True, autoincrement=True),
    sa.Column("id", Text, nullable=False),
    moment("time"),
    sa.Column("action", Text, nullable=False),
    sa.Column("subject_id", Text, nullable=False),
    sa.Column(
        "body", Text, nullable=False
    ),  # canonical JSON (RFC 8785) of the whole event; the columns before it repeat parts of it
    sa.Column("mac", Text, nullable=False),  # HMAC of the body: a row that somebody else inserted has none
    sa.Column("leaf", sa.BigInteger, nullable=True),  # its place in the Merkle tree, once sealed
    sa.Index("ix_audit_event_subject_id", "subject_id"),
    sqlite_autoincrement=True,
)
audit_leaf = sa.Index(
    "uq_audit_event_leaf",
    audit_event.c.leaf,
    unique=True,
    sqlite_where=audit_event.c.leaf.is_not(None),
    postgresql_where=audit_event.c.leaf.is_not(None),
)
audit_unsealed = sa.Index(
    "ix_audit_event_unsealed",
    audit_event.c.seq,
    sqlite_where=audit_event.c.leaf.is_(None),
    postgresql_where=audit_event.c.leaf.is_(None),
)

audit_checkpoint = sa.Table(
    "audit_checkpoint",
    metadata,
    sa.Column("size", sa.BigInteger, primary_key=True),
    sa.Column("frontier", Text, nullable=False),  # JSON: the roots of the complete subtrees, to go on from
    sa.Column("note", Text, nullable=False),  # the signed checkpoint
    moment("time"),
)

lease = sa.Table(  # work that one process does at a time, such as sealing
    "lease",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("holder", Text, nullable=False),
    moment("until"),
)

"""Agents, people, groups and applications, and what hangs on them."""

import sqlalchemy as sa

from connector.storage.tables.base import Serial, Text, metadata, moment

resource = sa.Table(
    "resource",
    metadata,
    sa.Column(
        "seq", Serial, primary_key=True, autoincrement=True
    ),  # the order of lists, and what blocks of the tally count by
    sa.Column("id", Text, nullable=False, unique=True),
    sa.Column("kind", Text, nullable=False),  # agent | person | group | application
    sa.Column("name", Text, nullable=False),  # agentUserName, userName, displayName of a group, name of an application
    sa.Column("name_key", Text, nullable=False),  # the name as it is compared (RFC 7643 section 2.1: NFC, case folded)
    sa.Column(
        "document", Text, nullable=False
    ),  # canonical JSON of everything but id, externalId, meta and computed attributes
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    moment("created"),
    moment("modified"),
    moment("expires", nullable=True),  # validUntil of an agent: the worker suspends it then
    sa.Column("made_by", Text, nullable=False),  # the inbound client that created it
    sa.UniqueConstraint("kind", "name_key"),
    sa.Index("ix_resource_kind_seq", "kind", "seq"),
    sqlite_autoincrement=True,
)
resource_expiring = sa.Index(
    "ix_resource_expiring",
    resource.c.expires,
    sqlite_where=resource.c.active & resource.c.expires.is_not(None),
    postgresql_where=resource.c.active & resource.c.expires.is_not(None),
)

tally = sa.Table(  # how many of a kind there are in each block of seqs: rows are only added, and summed up now and then
    "tally",
    metadata,
    sa.Column("n", Serial, primary_key=True, autoincrement=True),
    sa.Column("kind", Text, nullable=False),
    sa.Column("block", sa.BigInteger, nullable=False),
    sa.Column("delta", sa.BigInteger, nullable=False),
)

searchable = (
    sa.Table(  # values inside documents that are searched by, apart: found by index, or by scanning narrow rows
        "searchable",
        metadata,
        sa.Column("n", Serial, primary_key=True, autoincrement=True),
        sa.Column("attribute", Text, nullable=False),  # emails.value
        sa.Column("key", Text, nullable=False),  # the value as it is compared
        sa.Column("resource_id", Text, sa.ForeignKey("resource.id", ondelete="CASCADE"), nullable=False),
        sa.Index("ix_searchable_attribute_key", "attribute", "key"),
        sa.Index("ix_searchable_resource_id", "resource_id"),
        sqlite_autoincrement=True,
    )
)

# Trigrams of searched values, for "contains": an index of PostgreSQL's where its extension can be had, a table of SQLite's,
# which the worker fills and empties (searchable.py), because doing so within each change would double its cost.
TRIGRAMS = {
    "sqlite": (
        "CREATE VIRTUAL TABLE searchable_trigram USING fts5"
        "(key, content='searchable', content_rowid='n', tokenize='trigram', columnsize=0)",
        "CREATE TABLE searchable_gone (n INTEGER PRIMARY KEY, key TEXT NOT NULL)",
    ),
    "postgresql": (
        """DO $$ BEGIN
            CREATE EXTENSION IF NOT EXISTS pg_trgm;
            CREATE INDEX ix_searchable_key_trigram ON searchable USING gin (key gin_trgm_ops);
        EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported THEN
            RAISE NOTICE 'pg_trgm cannot be had: searches with co read every value';
        END $$""",
    ),
}
for _dialect, _statements in TRIGRAMS.items():
    for _statement in _statements:
        sa.event.listen(searchable, "after_create", sa.DDL(_statement).execute_if(dialect=_dialect))  # type: ignore[no-untyped-call]

external_id = sa.Table(  # RFC 7643 section 3.1: chosen by the client, unique in its own provisioning domain
    "external_id",
    metadata,
    sa.Column("client_id", Text, primary_key=True),
    sa.Column("kind", Text, primary_key=True),
    sa.Column("value", Text, primary_key=True),
    sa.Column("resource_id", Text, sa.ForeignKey("resource.id", ondelete="CASCADE"), nullable=False),
    sa.UniqueConstraint("resource_id", "client_id"),
    sqlite_with_rowid=False,
)

member = sa.Table(
    "member",
    metadata,
    sa.Column("group_id", Text, sa.ForeignKey("resource.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("member_id", Text, sa.ForeignKey("resource.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("member_kind", Text, nullable=False),
    sa.Column("display", Text, nullable=False),  # the member's name, so that a large group is read in one go
    sa.Index("ix_member_member_id", "member_id"),
    sqlite_with_rowid=False,
)

parked_member = sa.Table(  # members that a client has named before they were there, by externalIds to come
    "parked_member",
    metadata,
    sa.Column("client_id", Text, primary_key=True),
    sa.Column("value", Text, primary_key=True),
    sa.Column("group_id", Text, sa.ForeignKey("resource.id", ondelete="CASCADE"), primary_key=True),
    moment("created"),
    sa.Index("ix_parked_member_group_id", "group_id"),
    sqlite_with_rowid=False,
)

application_agent = sa.Table(
    "application_agent",
    metadata,
    sa.Column("application_id", Text, sa.ForeignKey("resource.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("agent_id", Text, sa.ForeignKey("resource.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("type", Text, nullable=True),  # owned | authorized | guest
    sa.Index("ix_application_agent_agent_id", "agent_id"),
)

activity = sa.Table(
    "activity",
    metadata,
    sa.Column("agent_id", Text, sa.ForeignKey("resource.id", ondelete="CASCADE"), primary_key=True),
    moment("last_seen"),
)

ownership = sa.Table(
    "ownership",
    metadata,
    sa.Column("agent_id", Text, sa.ForeignKey("resource.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("role", Text, primary_key=True),  # owner | sponsor
    sa.Column("holder_id", Text, sa.ForeignKey("resource.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("accountable", sa.Boolean, nullable=False),  # the owner marked primary, else the first
    sa.Index("ix_ownership_holder_id", "holder_id"),
)

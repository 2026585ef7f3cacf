"""Every table. This metadata is the schema; migrations/ makes and upgrades databases by frozen statements (a test compares the two).

Times are texts of fixed width (core/clock.py), so that they compare alike on every database and go into answers as they are.
"""

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

# PostgreSQL would order and compare by the database's locale; both databases are to compare by code point.
Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _moment(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, Text, nullable=nullable)


# -- resources: agents, people and groups ---------------------------------------------------------------------------

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
    _moment("created"),
    _moment("modified"),
    _moment("expires", nullable=True),  # validUntil of an agent: the worker suspends it then
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
    _moment("last_seen"),
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

# -- who may call us, and with what --------------------------------------------------------------------------------

client = sa.Table(  # an inbound client: an IdP or an HR/IT workflow
    "client",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("name", Text, nullable=False, unique=True),
    sa.Column("scopes", Text, nullable=False),  # separated by spaces
    sa.Column("profile", Text, nullable=False),
    sa.Column("dialect", Text, nullable=False),
    sa.Column("own_only", sa.Boolean, nullable=False),  # sees and touches only what it has created
    sa.Column("if_match", sa.Boolean, nullable=False),  # must send If-Match with each change
    sa.Column("rate", sa.Integer, nullable=False),  # requests per second; 0 means: as many as it likes
    sa.Column("static_bearer", sa.Boolean, nullable=False),  # may have a bearer that is no access token
    sa.Column("active", sa.Boolean, nullable=False),
    _moment("created"),
)

trust = sa.Table(  # an issuer elsewhere whose assertions stand for a client (RFC 7523): workload identity federation
    "trust",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("client_id", Text, nullable=False),
    sa.Column("issuer", Text, nullable=False),
    sa.Column("subject", Text, nullable=False),
    sa.Column("audience", Text, nullable=False),
    sa.Column("jwks_url", Text, nullable=True),  # where its keys are fetched from, or
    sa.Column("jwks", Text, nullable=True),  # the keys themselves, as a JWK Set
    _moment("created"),
    sa.UniqueConstraint("issuer", "subject"),
    sa.Index("ix_trust_client_id", "client_id"),
)

credential = sa.Table(
    "credential",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("holder_id", Text, nullable=False),  # a client or an agent
    sa.Column("kind", Text, nullable=False),  # client_secret | public_key | bearer
    sa.Column("secret_hash", Text, nullable=True, unique=True),
    sa.Column("public_key", Text, nullable=True),  # a JWK
    sa.Column("thumbprint", Text, nullable=True),
    sa.Column("origin", Text, nullable=False),  # issued | registered | scim (x509Certificates of the agent)
    _moment("not_before"),
    _moment("not_after", nullable=True),
    _moment("created"),
    _moment("revoked", nullable=True),
    sa.Index("ix_credential_holder_id", "holder_id"),
)

cutoff = sa.Table(  # tokens of this subject that were issued before that moment are dead
    "cutoff",
    metadata,
    sa.Column("subject_id", Text, primary_key=True),
    _moment("tokens_before"),
)

revoked_token = sa.Table(
    "revoked_token",
    metadata,
    sa.Column("jti", Text, primary_key=True),
    _moment("expires"),
)

counter = sa.Table(
    "counter",
    metadata,
    sa.Column("name", Text, primary_key=True),  # see counters.py
    sa.Column("value", sa.BigInteger, nullable=False),
)

replay = sa.Table(  # one-time identifiers that were seen: jti of client assertions, SAML request ids
    "replay",
    metadata,
    sa.Column("scope", Text, primary_key=True),
    sa.Column("identifier", Text, primary_key=True),
    _moment("expires"),
    sa.Index("ix_replay_expires", "expires"),
)

# -- outbound ------------------------------------------------------------------------------------------------------

target = sa.Table(
    "target",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("kind", Text, nullable=False),
    sa.Column("mapping", Text, nullable=False),
    sa.Column("options", Text, nullable=False),  # JSON; secrets are references
    sa.Column("blocked_until", Text, nullable=True),  # Retry-After, or a pause after it could not be reached
    sa.Column("failures", sa.Integer, nullable=False),  # in a row, of the target itself
    sa.Column("problem", Text, nullable=True),  # why it is blocked, in plain words
    _moment("last_success", nullable=True),
    _moment("created"),
)

link = sa.Table(  # a record of ours and its counterpart at one target
    "link",
    metadata,
    sa.Column(
        "resource_id", Text, primary_key=True
    ),  # no foreign key: a link outlives its agent until the account is dealt with
    sa.Column("target", Text, sa.ForeignKey("target.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("remote_id", Text, nullable=False),
    sa.Column("applied", Text, nullable=False),  # JSON of what was last written: account, groups
    _moment("created"),
    _moment("modified"),
    sa.UniqueConstraint("target", "remote_id"),
)

outbox = sa.Table(  # "this resource at that destination must be looked at"; one row a pair, so that changes coalesce
    "outbox",
    metadata,
    sa.Column("resource_id", Text, primary_key=True),
    sa.Column("destination", Text, primary_key=True),  # target:NAME | app:ENTITY_ID
    sa.Column("wanted", sa.BigInteger, nullable=False),  # counts the changes
    sa.Column("done", sa.BigInteger, nullable=False),  # the count that was last carried out
    sa.Column(
        "priority", sa.Integer, nullable=False
    ),  # 0 deprovision < 1 disable < 2 membership < 3 update < 4 create < 5 back-fill
    sa.Column("attempts", sa.Integer, nullable=False),
    _moment("due"),
    sa.Column("lease", Text, nullable=True),
    _moment("lease_until", nullable=True),
    sa.Column("problem", Text, nullable=True),
    sa.Column("correlation_id", Text, nullable=False),
    _moment("changed"),
)
outbox_open = sa.Index(
    "ix_outbox_open",
    outbox.c.destination,
    outbox.c.priority,
    outbox.c.due,
    sqlite_where=outbox.c.wanted > outbox.c.done,
    postgresql_where=outbox.c.wanted > outbox.c.done,
)

# -- SAML ----------------------------------------------------------------------------------------------------------

saml_app = sa.Table(  # an agent-facing application: a SAML service provider
    "saml_app",
    metadata,
    sa.Column("entity_id", Text, primary_key=True),
    sa.Column("name", Text, nullable=False, unique=True),
    sa.Column("metadata", Text, nullable=False),  # the EntityDescriptor as it was registered
    sa.Column("active", sa.Boolean, nullable=False),
    _moment("created"),
)

saml_session = sa.Table(
    "saml_session",
    metadata,
    sa.Column("session_index", Text, primary_key=True),
    sa.Column("agent_id", Text, nullable=False),
    sa.Column("entity_id", Text, sa.ForeignKey("saml_app.entity_id", ondelete="CASCADE"), nullable=False),
    sa.Column("name_id", Text, nullable=False),  # the NameID element as it was issued, for the LogoutRequest
    _moment("issued"),
    _moment("expires"),
    _moment("ended", nullable=True),
    _moment("told", nullable=True),  # when the application confirmed the logout
    sa.Index("ix_saml_session_agent_id_entity_id", "agent_id", "entity_id"),
)

# -- audit ---------------------------------------------------------------------------------------------------------

audit_event = sa.Table(
    "audit_event",
    metadata,
    sa.Column("seq", Serial, primary_key=True, autoincrement=True),
    sa.Column("id", Text, nullable=False),
    _moment("time"),
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
    _moment("time"),
)

lease = sa.Table(  # work that one process does at a time, such as sealing
    "lease",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("holder", Text, nullable=False),
    _moment("until"),
)

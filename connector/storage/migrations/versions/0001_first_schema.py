"""First schema: what stood in storage/tables/ when it was frozen. Statements only: later changes of the metadata must not reach back.

Nothing is released yet: until 0.1.0 is, this revision may be edited in place together with the metadata (a test compares the two).
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Both databases compare by code point; SQLite numbers rows only where the column is INTEGER.
_Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, _Text, nullable=nullable)


_TRIGRAMS = {
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


def upgrade() -> None:
    _records()
    _callers()
    _outbound()
    _saml()
    _audit()


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.drop_table("searchable_trigram")
        op.drop_table("searchable_gone")
    for name in (
        "lease",
        "audit_checkpoint",
        "audit_event",
        "saml_session",
        "saml_app",
        "outbox",
        "link",
        "target",
        "replay",
        "revoked_token",
        "cutoff",
        "credential",
        "trust",
        "client",
        "ownership",
        "activity",
        "application_agent",
        "member",
        "counter",
        "external_id",
        "searchable",
        "tally",
        "resource",
    ):
        op.drop_table(name)


def _records() -> None:
    op.create_table(
        "resource",
        sa.Column("seq", _Serial, autoincrement=True, nullable=False),
        _text("id"),
        _text("kind"),
        _text("name"),
        _text("name_key"),
        _text("document"),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        _text("created"),
        _text("modified"),
        _text("expires", nullable=True),
        _text("made_by"),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_resource")),
        sa.UniqueConstraint("kind", "name_key", name=op.f("uq_resource_kind_name_key")),
        sa.UniqueConstraint("id", name=op.f("uq_resource_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_resource_expiring",
        "resource",
        ["expires"],
        sqlite_where=sa.text("active = 1 AND expires IS NOT NULL"),
        postgresql_where=sa.text("active AND expires IS NOT NULL"),
    )
    op.create_index("ix_resource_kind_seq", "resource", ["kind", "seq"])
    op.create_table(
        "tally",
        sa.Column("n", _Serial, autoincrement=True, nullable=False),
        _text("kind"),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_tally")),
    )
    op.create_table(
        "searchable",
        sa.Column("n", _Serial, autoincrement=True, nullable=False),
        _text("attribute"),
        _text("key"),
        _text("resource_id"),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_searchable")),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resource.id"], name=op.f("fk_searchable_resource_id"), ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_searchable_attribute_key", "searchable", ["attribute", "key"])
    op.create_index("ix_searchable_resource_id", "searchable", ["resource_id"])
    for statement in _TRIGRAMS[op.get_bind().dialect.name]:
        op.execute(statement)
    op.create_table(
        "external_id",
        _text("client_id"),
        _text("kind"),
        _text("value"),
        _text("resource_id"),
        sa.PrimaryKeyConstraint("client_id", "kind", "value", name=op.f("pk_external_id")),
        sa.UniqueConstraint("resource_id", "client_id", name=op.f("uq_external_id_resource_id_client_id")),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resource.id"], name=op.f("fk_external_id_resource_id"), ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "member",
        _text("group_id"),
        _text("member_id"),
        _text("member_kind"),
        _text("display"),
        sa.ForeignKeyConstraint(["group_id"], ["resource.id"], name=op.f("fk_member_group_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["member_id"], ["resource.id"], name=op.f("fk_member_member_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("group_id", "member_id", name=op.f("pk_member")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_member_member_id", "member", ["member_id"])
    op.create_table(
        "application_agent",
        _text("application_id"),
        _text("agent_id"),
        _text("type", nullable=True),
        sa.ForeignKeyConstraint(
            ["application_id"], ["resource.id"], name=op.f("fk_application_agent_application_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["resource.id"], name=op.f("fk_application_agent_agent_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("application_id", "agent_id", name=op.f("pk_application_agent")),
    )
    op.create_index("ix_application_agent_agent_id", "application_agent", ["agent_id"])
    op.create_table(
        "activity",
        _text("agent_id"),
        _text("last_seen"),
        sa.ForeignKeyConstraint(["agent_id"], ["resource.id"], name=op.f("fk_activity_agent_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_activity")),
    )
    op.create_table(
        "ownership",
        _text("agent_id"),
        _text("role"),
        _text("holder_id"),
        sa.Column("accountable", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["resource.id"], name=op.f("fk_ownership_agent_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["holder_id"], ["resource.id"], name=op.f("fk_ownership_holder_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("agent_id", "role", "holder_id", name=op.f("pk_ownership")),
    )
    op.create_index("ix_ownership_holder_id", "ownership", ["holder_id"])


def _callers() -> None:
    op.create_table(
        "client",
        _text("id"),
        _text("name"),
        _text("scopes"),
        _text("profile"),
        _text("dialect"),
        sa.Column("own_only", sa.Boolean(), nullable=False),
        sa.Column("if_match", sa.Boolean(), nullable=False),
        sa.Column("rate", sa.Integer(), nullable=False),
        sa.Column("static_bearer", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        _text("created"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client")),
        sa.UniqueConstraint("name", name=op.f("uq_client_name")),
    )
    op.create_table(
        "trust",
        _text("id"),
        _text("client_id"),
        _text("issuer"),
        _text("subject"),
        _text("audience"),
        _text("jwks_url", nullable=True),
        _text("jwks", nullable=True),
        sa.Column("reusable", sa.Boolean(), nullable=False),
        _text("created"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trust")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_trust_issuer_subject")),
    )
    op.create_index("ix_trust_client_id", "trust", ["client_id"])
    op.create_table(
        "credential",
        _text("id"),
        _text("holder_id"),
        _text("kind"),
        _text("secret_hash", nullable=True),
        _text("public_key", nullable=True),
        _text("thumbprint", nullable=True),
        _text("name", nullable=True),
        _text("scopes", nullable=True),
        _text("sealed", nullable=True),
        _text("replaces", nullable=True),
        _text("origin"),
        _text("not_before"),
        _text("not_after", nullable=True),
        _text("created"),
        _text("revoked", nullable=True),
        _text("last_used", nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credential")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_credential_secret_hash")),
    )
    op.create_index("ix_credential_holder_id", "credential", ["holder_id"])
    op.create_table(
        "cutoff",
        _text("subject_id"),
        _text("tokens_before"),
        sa.PrimaryKeyConstraint("subject_id", name=op.f("pk_cutoff")),
    )
    op.create_table(
        "revoked_token", _text("jti"), _text("expires"), sa.PrimaryKeyConstraint("jti", name=op.f("pk_revoked_token"))
    )
    op.create_table(
        "counter",
        _text("name"),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counter")),
    )
    op.create_table(
        "replay",
        _text("scope"),
        _text("identifier"),
        _text("expires"),
        sa.PrimaryKeyConstraint("scope", "identifier", name=op.f("pk_replay")),
    )
    op.create_index("ix_replay_expires", "replay", ["expires"])


def _outbound() -> None:
    op.create_table(
        "target",
        _text("name"),
        _text("kind"),
        _text("mapping"),
        _text("options"),
        _text("blocked_until", nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        _text("problem", nullable=True),
        _text("last_success", nullable=True),
        _text("paused", nullable=True),
        sa.Column("threads", sa.Integer(), nullable=True),
        sa.Column("rate", sa.Integer(), nullable=False),
        _text("read", nullable=True),
        _text("cookie", nullable=True),
        _text("created"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_target")),
    )
    op.create_table(
        "link",
        _text("resource_id"),
        _text("target"),
        _text("remote_id"),
        _text("applied"),
        _text("created"),
        _text("modified"),
        sa.PrimaryKeyConstraint("resource_id", "target", name=op.f("pk_link")),
        sa.UniqueConstraint("target", "remote_id", name=op.f("uq_link_target_remote_id")),
        sa.ForeignKeyConstraint(["target"], ["target.name"], name=op.f("fk_link_target"), ondelete="CASCADE"),
    )
    op.create_table(
        "outbox",
        _text("resource_id"),
        _text("destination"),
        sa.Column("wanted", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _text("due"),
        _text("lease", nullable=True),
        _text("lease_until", nullable=True),
        _text("problem", nullable=True),
        _text("outcome", nullable=True),
        _text("correlation_id"),
        _text("changed"),
        sa.PrimaryKeyConstraint("resource_id", "destination", name=op.f("pk_outbox")),
    )
    op.create_index(
        "ix_outbox_open",
        "outbox",
        ["destination", "priority", "due"],
        sqlite_where=sa.text("wanted > done"),
        postgresql_where=sa.text("wanted > done"),
    )


def _saml() -> None:
    op.create_table(
        "saml_app",
        _text("entity_id"),
        _text("name"),
        _text("metadata"),
        _text("settings"),
        sa.Column("active", sa.Boolean(), nullable=False),
        _text("created"),
        sa.PrimaryKeyConstraint("entity_id", name=op.f("pk_saml_app")),
        sa.UniqueConstraint("name", name=op.f("uq_saml_app_name")),
    )
    op.create_table(
        "saml_session",
        _text("session_index"),
        _text("agent_id"),
        _text("entity_id"),
        _text("name_id"),
        _text("issued"),
        _text("expires"),
        _text("ended", nullable=True),
        _text("told", nullable=True),
        sa.ForeignKeyConstraint(
            ["entity_id"], ["saml_app.entity_id"], name=op.f("fk_saml_session_entity_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("session_index", name=op.f("pk_saml_session")),
    )
    op.create_index("ix_saml_session_agent_id_entity_id", "saml_session", ["agent_id", "entity_id"])


def _audit() -> None:
    op.create_table(
        "audit_event",
        sa.Column("seq", _Serial, autoincrement=True, nullable=False),
        _text("id"),
        _text("time"),
        _text("action"),
        _text("subject_id"),
        _text("body"),
        _text("mac"),
        sa.Column("leaf", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_event")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_event_subject_id", "audit_event", ["subject_id"])
    op.create_index(
        "uq_audit_event_leaf",
        "audit_event",
        ["leaf"],
        unique=True,
        sqlite_where=sa.text("leaf IS NOT NULL"),
        postgresql_where=sa.text("leaf IS NOT NULL"),
    )
    op.create_index(
        "ix_audit_event_unsealed",
        "audit_event",
        ["seq"],
        sqlite_where=sa.text("leaf IS NULL"),
        postgresql_where=sa.text("leaf IS NULL"),
    )
    op.create_table(
        "audit_checkpoint",
        sa.Column("size", sa.BigInteger(), nullable=False),
        _text("frontier"),
        _text("note"),
        _text("time"),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_audit_checkpoint")),
    )
    op.create_table(
        "lease", _text("name"), _text("holder"), _text("until"), sa.PrimaryKeyConstraint("name", name=op.f("pk_lease"))
    )

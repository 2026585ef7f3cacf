"""Agent-facing applications and the sessions of agents there."""

import sqlalchemy as sa

from connector.storage.tables.base import Text, metadata, moment

saml_app = sa.Table(  # an agent-facing application: a SAML service provider
    "saml_app",
    metadata,
    sa.Column("entity_id", Text, primary_key=True),
    sa.Column("name", Text, nullable=False, unique=True),
    sa.Column("metadata", Text, nullable=False),  # the EntityDescriptor as it was registered
    sa.Column("settings", Text, nullable=False),  # JSON: what the operator chose for it
    sa.Column("active", sa.Boolean, nullable=False),
    moment("created"),
    sa.Column("source", Text, nullable=True),  # JSON: where its metadata comes from by itself, and who signs it there
    moment("due", nullable=True),  # when it is to be read again
    sa.Column("problem", Text, nullable=True),  # why the last reading was refused
)

saml_session = sa.Table(
    "saml_session",
    metadata,
    sa.Column("session_index", Text, primary_key=True),
    sa.Column("agent_id", Text, nullable=False),
    sa.Column("entity_id", Text, sa.ForeignKey("saml_app.entity_id", ondelete="CASCADE"), nullable=False),
    sa.Column("name_id", Text, nullable=False),  # the NameID element as it was issued, for the LogoutRequest
    moment("issued"),
    moment("expires"),
    moment("ended", nullable=True),
    moment("told", nullable=True),  # when the application confirmed the logout
    sa.Column("behind", Text, nullable=True),  # whose end ends it too: for whom, earlier actors, delegations
    sa.Index("ix_saml_session_agent_id_entity_id", "agent_id", "entity_id"),
)
saml_session_behind = sa.Index(
    "ix_saml_session_behind",
    saml_session.c.expires,
    sqlite_where=saml_session.c.behind.is_not(None),
    postgresql_where=saml_session.c.behind.is_not(None),
)

saml_artifact = sa.Table(  # a Response that waits for its application to fetch it (bindings section 3.6)
    "saml_artifact",
    metadata,
    sa.Column("handle", Text, primary_key=True),  # SHA-256 of the artifact: who reads the table cannot use it
    sa.Column("entity_id", Text, sa.ForeignKey("saml_app.entity_id", ondelete="CASCADE"), nullable=False),
    sa.Column("content", Text, nullable=False),  # empty once it was fetched
    moment("expires"),
    sa.Index("ix_saml_artifact_expires", "expires"),
)

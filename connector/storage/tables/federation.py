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
    sa.Index("ix_saml_session_agent_id_entity_id", "agent_id", "entity_id"),
)

saml_behind = sa.Table(  # whose end ends a session too: for whom the agent acts, earlier actors, delegations
    "saml_behind",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("session_index", Text, sa.ForeignKey("saml_session.session_index", ondelete="CASCADE"), primary_key=True),
)

saml_source = sa.Table(  # where the metadata of an application comes from, which is read there again and again
    "saml_source",
    metadata,
    sa.Column("entity_id", Text, sa.ForeignKey("saml_app.entity_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("url", Text, nullable=False),
    sa.Column("certificate", Text, nullable=True),  # PEM: the metadata there must be signed with its key
    moment("due"),
    moment("read"),  # when it was last read and found good
    sa.Column("problem", Text, nullable=True),  # why it was not since then
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

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

"""What agents may ask tokens for: resources and their scopes, who was granted them, who may act for whom, who vouches for people."""

import sqlalchemy as sa

from connector.storage.tables.base import Text, metadata, moment

api_resource = sa.Table(  # somebody else's service that accepts our tokens; its URI is their audience (RFC 8707)
    "api_resource",
    metadata,
    sa.Column("uri", Text, primary_key=True),
    sa.Column("name", Text, nullable=False),
    moment("created"),
)

api_scope = sa.Table(
    "api_scope",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("resource", Text, sa.ForeignKey("api_resource.uri", ondelete="CASCADE"), nullable=False),
    sa.Column("description", Text, nullable=False),
    sa.Column("seconds", sa.Integer, nullable=True),  # how long a token with it lives at most
    moment("created"),
    sa.Index("ix_api_scope_resource", "resource"),
)

scope_grant = sa.Table(
    "scope_grant",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("scope", Text, sa.ForeignKey("api_scope.name", ondelete="CASCADE"), nullable=False),
    sa.Column("holder_id", Text, nullable=False),  # an agent, a person, or a group of them
    moment("not_after", nullable=True),
    moment("created"),
    sa.UniqueConstraint("scope", "holder_id"),
    sa.Index("ix_scope_grant_holder_id", "holder_id"),
)

delegation = sa.Table(  # standing: this agent may act for that person or agent, within these scopes, until then
    "delegation",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("subject_id", Text, nullable=False),  # a person, or an agent
    sa.Column("actor_id", Text, nullable=False),  # an agent
    sa.Column("scopes", Text, nullable=False),  # separated by spaces
    moment("not_after"),
    moment("created"),
    sa.Column("made_by", Text, nullable=False),
    moment("revoked", nullable=True),
    sa.Index("ix_delegation_actor_id_subject_id", "actor_id", "subject_id"),
    sa.Index("ix_delegation_subject_id", "subject_id"),
)

vouching = sa.Table(  # an issuer elsewhere, such as the workforce IdP, whose JWTs say who a person is
    "vouching",
    metadata,
    sa.Column("issuer", Text, primary_key=True),
    sa.Column("audience", Text, nullable=False),
    sa.Column("claim", Text, nullable=False),  # which claim holds the person's userName
    sa.Column("jwks_url", Text, nullable=True),
    sa.Column("jwks", Text, nullable=True),
    moment("created"),
)

redirect_uri = sa.Table(  # where a person's browser may be sent back to with a code for the agent
    "redirect_uri",
    metadata,
    sa.Column("agent_id", Text, sa.ForeignKey("resource.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("uri", Text, primary_key=True),
    moment("created"),
)

person_grant = sa.Table(  # what an agent turns into tokens for a person, once: an authorization code or a refresh token
    "person_grant",
    metadata,
    sa.Column("secret_hash", Text, primary_key=True),
    sa.Column("kind", Text, nullable=False),  # code | refresh
    sa.Column("family", Text, nullable=False),  # a code and all that came of it
    sa.Column("agent_id", Text, nullable=False),
    sa.Column("person_id", Text, nullable=False),
    sa.Column("scopes", Text, nullable=False),  # separated by spaces
    sa.Column("resource", Text, nullable=False),  # the audience
    sa.Column("redirect_uri", Text, nullable=True),  # of a code: as the request named it
    sa.Column("challenge", Text, nullable=True),  # of a code: PKCE, S256
    sa.Column("jkt", Text, nullable=True),  # the DPoP key that must be shown with it
    moment("proven", nullable=True),  # when the person had proved themselves to their IdP, where that is known, and how
    sa.Column("context", Text, nullable=True),
    moment("expires"),
    moment("used", nullable=True),
    sa.Index("ix_person_grant_family", "family"),
    sa.Index("ix_person_grant_expires", "expires"),
)

pushed_request = sa.Table(  # an authorization request that an agent has pushed (RFC 9126)
    "pushed_request",
    metadata,
    sa.Column("uri_hash", Text, primary_key=True),
    sa.Column("agent_id", Text, nullable=False),
    sa.Column("parameters", Text, nullable=False),  # JSON
    moment("expires"),
    sa.Index("ix_pushed_request_expires", "expires"),
)

push_only = sa.Table(  # agents whose authorization requests must be pushed
    "push_only",
    metadata,
    sa.Column("agent_id", Text, sa.ForeignKey("resource.id", ondelete="CASCADE"), primary_key=True),
)

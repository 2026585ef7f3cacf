"""Who may call us, and with what: inbound clients, credentials, tokens."""

import sqlalchemy as sa

from connector.storage.tables.base import Text, metadata, moment

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
    moment("created"),
    # may name members of groups before they are there
    sa.Column("park_members", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("token_minutes", sa.Integer, nullable=False, server_default="10"),  # how long its access tokens last
)

trust = sa.Table(  # an issuer elsewhere whose assertions stand for a client or agent (RFC 7523): workload identity federation
    "trust",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("client_id", Text, nullable=False),
    sa.Column("issuer", Text, nullable=False),
    sa.Column("subject", Text, nullable=False),
    sa.Column("audience", Text, nullable=False),
    sa.Column("jwks_url", Text, nullable=True),  # where its keys are fetched from, or
    sa.Column("jwks", Text, nullable=True),  # the keys themselves, as a JWK Set
    sa.Column(
        "reusable", sa.Boolean, nullable=False
    ),  # its tokens lie in a file for an hour (Kubernetes), and come again
    moment("created"),
    sa.Column("direct", sa.Boolean, nullable=False, server_default=sa.false()),  # its tokens open SCIM as they are
    sa.UniqueConstraint("issuer", "subject"),
    sa.Index("ix_trust_client_id", "client_id"),
)

credential = sa.Table(
    "credential",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("holder_id", Text, nullable=False),  # a client or an agent
    sa.Column("kind", Text, nullable=False),  # client_secret | public_key | bearer | api_key | certificate | tls_name
    sa.Column("secret_hash", Text, nullable=True, unique=True),
    sa.Column("public_key", Text, nullable=True),  # a JWK
    sa.Column("thumbprint", Text, nullable=True),
    sa.Column(
        "name", Text, nullable=True
    ),  # of a tls_name: what a certificate of a trusted CA must say, RFC 8705 2.1.2
    sa.Column("scopes", Text, nullable=True),  # of an api_key, separated by spaces
    sa.Column("sealed", Text, nullable=True),  # a secret that the schedule made, until its agent fetches it
    sa.Column("replaces", Text, nullable=True),  # the credential that ends once this one is used
    sa.Column(
        "origin", Text, nullable=False
    ),  # issued | registered | scheduled | ca | scim (the agent's x509Certificates)
    moment("not_before"),
    moment("not_after", nullable=True),
    moment("created"),
    moment("revoked", nullable=True),
    moment("last_used", nullable=True),  # to the minute
    sa.Index("ix_credential_holder_id", "holder_id"),
)

cutoff = sa.Table(  # tokens of this subject that were issued before that moment are dead
    "cutoff",
    metadata,
    sa.Column("subject_id", Text, primary_key=True),
    moment("tokens_before"),
)

revoked_token = sa.Table(
    "revoked_token",
    metadata,
    sa.Column("jti", Text, primary_key=True),
    moment("expires"),
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
    moment("expires"),
    sa.Index("ix_replay_expires", "expires"),
)

failed_attempt = sa.Table(  # failed authentications of a client from an address, in all processes
    "failed_attempt",
    metadata,
    sa.Column("key", Text, primary_key=True),  # a hash of both
    sa.Column("failures", sa.Integer, nullable=False),
    moment("since"),
    sa.Index("ix_failed_attempt_since", "since"),
)

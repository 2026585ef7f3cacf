"""People at our own door: the workforce IdPs that vouch for them, requests under way, and their sessions."""

import sqlalchemy as sa

from connector.storage.tables.base import Text, metadata, moment

workforce_idp = sa.Table(  # a SAML identity provider that people sign in at
    "workforce_idp",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("entity_id", Text, nullable=False, unique=True),
    sa.Column("metadata", Text, nullable=False),  # the EntityDescriptor, or what was signed of it
    sa.Column("url", Text, nullable=True),  # where it is read again
    sa.Column("certificate", Text, nullable=True),  # PEM: its metadata must be signed with that key
    sa.Column("settings", Text, nullable=False),  # JSON: what the operator chose for it
    sa.Column("active", sa.Boolean, nullable=False),
    moment("fetched"),  # when its metadata were last asked for
    sa.Column("problem", Text, nullable=True),  # why they could not be had then
    moment("created"),
)

sign_in_request = sa.Table(  # a message that we sent with a browser, and that may be answered once
    "sign_in_request",
    metadata,
    sa.Column("id", Text, primary_key=True),  # its SAML ID
    sa.Column("idp", Text, sa.ForeignKey("workforce_idp.name", ondelete="CASCADE"), nullable=False),
    sa.Column("browser", Text, nullable=False),  # hash of the cookie of the browser that took it
    sa.Column("relay_state", Text, nullable=False),  # hash
    sa.Column("next", Text, nullable=False),  # the page of ours to go on to
    sa.Column(
        "forced", sa.Boolean, nullable=False
    ),  # it asks the person to prove themselves, whoever is signed in there
    sa.Column("contexts", Text, nullable=False),  # the context classes that an agent would like, separated by spaces
    moment("expires"),
    sa.Index("ix_sign_in_request_expires", "expires"),
)

person_session = sa.Table(
    "person_session",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("token_hash", Text, nullable=False, unique=True),  # of the cookie
    sa.Column("person_id", Text, nullable=False),
    sa.Column("idp", Text, sa.ForeignKey("workforce_idp.name", ondelete="CASCADE"), nullable=False),
    sa.Column("name_id", Text, nullable=False),  # the NameID element as the IdP issued it, for logout
    sa.Column("subject", Text, nullable=False),  # its text, to find the session by
    sa.Column("session_index", Text, nullable=True),
    sa.Column("roles", Text, nullable=False),  # that follow from what the IdP said, separated by spaces
    sa.Column("context", Text, nullable=True),  # the authentication context class
    moment("proven", nullable=True),  # when they have proved themselves to the IdP, where a request had forced them to
    moment("begun"),
    moment("seen"),  # to the minute
    moment("expires"),
    sa.Index("ix_person_session_person_id", "person_id"),
    sa.Index("ix_person_session_idp_subject", "idp", "subject"),
    sa.Index("ix_person_session_expires", "expires"),
)

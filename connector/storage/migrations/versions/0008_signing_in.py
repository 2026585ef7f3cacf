"""When a person has proved themselves, where that is known, and by what; requests that are pushed; failed authentications.
Statements only, as in 0001.

SQLite cannot change a column: such tables are made anew, and keep their rows.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, _Text, nullable=nullable)


def upgrade() -> None:
    op.drop_table("person_session")  # whoever is signed in does so again
    op.drop_table("sign_in_request")
    _pushed_requests()
    _failed_attempts()
    _sign_in_request(sa.Column("forced", sa.Boolean(), nullable=False), _text("contexts"))
    _person_session(_text("proven", nullable=True))
    _person_grant(_text("proven", nullable=True))
    op.execute(  # nobody knows whether the IdP's word was of a proof
        "INSERT INTO person_grant SELECT secret_hash, kind, family, agent_id, person_id, scopes, resource, redirect_uri, "
        "challenge, jkt, NULL, context, expires, used FROM person_grant_before"
    )
    op.drop_table("person_grant_before")


def downgrade() -> None:
    op.drop_table("failed_attempt")
    op.drop_table("push_only")
    op.drop_table("pushed_request")
    _person_grant(_text("authenticated"))
    op.execute(
        "INSERT INTO person_grant SELECT secret_hash, kind, family, agent_id, person_id, scopes, resource, redirect_uri, "
        "challenge, jkt, coalesce(proven, '1970-01-01T00:00:00.000Z'), context, expires, used FROM person_grant_before"
    )
    op.drop_table("person_grant_before")
    op.drop_table("person_session")
    op.drop_table("sign_in_request")
    _sign_in_request()
    _person_session(_text("authenticated"))


def _pushed_requests() -> None:
    op.create_table(
        "pushed_request",
        _text("uri_hash"),
        _text("agent_id"),
        _text("parameters"),
        _text("expires"),
        sa.PrimaryKeyConstraint("uri_hash", name=op.f("pk_pushed_request")),
    )
    op.create_index("ix_pushed_request_expires", "pushed_request", ["expires"])
    op.create_table(
        "push_only",
        _text("agent_id"),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_push_only")),
        sa.ForeignKeyConstraint(["agent_id"], ["resource.id"], name=op.f("fk_push_only_agent_id"), ondelete="CASCADE"),
    )


def _failed_attempts() -> None:
    op.create_table(
        "failed_attempt",
        _text("key"),
        sa.Column("failures", sa.Integer(), nullable=False),
        _text("since"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_failed_attempt")),
    )
    op.create_index("ix_failed_attempt_since", "failed_attempt", ["since"])


def _sign_in_request(*new: sa.Column[Any]) -> None:
    op.create_table(
        "sign_in_request",
        _text("id"),
        _text("idp"),
        _text("browser"),
        _text("relay_state"),
        _text("next"),
        *new,
        _text("expires"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_request")),
        sa.ForeignKeyConstraint(
            ["idp"], ["workforce_idp.name"], name=op.f("fk_sign_in_request_idp"), ondelete="CASCADE"
        ),
    )
    op.create_index("ix_sign_in_request_expires", "sign_in_request", ["expires"])


def _person_session(moment: sa.Column[str]) -> None:
    op.create_table(
        "person_session",
        _text("id"),
        _text("token_hash"),
        _text("person_id"),
        _text("idp"),
        _text("name_id"),
        _text("subject"),
        _text("session_index", nullable=True),
        _text("roles"),
        _text("context", nullable=True),
        moment,
        _text("begun"),
        _text("seen"),
        _text("expires"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_person_session_token_hash")),
        sa.ForeignKeyConstraint(
            ["idp"], ["workforce_idp.name"], name=op.f("fk_person_session_idp"), ondelete="CASCADE"
        ),
    )
    op.create_index("ix_person_session_person_id", "person_session", ["person_id"])
    op.create_index("ix_person_session_idp_subject", "person_session", ["idp", "subject"])
    op.create_index("ix_person_session_expires", "person_session", ["expires"])


def _person_grant(moment: sa.Column[str]) -> None:
    """The table anew, empty; what was in it is in person_grant_before."""
    op.execute("CREATE TABLE person_grant_before AS SELECT * FROM person_grant")
    op.drop_table("person_grant")
    op.create_table(
        "person_grant",
        *(_text(name) for name in ("secret_hash", "kind", "family", "agent_id", "person_id", "scopes", "resource")),
        *(_text(name, nullable=True) for name in ("redirect_uri", "challenge", "jkt")),
        moment,
        _text("context", nullable=True),
        _text("expires"),
        _text("used", nullable=True),
        sa.PrimaryKeyConstraint("secret_hash", name=op.f("pk_person_grant")),
    )
    op.create_index("ix_person_grant_family", "person_grant", ["family"])
    op.create_index("ix_person_grant_expires", "person_grant", ["expires"])

"""People who sign in: workforce IdPs, requests under way, sessions; what the deleted were known by. Statements only, as in 0001."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, _Text, nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "workforce_idp",
        _text("name"),
        _text("entity_id"),
        _text("metadata"),
        _text("url", nullable=True),
        _text("certificate", nullable=True),
        _text("settings"),
        sa.Column("active", sa.Boolean(), nullable=False),
        _text("fetched"),
        _text("problem", nullable=True),
        _text("created"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workforce_idp")),
        sa.UniqueConstraint("entity_id", name=op.f("uq_workforce_idp_entity_id")),
    )
    op.create_table(
        "sign_in_request",
        _text("id"),
        _text("idp"),
        _text("browser"),
        _text("relay_state"),
        _text("next"),
        _text("expires"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_request")),
        sa.ForeignKeyConstraint(
            ["idp"], ["workforce_idp.name"], name=op.f("fk_sign_in_request_idp"), ondelete="CASCADE"
        ),
    )
    op.create_index("ix_sign_in_request_expires", "sign_in_request", ["expires"])
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
        _text("authenticated"),
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
    op.create_table(
        "tombstone_key",
        _text("kind"),
        _text("key"),
        _text("resource_id"),
        sa.PrimaryKeyConstraint("kind", "key", "resource_id", name=op.f("pk_tombstone_key")),
    )
    op.execute("INSERT INTO tombstone_key SELECT kind, fold(name), resource_id FROM tombstone WHERE kind = 'person'")


def downgrade() -> None:
    for name in ("tombstone_key", "person_session", "sign_in_request", "workforce_idp"):
        op.drop_table(name)

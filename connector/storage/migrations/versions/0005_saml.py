"""SAML: who stands behind sessions, where metadata is read again, artifacts. Statements only, as in 0001."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, _Text, nullable=nullable)


def _of_app(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_entity_id")
    return sa.ForeignKeyConstraint(["entity_id"], ["saml_app.entity_id"], name=name, ondelete="CASCADE")


def upgrade() -> None:
    op.create_table(
        "saml_behind",
        _text("id"),
        _text("session_index"),
        sa.ForeignKeyConstraint(
            ["session_index"],
            ["saml_session.session_index"],
            name=op.f("fk_saml_behind_session_index"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", "session_index", name=op.f("pk_saml_behind")),
    )
    op.create_table(
        "saml_source",
        _text("entity_id"),
        _text("url"),
        _text("certificate", nullable=True),
        _text("due"),
        _text("read"),
        _text("problem", nullable=True),
        _of_app("saml_source"),
        sa.PrimaryKeyConstraint("entity_id", name=op.f("pk_saml_source")),
    )
    op.create_table(
        "saml_artifact",
        _text("handle"),
        _text("entity_id"),
        _text("content"),
        _text("expires"),
        _of_app("saml_artifact"),
        sa.PrimaryKeyConstraint("handle", name=op.f("pk_saml_artifact")),
    )
    op.create_index("ix_saml_artifact_expires", "saml_artifact", ["expires"])


def downgrade() -> None:
    for name in ("saml_artifact", "saml_source", "saml_behind"):
        op.drop_table(name)

"""SAML: sessions on behalf of others, metadata that is read again, artifacts. Statements only, as in 0001."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None

_Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    for name in ("source", "due", "problem"):
        op.add_column("saml_app", sa.Column(name, _Text, nullable=True))
    op.add_column("saml_session", sa.Column("behind", _Text, nullable=True))
    op.create_index(
        "ix_saml_session_behind",
        "saml_session",
        ["expires"],
        sqlite_where=sa.text("behind IS NOT NULL"),
        postgresql_where=sa.text("behind IS NOT NULL"),
    )
    op.create_table(
        "saml_artifact",
        sa.Column("handle", _Text, nullable=False),
        sa.Column("entity_id", _Text, nullable=False),
        sa.Column("content", _Text, nullable=False),
        sa.Column("expires", _Text, nullable=False),
        sa.PrimaryKeyConstraint("handle", name=op.f("pk_saml_artifact")),
        sa.ForeignKeyConstraint(
            ["entity_id"], ["saml_app.entity_id"], name=op.f("fk_saml_artifact_entity_id"), ondelete="CASCADE"
        ),
    )
    op.create_index("ix_saml_artifact_expires", "saml_artifact", ["expires"])


def downgrade() -> None:
    op.drop_table("saml_artifact")
    op.drop_index("ix_saml_session_behind", "saml_session")
    op.drop_column("saml_session", "behind")
    for name in ("problem", "due", "source"):
        op.drop_column("saml_app", name)

"""People who delegate by consent: redirect URIs of agents, authorization codes and refresh tokens. Statements only, as in 0001."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, _Text, nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "redirect_uri",
        _text("agent_id"),
        _text("uri"),
        _text("created"),
        sa.PrimaryKeyConstraint("agent_id", "uri", name=op.f("pk_redirect_uri")),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["resource.id"], name=op.f("fk_redirect_uri_agent_id"), ondelete="CASCADE"
        ),
    )
    op.create_table(
        "person_grant",
        _text("secret_hash"),
        _text("kind"),
        _text("family"),
        _text("agent_id"),
        _text("person_id"),
        _text("scopes"),
        _text("resource"),
        _text("redirect_uri", nullable=True),
        _text("challenge", nullable=True),
        _text("jkt", nullable=True),
        _text("authenticated"),
        _text("context", nullable=True),
        _text("expires"),
        _text("used", nullable=True),
        sa.PrimaryKeyConstraint("secret_hash", name=op.f("pk_person_grant")),
    )
    op.create_index("ix_person_grant_family", "person_grant", ["family"])
    op.create_index("ix_person_grant_expires", "person_grant", ["expires"])


def downgrade() -> None:
    for name in ("person_grant", "redirect_uri"):
        op.drop_table(name)

"""OAuth: resources and scopes, grants, delegations, issuers that vouch for people. Statements only, as in 0001."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, _Text, nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "api_resource",
        _text("uri"),
        _text("name"),
        _text("created"),
        sa.PrimaryKeyConstraint("uri", name=op.f("pk_api_resource")),
    )
    op.create_table(
        "api_scope",
        _text("name"),
        _text("resource"),
        _text("description"),
        sa.Column("seconds", sa.Integer(), nullable=True),
        _text("created"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_api_scope")),
        sa.ForeignKeyConstraint(
            ["resource"], ["api_resource.uri"], name=op.f("fk_api_scope_resource"), ondelete="CASCADE"
        ),
    )
    op.create_index("ix_api_scope_resource", "api_scope", ["resource"])
    op.create_table(
        "scope_grant",
        _text("id"),
        _text("scope"),
        _text("holder_id"),
        _text("not_after", nullable=True),
        _text("created"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scope_grant")),
        sa.UniqueConstraint("scope", "holder_id", name=op.f("uq_scope_grant_scope_holder_id")),
        sa.ForeignKeyConstraint(["scope"], ["api_scope.name"], name=op.f("fk_scope_grant_scope"), ondelete="CASCADE"),
    )
    op.create_index("ix_scope_grant_holder_id", "scope_grant", ["holder_id"])
    op.create_table(
        "delegation",
        _text("id"),
        _text("subject_id"),
        _text("actor_id"),
        _text("scopes"),
        _text("not_after"),
        _text("created"),
        _text("made_by"),
        _text("revoked", nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegation")),
    )
    op.create_index("ix_delegation_actor_id_subject_id", "delegation", ["actor_id", "subject_id"])
    op.create_index("ix_delegation_subject_id", "delegation", ["subject_id"])
    op.create_table(
        "vouching",
        _text("issuer"),
        _text("audience"),
        _text("claim"),
        _text("jwks_url", nullable=True),
        _text("jwks", nullable=True),
        _text("created"),
        sa.PrimaryKeyConstraint("issuer", name=op.f("pk_vouching")),
    )


def downgrade() -> None:
    for name in ("vouching", "delegation", "scope_grant", "api_scope", "api_resource"):
        op.drop_table(name)

"""Members that are named before they exist: which clients may, and who waits for whom. Statements only, as in 0001."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, _Text, nullable=False)


def upgrade() -> None:
    op.add_column("client", sa.Column("park_members", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "parked_member",
        _text("client_id"),
        _text("value"),
        _text("group_id"),
        _text("created"),
        sa.PrimaryKeyConstraint("client_id", "value", "group_id", name=op.f("pk_parked_member")),
        sa.ForeignKeyConstraint(
            ["group_id"], ["resource.id"], name=op.f("fk_parked_member_group_id"), ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_parked_member_group_id", "parked_member", ["group_id"])


def downgrade() -> None:
    op.drop_table("parked_member")
    op.drop_column("client", "park_members")

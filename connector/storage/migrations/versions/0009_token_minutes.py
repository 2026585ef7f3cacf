"""Clients whose access tokens last longer. Statements only, as in 0001."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("client", sa.Column("token_minutes", sa.Integer(), nullable=False, server_default="10"))


def downgrade() -> None:
    op.drop_column("client", "token_minutes")

"""First schema."""

from alembic import op

from connector.storage.tables import metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nothing was released before this revision: until 0.1.0 is, the first migration is the metadata itself.
    metadata.create_all(op.get_bind())


def downgrade() -> None:
    metadata.drop_all(op.get_bind())

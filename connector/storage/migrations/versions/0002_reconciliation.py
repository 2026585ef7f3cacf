"""Reconciliation: plans, correlation cases and tombstones. Statements only, as in 0001."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, _Text, nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "plan",
        _text("id"),
        _text("target"),
        _text("kind"),
        _text("digest"),
        _text("document"),
        _text("brakes"),
        _text("state"),
        _text("made_by"),
        _text("approved_by", nullable=True),
        _text("reason", nullable=True),
        _text("created"),
        _text("modified"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan")),
        sa.ForeignKeyConstraint(["target"], ["target.name"], name=op.f("fk_plan_target"), ondelete="CASCADE"),
    )
    op.create_index("ix_plan_target", "plan", ["target"])
    op.create_table(
        "correlation_case",
        _text("id"),
        _text("target"),
        _text("kind"),
        _text("about"),
        _text("accounts"),
        _text("detail"),
        _text("state"),
        _text("decided_by", nullable=True),
        _text("reason", nullable=True),
        _text("created"),
        _text("modified"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correlation_case")),
        sa.UniqueConstraint("target", "about", name=op.f("uq_correlation_case_target_about")),
        sa.ForeignKeyConstraint(
            ["target"], ["target.name"], name=op.f("fk_correlation_case_target"), ondelete="CASCADE"
        ),
    )
    op.create_table(
        "tombstone",
        _text("resource_id"),
        _text("kind"),
        _text("name"),
        _text("deleted"),
        sa.PrimaryKeyConstraint("resource_id", name=op.f("pk_tombstone")),
    )


def downgrade() -> None:
    for name in ("tombstone", "correlation_case", "plan"):
        op.drop_table(name)

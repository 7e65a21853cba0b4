"""The table of recordings."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table and its indexes."""
    op.create_table(
        "recordings",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("visitor", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("filename", sa.Text),
        sa.Column("duration_seconds", sa.Float),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("done_seconds", sa.Float, nullable=False),
        sa.Column("error_code", sa.String(32)),
        sa.Column("error", sa.Text),
        sa.Column("worker", sa.String(64)),
        sa.Column("touched_at", sa.DateTime(timezone=True)),
        sa.Column("peaks", sa.LargeBinary),
        sa.Column("segments", sa.JSON(none_as_null=True)),
    )
    op.create_index("recordings_of_visitor", "recordings", ["visitor", "id"])
    op.create_index("recordings_in_state", "recordings", ["state", "id"])


def downgrade() -> None:
    """Back to clips alone."""
    op.drop_table("recordings")

"""The table of clips."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table and its index."""
    op.create_table(
        "clips",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("visitor", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("filename", sa.Text),
        sa.Column("duration_seconds", sa.Float, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("emotion", sa.String(32)),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("probabilities", sa.JSON, nullable=False),
        sa.Column("voiced_seconds", sa.Float, nullable=False),
        sa.Column("heard_start", sa.Float, nullable=False),
        sa.Column("heard_end", sa.Float, nullable=False),
        sa.Column("transcript_status", sa.String(32), nullable=False),
        sa.Column("transcript_text", sa.Text, nullable=False),
        sa.Column("transcript_engine", sa.String(32)),
    )
    op.create_index("clips_of_visitor", "clips", ["visitor", "id"])


def downgrade() -> None:
    """Back to an empty database."""
    op.drop_table("clips")

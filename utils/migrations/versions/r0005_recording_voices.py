"""Which voice a recording shall be heard with, and which it was."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add two columns that older recordings leave empty."""
    op.add_column("recordings", sa.Column("voice_id", sa.String(64)))
    op.add_column("recordings", sa.Column("voice", sa.String(60)))


def downgrade() -> None:
    """Back to recordings that are heard as anybody's."""
    op.drop_column("recordings", "voice")
    op.drop_column("recordings", "voice_id")

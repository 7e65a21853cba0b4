"""What a clip really was, which bundle answered, and who allows training."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add two columns, which older clips leave empty, and the table of consents."""
    op.add_column("clips", sa.Column("correction", sa.String(32)))
    op.add_column("clips", sa.Column("model", sa.String(80)))
    op.create_table(
        "consents",
        sa.Column("visitor", sa.String(64), primary_key=True),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    """Back to clips without corrections."""
    op.drop_table("consents")
    op.drop_column("clips", "model")
    op.drop_column("clips", "correction")

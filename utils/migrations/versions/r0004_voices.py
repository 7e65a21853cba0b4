"""Voice profiles, what was learnt from clips that were corrected, and which clips were answered with either."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add two tables, and two columns that older clips leave empty."""
    op.add_column("clips", sa.Column("voice", sa.String(60)))
    op.add_column("clips", sa.Column("personal", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_table(
        "profiles",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("visitor", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("clips", sa.Integer, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
    )
    op.create_index("profiles_of_visitor", "profiles", ["visitor", "name"], unique=True)
    op.create_table(
        "examples",
        sa.Column("clip_id", sa.String(64), sa.ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("model", sa.String(80), nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Back to a history that knows nobody's voice."""
    op.drop_table("examples")
    op.drop_index("profiles_of_visitor", "profiles")
    op.drop_table("profiles")
    op.drop_column("clips", "personal")
    op.drop_column("clips", "voice")

"""A span whose source does not say how long it lasted has no duration, instead of being set apart."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Allow spans without a duration."""
    op.alter_column("span", "duration", nullable=True)

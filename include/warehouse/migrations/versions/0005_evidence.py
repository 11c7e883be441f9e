"""What made a score, beside its sentence: features, deviating metrics, hypotheses."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Anomalies and episodes so far have no evidence beyond their words."""
    for table in ("anomaly", "episode"):
        op.add_column(table, sa.Column("evidence", sa.JSON(), nullable=True))

"""What people and systems say of findings, how far data has moved away from a model, and who owns planned time."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

text, time, flag = sa.Text(), sa.DateTime(timezone=True), sa.Boolean()
big: sa.BigInteger = sa.BigInteger()
double: sa.Double[float] = sa.Double()


def upgrade() -> None:
    """Create `feedback` and `drift`; planned times so far have no owner."""
    op.create_table(
        "feedback",
        sa.Column("source", text, primary_key=True),
        sa.Column("feedback_id", text, primary_key=True),
        must("subject_kind", text),
        must("subject_id", text),
        must("service", text),
        must("service_alias", text),
        maybe("first_ts", time),
        maybe("last_ts", time),
        must("verdict", text),
        maybe("comment", text),
        maybe("person", text),
        must("created_at", time),
        must("updated_at", time),
        must("deleted", flag),
        must("provisional", flag),
        must("load_id", text),
    )
    op.create_table(
        "drift",
        must("model", text),
        must("model_version", text),
        must("series_class", text),
        must("feature", text),
        maybe("psi", double),
        maybe("psi_usual", double),
        maybe("ks", double),
        maybe("ks_p", double),
        must("points", big),
        maybe("effective_points", double),
        maybe("trained", double),
        maybe("current", double),
        maybe("watch_at", double),
        maybe("drifted_at", double),
        must("status", text),
        must("reason", text),
        must("producer", text),
        must("window_start", time),
        must("window_end", time),
        must("run_id", text),
    )
    op.add_column("maintenance_window", maybe("owner", text))


def must(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def maybe(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True)

"""Logs, spans, the history of incidents, aliases as they were seen; and which records are provisional."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

text, time, flag = sa.Text(), sa.DateTime(timezone=True), sa.Boolean()
big: sa.BigInteger = sa.BigInteger()
double: sa.Double[float] = sa.Double()
RECORDS = ("alert", "incident", "change_event")
PARTITIONED = ("log_event", "log_summary", "span")


def upgrade() -> None:
    """Create the tables, and on PostgreSQL the block-range indexes by time; no record so far is provisional."""
    create(
        "service_alias",
        key("source", text),
        key("alias", text),
        must("service", text),
        must("first_seen", time),
        must("last_seen", time),
    )
    create(
        "source_column",
        key("source", text),
        key("dataset", text),
        key("query", text),
        key("name", text),
        must("kind", text),
        must("share", double),
        must("first_seen", time),
        must("last_seen", time),
    )
    create(
        "log_template",
        key("template_id", big),
        must("template", text),
        must("example", text),
        maybe("merged_into", big),
        must("first_seen", time),
        must("last_seen", time),
    )
    create(
        "log_event",
        must("source", text),
        must("query", text),
        must("ts", time),
        must("service", text),
        must("service_alias", text),
        maybe("host", text),
        maybe("level", text),
        must("log_class", text),
        maybe("logger", text),
        must("template_id", big),
        must("message", text),
        maybe("trace_id", text),
        maybe("span_id", text),
        maybe("attributes", text),
    )
    create(
        "log_summary",
        must("source", text),
        must("query", text),
        must("ts", time),
        must("service", text),
        must("service_alias", text),
        maybe("level", text),
        must("log_class", text),
        must("template_id", big),
        must("lines", big),
        must("kept", big),
        must("bytes", big),
        must("kept_bytes", big),
    )
    create(
        "span",
        must("source", text),
        must("query", text),
        must("ts", time),
        must("trace_id", text),
        must("span_id", text),
        maybe("parent_id", text),
        must("service", text),
        must("service_alias", text),
        must("operation", text),
        maybe("kind", text),
        must("duration", double),
        must("error", flag),
        maybe("attributes", text),
    )
    create(
        "incident_change",
        key("source", text),
        key("change_id", text),
        must("incident_id", text),
        must("field", text),
        maybe("before", text),
        maybe("after", text),
        maybe("actor", text),
        maybe("summary", text),
        must("updated_at", time),
        must("deleted", flag),
        must("provisional", flag),
        must("load_id", text),
    )
    for name in RECORDS:
        op.add_column(name, maybe("provisional", flag))
        op.execute(sa.update(sa.table(name, sa.column("provisional"))).values(provisional=False))
        op.alter_column(name, "provisional", nullable=False)
    if op.get_bind().dialect.name == "postgresql":
        for name in PARTITIONED:
            op.create_index(f"{name}_by_ts", name, ["ts"], postgresql_using="brin")
        op.create_index("span_by_trace", "span", ["trace_id"])


def create(name: str, *columns: sa.Column[Any]) -> None:
    partitioned = name in PARTITIONED and op.get_bind().dialect.name == "postgresql"
    options: dict[str, Any] = {"postgresql_partition_by": "RANGE (ts)"} if partitioned else {}
    op.create_table(name, *columns, **options)


def key(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def must(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def maybe(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True)

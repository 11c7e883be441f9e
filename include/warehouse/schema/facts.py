"""Facts: what was measured, logged and traced. No keys: a scope (source, query, window) is replaced as a whole."""

from sqlalchemy import BigInteger, Boolean, Column, Double, Table

from include.warehouse.schema.columns import metadata, text, time

metric_point = Table(
    "metric_point",
    metadata,
    Column("series_id", BigInteger, nullable=False),
    time("ts"),
    Column("value", Double, nullable=False),
)

log_event = Table(
    "log_event",
    metadata,
    text("source"),
    text("query"),
    time("ts"),
    text("service"),
    text("service_alias"),
    text("host", nullable=True),
    text("level", nullable=True),
    text("log_class"),
    text("logger", nullable=True),
    Column("template_id", BigInteger, nullable=False),
    text("message"),
    text("trace_id", nullable=True),
    text("span_id", nullable=True),
    text("attributes", nullable=True),
)

log_summary = Table(
    "log_summary",
    metadata,
    text("source"),
    text("query"),
    time("ts"),
    text("service"),
    text("service_alias"),
    text("level", nullable=True),
    text("log_class"),
    Column("template_id", BigInteger, nullable=False),
    Column("lines", BigInteger, nullable=False),
    Column("kept", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("kept_bytes", BigInteger, nullable=False),
)

span = Table(
    "span",
    metadata,
    text("source"),
    text("query"),
    time("ts"),
    text("trace_id"),
    text("span_id"),
    text("parent_id", nullable=True),
    text("service"),
    text("service_alias"),
    text("operation"),
    text("kind", nullable=True),
    Column("duration", Double),
    Column("error", Boolean, nullable=False),
    text("attributes", nullable=True),
)

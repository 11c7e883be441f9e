"""Dimensions: what services, series, objectives, limits, planned times and log templates there are."""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, Table

from include.warehouse.schema.columns import json, metadata, text, time

service = Table(
    "service",
    metadata,
    text("name", key=True),
    text("owner", nullable=True),
    Column("tier", Integer),
    text("time_zone"),
    text("holidays", nullable=True),
    json("dependencies"),
    json("labels"),
    json("aliases"),
)

series = Table(
    "series",
    metadata,
    Column("series_id", BigInteger, primary_key=True, autoincrement=False),
    text("source"),
    text("query"),
    text("kind"),
    text("unit"),
    text("service"),
    text("service_alias"),
    json("labels"),
    Column("step_seconds", Integer, nullable=False),
    time("first_seen"),
    time("last_seen"),
)

slo = Table(
    "slo",
    metadata,
    text("name", key=True),
    text("service"),
    text("display_name", nullable=True),
    json("spec"),
)

resource_limit = Table(
    "resource_limit",
    metadata,
    text("name", key=True),
    text("query"),
    text("service", nullable=True),
    json("labels"),
    Column("limit_value", Double),
    text("limit_query", nullable=True),
    text("unit"),
)

maintenance_window = Table(
    "maintenance_window",
    metadata,
    text("name", key=True),
    text("kind"),
    json("services"),
    time("starts_at"),
    time("ends_at"),
    text("reason", nullable=True),
    text("owner", nullable=True),
)

Index("series_by_query", series.c.source, series.c.query)

service_alias = Table(
    "service_alias",
    metadata,
    text("source", key=True),
    text("alias", key=True),
    text("service"),
    time("first_seen"),
    time("last_seen"),
)

source_column = Table(
    "source_column",
    metadata,
    text("source", key=True),
    text("dataset", key=True),
    text("query", key=True),
    text("name", key=True),
    text("kind"),
    Column("share", Double, nullable=False),
    time("first_seen"),
    time("last_seen"),
)

log_template = Table(
    "log_template",
    metadata,
    Column("template_id", BigInteger, primary_key=True, autoincrement=False),
    text("template"),
    text("example"),
    Column("merged_into", BigInteger),
    time("first_seen"),
    time("last_seen"),
)

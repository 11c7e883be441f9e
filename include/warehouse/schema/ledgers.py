"""Ledgers: what was loaded, judged, set apart, derived, reported, delivered. Appended only."""

from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, Table

from include.warehouse.schema.columns import json, metadata, text, time

load_log = Table(
    "load_log",
    metadata,
    text("load_id"),
    text("source"),
    text("dataset"),
    text("query"),
    time("window_start"),
    time("window_end"),
    text("status"),
    Column("rows_read", BigInteger, nullable=False),
    Column("rows_loaded", BigInteger, nullable=False),
    Column("rows_quarantined", BigInteger, nullable=False),
    Column("rows_before", BigInteger, nullable=False),
    Column("expected_rows", BigInteger),
    text("content_hash"),
    text("landed_at_path", nullable=True),
    text("message", nullable=True),
    time("started_at"),
    time("finished_at"),
    text("run_id"),
)

lineage = Table(
    "lineage",
    metadata,
    text("run_id"),
    text("producer"),
    time("window_start"),
    time("window_end"),
    json("loads"),
    text("model_version", nullable=True),
    text("config_hash"),
    text("code_version"),
    time("recorded_at"),
)

quality_result = Table(
    "quality_result",
    metadata,
    text("load_id"),
    text("source"),
    text("dataset"),
    text("query"),
    time("window_start"),
    time("window_end"),
    text("rule"),
    text("level"),
    Column("success", Boolean, nullable=False),
    Column("observed", Double),
    text("expected", nullable=True),
    Column("failed_rows", BigInteger, nullable=False),
    text("message", nullable=True),
    time("recorded_at"),
)

quarantine_row = Table(
    "quarantine_row",
    metadata,
    text("load_id"),
    text("source"),
    text("dataset"),
    text("query"),
    time("window_start"),
    time("window_end"),
    text("rule"),
    text("raw"),
    time("recorded_at"),
)

report = Table(
    "report",
    metadata,
    text("report_id"),
    text("name"),
    text("audience"),
    time("window_start"),
    time("window_end"),
    text("verdict"),
    text("path"),
    text("run_id"),
    time("built_at"),
)

delivery = Table(
    "delivery",
    metadata,
    text("delivery_id", key=True),
    text("report_id"),
    text("name"),
    text("audience"),
    text("channel"),
    time("window_start"),
    time("window_end"),
    text("state"),
    text("message", nullable=True),
    Column("attempts", Integer, nullable=False),
    time("updated_at"),
)

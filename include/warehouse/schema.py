"""Every table of the warehouse, in SQLAlchemy Core; Alembic revisions are written by hand beside it.

Four kinds: dimensions, facts (no key: a scope is replaced), records (merged by key), results (replaced by producer and
window) and ledgers (appended). No foreign keys and no keys on facts: on DuckDB they cost a factor of ten, and the four
ways to write keep the tables right without them. Times are UTC with time zone.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)

metadata = MetaData()


def _time(name: str, nullable: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _text(name: str, nullable: bool = False, key: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable, primary_key=key)


def _json(name: str) -> Column[object]:
    return Column(name, JSON(none_as_null=True))


def _result_columns() -> list[Column[object]]:
    """Columns of every result: who produced it, for which window, in which run."""
    return [
        Column("producer", Text, nullable=False),
        Column("window_start", DateTime(timezone=True), nullable=False),
        Column("window_end", DateTime(timezone=True), nullable=False),
        Column("run_id", Text, nullable=False),
    ]


def _record_columns() -> list[Column[object]]:
    """Columns of every record: its version, its tombstone and the load that brought it."""
    return [
        Column("updated_at", DateTime(timezone=True), nullable=False),
        Column("deleted", Boolean, nullable=False),
        Column("load_id", Text, nullable=False),
    ]


# Dimensions ------------------------------------------------------------------------------------------------------

service = Table(
    "service",
    metadata,
    _text("name", key=True),
    _text("owner", nullable=True),
    Column("tier", Integer),
    _text("time_zone"),
    _text("holidays", nullable=True),
    _json("dependencies"),
    _json("labels"),
    _json("aliases"),
)

series = Table(
    "series",
    metadata,
    Column("series_id", BigInteger, primary_key=True, autoincrement=False),
    _text("source"),
    _text("query"),
    _text("kind"),
    _text("unit"),
    _text("service"),
    _text("service_alias"),
    _json("labels"),
    Column("step_seconds", Integer, nullable=False),
    _time("first_seen"),
    _time("last_seen"),
)

slo = Table(
    "slo",
    metadata,
    _text("name", key=True),
    _text("service"),
    _text("display_name", nullable=True),
    _json("spec"),
)

resource_limit = Table(
    "resource_limit",
    metadata,
    _text("name", key=True),
    _text("query"),
    _text("service", nullable=True),
    _json("labels"),
    Column("limit_value", Double),
    _text("limit_query", nullable=True),
    _text("unit"),
)

maintenance_window = Table(
    "maintenance_window",
    metadata,
    _text("name", key=True),
    _text("kind"),
    _json("services"),
    _time("starts_at"),
    _time("ends_at"),
    _text("reason", nullable=True),
)

# Facts -----------------------------------------------------------------------------------------------------------

metric_point = Table(
    "metric_point",
    metadata,
    Column("series_id", BigInteger, nullable=False),
    _time("ts"),
    Column("value", Double, nullable=False),
)

# Records ---------------------------------------------------------------------------------------------------------

alert = Table(
    "alert",
    metadata,
    _text("source", key=True),
    _text("alert_id", key=True),
    _text("fingerprint"),
    _text("name"),
    _text("service"),
    _text("service_alias"),
    _text("severity"),
    _text("status"),
    _time("starts_at"),
    _time("ends_at", nullable=True),
    _text("summary", nullable=True),
    _text("labels", nullable=True),
    _text("url", nullable=True),
    *_record_columns(),
)

incident = Table(
    "incident",
    metadata,
    _text("source", key=True),
    _text("incident_id", key=True),
    _text("title"),
    _text("service"),
    _text("service_alias"),
    _text("severity"),
    _text("status"),
    _time("opened_at"),
    _time("acknowledged_at", nullable=True),
    _time("resolved_at", nullable=True),
    _text("cause", nullable=True),
    _text("outcome", nullable=True),
    _text("labels", nullable=True),
    _text("url", nullable=True),
    *_record_columns(),
)

change_event = Table(
    "change_event",
    metadata,
    _text("source", key=True),
    _text("change_id", key=True),
    _text("kind"),
    _text("service"),
    _text("service_alias"),
    _text("title"),
    _text("version", nullable=True),
    _time("started_at"),
    _time("ended_at", nullable=True),
    _text("labels", nullable=True),
    _text("url", nullable=True),
    *_record_columns(),
)

# Results ---------------------------------------------------------------------------------------------------------

anomaly = Table(
    "anomaly",
    metadata,
    _text("subject_kind"),
    Column("subject_id", BigInteger, nullable=False),
    _text("service"),
    _text("query"),
    _time("ts"),
    Column("score", Double, nullable=False),
    Column("value", Double),
    Column("expected_lower", Double),
    Column("expected", Double),
    Column("expected_upper", Double),
    Column("z15", Double),
    Column("percentile", Double),
    _text("severity"),
    _text("trend"),
    Column("volatility", Double),
    Column("business_hours", Boolean),
    Column("weekend", Boolean),
    _text("detector"),
    _text("model_version"),
    _text("episode_id", nullable=True),
    _text("reason"),
    *_result_columns(),
)

episode = Table(
    "episode",
    metadata,
    _text("episode_id"),
    _text("subject_kind"),
    Column("subject_id", BigInteger, nullable=False),
    _text("service"),
    _text("query"),
    _time("first_ts"),
    _time("last_ts"),
    _time("peak_ts"),
    Column("points", Integer, nullable=False),
    Column("peak_score", Double, nullable=False),
    _text("severity"),
    _text("state"),
    _text("description"),
    *_result_columns(),
)

forecast_point = Table(
    "forecast_point",
    metadata,
    Column("series_id", BigInteger, nullable=False),
    _time("ts"),
    Column("lower", Double, nullable=False),
    Column("expected", Double, nullable=False),
    Column("upper", Double, nullable=False),
    _text("model"),
    *_result_columns(),
)

capacity_status = Table(
    "capacity_status",
    metadata,
    Column("series_id", BigInteger, nullable=False),
    _text("service"),
    _text("query"),
    _text("resource"),
    _text("owner", nullable=True),
    _text("unit"),
    Column("current", Double),
    Column("p95", Double),
    Column("limit_value", Double),
    _text("limit_source", nullable=True),
    Column("headroom", Double),
    Column("trend_per_day", Double),
    Column("growth_percent", Double),
    Column("predicted_peak", Double),
    Column("predicted_average", Double),
    _time("exhausted_p10", nullable=True),
    _time("exhausted_p50", nullable=True),
    _time("exhausted_p90", nullable=True),
    _text("status"),
    _text("recommendation"),
    _text("reason"),
    Column("confidence", Double),
    Column("coverage", Double),
    _text("model", nullable=True),
    *_result_columns(),
)

slo_status = Table(
    "slo_status",
    metadata,
    _text("slo"),
    _text("objective"),
    _text("service"),
    _text("owner", nullable=True),
    Column("target", Double, nullable=False),
    Column("actual", Double),
    Column("compliant", Boolean),
    Column("good", Double, nullable=False),
    Column("total", Double, nullable=False),
    _text("budgeting_method"),
    _time("period_start"),
    _time("period_end"),
    Column("budget_minutes", Double, nullable=False),
    Column("used_minutes", Double),
    Column("remaining_minutes", Double),
    Column("used_ratio", Double),
    _json("burn_rates"),
    _json("worst_hours"),
    _text("status"),
    Column("coverage", Double, nullable=False),
    _time("calculated_for"),
    *_result_columns(),
)

# Ledgers ---------------------------------------------------------------------------------------------------------

load_log = Table(
    "load_log",
    metadata,
    _text("load_id"),
    _text("source"),
    _text("dataset"),
    _text("query"),
    _time("window_start"),
    _time("window_end"),
    _text("status"),
    Column("rows_read", BigInteger, nullable=False),
    Column("rows_loaded", BigInteger, nullable=False),
    Column("rows_quarantined", BigInteger, nullable=False),
    Column("rows_before", BigInteger, nullable=False),
    Column("expected_rows", BigInteger),
    _text("content_hash"),
    _text("landed_at_path", nullable=True),
    _text("message", nullable=True),
    _time("started_at"),
    _time("finished_at"),
    _text("run_id"),
)

lineage = Table(
    "lineage",
    metadata,
    _text("run_id"),
    _text("producer"),
    _time("window_start"),
    _time("window_end"),
    _json("loads"),
    _text("model_version", nullable=True),
    _text("config_hash"),
    _text("code_version"),
    _time("recorded_at"),
)

quality_result = Table(
    "quality_result",
    metadata,
    _text("load_id"),
    _text("source"),
    _text("dataset"),
    _text("query"),
    _time("window_start"),
    _time("window_end"),
    _text("rule"),
    _text("level"),
    Column("success", Boolean, nullable=False),
    Column("observed", Double),
    _text("expected", nullable=True),
    Column("failed_rows", BigInteger, nullable=False),
    _text("message", nullable=True),
    _time("recorded_at"),
)

quarantine_row = Table(
    "quarantine_row",
    metadata,
    _text("load_id"),
    _text("source"),
    _text("dataset"),
    _text("query"),
    _time("window_start"),
    _time("window_end"),
    _text("rule"),
    _text("raw"),
    _time("recorded_at"),
)

report = Table(
    "report",
    metadata,
    _text("report_id"),
    _text("name"),
    _text("audience"),
    _time("window_start"),
    _time("window_end"),
    _text("verdict"),
    _text("path"),
    _text("run_id"),
    _time("built_at"),
)

delivery = Table(
    "delivery",
    metadata,
    _text("delivery_id", key=True),
    _text("report_id"),
    _text("name"),
    _text("audience"),
    _text("channel"),
    _time("window_start"),
    _time("window_end"),
    _text("state"),
    _text("message", nullable=True),
    Column("attempts", Integer, nullable=False),
    _time("updated_at"),
)

Index("series_by_query", series.c.source, series.c.query)

# How each is written ---------------------------------------------------------------------------------------------

DIMENSIONS = (service, series, slo, resource_limit, maintenance_window)
FACTS = (metric_point,)
RECORDS = (alert, incident, change_event, delivery)
RESULTS = (anomaly, episode, forecast_point, capacity_status, slo_status)
LEDGERS = (load_log, lineage, quality_result, quarantine_row, report)

PLACED_BY = {"anomaly": "ts"}
"""Results whose rows have a time inside the window for which they were made; others are placed by the window alone."""

"""The first tables: dimensions, facts, records, results and ledgers."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

text, time, flag = sa.Text(), sa.DateTime(timezone=True), sa.Boolean()
integer, big, json = sa.Integer(), sa.BigInteger(), sa.JSON(none_as_null=True)
double: sa.Double[float] = sa.Double()


def upgrade() -> None:
    """Create them all, and on PostgreSQL the block-range indexes by time."""
    create(
        "service",
        key("name", text),
        maybe("owner", text),
        maybe("tier", integer),
        must("time_zone", text),
        maybe("holidays", text),
        maybe("dependencies", json),
        maybe("labels", json),
        maybe("aliases", json),
    )
    create(
        "series",
        key("series_id", big),
        must("source", text),
        must("query", text),
        must("kind", text),
        must("unit", text),
        must("service", text),
        must("service_alias", text),
        maybe("labels", json),
        must("step_seconds", integer),
        must("first_seen", time),
        must("last_seen", time),
    )
    create(
        "slo",
        key("name", text),
        must("service", text),
        maybe("display_name", text),
        maybe("spec", json),
    )
    create(
        "resource_limit",
        key("name", text),
        must("query", text),
        maybe("service", text),
        maybe("labels", json),
        maybe("limit_value", double),
        maybe("limit_query", text),
        must("unit", text),
    )
    create(
        "maintenance_window",
        key("name", text),
        must("kind", text),
        maybe("services", json),
        must("starts_at", time),
        must("ends_at", time),
        maybe("reason", text),
    )
    create(
        "metric_point",
        must("series_id", big),
        must("ts", time),
        must("value", double),
    )
    create(
        "alert",
        key("source", text),
        key("alert_id", text),
        must("fingerprint", text),
        must("name", text),
        must("service", text),
        must("service_alias", text),
        must("severity", text),
        must("status", text),
        must("starts_at", time),
        maybe("ends_at", time),
        maybe("summary", text),
        maybe("labels", text),
        maybe("url", text),
        must("updated_at", time),
        must("deleted", flag),
        must("load_id", text),
    )
    create(
        "incident",
        key("source", text),
        key("incident_id", text),
        must("title", text),
        must("service", text),
        must("service_alias", text),
        must("severity", text),
        must("status", text),
        must("opened_at", time),
        maybe("acknowledged_at", time),
        maybe("resolved_at", time),
        maybe("cause", text),
        maybe("outcome", text),
        maybe("labels", text),
        maybe("url", text),
        must("updated_at", time),
        must("deleted", flag),
        must("load_id", text),
    )
    create(
        "change_event",
        key("source", text),
        key("change_id", text),
        must("kind", text),
        must("service", text),
        must("service_alias", text),
        must("title", text),
        maybe("version", text),
        must("started_at", time),
        maybe("ended_at", time),
        maybe("labels", text),
        maybe("url", text),
        must("updated_at", time),
        must("deleted", flag),
        must("load_id", text),
    )
    create(
        "anomaly",
        must("subject_kind", text),
        must("subject_id", big),
        must("service", text),
        must("query", text),
        must("ts", time),
        must("score", double),
        maybe("value", double),
        maybe("expected_lower", double),
        maybe("expected", double),
        maybe("expected_upper", double),
        maybe("z15", double),
        maybe("percentile", double),
        must("severity", text),
        must("trend", text),
        maybe("volatility", double),
        maybe("business_hours", flag),
        maybe("weekend", flag),
        must("detector", text),
        must("model_version", text),
        maybe("episode_id", text),
        must("reason", text),
        must("producer", text),
        must("window_start", time),
        must("window_end", time),
        must("run_id", text),
    )
    create(
        "episode",
        must("episode_id", text),
        must("subject_kind", text),
        must("subject_id", big),
        must("service", text),
        must("query", text),
        must("first_ts", time),
        must("last_ts", time),
        must("peak_ts", time),
        must("points", integer),
        must("peak_score", double),
        must("severity", text),
        must("state", text),
        must("description", text),
        must("producer", text),
        must("window_start", time),
        must("window_end", time),
        must("run_id", text),
    )
    create(
        "forecast_point",
        must("series_id", big),
        must("ts", time),
        must("lower", double),
        must("expected", double),
        must("upper", double),
        must("model", text),
        must("producer", text),
        must("window_start", time),
        must("window_end", time),
        must("run_id", text),
    )
    create(
        "capacity_status",
        must("series_id", big),
        must("service", text),
        must("query", text),
        must("resource", text),
        maybe("owner", text),
        must("unit", text),
        maybe("current", double),
        maybe("p95", double),
        maybe("limit_value", double),
        maybe("limit_source", text),
        maybe("headroom", double),
        maybe("trend_per_day", double),
        maybe("growth_percent", double),
        maybe("predicted_peak", double),
        maybe("predicted_average", double),
        maybe("exhausted_p10", time),
        maybe("exhausted_p50", time),
        maybe("exhausted_p90", time),
        must("status", text),
        must("recommendation", text),
        must("reason", text),
        maybe("confidence", double),
        maybe("coverage", double),
        maybe("model", text),
        must("producer", text),
        must("window_start", time),
        must("window_end", time),
        must("run_id", text),
    )
    create(
        "slo_status",
        must("slo", text),
        must("objective", text),
        must("service", text),
        maybe("owner", text),
        must("target", double),
        maybe("actual", double),
        maybe("compliant", flag),
        must("good", double),
        must("total", double),
        must("budgeting_method", text),
        must("period_start", time),
        must("period_end", time),
        must("budget_minutes", double),
        maybe("used_minutes", double),
        maybe("remaining_minutes", double),
        maybe("used_ratio", double),
        maybe("burn_rates", json),
        maybe("worst_hours", json),
        must("status", text),
        must("coverage", double),
        must("calculated_for", time),
        must("producer", text),
        must("window_start", time),
        must("window_end", time),
        must("run_id", text),
    )
    create(
        "load_log",
        must("load_id", text),
        must("source", text),
        must("dataset", text),
        must("query", text),
        must("window_start", time),
        must("window_end", time),
        must("status", text),
        must("rows_read", big),
        must("rows_loaded", big),
        must("rows_quarantined", big),
        must("rows_before", big),
        maybe("expected_rows", big),
        must("content_hash", text),
        maybe("landed_at_path", text),
        maybe("message", text),
        must("started_at", time),
        must("finished_at", time),
        must("run_id", text),
    )
    create(
        "lineage",
        must("run_id", text),
        must("producer", text),
        must("window_start", time),
        must("window_end", time),
        maybe("loads", json),
        maybe("model_version", text),
        must("config_hash", text),
        must("code_version", text),
        must("recorded_at", time),
    )
    create(
        "quality_result",
        must("load_id", text),
        must("source", text),
        must("dataset", text),
        must("query", text),
        must("window_start", time),
        must("window_end", time),
        must("rule", text),
        must("level", text),
        must("success", flag),
        maybe("observed", double),
        maybe("expected", text),
        must("failed_rows", big),
        maybe("message", text),
        must("recorded_at", time),
    )
    create(
        "quarantine_row",
        must("load_id", text),
        must("source", text),
        must("dataset", text),
        must("query", text),
        must("window_start", time),
        must("window_end", time),
        must("rule", text),
        must("raw", text),
        must("recorded_at", time),
    )
    create(
        "report",
        must("report_id", text),
        must("name", text),
        must("audience", text),
        must("window_start", time),
        must("window_end", time),
        must("verdict", text),
        must("path", text),
        must("run_id", text),
        must("built_at", time),
    )
    create(
        "delivery",
        key("delivery_id", text),
        must("report_id", text),
        must("name", text),
        must("audience", text),
        must("channel", text),
        must("window_start", time),
        must("window_end", time),
        must("state", text),
        maybe("message", text),
        must("attempts", integer),
        must("updated_at", time),
    )
    op.create_index("series_by_query", "series", ["source", "query"])
    if op.get_bind().dialect.name == "postgresql":
        op.create_index("metric_point_by_ts", "metric_point", ["ts"], postgresql_using="brin")
        op.create_index("anomaly_by_ts", "anomaly", ["ts"], postgresql_using="brin")


def create(name: str, *columns: sa.Column[Any]) -> None:
    partitioned = name == "metric_point" and op.get_bind().dialect.name == "postgresql"
    options: dict[str, Any] = {"postgresql_partition_by": "RANGE (ts)"} if partitioned else {}
    op.create_table(name, *columns, **options)


def key(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def must(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def maybe(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True)

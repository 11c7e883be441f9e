"""Every table of the warehouse, in SQLAlchemy Core; Alembic revisions are written by hand beside it.

Four kinds: dimensions, facts (no key: a scope is replaced), records (merged by key), results (replaced by producer and
window) and ledgers (appended). No foreign keys and no keys on facts: on DuckDB they cost a factor of ten, and the four
ways to write keep the tables right without them. Times are UTC with time zone.
"""

from include.warehouse.schema.columns import metadata
from include.warehouse.schema.dimensions import (
    log_template,
    maintenance_window,
    resource_limit,
    series,
    service,
    service_alias,
    slo,
    source_column,
)
from include.warehouse.schema.facts import log_event, log_summary, metric_point, span
from include.warehouse.schema.ledgers import delivery, lineage, load_log, quality_result, quarantine_row, report
from include.warehouse.schema.records import alert, change_event, feedback, incident, incident_change
from include.warehouse.schema.results import anomaly, capacity_status, drift, episode, forecast_point, slo_status

DIMENSIONS = (service, series, slo, resource_limit, maintenance_window, service_alias, source_column, log_template)
FACTS = (metric_point, log_event, log_summary, span)
RECORDS = (alert, incident, incident_change, change_event, feedback, delivery)
RESULTS = (anomaly, episode, forecast_point, capacity_status, slo_status, drift)
LEDGERS = (load_log, lineage, quality_result, quarantine_row, report)

PLACED_BY = {"anomaly": "ts"}
"""Results whose rows have a time inside the window for which they were made; others are placed by the window alone."""

__all__ = [
    "DIMENSIONS",
    "FACTS",
    "LEDGERS",
    "PLACED_BY",
    "RECORDS",
    "RESULTS",
    "alert",
    "anomaly",
    "capacity_status",
    "change_event",
    "delivery",
    "drift",
    "episode",
    "feedback",
    "forecast_point",
    "incident",
    "incident_change",
    "lineage",
    "load_log",
    "log_event",
    "log_summary",
    "log_template",
    "maintenance_window",
    "metadata",
    "metric_point",
    "quality_result",
    "quarantine_row",
    "report",
    "resource_limit",
    "series",
    "service",
    "service_alias",
    "slo",
    "slo_status",
    "source_column",
    "span",
]

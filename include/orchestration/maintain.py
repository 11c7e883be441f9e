"""Housekeeping: what is older than its retention goes, so do landed partitions that nobody would replay."""

from datetime import timedelta
from typing import Any

from include.inbox import Inbox, inbox_beside
from include.landing import landed_partitions, remove_landed, remove_unfinished
from include.orchestration.replayable import replayable
from include.orchestration.runtime import Runtime
from include.sources.kafka.boundaries import forget_before
from include.warehouse.schema import (
    anomaly,
    drift,
    episode,
    forecast_point,
    load_log,
    log_event,
    log_summary,
    metric_point,
    quality_result,
    quarantine_row,
    slo_status,
    span,
)

_KEPT_DAYS = (
    (metric_point, "ts", "retention_days"),
    (span, "ts", "retention_days"),
    (log_summary, "ts", "retention_days"),
    (anomaly, "ts", "retention_days"),
    (episode, "last_ts", "retention_days"),
    (forecast_point, "window_end", "retention_days"),
    (slo_status, "calculated_for", "retention_days"),
    (drift, "window_end", "retention_days"),
    (load_log, "finished_at", "retention_days"),
    (quality_result, "recorded_at", "quarantine_days"),
    (quarantine_row, "recorded_at", "quarantine_days"),
)


def expire_rows(rt: Runtime) -> dict[str, int]:
    """Delete rows older than their retention, which log lines have by class; return how many of each table."""
    now = rt.clock.now()
    gone = {}
    for table, column, setting in _KEPT_DAYS:
        with rt.warehouse.transaction() as tx:
            gone[table.name] = tx.expire(table, column, now - timedelta(days=getattr(rt.settings, setting)))
    gone[log_event.name] = 0
    for log_class, days in rt.config.logs.days_kept.items():
        with rt.warehouse.transaction() as tx:
            mine = log_event.c.log_class == log_class
            gone[log_event.name] += tx.expire(log_event, "ts", now - timedelta(days=days), mine)
    return gone


def prune_landing(rt: Runtime) -> dict[str, int]:
    """Remove landed partitions that a newer load of the same scope has superseded, and those beyond retention.

    One that was refused or failed supersedes nothing: `replayable` says what stays. What a killed task left unfinished
    goes after a day.
    """
    store = rt.settings.landing
    oldest = rt.clock.now() - timedelta(days=rt.settings.retention_days)
    settled = rt.clock.now() - timedelta(days=1)
    counting = {landed.path for landed in replayable(rt)}
    removed = kept = 0
    for landed in landed_partitions(store, newest=False):
        superseded = landed.path not in counting and landed.created < settled
        if superseded or landed.scope.window.end < oldest:
            remove_landed(landed)
            removed += 1
        else:
            kept += 1
    return {"removed": removed, "unfinished": remove_unfinished(store, settled), "kept": kept}


def prune_inbox(rt: Runtime) -> dict[str, int]:
    """Remove what webhooks delivered before the retention; return how many deliveries."""
    oldest = rt.clock.now() - timedelta(days=rt.settings.retention_days)
    return {"deliveries": Inbox(inbox_beside(rt.settings.landing)).remove_before(oldest)}


def prune_offsets(rt: Runtime) -> dict[str, int]:
    """Forget the offsets of Kafka windows before the retention; return how many boundaries."""
    oldest = rt.clock.now() - timedelta(days=rt.settings.retention_days)
    feeds = [(source.name, query) for source, query, _ in rt.config.tasks() if source.type == "kafka"]
    return {"offsets": sum(forget_before(rt.settings.state_of(source, query), oldest) for source, query in feeds)}


def compact_warehouse(rt: Runtime) -> dict[str, Any]:
    """Give space that deleted rows held back to the engine."""
    return rt.warehouse.compact()

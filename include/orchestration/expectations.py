"""What to expect of a scope: the configuration's limits, and the recent past of its series in the warehouse."""

import json
from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa

from include.config import MetricQuery
from include.datasets import LOG_EVENT, SPAN, Scope, canonical_labels
from include.orchestration.runtime import Runtime
from include.quality import Expectation
from include.quality.shape import Column
from include.warehouse import LoadStatus
from include.warehouse.schema import load_log, log_summary, metric_point, series, source_column, span
from include.window import Window

DAY = timedelta(days=1)
RECENT = DAY
USUAL_DAYS = 7
FEWEST_DAYS = 3


def expectation_for(rt: Runtime, scope: Scope, *, allow_unit_change: bool = False) -> Expectation:
    """Return what to expect of one scope; the day before its window says how many series there are and how large."""
    source = rt.config.sources[scope.source]
    query = rt.config.query_of(scope.source, scope.query)
    as_of = min(scope.window.end + source.lateness, max(rt.clock.now(), scope.window.end))
    resolve = rt.config.resolver(scope.source).resolve
    shape = known_shape(rt, scope)
    if not isinstance(query, MetricQuery):
        return Expectation(as_of=as_of, resolve_service=resolve, shape=shape, drift=query.drift)
    medians = recent_medians(rt, scope)
    return Expectation(
        as_of=as_of,
        resolve_service=resolve,
        shape=shape,
        drift=query.drift,
        step_seconds=query.step_seconds,
        minimum=query.minimum,
        maximum=query.maximum,
        max_series=rt.settings.max_series_per_query,
        expected_series=len(medians) or None,
        recent_median=medians,
        service_label=query.service_label,
        allow_unit_change=allow_unit_change,
    )


def expected_rows(rt: Runtime, expectation: Expectation, scope: Scope) -> int | None:
    """Return how many rows a scope should bring at least, or None where nothing is known.

    Points follow from the series and the step; for lines and spans see `usual_rows`; records come when they come.
    """
    if scope.dataset in (LOG_EVENT.name, SPAN.name):
        return usual_rows(rt, scope)
    if expectation.expected_series is None:
        return None
    return expectation.expected_series * int(scope.window.duration.total_seconds() // expectation.step_seconds)


def usual_rows(rt: Runtime, scope: Scope) -> int | None:
    """Return half of the fewest lines or spans that the same hours of the last seven days had.

    None where fewer than three of these days were loaded, and for windows of more than a day. Half, because traffic
    differs from day to day: it is there to find a feed that broke off, not a quiet Sunday.
    """
    if scope.window.duration > DAY:
        return None
    days = [scope.window.shifted(-DAY * number) for number in range(1, USUAL_DAYS + 1)]
    known = _loaded_days(rt, scope, days)
    if len(known) < FEWEST_DAYS:
        return None
    table, one = (log_summary, log_summary.c.lines) if scope.dataset == LOG_EVENT.name else (span, sa.literal(1))
    within = [sa.and_(table.c.ts >= day.start, table.c.ts < day.end) for day in known]
    counts = [sa.func.sum(sa.case((hours, one), else_=0)).label(f"day_{at}") for at, hours in enumerate(within)]
    mine = (table.c.source == scope.source, table.c.query == scope.query, sa.or_(*within))
    (found,) = rt.warehouse.read(sa.select(*counts).where(*mine)).to_pylist()
    return min(int(rows or 0) for rows in found.values()) // 2


def _loaded_days(rt: Runtime, scope: Scope, days: Sequence[Window]) -> list[Window]:
    """Return the windows that loads of the scope's query cover without a gap."""
    loads = rt.warehouse.read(
        sa.select(load_log.c.window_start, load_log.c.window_end)
        .where(
            load_log.c.source == scope.source,
            load_log.c.dataset == scope.dataset,
            load_log.c.query == scope.query,
            load_log.c.status.in_([LoadStatus.LOADED.value, LoadStatus.UNCHANGED.value]),
            load_log.c.window_start < max(day.end for day in days),
            load_log.c.window_end > min(day.start for day in days),
        )
        .distinct()
        .order_by(load_log.c.window_start)
    ).to_pylist()
    known = []
    for day in days:
        reached = day.start
        for load in loads:
            if load["window_start"] <= reached:
                reached = max(reached, load["window_end"])
        if reached >= day.end:
            known.append(day)
    return known


def known_shape(rt: Runtime, scope: Scope) -> dict[str, Column]:
    """Return the columns that batches of a query had so far."""
    mine = (
        source_column.c.source == scope.source,
        source_column.c.dataset == scope.dataset,
        source_column.c.query == scope.query,
    )
    rows = rt.warehouse.read(sa.select(source_column.c.name, source_column.c.kind, source_column.c.share).where(*mine))
    return {row["name"]: Column(row["kind"], row["share"]) for row in rows.to_pylist()}


def recent_medians(rt: Runtime, scope: Scope) -> dict[str, float]:
    """Return the median of each series of a query over the day before the window, by canonical labels."""
    start = scope.window.start
    middle = sa.func.percentile_cont(0.5).within_group(metric_point.c.value)
    recent = (
        sa.select(metric_point.c.series_id, middle.label("median"))
        .where(metric_point.c.ts >= start - RECENT, metric_point.c.ts < start)
        .where(
            metric_point.c.series_id.in_(
                sa.select(series.c.series_id).where(series.c.source == scope.source, series.c.query == scope.query)
            )
        )
        .group_by(metric_point.c.series_id)
        .subquery()
    )
    known = rt.warehouse.frame(
        sa.select(series.c.labels, recent.c.median).join(recent, series.c.series_id == recent.c.series_id)
    )
    labels = (json.loads(text) if isinstance(text, str) else text for text in known["labels"])
    return {canonical_labels(one): float(median) for one, median in zip(labels, known["median"], strict=True)}

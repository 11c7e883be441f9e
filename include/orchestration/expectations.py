"""What to expect of a scope: the configuration's limits, and the recent past of its series in the warehouse."""

import json
from datetime import timedelta

import sqlalchemy as sa

from include.config import MetricQuery
from include.datasets import Scope, canonical_labels
from include.orchestration.runtime import Runtime
from include.quality import Expectation
from include.quality.shape import Column
from include.warehouse.schema import metric_point, series, source_column

RECENT = timedelta(days=1)


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


def expected_rows(expectation: Expectation, scope: Scope) -> int | None:
    """Return how many points a scope should bring, or None where nothing is known of its series."""
    if expectation.expected_series is None:
        return None
    return expectation.expected_series * int(scope.window.duration.total_seconds() // expectation.step_seconds)


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

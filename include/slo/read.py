"""Counts by minute from the warehouse: one statement per metric query, summed in SQL for all objectives at once."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import numpy as np
import pandas as pd
import sqlalchemy as sa

from include.config import Config
from include.config.query import MetricQuery
from include.config.slo import Operator, SloMetric
from include.slo.assess import Assessment, assess, span_of
from include.slo.configured import Configured, configured
from include.slo.objective import Objective
from include.warehouse.schema import metric_point, series
from include.window import Window

_COMPARE = {
    "lt": metric_point.c.value.__lt__,
    "lte": metric_point.c.value.__le__,
    "gt": metric_point.c.value.__gt__,
    "gte": metric_point.c.value.__ge__,
}
_COUNTER_LOOKBACK = timedelta(minutes=15)
"""How far before the span a counter's previous value is looked for."""


class Reader(Protocol):
    """Answers selects; a `Warehouse` and its transaction do."""

    def frame(self, statement: "sa.Select[Any]") -> pd.DataFrame:
        """Return the rows of a select."""
        ...


def assess_configured(
    reader: Reader, config: Config, as_of: datetime, services: Iterable[str] | None = None
) -> Assessment:
    """Return the state of every configured objective (of these services, if given) as of a moment."""
    items = configured(config, services)
    counts = read_counts(reader, items, config.queries, as_of)
    return assess(counts, as_of, config.maintenance)


def read_counts(
    reader: Reader, items: list[Configured], queries: Mapping[str, MetricQuery], as_of: datetime
) -> list[tuple[Objective, pd.DataFrame]]:
    """Return each objective with its counts `[ts, good, total]` by minute, for its period so far.

    A missing bad count beside a total is none; a missing good count is unknown (NaN), which the assessment sets aside.
    Rates per second are counts times the step. A counter counts its increases; after a restart, its value.
    """
    reads: dict[tuple[str, bool], _Read] = {}
    for item in items:
        span = span_of(item.objective, as_of)
        for metric in (item.total, item.part):
            if metric is not None:
                read = reads.setdefault((metric.query, item.counter), _Read(queries[metric.query], item.counter, span))
                read.ask(metric, item, span)
    if not reads:
        return []
    known = reader.frame(
        sa.select(series.c.series_id, series.c.query, series.c.service, series.c.labels).where(
            series.c.query.in_(sorted({query for query, _ in reads}))
        )
    )
    known["labels"] = known["labels"].map(lambda text: json.loads(text) if isinstance(text, str) else text or {})
    for (query, _), read in reads.items():
        read.run(reader, known[known["query"] == query])
    return [(item.objective, _counts(item, reads)) for item in items]


def _counts(item: Configured, reads: Mapping[tuple[str, bool], "_Read"]) -> pd.DataFrame:
    service = item.objective.service
    total = reads[item.total.query, item.counter].sums(item.total, service)
    if item.threshold is not None:
        good, events = total[_met(*item.threshold)], total["samples"]
    elif item.part is None:
        good, events = total["sum"] * np.nan, total["sum"]
    else:
        part, events = reads[item.part.query, item.counter].sums(item.part, service)["sum"], total["sum"]
        good = events - part.reindex(events.index, fill_value=0.0) if item.part_is_bad else part.reindex(events.index)
    return pd.DataFrame({"ts": total.index, "good": good.to_numpy(), "total": events.to_numpy()})


def _met(operator: Operator, value: float) -> str:
    return f"{operator} {value!r}"


@dataclass
class _Read:
    """What all objectives want of one query, and after `run` the sums by group of series and minute."""

    query: MetricQuery
    counter: bool
    span: Window
    wanted: dict[tuple[str, tuple[tuple[str, str], ...]], list[int]] = field(default_factory=dict)
    thresholds: dict[str, tuple[Operator, float]] = field(default_factory=dict)
    found: pd.DataFrame = field(default_factory=pd.DataFrame)

    def ask(self, metric: SloMetric, item: Configured, span: Window) -> None:
        """Add what an objective wants."""
        self.wanted[_key(metric, item.objective.service)] = []
        if item.threshold is not None:
            self.thresholds[_met(*item.threshold)] = item.threshold
        self.span = Window(min(self.span.start, span.start), span.end)

    def run(self, reader: Reader, known: pd.DataFrame) -> None:
        """Group the query's series by who wants them, and read the sums of each group."""
        groups: dict[tuple[bool, ...], int] = {}
        members: list[tuple[int, int]] = []
        for identity, service, labels in zip(known["series_id"], known["service"], known["labels"], strict=True):
            wants = tuple(_fits(key, service, labels) for key in self.wanted)
            if any(wants):
                members.append((int(identity), groups.setdefault(wants, len(groups))))
        for position, key in enumerate(self.wanted):
            self.wanted[key] = [number for wants, number in groups.items() if wants[position]]
        if members:
            self.found = reader.frame(self._statement(members))
            scale = self.query.step_seconds if self.query.unit.endswith("/s") else 1
            self.found["sum"] = self.found["sum"].astype(np.float64) * scale

    def sums(self, metric: SloMetric, service: str) -> pd.DataFrame:
        """Return sums by minute over the series that a metric means."""
        columns = ["sum", "samples", *self.thresholds]
        if self.found.empty:
            return pd.DataFrame(columns=columns, index=pd.DatetimeIndex([], tz="UTC", name="minute"), dtype=np.float64)
        own = self.found[self.found["part"].isin(self.wanted[_key(metric, service)])]
        return own.groupby("minute")[columns].sum().astype(np.float64)

    def _statement(self, members: list[tuple[int, int]]) -> "sa.Select[Any]":
        part = sa.values(
            sa.column("series_id", sa.BigInteger), sa.column("part", sa.Integer), name="part_of", literal_binds=True
        ).data(members)
        start = self.span.start - (_COUNTER_LOOKBACK if self.counter else timedelta())
        value: sa.ColumnElement[Any] = metric_point.c.value
        if self.counter:
            before = sa.func.lag(value).over(partition_by=metric_point.c.series_id, order_by=metric_point.c.ts)
            value = sa.case((value >= before, value - before), (before.is_not(None), value), else_=None)
        met = [
            sa.cast(sa.case((_COMPARE[op](level), 1), else_=0), sa.Double).label(name)
            for name, (op, level) in self.thresholds.items()
        ]
        minute = sa.func.date_trunc("minute", metric_point.c.ts, type_=sa.DateTime(timezone=True))
        points = (
            sa.select(part.c.part, minute.label("minute"), value.label("value"), *met)
            .join(part, part.c.series_id == metric_point.c.series_id)
            .where(metric_point.c.ts >= start, metric_point.c.ts < self.span.end)
            .subquery()
        )
        sums = [sa.func.sum(points.c[name], type_=sa.Double).label(name) for name in self.thresholds]
        return (
            sa.select(
                points.c.part,
                points.c.minute,
                sa.func.sum(points.c.value, type_=sa.Double).label("sum"),
                sa.cast(sa.func.count(points.c.value), sa.Double).label("samples"),
                *sums,
            )
            .where(points.c.value.is_not(None))
            .group_by(points.c.part, points.c.minute)
        )


def _key(metric: SloMetric, service: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return what a metric means: its labels, or without them the objective's service."""
    return ("", tuple(sorted(metric.labels.items()))) if metric.labels else (service, ())


def _fits(key: tuple[str, tuple[tuple[str, str], ...]], service: str, labels: Mapping[str, str]) -> bool:
    own, wanted = key
    return all(labels.get(name) == value for name, value in wanted) if wanted else service == own

"""Hourly 95th percentiles and latest limits from the warehouse."""

import json
from datetime import datetime, timedelta
from typing import Any, Protocol

import pandas as pd
import sqlalchemy as sa

from include.capacity.assess import Assessment, assess
from include.capacity.hours import MOST_DAYS
from include.capacity.model import CapacityForecast
from include.capacity.resource import resources
from include.config import Config
from include.warehouse.schema import metric_point, series
from include.window import shard_of


class Reader(Protocol):
    """Answers selects; a `Warehouse` and its transaction do."""

    def frame(self, statement: "sa.Select[Any]") -> pd.DataFrame:
        """Return the rows of a select."""
        ...


def assess_configured(
    reader: Reader,
    config: Config,
    as_of: datetime,
    shard: tuple[int, int] | None = None,
    model: CapacityForecast | None = None,
) -> Assessment:
    """Return the state of every series that a configured limit covers (of one shard, if given) as of a moment."""
    found = read_resources(reader, config, as_of, shard)
    return assess(read_hours(reader, found["series_id"].tolist(), as_of), found, as_of, model)


def read_resources(
    reader: Reader, config: Config, as_of: datetime, shard: tuple[int, int] | None = None
) -> pd.DataFrame:
    """Return the resources (`resource.RESOURCE_COLUMNS`) with the latest value of limits that come from a metric."""
    names = {limit.query for limit in config.limits} | {limit.limit_query or limit.query for limit in config.limits}
    columns = (series.c.series_id, series.c.query, series.c.service, series.c.labels)
    known = reader.frame(sa.select(*columns).where(series.c.query.in_(sorted(names))).order_by(series.c.series_id))
    known["labels"] = known["labels"].map(lambda text: json.loads(text) if isinstance(text, str) else text or {})
    found = resources(known, config.limits, config.queries, config.services)
    if shard is not None:
        found = found[[shard_of(identity, shard[1]) == shard[0] for identity in found["series_id"]]]
    latest = read_latest(reader, found["limit_series_id"].dropna().astype("int64").unique().tolist(), as_of)
    from_metric = found["limit_series_id"].map(latest).astype(float)
    return found.assign(limit_value=found["limit_value"].fillna(from_metric)).reset_index(drop=True)


def read_latest(reader: Reader, series_ids: list[int], as_of: datetime) -> dict[int, float]:
    """Return each series' last value before a moment, at most `MOST_DAYS` old."""
    if not series_ids:
        return {}
    newest = sa.func.row_number().over(partition_by=metric_point.c.series_id, order_by=metric_point.c.ts.desc())
    ranked = (
        sa.select(metric_point.c.series_id, metric_point.c.value, newest.label("age"))
        .where(*_of(series_ids, as_of))
        .subquery()
    )
    frame = reader.frame(sa.select(ranked.c.series_id, ranked.c.value).where(ranked.c.age == 1))
    return dict(zip(frame["series_id"].tolist(), frame["value"].tolist(), strict=True))


def read_hours(reader: Reader, series_ids: list[int], as_of: datetime) -> pd.DataFrame:
    """Return `[series_id, ts, value]`: the 95th percentile of each hour that has ended, over `MOST_DAYS`."""
    if not series_ids:
        return pd.DataFrame({"series_id": [], "ts": pd.DatetimeIndex([], tz="UTC"), "value": []})
    hour = sa.func.date_trunc("hour", metric_point.c.ts, type_=sa.DateTime(timezone=True)).label("ts")
    p95 = sa.func.percentile_cont(0.95).within_group(metric_point.c.value.asc())
    end = as_of.replace(minute=0, second=0, microsecond=0)
    return reader.frame(
        sa.select(metric_point.c.series_id, hour, sa.cast(p95, sa.Double).label("value"))
        .where(*_of(series_ids, end))
        .group_by(metric_point.c.series_id, hour)
    )


def _of(series_ids: list[int], end: datetime) -> tuple["sa.ColumnElement[bool]", ...]:
    start = end - timedelta(days=MOST_DAYS)
    return (metric_point.c.series_id.in_(series_ids), metric_point.c.ts >= start, metric_point.c.ts < end)

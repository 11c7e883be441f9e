"""What others read: points of a window, sorted by series and time, whole or in batches of series; and the series."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from include.warehouse.engine import Warehouse
from include.warehouse.schema import metric_point, series, service
from include.warehouse.write import in_shard
from include.window import Window


def points(
    warehouse: Warehouse,
    window: Window,
    shard: int | None = None,
    shards: int | None = None,
    queries: Sequence[str] | None = None,
) -> pa.Table:
    """Return [series_id, ts, value] of a window, sorted by series, then time.

    With `shard` of `shards` only the series of that shard, with `queries` only those of these queries.
    """
    return warehouse.read(_points(window, shard, shards, queries))


def points_of(warehouse: Warehouse, window: Window, series_ids: Sequence[int]) -> pa.Table:
    """Return the same rows as `points`, of these series alone."""
    ids = list(series_ids)
    chosen = _points(window, None, None, None).where(metric_point.c.series_id.in_(ids))
    if ids:  # the range lets whole blocks of storage be skipped, which a list does not
        chosen = chosen.where(metric_point.c.series_id.between(min(ids), max(ids)))
    return warehouse.read(chosen)


def series_frame(
    warehouse: Warehouse,
    shard: int | None = None,
    shards: int | None = None,
    queries: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return one row per series, sorted by id, with its service's owner, time zone (UTC unless set) and holidays.

    Columns: series_id, source, kind, query, unit, service, labels (JSON text), step_seconds, first_seen, last_seen,
    owner, tier, time_zone, holidays.
    """
    columns = ("series_id", "source", "kind", "query", "unit", "service", "labels", "step_seconds")
    statement = (
        sa.select(
            *(series.c[name] for name in columns),
            series.c.first_seen,
            series.c.last_seen,
            service.c.owner,
            service.c.tier,
            sa.func.coalesce(service.c.time_zone, "UTC", type_=sa.Text).label("time_zone"),
            service.c.holidays,
        )
        .select_from(series.outerjoin(service, service.c.name == series.c.service))
        .where(*_picked(series.c.series_id, shard, shards, queries))
        .order_by(series.c.series_id)
    )
    return warehouse.frame(statement)


def _points(
    window: Window, shard: int | None, shards: int | None, queries: Sequence[str] | None
) -> sa.Select[tuple[Any, ...]]:
    return (
        sa.select(*metric_point.c)
        .where(metric_point.c.ts >= window.start, metric_point.c.ts < window.end)
        .where(*_picked(metric_point.c.series_id, shard, shards, queries))
        .order_by(metric_point.c.series_id, metric_point.c.ts)
    )


def _picked(
    identity: sa.ColumnElement[int], shard: int | None, shards: int | None, queries: Sequence[str] | None
) -> Iterator[sa.ColumnElement[bool]]:
    if shard is not None and shards is not None:
        yield in_shard(identity, shard, shards)
    if queries is not None:
        yield identity.in_(sa.select(series.c.series_id).where(series.c.query.in_(queries)))

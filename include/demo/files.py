"""The observable folder: one Parquet file per day and dataset, each replaced in one step.

A file knows how far it reaches (`through` in its metadata), so that writing again adds only what is missing.
"""

import os
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.datasets import LABELS, UTC_TIME, canonical_labels
from include.demo.fleet import metric_labels
from include.demo.logs import log_rows
from include.demo.measure import measure
from include.demo.records import alert_rows, change_rows, incident_rows
from include.demo.state import State
from include.demo.traces import span_rows
from include.demo.world import EPOCH, MINUTES, World, moment_of
from include.window import parse_time

METRICS = pa.schema([("ts", UTC_TIME), ("metric", LABELS), ("labels", LABELS), ("value", pa.float64())])
RECORDS: dict[str, Callable[[World, int], pa.Table]] = {
    "alerts": alert_rows,
    "incidents": incident_rows,
    "changes": change_rows,
}
EVENTS: dict[str, Callable[[World, int], pa.Table]] = {"logs": log_rows, "traces": span_rows}
_MICROSECONDS = 60_000_000


def write_day(folder: Path, state: State, day: int, until: datetime, datasets: Iterable[str]) -> None:
    """Write what is known at `until` of a day, counted from 1970; files that reach so far already stay as they are.

    A point or event of a moment before `until` is known; one at `until` or later is not.
    """
    through = min(until, moment_of((day + 1) * MINUTES))
    for name in datasets:
        path = folder / name / f"{moment_of(day * MINUTES):%Y-%m-%d}.parquet"
        if _reach(path) >= through:
            continue
        if name == "metrics":
            write_metrics(path, state, day, through)
        elif name in RECORDS:
            rows = RECORDS[name](state.world, day)
            _replace(path, [rows.filter(pc.less(rows["updated_at"], pa.scalar(through, UTC_TIME)))], through)
        else:
            rows = EVENTS[name](state.world, day)
            _replace(path, [rows.filter(pc.less(rows["ts"], pa.scalar(through, UTC_TIME)))], through)


def write_metrics(path: Path, state: State, day: int, through: datetime) -> None:
    """Write a day's metrics up to `through`: one row group per metric, sorted by labels and time."""
    seen = measure(state.world, day)
    minutes = min(MINUTES, round((through - moment_of(day * MINUTES)).total_seconds() // 60))
    ts = (day * MINUTES + np.arange(minutes, dtype=np.int64)) * _MICROSECONDS
    injected = state.injected_on(day)
    groups = []
    for metric in sorted(seen):
        of_metric = seen[metric]
        texts = [canonical_labels(metric_labels(service)) for service in of_metric.services]
        order = np.argsort(texts)
        values = of_metric.values[:, :minutes].copy()
        for one in injected:
            at = round((parse_time(one.at) - EPOCH).total_seconds() // 60) - day * MINUTES
            if one.metric == metric and one.position in of_metric.services and at < minutes:
                values[of_metric.services.index(one.position), at] = one.value
        values = values[order].ravel()
        there = ~np.isnan(values)
        labels = np.repeat(np.arange(len(order), dtype=np.int32), minutes)[there]
        groups.append(
            pa.Table.from_arrays(
                [
                    pa.array(np.tile(ts, len(order))[there]).cast(UTC_TIME),
                    pa.DictionaryArray.from_arrays(np.zeros(there.sum(), dtype=np.int32), [metric]),
                    pa.DictionaryArray.from_arrays(labels, [texts[i] for i in order]),
                    pa.array(values[there]),
                ],
                schema=METRICS,
            )
        )
    _replace(path, groups, through)


def reach_of(folder: Path, day: int) -> datetime:
    """Return how far a day's metrics are written, or 1970 where they are not."""
    return _reach(folder / "metrics" / f"{moment_of(day * MINUTES):%Y-%m-%d}.parquet")


def _reach(path: Path) -> datetime:
    if not path.exists():
        return EPOCH
    found = pq.read_schema(path).metadata or {}
    return parse_time(found[b"through"].decode()) if b"through" in found else EPOCH


def _replace(path: Path, groups: list[pa.Table], through: datetime) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    schema = groups[0].schema.with_metadata({"through": through.isoformat()})
    with pq.ParquetWriter(part, schema, compression="zstd", compression_level=1, write_page_index=True) as writer:
        for group in groups:
            writer.write_table(group.replace_schema_metadata(schema.metadata))
    part.replace(path)

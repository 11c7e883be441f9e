"""Reads the simulated fleet's folder: one Parquet file per UTC day and kind of data, as the simulator writes it.

`metrics/<day>.parquet` holds `metric_point` rows and a column `metric`, `logs/` lines and `traces/` spans; `alerts/`,
`incidents/` and `changes/` hold records by the day of `updated_at`. A day without a file is a day without data.
"""

from collections.abc import Iterator
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from upath import UPath

from include.config.query import MetricQuery
from include.config.source import Feed
from include.datasets import METRIC_POINT, Dataset, dataset
from include.sources.base import Source, SourceAnswerInvalid, SourceRejected
from include.sources.opening import Opening, cannot
from include.sources.prometheus.labels import narrowed
from include.window import Grid, Window

_FOLDERS = {
    "metric_point": "metrics",
    "alert": "alerts",
    "incident": "incidents",
    "change_event": "changes",
    "log_event": "logs",
    "span": "traces",
}
_NEVER_WRITTEN = {"raw", "host", "logger", "attributes", "event_id", "kind", "span_id"}
"""Columns of the contracts that the simulator has nothing for, unless a file has them."""


class FleetSource:
    """Reads one metric, one kind of record, the log lines or the spans of the simulated fleet."""

    def __init__(self, name: str, folder: str, query: MetricQuery | Feed) -> None:
        self._name = name
        self._folder = UPath(folder)
        self._query = query
        self._dataset = dataset(query.dataset) if isinstance(query, Feed) else METRIC_POINT
        self.warnings: list[str] = []

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield one batch per day that the window touches."""
        if not self._folder.is_dir():
            raise SourceRejected(
                f"Source {self._name!r}: there is no folder {self._folder}. Run the simulator, or correct path."
            )
        day = Grid.DAY.floor(window.start)
        while day < window.end:
            path = self._folder / _FOLDERS[self._dataset.name] / f"{day:%Y-%m-%d}.parquet"
            if path.exists():
                yield self._day(path, window)
            day += timedelta(days=1)

    def _day(self, path: UPath, window: Window) -> pa.RecordBatch:
        time = pc.field(self._dataset.time)
        rows = (time >= pa.scalar(window.start)) & (time < pa.scalar(window.end))
        if isinstance(self._query, MetricQuery):
            rows &= pc.field("metric") == self._query.expr
        try:
            with path.open("rb") as file:
                found = pq.read_table(file, filters=rows, schema=_plain_metric(pq.read_schema(file)))
            table = _as(found, self._dataset)
        except (pa.ArrowException, KeyError) as error:
            raise SourceAnswerInvalid(
                f"Source {self._name!r}: {path} is not as the simulator writes it ({error}). Simulate that day again."
            ) from error
        if isinstance(self._query, MetricQuery):
            table = narrowed(table, self._query.identity_labels)
        return table.to_batches()[0] if table.num_rows else pa.RecordBatch.from_pylist([], schema=table.schema)


def open_fleet(opening: Opening) -> Source:
    """Return a metric query or a feed of the simulated fleet."""
    if isinstance(opening.query, Feed) and opening.query.dataset not in _FOLDERS:
        raise cannot(opening)
    return FleetSource(opening.source.name, opening.source.location(opening.home), opening.query)


def _plain_metric(schema: pa.Schema) -> pa.Schema:
    """Return the schema with the metric's name as plain text: only then are row groups of other metrics passed over."""
    at = schema.get_field_index("metric")
    return schema if at < 0 else schema.set(at, pa.field("metric", pa.string()))


def _as(table: pa.Table, contract: Dataset) -> pa.Table:
    """Return the contract's columns, null where the simulator writes none; its own extra columns are left behind."""
    columns = [
        pa.nulls(table.num_rows, field.type)
        if field.name in _NEVER_WRITTEN and field.name not in table.column_names
        else table[field.name]
        for field in contract.schema
    ]
    return pa.table(columns, names=contract.schema.names).cast(contract.schema).unify_dictionaries().combine_chunks()

"""Reads a window of a Kafka topic: metrics, log lines, spans, alerts, incidents and changes.

The window's part of each partition lies between two kept boundaries (`kafka_boundaries.py`). A message that comes up to
five minutes out of order around a boundary counts for the window of its time, which is read again within the source's
`lateness`; every other one goes out with the window in whose part it lies, whatever its time says.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import Message

from include.config.options.kafka import KafkaFeed, KafkaOptions
from include.config.query import MetricQuery
from include.config.source import Feed, FileLayout, SourceConfig
from include.datasets import LOG_EVENT, METRIC_POINT, UTC_TIME, Dataset, Kind, dataset
from include.http import Credentials
from include.sources.base import Source, SourceRejected
from include.sources.files.facts import UnmappedColumnError, facts
from include.sources.files.points import points
from include.sources.files.records import records
from include.sources.files.rows import MissingColumnError, RowSlice
from include.sources.kafka.boundaries import Boundaries
from include.sources.kafka.client import Topic, client_settings, milliseconds
from include.sources.kafka.messages import Chunk, Wanted
from include.sources.kafka.parts import Part, Parts
from include.sources.opening import Opening, Query
from include.window import Window

STRAGGLING = timedelta(minutes=5)
"""The finest grid: a time that lies less before a boundary is in the window that ends there, on whatever grid."""

_CHUNK_MESSAGES = 5_000
_CHUNK_BYTES = 8 << 20


class KafkaSource:
    """Reads one metric query or one feed from a topic; `state` is where its boundaries are kept."""

    def __init__(self, source: SourceConfig, query: Query, who: Credentials, state: str | None = None) -> None:
        options = source.options_as(KafkaOptions)
        asked = query.options_as(KafkaFeed) if isinstance(query, Feed) else options
        if asked.topic is None:
            raise SourceRejected(
                f"Source {source.name!r} does not say which topic holds the metrics of {query.name!r}. Name topic in "
                "its options."
            )
        self._name, self._query, self._topic = source.name, query, asked.topic
        self._form, self._in_field = asked.format, asked.time == "field"
        self._accept_gaps = options.accept_gaps
        self._timeout = source.timeout_seconds
        self._slack = min(source.lateness, STRAGGLING)
        self._dataset = dataset(query.dataset) if isinstance(query, Feed) else METRIC_POINT
        layout = (query.layout if isinstance(query, Feed) else None) or source.layout or FileLayout()
        self._layout = _completed(layout, self._dataset, asked)
        self._wanted = Wanted.of(
            self._layout,
            query.expr if isinstance(query, MetricQuery) else None,
            "attributes" in self._dataset.schema.names and not layout.labels and "attributes" not in layout.columns,
        )
        self._boundaries = Boundaries(source.name, asked.topic, state)
        try:
            self._settings = client_settings(options, who)
        except ValueError as error:
            raise SourceRejected(f"Source {source.name!r}: {error}. Correct the connection.") from error
        self.warnings: list[str] = []

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield the window's rows, partition by partition, in the order in which they were written.

        Within a batch they are in order of time. A second read of a window yields the same rows, and the stragglers
        that have come since. Messages without a value (tombstones) are deleted records; of facts they say nothing.
        """
        self.warnings = []
        empty = 0
        with Topic(self._name, self._topic, self._settings, self._timeout) as topic:
            parts = Parts(self._name, topic, self._boundaries, self._accept_gaps)
            for part in parts.of(window):
                for chunk, ts, keep in self._chunks(topic, part, window):
                    said = keep & chunk.has_value if self._dataset.kind is Kind.FACT else keep
                    empty += int(np.count_nonzero(keep & ~said))
                    for portion in chunk.portions(said, self._wanted):
                        yield from self._batches(chunk.rows(ts, portion, self._wanted))
            self.warnings += parts.warnings
        if empty:
            self.warnings.append(f"{empty:,} messages of topic {self._topic!r} have no value and were left out")

    def _chunks(self, topic: Topic, part: Part, window: Window) -> Iterator[tuple[Chunk, pa.Array, np.ndarray]]:
        """Yield a partition's messages, their times, and which of them are rows of this window.

        What comes late after a boundary, while no message is newer than the slack, is left to the window before it;
        and that one takes it by the very same rule from what follows its own end.
        """
        for chunk, ts, newest in self._timed(topic, part.partition, part.start, part.end):
            yield chunk, ts, ~self._stragglers(ts, newest, window.start)
        if not self._slack:
            return
        over = milliseconds(window.end + self._slack)
        for chunk, ts, newest in self._timed(topic, part.partition, part.end, part.newest):
            yield chunk, ts, self._stragglers(ts, newest, window.end)
            if newest[-1] >= over:
                return

    def _stragglers(self, ts: pa.Array, newest: np.ndarray, boundary: datetime) -> np.ndarray:
        """Return which rows after a boundary belong before it: their times say so, and they came in due time."""
        since, until = (pa.scalar(at, UTC_TIME) for at in (boundary - self._slack, boundary))
        before = pc.fill_null(pc.and_(pc.greater_equal(ts, since), pc.less(ts, until)), False)
        return before.to_numpy(zero_copy_only=False) & (newest < milliseconds(boundary + self._slack))

    def _timed(
        self, topic: Topic, partition: int, start: int, end: int
    ) -> Iterator[tuple[Chunk, pa.Array, np.ndarray]]:
        """Yield messages, their rows' times, and the newest timestamp (ms) up to each of them since `start`."""
        newest = np.array([-1])
        deleted = self._layout.columns.get("deleted")
        for messages in _bundled(topic.messages(partition, start, end)):
            chunk = Chunk.of(messages, self._form, self._wanted, deleted)
            newest = np.maximum.accumulate(np.maximum(chunk.written, newest[-1]))
            yield chunk, chunk.times(self._layout, self._in_field), newest

    def _batches(self, rows: RowSlice) -> Iterator[pa.RecordBatch]:
        table = self._table(rows)
        if table.num_rows:
            yield from table.sort_by(self._dataset.time).unify_dictionaries().combine_chunks().to_batches()

    def _table(self, rows: RowSlice) -> pa.Table:
        try:
            if isinstance(self._query, MetricQuery):
                return points(rows, self._layout, self._query)
            return (facts if self._dataset.kind is Kind.FACT else records)(rows, self._layout, self._query)
        except MissingColumnError:
            # A pattern that fits no field of any of these messages: they hold other metrics.
            nothing = [pa.nulls(len(rows.broken), field.type) for field in METRIC_POINT.schema][:-1]
            return pa.table([*nothing, pa.array(rows.broken, pa.string())], schema=METRIC_POINT.schema)
        except UnmappedColumnError as error:
            raise SourceRejected(f"Source {self._name!r}, topic {self._topic!r}: {error}") from error


def open_kafka(opening: Opening) -> Source:
    """Return a metric query or a feed of a topic."""
    return KafkaSource(opening.source, opening.query, opening.who, opening.state)


def _completed(layout: FileLayout, contract: Dataset, asked: KafkaOptions | KafkaFeed) -> FileLayout:
    """Return a layout with what a message gives by itself: its time, a line's id and text, whether a record is gone."""
    columns = dict(layout.columns)
    if contract is LOG_EVENT:
        columns.setdefault("event_id", "{_partition}-{_offset}")
        if asked.format == "text":
            columns.setdefault("message", "_text")
    if contract.kind is Kind.RECORD:
        columns.setdefault("deleted", "_deleted")
    time = layout.time if asked.time == "field" else "_time"
    return layout.model_copy(update={"columns": columns, "time": time})


def _bundled(messages: Iterable[Message]) -> Iterator[list[Message]]:
    bundle: list[Message] = []
    size = 0
    for message in messages:
        bundle.append(message)
        size += len(message)
        if len(bundle) >= _CHUNK_MESSAGES or size >= _CHUNK_BYTES:
            yield bundle
            bundle, size = [], 0
    if bundle:
        yield bundle

"""Reads log lines from Datadog's log search; the feed's expr is a Datadog search such as `service:cart env:prod`."""

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from include.config.options.datadog import DatadogFeed
from include.config.source import Feed
from include.http import HttpClient
from include.sources.base import speaking_of
from include.sources.datadog.pages import pages
from include.sources.logs.rows import LogFields, log_batch, of_window, times_of
from include.window import Window

_RESERVED = "reserved"
FIELDS = LogFields(
    message=(f"{_RESERVED}.message",),
    service=(f"{_RESERVED}.service",),
    host=(f"{_RESERVED}.host",),
    level=(f"{_RESERVED}.status",),
    logger=("logger.name", "logger_name", "logger"),
    trace_id=("dd.trace_id", "trace_id", "otel.trace_id"),
    span_id=("dd.span_id", "span_id", "otel.span_id"),
    event_id=(f"{_RESERVED}.id",),
    dropped=(f"{_RESERVED}.timestamp",),
)


class DatadogLogs:
    """Reads the log lines of one feed."""

    def __init__(self, name: str, feed: Feed, connect: Callable[[], HttpClient]) -> None:
        self._name = name
        self._feed = feed
        self._connect = connect
        self.warnings: list[str] = []

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield one batch per page, in order of time.

        Service, host and level are Datadog's reserved attributes; the other attributes, and the tags, stay attributes.
        What is no line goes out with `raw`.
        """
        options = self._feed.options_as(DatadogFeed)
        search = {
            "query": self._feed.expr or "*",
            "indexes": list(options.indexes),
            "storage_tier": options.storage_tier,
        }
        with self._connect() as client, speaking_of(self._name):
            for lines in pages(client, search, window):
                ts = times_of([_timestamp(line) for line in lines])
                timed = zip(lines, ts.is_valid().to_pylist(), strict=True)
                records = [_record(line) if known else line for line, known in timed]
                batch = of_window(log_batch(records, ts, FIELDS), window)
                if batch.num_rows:
                    yield batch


def _timestamp(line: Any) -> Any:
    said = line.get("attributes") if isinstance(line, dict) else None
    return said.get("timestamp") if isinstance(said, dict) else None


def _record(line: Any) -> Any:
    """Return a line's own attributes with its tags, and what Datadog reserves apart from them, under one name."""
    reserved = {**line["attributes"], "id": line.get("id")}
    own, tags = reserved.pop("attributes", None), reserved.pop("tags", None)
    record = dict(own) if isinstance(own, dict) else {} if own is None else {"attributes": own}
    return {**record, **({"tags": tags} if tags else {}), _RESERVED: reserved}

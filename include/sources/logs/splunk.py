"""Reads log lines from Splunk by SPL, as one stream; how that ends is judged in `splunk_export.py`.

Splunk writes `_time` in the zone of the account that asks, as an abbreviation that several zones share. So the search
is asked for the seconds since 1970 beside it.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa

from include.config.options.splunk import SplunkFeed, SplunkOptions
from include.config.source import Feed, SourceConfig
from include.http import HttpClient
from include.sources.base import Source, SourceRejected, speaking_of
from include.sources.logs.rows import LogFields, in_order, log_batch, of_window, times_of
from include.sources.logs.splunk_export import Export
from include.sources.opening import Opening, cannot
from include.window import Window

EXPORT_PATH = "/services/search/v2/jobs/export"
EPOCH = "almanac_time"
_ASKED_TOO = f' | fields *, _bkt, _cd | eval {EPOCH}=strftime(_time, "%s.%6N")'
_OWN_TIMES = re.compile(r"(?i)(?<![\w.])(earliest|latest)\s*=")
_OWN_ID = "_id"
_OF_THE_INDEX = frozenset(
    "linecount punct splunk_server splunk_server_group timestartpos timeendpos date_hour date_mday date_minute "
    f"date_month date_second date_wday date_year date_zone {EPOCH}".split()
)
"""Fields that Splunk makes for itself of every event."""
_BATCH = 10_000
_BATCH_CHARACTERS = 32 * 2**20


class SplunkSource:
    """Reads one search of one Splunk."""

    def __init__(self, source: SourceConfig, query: Feed, connect: Callable[[], HttpClient]) -> None:
        self._source = source
        self._search = _spl(query.expr)
        self._connect = connect
        self._fields = _fields(query)
        self.warnings: list[str] = []

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield batches of at most 10,000 lines as they come: the newest batch first, each in order of time.

        A line of the stream that is no event, or an event without a time, goes out with `raw`. Raises
        `SourceUnavailable` where the stream is cut or lacks rows, `SourceAnswerInvalid` where the search failed.
        """
        self.warnings = []
        asked = {
            "search": self._search,
            "earliest_time": f"{window.start.timestamp():.6f}",
            "latest_time": f"{window.end.timestamp():.6f}",
            "output_mode": "json",
            "preview": "false",
        }
        with self._connect() as client, speaking_of(self._source.name):
            export = Export(client.lines("POST", EXPORT_PATH, form=asked), EXPORT_PATH)
            self.warnings = export.warnings
            for events in _together(export):
                batch = of_window(self._batch(events), window)
                if batch.num_rows:
                    yield in_order(batch)

    def _batch(self, events: list[Any]) -> pa.RecordBatch:
        ts = times_of([event.get(EPOCH) if isinstance(event, dict) else None for event in events], "s")
        timed = ts.is_valid().to_pylist()
        return log_batch(
            [_record(event) if good else event for event, good in zip(events, timed, strict=True)], ts, self._fields
        )


def open_splunk(opening: Opening) -> Source:
    """Return the log lines of a Splunk."""
    if not isinstance(opening.query, Feed) or opening.query.dataset != "log_event":
        raise cannot(opening)
    scheme = opening.source.options_as(SplunkOptions).token
    try:
        return SplunkSource(opening.source, opening.query, lambda: opening.connect(scheme=scheme))
    except ValueError as error:
        raise SourceRejected(f"Source {opening.source.name!r}, feed {opening.query.name!r}: expr {error}.") from None


def _spl(expr: str) -> str:
    """Return a search as it is sent: with its first command, all fields, and the time in seconds.

    Raises `ValueError` where it is empty or says its own times, which would win over the window's.
    """
    search = expr.strip()
    if not search:
        raise ValueError("is empty. Write a search, such as index=shop")
    if _OWN_TIMES.search(re.split(r"[|\[]", search.lstrip("| "))[0]):
        raise ValueError("names earliest or latest. Take them out: the window says which time is searched")
    if not re.match(r"(?i)search\s|\|", search):
        search = f"search {search}"
    return search + _ASKED_TOO


def _together(events: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield events in batches that are bounded by their number and by their text."""
    batch: list[Any] = []
    characters = 0
    for event in events:
        batch.append(event)
        characters += len(event if isinstance(event, str) else str(event.get("_raw")))
        if len(batch) == _BATCH or characters > _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _record(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event without what the index says of itself; its place in the index is its id."""
    bucket, place = event.get("_bkt"), event.get("_cd")
    record = {
        name: value
        for name, value in event.items()
        if value is not None and name not in _OF_THE_INDEX and (name == "_raw" or not name.startswith("_"))
    }
    if isinstance(bucket, str) and isinstance(place, str):
        record[_OWN_ID] = f"{bucket}/{place}"
    return record


def _fields(query: Feed) -> LogFields:
    where = query.options_as(SplunkFeed)
    return LogFields(
        message=where.message,
        service=(*where.service, *query.service_labels),
        host=where.host,
        level=where.level,
        logger=where.logger,
        trace_id=where.trace_id,
        span_id=where.span_id,
        event_id=(_OWN_ID,),
    )

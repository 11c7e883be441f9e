"""Reads log lines from Datadog's log search; the feed's expr is a Datadog search such as `service:cart env:prod`."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from include.config.options.datadog import DatadogFeed
from include.config.source import Feed
from include.datasets import LOG_EVENT, canonical_labels
from include.http import HttpClient
from include.sources.base import speaking_of
from include.sources.datadog_pages import pages
from include.sources.said import UNREADABLE, raw_of, text_or_none, time
from include.window import Window

_LOGGERS = ("logger.name", "logger", "logger_name")
_TRACES = ("dd.trace_id", "trace_id", "otel.trace_id")
_SPANS = ("dd.span_id", "span_id", "otel.span_id")


class DatadogLogs:
    """Reads the log lines of one feed."""

    def __init__(self, name: str, feed: Feed, connect: Callable[[], HttpClient]) -> None:
        self._name = name
        self._feed = feed
        self._connect = connect
        self.warnings: list[str] = []

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield one batch per page, in order of time.

        Service, host and level are Datadog's reserved attributes; the other attributes, and the tags, are attributes
        under their dotted names. What is no line goes out with `raw`.
        """
        options = self._feed.options_as(DatadogFeed)
        search = {
            "query": self._feed.expr or "*",
            "indexes": list(options.indexes),
            "storage_tier": options.storage_tier,
        }
        with self._connect() as client, speaking_of(self._name):
            for lines in pages(client, search, window):
                rows = [row for row in map(_row, lines) if row["ts"] is None or row["ts"] in window]
                if rows:
                    yield pa.RecordBatch.from_pylist(rows, schema=LOG_EVENT.schema)


def _row(line: Any) -> dict[str, Any]:
    try:
        said = line["attributes"]
        own = _flat(said.get("attributes") or {})
        logger, trace, span = (_taken(own, names) for names in (_LOGGERS, _TRACES, _SPANS))
        {**_tags(said.get("tags") or []), **own}
        return {
            "ts": time(said["timestamp"]),
            "service": text_or_none(said.get("service")),
            "host": text_or_none(said.get("host")),
            "level": text_or_none(said.get("status")),
            "logger": logger,
            "message": text_or_none(said.get("message")) or "",
            "trace_id": trace,
            "span_id": span,
            "attributes": canonical_labels({**_tags(said.get("tags") or []), **own})
            if own or said.get("tags")
            else None,
            "event_id": text_or_none(line.get("id")),
            "raw": None,
        }
    except UNREADABLE:
        return {**dict.fromkeys(LOG_EVENT.schema.names), "ts": _time(line), "raw": raw_of(line)}


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """Return nested attributes under dotted names, as text; lists as JSON, nulls left out."""
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{above}{name}.")
        elif isinstance(value, list):
            found[f"{above}{name}"] = raw_of(value)
        elif (text := text_or_none(value)) is not None:
            found[text_or_none(f"{above}{name}") or ""] = text
    return found


def _tags(tags: list[Any]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for tag in tags:
        name, colon, value = (text_or_none(tag) or "").partition(":")
        known = found.setdefault(name, [])
        if (said := value if colon else "true") not in known:
            known.append(said)
    return {name: ",".join(values) for name, values in found.items() if name}


def _taken(own: dict[str, str], names: tuple[str, ...]) -> str | None:
    """Take the first of some attributes out of them."""
    return next((own.pop(name) for name in names if name in own), None)


def _time(line: Any) -> Any:
    try:
        return time(line["attributes"]["timestamp"])
    except (*UNREADABLE, RecursionError):
        return None

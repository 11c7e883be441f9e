"""Reads ServiceNow's incidents and changes, as they were last updated in the window."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from include.config.options.servicenow import ServiceNowFeed, Status
from include.config.source import Feed, SourceConfig
from include.datasets import CHANGE_EVENT, INCIDENT, canonical_labels, dataset
from include.http import HttpClient
from include.sources.base import Source, SourceRejected, speaking_of
from include.sources.opening import Opening, cannot
from include.sources.records.said import UNREADABLE, labels_of, raw_of, text, text_or_none, time, time_or_none
from include.sources.records.servicenow_pages import Table, records
from include.window import Window

_TABLES = {INCIDENT.name: "incident", CHANGE_EVENT.name: "change_request"}
_STATES: Mapping[str, Status] = {
    "1": "open",
    "2": "acknowledged",
    "3": "acknowledged",
    "6": "resolved",
    "7": "resolved",
    "8": "resolved",
}
"""New, In Progress, On Hold, Resolved, Closed, Canceled."""
_CARRIED_OUT, _CLOSED = frozenset({"-1", "0", "3"}), "3"
"""States of a change: Implement, Review, Closed. Before them it is only a plan."""
_SHARED = (
    "sys_id", "sys_updated_on", "number", "short_description", "state", "opened_at", "closed_at", "close_code",
    "close_notes", "category", "cmdb_ci", "business_service", "assignment_group", "priority", "impact",
)  # fmt: skip
_FIELDS = {
    INCIDENT.name: (*_SHARED, "urgency", "severity", "resolved_at", "cause"),
    CHANGE_EVENT.name: (*_SHARED, "type", "risk", "start_date", "end_date", "work_start", "work_end"),
}
_LABELS = ("number", "category", "cmdb_ci", "business_service", "assignment_group", "impact", "urgency", "type", "risk")

Row = dict[str, Any]


class ServiceNowSource:
    """Reads one table."""

    def __init__(self, source: SourceConfig, feed: Feed, connect: Callable[[], HttpClient]) -> None:
        self._source = source
        self._feed = feed
        self._options = feed.options_as(ServiceNowFeed)
        self._connect = connect
        self._table = Table(self._options.table or _TABLES[feed.dataset], feed.expr.strip("^ "), _FIELDS[feed.dataset])
        self.warnings: list[str] = []

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield one batch per page, in order of `sys_updated_on`."""
        self.warnings = []
        schema = dataset(self._feed.dataset).schema
        build = self._incident if self._feed.dataset == INCIDENT.name else self._change
        with self._connect() as client, speaking_of(self._source.name):
            for page in records(client, self._table, window):
                rows = [row for record in page if (row := self._row(record, build)) is not None]
                rows = [row for row in rows if row["updated_at"] is None or row["updated_at"] in window]
                if rows:
                    yield pa.RecordBatch.from_pylist(rows, schema=schema)

    def _row(self, record: Any, build: Callable[[Any, Row], Row | None]) -> Row | None:
        schema = dataset(self._feed.dataset).schema
        moment = None
        try:
            moment = time(text(_value(record, "sys_updated_on")))
            labels = labels_of({name: _shown(record, name) for name in _LABELS})
            labels |= labels_of({"state": _shown(record, "state")})
            labels |= labels_of({"service": labels.get("business_service") or labels.get("cmdb_ci")})
            named = (labels[name] for name in self._feed.service_labels if labels.get(name))
            service = next(named, labels.get("assignment_group") or self._table.name)
            shared = {
                "service": service,
                "labels": canonical_labels(labels),
                "url": f"{self._source.url}/{self._table.name}.do?sys_id={text(_value(record, 'sys_id'))}",
                "updated_at": moment,
                "deleted": False,
                "raw": None,
            }
            return build(record, shared)
        except UNREADABLE:
            return {**dict.fromkeys(schema.names), "updated_at": moment, "raw": raw_of(record)}

    def _incident(self, record: Any, shared: Row) -> Row:
        state = text(_value(record, "state"))
        status = self._options.states.get(state) or _STATES.get(state)
        if status is None:
            self._warn(f"State {state} ({_shown(record, 'state')}) of incidents is not known; map it in options.states")
            raise ValueError(state)
        ended = time_or_none(_value(record, "resolved_at")) or time_or_none(_value(record, "closed_at"))
        return {
            "incident_id": text(_value(record, "sys_id")),
            "title": text(_value(record, "short_description") or _value(record, "number")),
            "severity": text_or_none(_value(record, "priority") or _value(record, "severity")) or "unknown",
            "status": status,
            "opened_at": time(text(_value(record, "opened_at"))),
            "acknowledged_at": None,
            "resolved_at": ended if status == "resolved" else None,
            "cause": text_or_none(_shown(record, "cause")) or text_or_none(_value(record, "close_notes")),
            "outcome": text_or_none(_shown(record, "close_code")),
            **shared,
        }

    def _change(self, record: Any, shared: Row) -> Row | None:
        """Return a change that has begun, None for one that is only planned or was given up before it began."""
        state = text(_value(record, "state"))
        began = time_or_none(_value(record, "work_start"))
        if began is None and state in _CARRIED_OUT:
            began = time_or_none(_value(record, "start_date")) or time(text(_value(record, "opened_at")))
        if began is None:
            return None
        ended = time_or_none(_value(record, "work_end"))
        if ended is None and state == _CLOSED:
            ended = time_or_none(_value(record, "end_date")) or time_or_none(_value(record, "closed_at"))
        return {
            "change_id": text(_value(record, "sys_id")),
            "kind": self._options.kinds.get(_value(record, "category") or "", "other"),
            "title": text(_value(record, "short_description") or _value(record, "number")),
            "version": None,
            "started_at": began,
            "ended_at": None if ended is None else max(began, ended),
            **shared,
        }

    def _warn(self, warning: str) -> None:
        if warning not in self.warnings:
            self.warnings.append(warning)


def open_servicenow(opening: Opening) -> Source:
    """Return the incidents or changes of an instance.

    Raises `SourceRejected` for an encoded query that others cannot be added to.
    """
    feed = opening.feed
    if feed.dataset not in _TABLES:
        raise cannot(opening)
    if "^NQ" in feed.expr or "ORDERBY" in feed.expr:
        raise SourceRejected(
            f"Source {opening.source.name!r}: the expr of feed {feed.name!r} has ^NQ or ORDERBY, to which no condition"
            " can be added. Make two feeds of it, and leave the order out."
        )
    return ServiceNowSource(opening.source, feed, opening.connect)


def _value(record: Any, name: str) -> str | None:
    """Return a field as it is stored, None where it is empty or may not be read."""
    found = record.get(name)
    return found["value"] or None if found else None


def _shown(record: Any, name: str) -> str | None:
    """Return a field as people see it, such as the name of a referenced record."""
    found = record.get(name)
    return found["display_value"] or found["value"] or None if found else None

"""Reads alerts from Jira Service Management operations, or alerts and incidents from Opsgenie, which ends in 2027.

Both give a record as it is now, found by when it was last changed. One that changes again leaves the window for a
later one: what it was in between is not kept there, and its last state comes with the window of its last change.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pyarrow as pa

from include.config.options.opsgenie import OpsgenieOptions
from include.config.source import Feed
from include.datasets import ALERT, INCIDENT
from include.http import HttpClient
from include.sources.base import Source, SourceRejected, speaking_of
from include.sources.opening import Opening, cannot
from include.sources.records.opsgenie_pages import Listing, walk
from include.sources.records.opsgenie_rows import alert_row, incident_row
from include.window import Window

_ALERTS = Listing("/v2/alerts", "data", "paging", "limit", by="updatedAt")
# Its incidents can be sorted by when they were created, and by no later time.
_INCIDENTS = Listing("/v1/incidents", "data", "paging", "limit", by="createdAt")
_SLICE = timedelta(days=1)
_BATCH = 1_000


class OpsgenieSource:
    """Reads the alerts or the incidents of one account."""

    def __init__(self, name: str, query: Feed, listing: Listing, connect: Callable[[], HttpClient]) -> None:
        self._name = name
        self._query = query
        self._listing = listing
        self._connect = connect
        self.warnings: list[str] = []

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield the alerts or incidents that were last changed in the window, in order of that time."""
        with self._connect() as client, speaking_of(self._name):
            if self._query.dataset == ALERT.name:
                yield from self._alerts(client, window)
                return
            for day in window.chunks(_SLICE):
                yield from self._incidents(client, day)

    def _alerts(self, client: HttpClient, window: Window) -> Iterator[pa.RecordBatch]:
        rows: list[dict[str, Any]] = []
        for page in walk(client, self._listing, self._query.expr, window):
            rows += _inside((alert_row(record, self._query.service_labels) for record in page), window)
            if len(rows) >= _BATCH:
                yield pa.RecordBatch.from_pylist(rows, schema=ALERT.schema)
                rows = []
        if rows:
            yield pa.RecordBatch.from_pylist(rows, schema=ALERT.schema)

    def _incidents(self, client: HttpClient, window: Window) -> Iterator[pa.RecordBatch]:
        rows: list[dict[str, Any]] = []
        for page in walk(client, self._listing, self._query.expr, window):
            rows += _inside((incident_row(record, self._query.service_labels) for record in page), window)
        rows.sort(key=lambda row: row["updated_at"] or window.start)
        for first in range(0, len(rows), _BATCH):
            yield pa.RecordBatch.from_pylist(rows[first : first + _BATCH], schema=INCIDENT.schema)


def open_opsgenie(opening: Opening) -> Source:
    """Return the alerts of JSM operations, or the alerts or incidents of Opsgenie."""
    options = opening.source.options_as(OpsgenieOptions)
    dataset = opening.feed.dataset
    if dataset not in {ALERT.name, INCIDENT.name}:
        raise cannot(opening)
    if options.api == "opsgenie":
        listing = _ALERTS if dataset == ALERT.name else _INCIDENTS
        return OpsgenieSource(opening.source.name, opening.feed, listing, lambda: opening.connect(scheme="GenieKey"))
    if dataset == INCIDENT.name:
        raise SourceRejected(
            f"Source {opening.source.name!r}: Jira Service Management keeps incidents as issues of Jira. "
            "Read them with a source of type jira."
        )
    listing = Listing(f"/jsm/ops/api/{options.cloud_id}/v1/alerts", "values", "links", "size", by="updatedAt")
    return OpsgenieSource(opening.source.name, opening.feed, listing, opening.connect)


def _inside(rows: Iterator[dict[str, Any]], window: Window) -> list[dict[str, Any]]:
    return [row for row in rows if row["raw"] is not None or row["updated_at"] in window]

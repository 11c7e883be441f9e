"""Reads PagerDuty (REST v2): incidents as they were at the end of the window, and each change that was made to them.

PagerDuty lists incidents by when they were created, not by when they changed. So the log of the window says which
incidents changed; those that are older than the window are then asked for one by one, with their whole log, and each
incident is what its log says up to the end of the window. Reading an old window again gives the same rows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from include.config.options.pagerduty import PagerDutyFeed
from include.config.source import Feed
from include.datasets import INCIDENT, INCIDENT_CHANGE
from include.http import HttpClient, Rejected
from include.sources.base import Source, speaking_of
from include.sources.opening import Opening, cannot
from include.sources.records.pagerduty_analytics import add_measures, measures_of
from include.sources.records.pagerduty_incident import incident_row, vanished_row
from include.sources.records.pagerduty_log import NOTIFY, Heard, change_row, hear, in_order
from include.sources.records.pagerduty_pages import Listing, parts, whole
from include.window import Window

INCIDENTS, LOG = "/incidents", "/log_entries"
_SLICE = timedelta(days=1)
"""A wide window is read day by day: memory stays flat, and each incident comes as it was at the end of each day."""
_BATCH = 500


class PagerDutySource:
    """Reads the incidents of one account, or the changes of them."""

    def __init__(self, name: str, query: Feed, connect: Callable[[], HttpClient]) -> None:
        self._name = name
        self._dataset = query.dataset
        self._options = query.options_as(PagerDutyFeed)
        self._connect = connect
        self.warnings: list[str] = []

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield the incidents that changed in the window, or its changes, in order of time."""
        self.warnings = []
        with self._connect() as client, speaking_of(self._name):
            if self._dataset == INCIDENT_CHANGE.name:
                yield from self._changes(client, window)
                return
            for day in window.chunks(_SLICE):
                yield from self._incidents(client, day)

    def _changes(self, client: HttpClient, window: Window) -> Iterator[pa.RecordBatch]:
        for rows in self._log(client, window, notifications=self._options.notifications):
            yield from _batches(rows, INCIDENT_CHANGE.schema)

    def _incidents(self, client: HttpClient, window: Window) -> Iterator[pa.RecordBatch]:
        known: dict[str, Heard] = {}
        for changes in self._log(client, window, notifications=False):
            hear(known, changes)
            odd = sum(change["raw"] is not None for change in changes)
            if odd:
                self.warnings.append(
                    f"{self._name}: {odd:,} entries of PagerDuty's log cannot be read: an incident that only they name "
                    "is missing. A feed of incident_change keeps their text."
                )
        created, unread = self._created(client, window)
        yield from _batches(unread, INCIDENT.schema)
        for identity, (_, opened_at) in created.items():
            known.setdefault(identity, Heard(identity, opened_at, opened=True))
        analytics = self._options.analytics
        listed = measures_of(client, window, self._options.teams) if analytics and created else {}
        changed = sorted(known.values(), key=lambda heard: (heard.changed_at, heard.incident_id))
        told = {row["raw"] for row in unread}
        for first in range(0, len(changed), _BATCH):
            rows = [self._row(client, created, heard, window) for heard in changed[first : first + _BATCH]]
            if analytics:
                add_measures(client, rows, window, listed)
            yield from _batches([row for row in rows if row["raw"] is None or row["raw"] not in told], INCIDENT.schema)

    def _row(
        self, client: HttpClient, created: Mapping[str, tuple[Any, datetime]], heard: Heard, window: Window
    ) -> dict[str, Any]:
        """Return an incident that changed in the window, as of its end."""
        identity = heard.incident_id
        incident = created[identity][0] if identity in created else _one(client, identity)
        if incident is None:
            self.warnings.append(f"{self._name}: PagerDuty no longer has incident {identity}, which its log names.")
            return vanished_row(heard)
        return incident_row(incident, heard if heard.opened else _since_it_opened(client, heard, window), window.end)

    def _created(
        self, client: HttpClient, window: Window
    ) -> tuple[dict[str, tuple[Any, datetime]], list[dict[str, Any]]]:
        """Return the incidents that were created in the window, with the time, by id; and rows of what is none."""
        listing = Listing(INCIDENTS, "incidents", {**self._teams, "sort_by": "created_at:desc"})
        created: dict[str, tuple[Any, datetime]] = {}
        unread: dict[str, dict[str, Any]] = {}
        for part, records in parts(client, listing, window, lambda record: {"incident": record}):
            for record in records:
                row = incident_row(record["incident"], None, window.end)
                if row["raw"] is not None:
                    unread.setdefault(row["raw"], row)
                elif row["opened_at"] in part:
                    created[row["incident_id"]] = (record["incident"], row["opened_at"])
        return created, list(unread.values())

    def _log(self, client: HttpClient, window: Window, *, notifications: bool) -> Iterator[list[Mapping[str, Any]]]:
        """Yield the changes of the window in order; those of each part of it at a time."""
        listing = Listing(LOG, "log_entries", {**self._teams, "include[]": "channels", "is_overview": "false"})
        unread: set[str] = set()
        for part, rows in parts(client, listing, window, change_row):
            taken = [row for row in rows if row["raw"] is None and row["updated_at"] in part]
            strange = [row for row in rows if row["raw"] is not None and row["raw"] not in unread]
            unread.update(row["raw"] for row in strange)
            yield in_order([*strange, *(row for row in taken if notifications or row["field"] != NOTIFY)])

    @property
    def _teams(self) -> dict[str, Any]:
        return {"team_ids[]": list(self._options.teams)} if self._options.teams else {}


def open_pagerduty(opening: Opening) -> Source:
    """Return the incidents of PagerDuty, or the changes of them."""
    if opening.feed.dataset not in {INCIDENT.name, INCIDENT_CHANGE.name}:
        raise cannot(opening)
    headers = {
        "Authorization": f"Token token={opening.who.token or opening.who.password}",
        "Accept": "application/vnd.pagerduty+json;version=2",
    }
    return PagerDutySource(opening.source.name, opening.feed, lambda: opening.connect(headers=headers))


def _one(client: HttpClient, identity: str) -> Any:
    """Return one incident, None where PagerDuty has it no more."""
    try:
        answer = client.get_json(f"{INCIDENTS}/{identity}", {"time_zone": "UTC"})
    except Rejected as error:
        if error.status == 404:
            return None
        raise
    return answer.get("incident", answer) if isinstance(answer, dict) else answer


def _since_it_opened(client: HttpClient, heard: Heard, window: Window) -> Heard:
    """Return what the whole log of an incident says up to the end of the window."""
    listing = Listing(f"{INCIDENTS}/{heard.incident_id}/log_entries", "log_entries", {"is_overview": "false"})
    rows = [row for row in whole(client, listing, change_row) if row["raw"] is None and row["updated_at"] < window.end]
    known: dict[str, Heard] = {}
    hear(known, in_order(rows))
    told = known.get(heard.incident_id, heard)
    told.changed_at = heard.changed_at
    return told


def _batches(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for first in range(0, len(rows), 5_000):
        yield pa.RecordBatch.from_pylist(rows[first : first + 5_000], schema=schema)
